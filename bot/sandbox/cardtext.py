"""Draws a Slack message or view as text with box-drawing characters, for terminals and transcripts."""

from __future__ import annotations

import re
import unicodedata
from io import StringIO
from typing import TYPE_CHECKING, Any

from rich.box import SQUARE
from rich.console import Console, Group
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from bot.sandbox.slack.workspace import Message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

    from bot.sandbox.slack.people import Directory
    from bot.sandbox.slack.workspace import View

NARROWEST = 24
_JOINER = "\u200d"
_REFERENCE = re.compile(r"<([^<>]+)>")
_CODE = re.compile(r"```(.*?)```|`([^`\n]+)`", re.DOTALL)
_MARKS = re.compile(r"(?<![\w*_~])([*_~])(\S(?:[^\n]*?\S)?)\1(?![\w*_~])")


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


def plain_words(mrkdwn: str, directory: Directory) -> str:
    """Return mrkdwn as plain text: references by name, without formatting marks, entities decoded.

    Source: https://docs.slack.dev/messaging/formatting-message-text.
    """

    def reference(match: re.Match[str]) -> str:
        target, _, label = match.group(1).partition("|")
        if target.startswith("@"):
            person = directory.people.get(target[1:])
            return "@" + (person.real_name if person else label or target[1:])
        if target.startswith("#"):
            channel = directory.channels.get(target[1:])
            return "#" + (channel.name if channel else label or target[1:])
        if target.startswith("!subteam^"):
            group = directory.groups.get(target.removeprefix("!subteam^"))
            return "@" + (group.handle if group else label or target)
        if target.startswith("!date^"):
            return label or target
        if target.startswith("!"):
            return "@" + target[1:]
        return f"{label} ({target})" if label and label != target else target

    def prose(text: str) -> str:
        text = _REFERENCE.sub(reference, text)
        for _ in range(2):
            text = _MARKS.sub(r"\2", text)
        return text

    parts, at = [], 0
    for code in _CODE.finditer(mrkdwn):
        parts += [prose(mrkdwn[at : code.start()]), code.group(1) or code.group(2) or ""]
        at = code.end()
    parts.append(prose(mrkdwn[at:]))
    words = "".join(parts)
    return words.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
