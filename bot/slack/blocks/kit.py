"""Block Kit as plain dicts: the blocks that this bot uses, and the message they make.

Building through slack_sdk's models costs forty times as much; the tests check the dicts against those models and
Slack's limits instead. Every mrkdwn text is ``verbatim``, so that Slack links no bare address, channel or name.

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
    """A message to post.

    Args:
        blocks: Block Kit, within Slack's limits.
        text: One sentence with the same content, for notifications and screen readers.
    """

    blocks: list[Block]
    text: str


def header(words: str) -> Block:
    """Return a header; plain text."""
    return {"type": "header", "text": {"type": "plain_text", "text": words[:LONGEST_HEADER]}}


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
    """Return a button's confirmation dialog; plain text throughout."""
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
    """Return a menu behind ``⋯`` of (words, value) options."""
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
        blocks: At most 100.
        callback_id: Identifies its submission; empty for a modal that only shows something.
        metadata: Returned with the submission.
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
    """Draw a percentage as text; any use shows at least one cell, and only 100 % fills the bar.

    >>> bar(9.84)
    '██░░░░░░░░░░░░░░░░░░'
    """
    cells = int(percent * BAR_CELLS / 100 + 0.5)
    cells = min(max(cells, 1), BAR_CELLS if percent >= 100 else BAR_CELLS - 1)  # noqa: PLR2004 - per cent
    return "█" * cells + "░" * (BAR_CELLS - cells)
