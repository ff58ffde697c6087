"""What Slack's own client does before anything is sent: finding what was pressed, checking what was typed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bot.sandbox.slack.limits import elements_of

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUIRED = "Please complete this required field."
_ONE_OPTION = frozenset({"static_select", "external_select", "radio_buttons", "overflow"})
_MANY_OPTIONS = frozenset({"checkboxes", "multi_static_select", "multi_external_select"})
_FIELD = {
    "users_select": "user",
    "conversations_select": "conversation",
    "channels_select": "channel",
    "multi_users_select": "users",
    "multi_conversations_select": "conversations",
    "multi_channels_select": "channels",
    "datepicker": "date",
    "timepicker": "time",
    "datetimepicker": "date_time",
}
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class NotThere(LookupError):
    """Nothing in the message or view can be pressed or filled in under that name."""


def find_element(
    blocks: list[dict[str, Any]], name: str, block_id: str = ""
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Finds a block and its element by action id, or by the words on a button.

    Args:
        blocks: of a message or a view.
        name: action id or button text.
        block_id: which block, where several have such an element.

    Raises:
        NotThere: there is none.
    """
    for block in blocks:
        if block_id and block.get("block_id") != block_id:
            continue
        for element in elements_of(block):
            words = element["text"]["text"] if element["type"] == "button" else None
            if name in (element.get("action_id"), words):
                return block, element
    raise NotThere(f"{name} in {block_id or 'any block'}")


def options_of(element: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the options of an element or of an app's suggestions, those of groups and the first one too."""
    groups = element.get("option_groups", [])
    first = [element["initial_option"]] if "initial_option" in element else []
    return [*element.get("options", []), *(o for group in groups for o in group["options"]), *first]


def _option(element: Mapping[str, Any], value: str) -> dict[str, Any]:
    """Returns the option with this value or these words."""
    for option in options_of(element):
        if value in (option.get("value"), option["text"]["text"]):
            return option
    raise NotThere(f"option {value} of {element.get('action_id')}")


def filled(element: Mapping[str, Any], value: Any) -> dict[str, Any]:
    """Returns the state of an element after somebody chose or typed a value; none is nothing."""
    kind = element["type"]
    state: dict[str, Any] = {"type": kind}
    if kind in _ONE_OPTION:
        return state | {"selected_option": None if value is None else _option(element, value)}
    if kind in _MANY_OPTIONS:
        return state | {"selected_options": [_option(element, entry) for entry in value or []]}
    if kind in _FIELD:
        plural = kind.startswith("multi_")
        return state | {f"selected_{_FIELD[kind]}": list(value or []) if plural else value}
    return state | {"value": None if value in (None, "") else str(value)}


def _initial(element: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the state of an element before anybody touched it."""
    kind = element["type"]
    state: dict[str, Any] = {"type": kind}
    if kind in _ONE_OPTION:
        return state | {"selected_option": element.get("initial_option")}
    if kind in _MANY_OPTIONS:
        return state | {"selected_options": element.get("initial_options", [])}
    if kind in _FIELD:
        default: Any = [] if kind.startswith("multi_") else None
        return state | {f"selected_{_FIELD[kind]}": element.get(f"initial_{_FIELD[kind]}", default)}
    return state | {"value": element.get("initial_value") or None}


def state_values(blocks: list[dict[str, Any]], values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Returns `view.state.values`: what was filled in, else what was there at first.

    Args:
        blocks: of the view.
        values: by action id, by block id or by both (`block/action`); for options their value or words.

    Raises:
        NotThere: a value is for nothing in the view.
    """
    left = set(values)
    state: dict[str, dict[str, Any]] = {}
    for block in blocks:
        for element in elements_of(block):
            if element["type"] in {"button", "overflow", "workflow_button"}:
                continue
            action_id, block_id = element["action_id"], block["block_id"]
            names = (f"{block_id}/{action_id}", action_id, block_id)
            name = next((one for one in names if one in values), None)
            left.discard(name or "")
            now = _initial(element) if name is None else filled(element, values[name])
            state.setdefault(block_id, {})[action_id] = now
    if left:
        raise NotThere(", ".join(sorted(left)))
    return state


def field_errors(blocks: list[dict[str, Any]], state: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Returns what Slack's client says under the fields before it sends anything, by block id."""
    errors: dict[str, str] = {}
    for block in blocks:
        if block["type"] != "input":
            continue
        element = block["element"]
        now = state[block["block_id"]][element["action_id"]]
        value = next((entry for key, entry in now.items() if key != "type"), None)
        sentence = _complaint(element, value) if value else ""
        if not value and not block.get("optional"):
            sentence = REQUIRED
        if sentence:
            errors[block["block_id"]] = sentence
    return errors


def _complaint(element: Mapping[str, Any], value: Any) -> str:
    """Returns what is wrong with a value that was typed, or nothing."""
    kind = element["type"]
    if kind == "plain_text_input":
        if len(value) < element.get("min_length", 0):
            return f"Please enter at least {element['min_length']} characters."
        if len(value) > element.get("max_length", 3000):
            return f"Please enter at most {element.get('max_length', 3000)} characters."
    if kind == "email_text_input" and not _EMAIL.fullmatch(value):
        return "Please enter a valid email address."
    if kind == "url_text_input" and not value.startswith(("http://", "https://")):
        return "Please enter a valid URL."
    if kind == "number_input":
        return _number_complaint(element, value)
    return ""


def _number_complaint(element: Mapping[str, Any], value: str) -> str:
    """Returns what is wrong with a number that was typed, or nothing."""
    try:
        number = float(value)
    except ValueError:
        return "Please enter a valid number."
    if not element["is_decimal_allowed"] and not number.is_integer():
        return "Please enter a whole number."
    if number < float(element.get("min_value", "-inf")):
        return f"Please enter a number of at least {element['min_value']}."
    if number > float(element.get("max_value", "inf")):
        return f"Please enter a number of at most {element['max_value']}."
    return ""


def pressed(block: Mapping[str, Any], element: Mapping[str, Any], value: Any, ts: str) -> dict[str, Any]:
    """Returns the entry of `actions` for an element that was pressed, chosen or typed into."""
    action = {
        "action_id": element["action_id"],
        "block_id": block["block_id"],
        "type": element["type"],
        "action_ts": ts,
    }
    if element["type"] not in {"button", "workflow_button"}:
        return action | filled(element, value)
    said = {key: element[key] for key in ("text", "value", "style", "url") if key in element}
    return action | said
