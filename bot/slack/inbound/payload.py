"""What Slack delivers: whether its shape is known, whose it is, and what identifies it.

Pure, and the same for HTTP and Socket Mode. Sources of the shapes:
https://docs.slack.dev/interactivity/implementing-slash-commands,
https://docs.slack.dev/reference/interaction-payloads and https://docs.slack.dev/apis/events-api.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.slack.outbound.people import Identity

PATH = "/slack/events"
"""Where Slack posts everything to."""

SHAPE, UNKNOWN_SELF, FOREIGN_APP, FOREIGN_TEAM = "shape", "not_ready", "foreign_app", "foreign_team"
"""Why a payload is not accepted. The first two say nothing about who sent it."""

FOREIGN = frozenset({FOREIGN_APP, FOREIGN_TEAM})

_ID = re.compile(r"[A-Z][A-Z0-9]{1,30}", re.ASCII)
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_INTERACTIONS = frozenset(
    {"block_actions", "view_submission", "view_closed", "message_action", "shortcut", "block_suggestion"}
)
_NEEDS: dict[str, tuple[str, ...]] = {
    "app_mention": ("channel",),
    "member_joined_channel": ("user", "channel"),
    "app_home_opened": ("user",),
}
"""The required ids of the events we listen to."""


def admit(payload: Mapping[str, Any], identity: Identity | None) -> str | None:
    """Return why a payload must not reach a listener, or None.

    Args:
        payload: As decoded from the body, or as received over the socket.
        identity: Who we are; None until Slack has said.

    Returns:
        ``shape``, ``not_ready``, ``foreign_app`` or ``foreign_team``.
    """
    if not (_storable(payload) and _known(payload)):
        return SHAPE
    if payload.get("type") == "url_verification":
        return None
    if identity is None:
        return UNKNOWN_SELF
    if identity.app_id is not None and payload.get("api_app_id") != identity.app_id:
        return FOREIGN_APP
    return None if identity.is_ours(*_whose(payload)) else FOREIGN_TEAM


def what(payload: Mapping[str, Any]) -> str:
    """Return what somebody tried, for the audit: ``approve``, ``request``, ``reject`` and so on."""
    if "command" in payload:
        return "request"
    if payload["type"] == "event_callback":
        return _word(payload["event"]["type"])
    named = action_of(payload["actions"][0]) if "actions" in payload else _callback(payload)
    return _word(named.removeprefix("peftsize.")) or _word(payload["type"])


def action_of(pressed: Mapping[str, Any]) -> str:
    """Return the action of a button or menu option: the action id without our prefix, or the option's word."""
    named = str(pressed.get("action_id") or "").removeprefix("peftsize.")
    option = pressed.get("selected_option") or {}
    return str(option.get("value") or "").partition(" ")[0] if named == "more" else named


def delivery_key(body: Mapping[str, Any]) -> str:
    """Return 64 hex digits for a delivery's content, so that the same one is recognized from either entrance.

    An event keeps its id however often it is sent; Slack sends everything else only once, so a second one with the same
    content is a replay.
    """
    named = {"event_id": body["event_id"]} if "event_id" in body else body
    canonical = json.dumps(named, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def trigger_hash(body: Mapping[str, Any]) -> str | None:
    """Return 16 hex digits for the trigger, for the audit, or None without one."""
    trigger = body.get("trigger_id")
    return hashlib.sha256(str(trigger).encode()).hexdigest()[:16] if trigger else None


def _word(name: str) -> str:
    return re.sub(r"[^a-z0-9_.]", "", name.lower())[:40]


def _callback(payload: Mapping[str, Any]) -> str:
    callback_id = payload.get("callback_id") or payload.get("view", {}).get("callback_id") or ""
    return {"peftsize.reject_reason": "reject", "peftsize.form": "request"}.get(
        str(callback_id), str(callback_id)
    )


def _whose(payload: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return the workspace of a payload, and its Enterprise Grid."""
    if "command" in payload or payload["type"] == "event_callback":
        return payload.get("team_id"), payload.get("enterprise_id")
    team = payload.get("team") or {}
    enterprise = payload.get("enterprise") or {}
    return team.get("id"), enterprise.get("id") or team.get("enterprise_id")


def _storable(payload: Mapping[str, Any]) -> bool:
    """Return whether a database can store its text: no NUL, no lone surrogate."""
    try:
        text = json.dumps(payload, ensure_ascii=False)
        text.encode()
    except (UnicodeEncodeError, RecursionError):
        return False
    return "\\u0000" not in text or _NUL.search(text) is None


def _known(payload: Mapping[str, Any]) -> bool:
    if "command" in payload:
        return _is_command(payload)
    match payload.get("type"):
        case "url_verification":
            return isinstance(payload.get("challenge"), str)
        case "event_callback":
            return _is_event(payload)
        case str(kind) if kind in _INTERACTIONS:
            return _is_interaction(kind, payload)
        case _:
            return False


def _is_command(payload: Mapping[str, Any]) -> bool:
    return (
        all(isinstance(value, str) for value in payload.values() if value is not None)
        and all(_is_id(payload.get(key)) for key in ("user_id", "channel_id"))
        and all(_is_id_or_none(payload.get(key)) for key in ("team_id", "api_app_id"))
        and _is_id_or_none(payload.get("enterprise_id") or None)
        and str(payload["command"]).startswith("/")
        and payload.get("type") is None
    )


def _is_event(payload: Mapping[str, Any]) -> bool:
    event, authorizations = payload.get("event"), payload.get("authorizations")
    return (
        isinstance(event, dict)
        and isinstance(event.get("type"), str)
        and isinstance(payload.get("event_id"), str)
        and _is_id_or_none(payload.get("api_app_id"))
        and _is_id_or_none(payload.get("team_id"))
        and _is_id_or_none(payload.get("enterprise_id"))
        and (
            authorizations is None
            or (isinstance(authorizations, list) and all(isinstance(one, dict) for one in authorizations))
        )
        and _is_id_or_none(_id_of(event.get("user")))
        and _is_id_or_none(_id_of(event.get("channel")))
        and all(_is_id(event.get(key)) for key in _NEEDS.get(event["type"], ()))
        and (event["type"] != "function_executed" or _is_function(event))
        and isinstance(event.get("tokens", {}), dict | None)
    )


def _is_function(event: Mapping[str, Any]) -> bool:
    function = event.get("function")
    return (
        isinstance(function, dict)
        and isinstance(function.get("callback_id"), str)
        and isinstance(event.get("function_execution_id"), str)
        and isinstance(event.get("inputs"), dict)
    )


def _is_interaction(kind: str, payload: Mapping[str, Any]) -> bool:
    user, team, enterprise = payload.get("user"), payload.get("team"), payload.get("enterprise")
    if not (
        isinstance(user, dict)
        and _is_id(user.get("id"))
        and _is_id_or_none(user.get("team_id"))
        and _is_id_or_none(payload.get("api_app_id"))
        and (team is None or (isinstance(team, dict) and _is_id(team.get("id"))))
        and (enterprise is None or (isinstance(enterprise, dict) and _is_id(enterprise.get("id"))))
        and not (team is None and enterprise is None)
        and all(isinstance(payload.get(key, {}), dict | None) for key in ("channel", "container", "message"))
        and _is_id_or_none((payload.get("channel") or {}).get("id"))
        and isinstance(payload.get("trigger_id", ""), str)
        and (payload.get("view") is None or _is_view(payload["view"]))
    ):
        return False
    if kind == "block_actions":
        actions = payload.get("actions")
        return isinstance(actions, list) and bool(actions) and all(_is_action(one) for one in actions)
    if kind in {"view_submission", "view_closed"}:
        return payload.get("view") is not None
    if kind == "block_suggestion":
        return isinstance(payload.get("action_id"), str) and isinstance(payload.get("value", ""), str)
    return isinstance(payload.get("callback_id"), str)


def _is_action(action: object) -> bool:
    return (
        isinstance(action, dict)
        and isinstance(action.get("action_id"), str)
        and isinstance(action.get("type"), str)
        and isinstance(action.get("block_id", ""), str)
        and isinstance(action.get("value", ""), str)
        and isinstance(action.get("selected_option"), dict | None)
    )


def _is_view(view: object) -> bool:
    if not (
        isinstance(view, dict)
        and isinstance(view.get("callback_id", ""), str)
        and isinstance(view.get("type"), str)
    ):
        return False
    state = view.get("state") or {}
    values = (state.get("values") or {}) if isinstance(state, dict) else None
    return (
        isinstance(view.get("private_metadata", ""), str)
        and isinstance(values, dict)
        and all(
            isinstance(block, dict) and all(isinstance(field, dict) for field in block.values())
            for block in values.values()
        )
    )


def _id_of(value: object) -> object:
    return value.get("id") if isinstance(value, dict) else value


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _is_id_or_none(value: object) -> bool:
    return value is None or _is_id(value)
