"""What Slack's own client does before it sends anything: find what was pressed, check what was typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.sandbox.slack.limits import elements_of

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUIRED = "Please complete this required field."
LONGEST_INPUT = 3000
_SELECTED = {
    "static_select": "option",
    "external_select": "option",
    "overflow": "option",
    "conversations_select": "conversation",
}
"""The name of the selection in a menu's state."""


class NotThere(LookupError):
    """Nothing with this name can be pressed or filled in."""


def find_element(
    blocks: list[dict[str, Any]], name: str, block_id: str = ""
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a block and its element by action id, or by the words on a button.

    Raises:
        NotThere: There is none.
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
    """Return the options of an element or of an app's suggestions, the initial one included."""
    first = [element["initial_option"]] if "initial_option" in element else []
    return [*element.get("options", []), *first]


def _option(element: Mapping[str, Any], value: str) -> dict[str, Any]:
    """Return the option with this value or these words."""
    for option in options_of(element):
        if value in (option.get("value"), option["text"]["text"]):
            return option
    raise NotThere(f"option {value} of {element.get('action_id')}")


def filled(element: Mapping[str, Any], value: Any) -> dict[str, Any]:
    """Return the state of an element after somebody chose or typed a value; None is nothing."""
    kind = element["type"]
    if kind not in _SELECTED:
        return {"type": kind, "value": None if value in (None, "") else str(value)}
    chosen = _option(element, value) if value is not None and _SELECTED[kind] == "option" else value
    return {"type": kind, f"selected_{_SELECTED[kind]}": chosen}


def _initial(element: Mapping[str, Any]) -> dict[str, Any]:
    """Return the initial state of an element."""
    kind = element["type"]
    if kind not in _SELECTED:
        return {"type": kind, "value": element.get("initial_value") or None}
    return {"type": kind, f"selected_{_SELECTED[kind]}": element.get(f"initial_{_SELECTED[kind]}")}


def state_values(blocks: list[dict[str, Any]], values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return ``view.state.values``: what was filled in, otherwise the initial value.

    Values go by action id, by block id or by both (``block/action``); those of options are their value or words.

    Raises:
        NotThere: A value is for nothing in the view.
    """
    left = set(values)
    state: dict[str, dict[str, Any]] = {}
    for block in blocks:
        for element in elements_of(block):
            if element["type"] in {"button", "overflow"}:
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
    """Return the errors of Slack's client under the fields, before it sends anything, by block id."""
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
    """Return what is wrong with a typed text, or None."""
    if element["type"] == "plain_text_input":
        if len(value) < element.get("min_length", 0):
            return f"Please enter at least {element['min_length']} characters."
        if len(value) > element.get("max_length", LONGEST_INPUT):
            return f"Please enter at most {element.get('max_length', LONGEST_INPUT)} characters."
    return ""


def pressed(block: Mapping[str, Any], element: Mapping[str, Any], value: Any, ts: str) -> dict[str, Any]:
    """Return the entry of ``actions`` for an element that was pressed, chosen or typed into."""
    action = {
        "action_id": element["action_id"],
        "block_id": block["block_id"],
        "type": element["type"],
        "action_ts": ts,
    }
    if element["type"] != "button":
        return action | filled(element, value)
    said = {key: element[key] for key in ("text", "value", "style", "url") if key in element}
    return action | said
