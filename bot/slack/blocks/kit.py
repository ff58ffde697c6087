"""Block Kit in plain dicts: the few blocks this bot draws with, and the message they make.

Plain dicts, because building through slack_sdk's models costs forty times as much; the tests check
them against those models and against Slack's limits instead. Every mrkdwn text is ``verbatim``, so
that Slack turns no bare address, channel or name into a link.

Source: https://docs.slack.dev/reference/block-kit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

Block = dict[str, Any]

LONGEST_SECTION = 3000
LONGEST_HEADER = 150
LONGEST_BUTTON = 75
LONGEST_TITLE = 24
BAR_CELLS = 20


@dataclass(frozen=True, slots=True)
class Message:
    """What is posted.

    Args:
        blocks: Block Kit, within all of Slack's limits.
        text: One sentence that says the same where blocks are not shown: notifications, screen readers.
    """

    blocks: list[Block]
    text: str


def header(words: str) -> Block:
    """Return a headline; plain text."""
    return {"type": "header", "text": {"type": "plain_text", "text": words[:LONGEST_HEADER]}}


def section(
    mrkdwn: str, accessory: Block | None = None, block_id: str | None = None, fields: Sequence[str] = ()
) -> Block:
    """Return a paragraph of mrkdwn that has passed ``bot.slack.blocks.text`` wherever it is not ours.

    Args:
        mrkdwn: The text.
        accessory: A button or menu beside it.
        block_id: Names the block in what the accessory sends.
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
    """Return a paragraph of anybody's text, shown character by character, so that it can be copied."""
    return {"type": "section", "text": {"type": "plain_text", "text": words, "emoji": False}}


def context(*mrkdwn: str) -> Block:
    """Return up to ten small texts on one line."""
    return {
        "type": "context",
        "elements": [{"type": "mrkdwn", "text": words, "verbatim": True} for words in mrkdwn],
    }


def divider() -> Block:
    """Return a line."""
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
        words: What it says.
        action: The action id behind ``peftsize.``.
        value: A request id; for ``run_text`` and ``open_form`` a request text. Empty for none.
        label: What a screen reader says: the words and what they apply to.
        style: ``primary`` or ``danger``.
        confirm: The question asked before it counts.
    """
    made: Block = {
        "type": "button",
        "text": {"type": "plain_text", "text": words},
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


def confirm(title: str, words: str, yes: str, *, no: str = "Go back", danger: bool = False) -> Block:
    """Return the question that a button asks before it counts; plain text throughout."""
    asked: Block = {
        "title": {"type": "plain_text", "text": title},
        "text": {"type": "plain_text", "text": words},
        "confirm": {"type": "plain_text", "text": yes},
        "deny": {"type": "plain_text", "text": no},
    }
    if danger:
        asked["style"] = "danger"
    return asked


def overflow(action_id: str, options: list[tuple[str, str]]) -> Block:
    """Return a menu behind ``⋯``; each option is its words and its value."""
    return {
        "type": "overflow",
        "action_id": action_id,
        "options": [
            {"text": {"type": "plain_text", "text": words[:LONGEST_BUTTON]}, "value": value}
            for words, value in options
        ],
    }


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
        title: What stands on top.
        blocks: At most 100.
        callback_id: Names it when it is submitted; empty for one that only shows something.
        submit: What the button says.
        close: What the other one says.
        metadata: Comes back with the submission.
    """
    view: dict[str, Any] = {
        "type": "modal",
        "title": {"type": "plain_text", "text": title[:LONGEST_TITLE]},
        "close": {"type": "plain_text", "text": close},
        "blocks": blocks,
    }
    if callback_id:
        view |= {
            "callback_id": callback_id,
            "submit": {"type": "plain_text", "text": submit},
            "private_metadata": metadata,
        }
    return view


def bar(percent: float) -> str:
    """Draw a share as text; anything used shows, and only all of it is full.

    >>> bar(9.84)
    '██░░░░░░░░░░░░░░░░░░'
    """
    cells = int(percent * BAR_CELLS / 100 + 0.5)
    cells = min(max(cells, 1), BAR_CELLS if percent >= 100 else BAR_CELLS - 1)  # noqa: PLR2004 - per cent
    return "█" * cells + "░" * (BAR_CELLS - cells)
