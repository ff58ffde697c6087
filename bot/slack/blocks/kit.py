"""Block Kit as plain dicts: the blocks that this bot uses, and the message they make.

Building through slack_sdk's models costs forty times as much; the tests check the dicts against those models and
Slack's limits instead. Every mrkdwn text is ``verbatim``, so that Slack links no bare address, channel or name.

Source: https://docs.slack.dev/reference/block-kit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.slack.blocks.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

Block = dict[str, Any]

LONGEST_SECTION = 3000
LONGEST_HEADER = 150
LONGEST_BUTTON = 75
LONGEST_VALUE = 150
LONGEST_TITLE = 24
BAR_CELLS = 20


@dataclass(frozen=True, slots=True)
class Message:
    """A message to post.

    Args:
        blocks: Block Kit, within Slack's limits.
        text: One sentence with the same content, for notifications and screen readers.
    """

    blocks: list[Block]
    text: str


def plain_text(words: str) -> Block:
    """Return words as a text object that Slack shows as they are."""
    return {"type": "plain_text", "text": words}


def header(words: str) -> Block:
    """Return a header; plain text."""
    return {"type": "header", "text": plain_text(words[:LONGEST_HEADER])}


def section(
    mrkdwn: str, accessory: Block | None = None, block_id: str | None = None, fields: Sequence[str] = ()
) -> Block:
    """Return a section of mrkdwn; foreign text in it must have passed ``bot.slack.blocks.text``.

    Args:
        accessory: A button or menu beside it.
        fields: Up to ten short texts under it, in two columns.
    """
    block: Block = {"type": "section", "text": {"type": "mrkdwn", "text": mrkdwn, "verbatim": True}}
    if accessory is not None:
        block["accessory"] = accessory
    if block_id is not None:
        block["block_id"] = block_id
    if fields:
        block["fields"] = [{"type": "mrkdwn", "text": words, "verbatim": True} for words in fields]
    return block


def literal(words: str) -> Block:
    """Return anybody's text as a section, shown character by character so that it can be copied."""
    return {"type": "section", "text": {"type": "plain_text", "text": words, "emoji": False}}


def context(*mrkdwn: str) -> Block:
    """Return up to ten small texts on one line."""
    return {
        "type": "context",
        "elements": [{"type": "mrkdwn", "text": words, "verbatim": True} for words in mrkdwn],
    }


def divider() -> Block:
    """Return a divider."""
    return {"type": "divider"}


def button(
    words: str,
    action: str,
    value: str,
    label: str,
    *,
    style: str | None = None,
    confirm: Block | None = None,
) -> Block:
    """Return a button.

    Args:
        action: The action id without ``peftsize.``.
        value: A request id; for ``run_text`` and ``open_form`` a request text. Empty for none.
        label: What a screen reader says: the action and what it applies to.
        style: ``primary`` or ``danger``.
        confirm: The confirmation dialog, see ``confirm``.
    """
    made: Block = {
        "type": "button",
        "text": plain_text(words),
        "action_id": f"peftsize.{action}",
        "accessibility_label": label[:LONGEST_BUTTON],
    }
    if value:
        made["value"] = value
    if style is not None:
        made["style"] = style
    if confirm is not None:
        made["confirm"] = confirm
    return made


def confirm(title: str, words: str, yes: str, *, danger: bool = False) -> Block:
    """Return a button's confirmation dialog; plain text throughout."""
    asked: Block = {
        "title": plain_text(title),
        "text": plain_text(words),
        "confirm": plain_text(yes),
        "deny": plain_text("Go back"),
    }
    if danger:
        asked["style"] = "danger"
    return asked


def overflow(action_id: str, options: list[tuple[str, str]]) -> Block:
    """Return a menu behind ``⋯`` of (words, value) options."""
    return {
        "type": "overflow",
        "action_id": action_id,
        "options": [option(words, value) for words, value in options],
    }


def option(words: str, value: str) -> Block:
    """Return an option of a menu."""
    return {"text": plain_text(plain(words, LONGEST_BUTTON)), "value": value[:LONGEST_VALUE]}


def select(action_id: str, options: list[Block], chosen: str) -> Block:
    """Return a menu with the option that has a value chosen, else the first one."""
    first = next((each for each in options if each["value"] == chosen), options[0])
    return {"type": "static_select", "action_id": action_id, "options": options, "initial_option": first}


def text_input(
    action_id: str, example: str, longest: int, initial: str = "", acts_on: Sequence[str] = ()
) -> Block:
    """Return a text field.

    Args:
        longest: Characters; ``initial`` is cut to them.
        acts_on: What sends the text at once, if anything: ``on_enter_pressed``, ``on_character_entered``.
    """
    element: Block = {
        "type": "plain_text_input",
        "action_id": action_id,
        "max_length": longest,
        "placeholder": plain_text(example),
    }
    if acts_on:
        element["dispatch_action_config"] = {"trigger_actions_on": list(acts_on)}
    if initial.strip():
        element["initial_value"] = plain(initial, longest)
    return element


def field(
    block_id: str, label: str, element: Block, hint: str = "", *, optional: bool = True, acts: bool = True
) -> Block:
    """Return an element as a field with a label; ``acts``: whether each change is sent at once."""
    made: Block = {
        "type": "input",
        "block_id": block_id,
        "label": plain_text(label),
        "element": element,
    }
    if optional:
        made["optional"] = True
    if acts:
        made["dispatch_action"] = True
    if hint:
        made["hint"] = plain_text(hint)
    return made


def actions(block_id: str, buttons: list[Block]) -> Block:
    """Return a row of buttons."""
    return {"type": "actions", "block_id": block_id, "elements": buttons}


def modal(
    title: str,
    blocks: list[Block],
    *,
    callback_id: str = "",
    submit: str = "",
    close: str = "Close",
    metadata: str = "",
) -> dict[str, Any]:
    """Return a modal.

    Args:
        blocks: At most 100.
        callback_id: Identifies its submission; empty for a modal that only shows something.
        metadata: Returned with the submission.
    """
    view: dict[str, Any] = {
        "type": "modal",
        "title": plain_text(title[:LONGEST_TITLE]),
        "close": plain_text(close),
        "blocks": blocks,
    }
    if callback_id:
        view |= {
            "callback_id": callback_id,
            "submit": plain_text(submit),
            "private_metadata": metadata,
        }
    return view


def bar(percent: float) -> str:
    """Draw a percentage as text; any use shows at least one cell, and only 100 % fills the bar.

    >>> bar(9.84)
    '██░░░░░░░░░░░░░░░░░░'
    """
    cells = int(percent * BAR_CELLS / 100 + 0.5)
    cells = min(max(cells, 1), BAR_CELLS if percent >= 100 else BAR_CELLS - 1)  # noqa: PLR2004 - per cent
    return "█" * cells + "░" * (BAR_CELLS - cells)
