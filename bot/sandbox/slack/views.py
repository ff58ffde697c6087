"""The methods of the stand-in for modals, the Home tab, functions and Socket Mode.

Source: https://docs.slack.dev/reference/methods (views.*, functions.*, apps.connections.open).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.sandbox.slack.limits import view_problems
from bot.sandbox.slack.web import Api, Args, Method, SlackRefusal, from_json, need
from bot.sandbox.slack.workspace import with_ids

if TYPE_CHECKING:
    from bot.sandbox.slack.workspace import Trigger, View


def checked_view(view: Any, kind: str) -> dict[str, Any]:
    """Return a valid view, with missing ids filled in.

    Raises:
        SlackRefusal: ``invalid_arguments``, with every problem.
    """
    problems = view_problems(view)
    if not problems and view["type"] != kind:
        problems = [f"[ERROR] must be of type {kind} [json-pointer:/view/type]"]
    if problems:
        raise SlackRefusal("invalid_arguments", response_metadata={"messages": problems})
    return {**view, "blocks": with_ids(view["blocks"])}


def _view(args: Args, kind: str) -> dict[str, Any]:
    """Return the checked view of a call."""
    need(args, "view")
    return checked_view(from_json(args, "view", "invalid_arguments"), kind)


def _exchange(api: Api, name: str) -> Trigger:
    """Use a trigger: it must be known, fresh and unused."""
    with api.workspace.lock:
        trigger = api.workspace.triggers.get(name)
        if trigger is None:
            raise SlackRefusal("invalid_trigger_id")
        if trigger.used:
            raise SlackRefusal("exchanged_trigger_id")
        if api.workspace.clock() > trigger.until_s:
            raise SlackRefusal("expired_trigger_id")
        trigger.used = True
        return trigger


def _shown(api: Api, view: View) -> dict[str, Any]:
    """Return the answer that shows a view."""
    return {"view": view.json(api.app.app_id, api.app.team_id, api.app.bot_id)}


def views_open(api: Api, args: Args) -> dict[str, Any]:
    """Open a modal for the person behind the trigger."""
    need(args, "trigger_id")
    body = _view(args, "modal")
    trigger = _exchange(api, str(args["trigger_id"]))
    return _shown(api, api.workspace.open_view(trigger.user, body, push=bool(trigger.in_view)))


def views_update(api: Api, args: Args) -> dict[str, Any]:
    """Change an open modal, if its hash is still the given one."""
    body = _view(args, "modal")
    with api.workspace.lock:
        (name,) = need(args, "view_id")
        if not any(name in stack for stack in api.workspace.stacks.values()):
            raise SlackRefusal("not_found")
        view = api.workspace.views[name]
        if args.get("hash") and args["hash"] != view.hash:
            raise SlackRefusal("hash_conflict")
        return _shown(api, api.workspace.change_view(view, body))


def views_publish(api: Api, args: Args) -> dict[str, Any]:
    """Publish somebody's Home tab."""
    (user,) = need(args, "user_id")
    body = _view(args, "home")
    if user not in api.workspace.directory.people:
        raise SlackRefusal("user_not_found")
    with api.workspace.lock:
        old = api.workspace.homes.get(user)
        if args.get("hash") and old is not None and args["hash"] != old.hash:
            raise SlackRefusal("hash_conflict")
        return _shown(api, api.workspace.show_home(user, body))


def function_success(api: Api, args: Args) -> dict[str, Any]:
    """End a running function with its outputs."""
    return _complete(api, args, "outputs")


def function_error(api: Api, args: Args) -> dict[str, Any]:
    """End a running function with an error for people."""
    return _complete(api, args, "error")


def _complete(api: Api, args: Args, what: str) -> dict[str, Any]:
    """End a running function, once."""
    (name,) = need(args, "function_execution_id")
    need(args, what)
    value = from_json(args, what, "invalid_arguments") if what == "outputs" else args[what]
    with api.workspace.lock:
        running = api.workspace.executions.get(str(name))
        if running is None:
            raise SlackRefusal("function_execution_not_found")
        if running["status"] != "running":
            raise SlackRefusal("function_execution_already_completed")
        running |= {"status": "success" if what == "outputs" else "error", what: value}
    api.workspace.changed()
    return {}


def connections_open(api: Api, _args: Args) -> dict[str, Any]:
    """Return a WebSocket address for Socket Mode, good for one connection."""
    if api.open_socket is None:
        raise SlackRefusal("internal_error")
    url = api.open_socket()
    if not url:
        raise SlackRefusal("too_many_websockets")
    return {"url": url}


VIEWS: dict[str, Method] = {
    "views.open": Method(views_open),
    "views.update": Method(views_update),
    "views.publish": Method(views_publish),
    "functions.completeSuccess": Method(function_success),
    "functions.completeError": Method(function_error),
    "apps.connections.open": Method(connections_open, caller="app"),
}
