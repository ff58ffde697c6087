"""The payloads that Slack delivers to the app, complete.

Source: https://docs.slack.dev/interactivity/implementing-slash-commands,
https://docs.slack.dev/reference/interaction-payloads and https://docs.slack.dev/apis/events-api.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

from bot.sandbox.slack.workspace import View

if TYPE_CHECKING:
    from bot.sandbox.slack.people import Channel, Directory, Person
    from bot.sandbox.slack.web import Api
    from bot.sandbox.slack.workspace import Message

_MENTION = re.compile(r"(?<![\w<])([@#])([a-z0-9][a-z0-9._-]*)")


def escaped(text: str, directory: Directory) -> str:
    """Return command text as Slack sends a message: names of people and channels become ids."""

    def replaced(match: re.Match[str]) -> str:
        sigil, name = match.groups()
        try:
            if sigil == "@":
                person = directory.person(name)
                return f"<@{person.id}|{person.name}>"
            channel = directory.channel(name)
        except KeyError:
            return match.group()
        return f"<#{channel.id}|{channel.name}>"

    return _MENTION.sub(replaced, text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def channel_name(channel: Channel) -> str:
    """Return the name of a conversation as in payloads, which do not name private ones."""
    if channel.is_im:
        return "directmessage"
    return "privategroup" if channel.is_private else channel.name


def command(api: Api, person: Person, channel: Channel, name: str, text: str) -> dict[str, Any]:
    """Return the form of a slash command."""
    workspace = api.workspace
    form = {
        "token": api.app.verification_token,
        "team_id": person.team_id,
        "team_domain": workspace.directory.team_domain,
        "channel_id": channel.id,
        "channel_name": channel_name(channel),
        "user_id": person.id,
        "user_name": person.name,
        "command": name,
        "text": text,
        "api_app_id": api.app.app_id,
        "is_enterprise_install": "false",
        "response_url": api.origin + "/response/" + workspace.new_response_url(person.id, channel.id),
        "trigger_id": workspace.new_trigger(person.id),
    }
    if person.enterprise_id:
        form |= {"enterprise_id": person.enterprise_id, "enterprise_name": "Enterprise"}
    return form


def _interaction(api: Api, kind: str, person: Person, in_view: str = "") -> dict[str, Any]:
    """Return the common beginning of interaction payloads."""
    team: dict[str, Any] = {"id": person.team_id, "domain": api.workspace.directory.team_domain}
    enterprise = {"id": person.enterprise_id, "name": "Enterprise"} if person.enterprise_id else None
    if enterprise:
        team |= {"enterprise_id": person.enterprise_id, "enterprise_name": "Enterprise"}
    return {
        "type": kind,
        "user": {
            "id": person.id,
            "username": person.name,
            "name": person.name,
            "team_id": person.team_id,
        },
        "api_app_id": api.app.app_id,
        "token": api.app.verification_token,
        "trigger_id": api.workspace.new_trigger(person.id, in_view),
        "team": team,
        "enterprise": enterprise,
        "is_enterprise_install": False,
    }


def _at(api: Api, person: Person, message: Message) -> dict[str, Any]:
    """Return the channel of a message as in payloads, and a new response URL for it."""
    channel = api.workspace.directory.channel(message.channel)
    path = api.workspace.new_response_url(person.id, channel.id, message)
    return {
        "channel": {"id": channel.id, "name": channel_name(channel)},
        "response_url": f"{api.origin}/response/{path}",
    }


def _message(api: Api, message: Message) -> dict[str, Any]:
    """Return the container of a message; an ephemeral message is not included."""
    container = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": message.channel,
        "is_ephemeral": bool(message.ephemeral_to),
    }
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    shown = {} if message.ephemeral_to else {"message": message.json(api.app.app_id, api.app.team_id)}
    return {"container": container, **shown}


def _view(api: Api, view: View, state: dict[str, Any]) -> dict[str, Any]:
    """Return the container of a modal or Home tab, with its values."""
    shown = view.json(api.app.app_id, api.app.team_id, api.app.bot_id) | {"state": {"values": state}}
    return {"container": {"type": "view", "view_id": view.id}, "view": shown}


def click(api: Api, person: Person, message: Message, action: dict[str, Any]) -> dict[str, Any]:
    """Return ``block_actions`` for an element of a message."""
    return _interaction(api, "block_actions", person) | {
        **_message(api, message),
        **_at(api, person, message),
        "state": {"values": {}},
        "actions": [action],
    }


def view_click(
    api: Api, person: Person, view: View, action: dict[str, Any], state: dict[str, Any]
) -> dict[str, Any]:
    """Return ``block_actions`` for an element of a modal or Home tab."""
    in_view = view.id if view.body["type"] == "modal" else ""
    return _interaction(api, "block_actions", person, in_view) | {
        **_view(api, view, state),
        "actions": [action],
    }


def suggestion(
    api: Api, person: Person, shown: Message | View, where: dict[str, Any], state: dict[str, Any]
) -> dict[str, Any]:
    """Return ``block_suggestion``, which carries no trigger and no response URL."""
    payload = _interaction(api, "block_suggestion", person) | where
    del payload["trigger_id"]
    if isinstance(shown, View):
        return payload | _view(api, shown, state)
    channel = api.workspace.directory.channel(shown.channel)
    named = {"channel": {"id": channel.id, "name": channel_name(channel)}}
    return payload | _message(api, shown) | named


def submission(api: Api, person: Person, view: View, state: dict[str, Any]) -> dict[str, Any]:
    """Return ``view_submission``."""
    shown = _view(api, view, state)["view"]
    return _interaction(api, "view_submission", person, view.id) | {"view": shown, "response_urls": []}


def shortcut(api: Api, person: Person, callback_id: str, message: Message | None) -> dict[str, Any]:
    """Return ``message_action`` for a shortcut on a message, or ``shortcut`` for a global one."""
    begun = {"callback_id": callback_id, "action_ts": api.workspace.new_ts()}
    if message is None:
        return _interaction(api, "shortcut", person) | begun
    acted = {
        "message_ts": message.ts,
        "message": message.json(api.app.app_id, api.app.team_id),
        **_at(api, person, message),
    }
    return _interaction(api, "message_action", person) | begun | acted


def event(api: Api, inner: dict[str, Any]) -> dict[str, Any]:
    """Return the envelope of an event."""
    return {
        "token": api.app.verification_token,
        "team_id": api.app.team_id,
        "context_team_id": api.app.team_id,
        "context_enterprise_id": None,
        "api_app_id": api.app.app_id,
        "event": inner | {"event_ts": api.workspace.new_ts()},
        "type": "event_callback",
        "event_id": f"Ev{secrets.token_hex(5).upper()}",
        "event_time": int(api.workspace.clock()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": api.app.team_id,
                "user_id": api.app.bot_user_id,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": f"4-{secrets.token_hex(12)}",
    }
