"""Draws a Slack message or view as text with box-drawing characters, for terminals and transcripts."""

from __future__ import annotations

import unicodedata
from io import StringIO
from typing import TYPE_CHECKING, Any

from rich.box import SQUARE
from rich.console import Console, Group
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from bot.sandbox.mrkdwn import plain_words
from bot.sandbox.slack.workspace import Message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

    from bot.sandbox.slack.people import Directory
    from bot.sandbox.slack.workspace import View

NARROWEST = 24
_JOINER = "\u200d"


def render(shown: Message | View, directory: Directory, width: int = 78) -> str:
    """Draw a message or a view in a box of ``width`` terminal columns, at least 24; no line is longer."""
    drawn: list[RenderableType] = []
    if isinstance(shown, Message):
        writer = directory.people.get(shown.user)
        title = writer.real_name if writer else "Slackbot"
        title += " · only visible to you" if shown.ephemeral_to else ""
        title += " · edited" if shown.edited_ts else ""
        drawn = [part for block in shown.blocks for part in _block(block, directory)]
        drawn = drawn or [_text(plain_words(shown.text, directory))]
    else:
        title = shown.body.get("title", {}).get("text", "Home")
        for block in shown.body["blocks"]:
            drawn += _block(block, directory)
            if sentence := shown.errors.get(block.get("block_id", "")):
                drawn.append(_text(f"! {sentence}"))
        ends = [shown.body[key]["text"] for key in ("close", "submit") if shown.body.get(key)]
        drawn.append(_text("  ".join(f"[ {words} ]" for words in ends)))
    out = StringIO()
    console = Console(file=out, width=max(NARROWEST, width), color_system=None, legacy_windows=False)
    console.print(Panel(Group(*drawn), box=SQUARE, title=_text(title), title_align="left"))
    return out.getvalue().rstrip("\n")


def _text(words: str) -> Text:
    """Return words, wrapped; characters that control the terminal or reorder text are replaced."""

    def steers(character: str) -> bool:
        return unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"} and character not in {
            "\n",
            _JOINER,
        }

    return Text("".join("\ufffd" if steers(one) else one for one in words), overflow="fold")


def _words(text: Mapping[str, Any], directory: Directory) -> str:
    """Return the text of a text object."""
    said = str(text["text"])
    return plain_words(said, directory) if text["type"] == "mrkdwn" else said


def _block(block: Mapping[str, Any], directory: Directory) -> list[RenderableType]:
    """Return what one block looks like."""
    match block["type"]:
        case "divider":
            return [Rule(style="")]
        case "section":
            return _section(block, directory)
        case "header":
            said = _words(block["text"], directory).upper()
        case "context":
            said = "· " + " · ".join(_words(element, directory) for element in block["elements"])
        case "actions":
            said = "  ".join(map(_control, block["elements"]))
        case "input":
            label = block["label"]["text"] + ("" if block.get("optional") else " *")
            hint = [block["hint"]["text"]] if "hint" in block else []
            said = "\n".join([label, _control(block["element"]), *hint])
        case kind:
            said = f"[{kind}]"
    return [_text(said)]


def _section(block: Mapping[str, Any], directory: Directory) -> list[RenderableType]:
    """Return text, fields in two columns, and the accessory."""
    drawn: list[RenderableType] = []
    if "text" in block:
        drawn.append(_text(_words(block["text"], directory)))
    if fields := [_text(_words(field, directory)) for field in block.get("fields", [])]:
        columns = Table.grid(expand=True, padding=(0, 2, 0, 0))
        for _ in range(2):
            columns.add_column(ratio=1)
        for start in range(0, len(fields), 2):
            columns.add_row(*fields[start : start + 2])
        drawn.append(columns)
    if "accessory" in block:
        drawn.append(_text(_control(block["accessory"])))
    return drawn


def _control(element: Mapping[str, Any]) -> str:
    """Return a button, menu or field as text."""
    match element["type"]:
        case "button":
            return f"[ {element['text']['text']} ]"
        case "overflow":
            return "[ ⋯ ]"
    shown = element.get("initial_value") or element.get("initial_option", {}).get("text", {}).get("text")
    return f"[ {shown or element.get('placeholder', {}).get('text', '')} ]"
