"""Draws a Slack message or view as text with box-drawing characters, for terminals and transcripts."""

from __future__ import annotations

import textwrap
import unicodedata
from typing import TYPE_CHECKING, Any

from bot.sandbox.mrkdwn import plain_words
from bot.sandbox.slack.workspace import Message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.sandbox.slack.people import Directory
    from bot.sandbox.slack.workspace import View

_ZERO_WIDTH = frozenset({"Mn", "Me", "Cf"})


def columns(text: str) -> int:
    """Returns how many terminal columns a line takes: wide characters two, combining ones none."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.category(c) in _ZERO_WIDTH for c in text)


def render(shown: Message | View, directory: Directory, width: int = 78) -> str:
    """Draws a message or a view in a box.

    Args:
        shown: what to draw.
        directory: for names.
        width: columns of the whole box, at least 24.

    Returns:
        Lines joined by newlines, none longer than `width` columns.
    """
    pen = _Pen(directory, max(24, width) - 4)
    if isinstance(shown, Message):
        writer = directory.people.get(shown.user)
        title = writer.real_name if writer else "Slackbot"
        title += " · only visible to you" if shown.ephemeral_to else ""
        title += " · edited" if shown.edited_ts else ""
        if shown.blocks:
            for block in shown.blocks:
                pen.block(block)
        else:
            pen.write(plain_words(shown.text, directory))
    else:
        title = shown.body.get("title", {}).get("text", "Home")
        for block in shown.body["blocks"]:
            pen.block(block)
            if sentence := shown.errors.get(block.get("block_id", "")):
                pen.write(f"! {sentence}")
        ends = [shown.body[key]["text"] for key in ("close", "submit") if shown.body.get(key)]
        pen.write("  ".join(f"[ {words} ]" for words in ends))
    return pen.boxed(title)


class _Pen:
    """Collects lines of at most `width` columns; none stands for a divider."""

    def __init__(self, directory: Directory, width: int) -> None:
        self.directory = directory
        self.width = width
        self.lines: list[str | None] = []

    def write(self, text: str) -> None:
        """Adds text, wrapped; its own line breaks and the blanks of code stay."""
        for line in text.split("\n"):
            self.lines += _wrapped(line, self.width) if line.strip() else [""]

    def words(self, text: Mapping[str, Any]) -> str:
        """Returns what a text object says."""
        said = str(text["text"])
        return plain_words(said, self.directory) if text["type"] == "mrkdwn" else said

    def block(self, block: Mapping[str, Any]) -> None:
        """Adds one block."""
        kind = block["type"]
        if kind == "divider":
            self.lines.append(None)
        elif kind == "section":
            self._section(block)
        elif kind == "rich_text":
            for part in block["elements"]:
                self._rich(part)
        elif kind == "table":
            self._table(block["rows"])
        else:
            self.write(self._simple(block))

    def _simple(self, block: Mapping[str, Any]) -> str:
        """Returns what a block says that needs no layout."""
        match block["type"]:
            case "header":
                return self.words(block["text"]).upper()
            case "context":
                said = [e["alt_text"] if e["type"] == "image" else self.words(e) for e in block["elements"]]
                return "· " + " · ".join(said)
            case "actions":
                return "  ".join(_control(element) for element in block["elements"])
            case "input":
                label = block["label"]["text"] + ("" if block.get("optional") else " *")
                hint = [block["hint"]["text"]] if "hint" in block else []
                return "\n".join([label, _control(block["element"]), *hint])
            case "image":
                return f"[image: {block['alt_text']}]"
        return str(block["text"])

    def _section(self, block: Mapping[str, Any]) -> None:
        """Adds text, fields in two columns, and what stands beside them."""
        if "text" in block:
            self.write(self.words(block["text"]))
        fields = [self.words(field) for field in block.get("fields", [])]
        half = (self.width - 2) // 2
        for left, right in zip(fields[::2], [*fields[1::2], ""], strict=False):
            first = [line for part in left.split("\n") for line in _wrapped(part, half)]
            second = [line for part in right.split("\n") for line in _wrapped(part, half)]
            for row in range(max(len(first), len(second))):
                start = first[row] if row < len(first) else ""
                end = second[row] if row < len(second) else ""
                self.lines.append(f"{_padded(start, half)}  {end}".rstrip())
        if "accessory" in block:
            self.write(_control(block["accessory"]))

    def _rich(self, part: Mapping[str, Any]) -> None:
        """Adds one part of a rich text."""
        if part["type"] == "rich_text_list":
            for number, item in enumerate(part["elements"], 1):
                mark = f"{number}." if part["style"] == "ordered" else "•"
                self.write("  " * part.get("indent", 0) + f"{mark} {self._run(item['elements'])}")
            return
        said = self._run(part["elements"])
        if part["type"] == "rich_text_quote":
            said = "\n".join(f"> {line}" for line in said.split("\n"))
        self.write(said.rstrip("\n"))

    def _run(self, elements: list[Mapping[str, Any]]) -> str:
        """Returns what a run of rich text elements says."""
        return "".join(map(self._rich_words, elements))

    def _rich_words(self, element: Mapping[str, Any]) -> str:
        """Returns what one rich text element says."""
        match element["type"]:
            case "text":
                return str(element["text"])
            case "link":
                return str(element.get("text") or element["url"])
            case "user":
                return plain_words(f"<@{element['user_id']}>", self.directory)
            case "usergroup":
                return plain_words(f"<!subteam^{element['usergroup_id']}>", self.directory)
            case "channel":
                return plain_words(f"<#{element['channel_id']}>", self.directory)
            case "broadcast":
                return f"@{element['range']}"
            case "date":
                return str(element.get("fallback", element["timestamp"]))
            case "emoji":
                return f":{element['name']}:"
        return ""

    def _table(self, rows: list[list[Mapping[str, Any]]]) -> None:
        """Adds a table with columns as wide as their longest cell."""
        cells = [[self._cell(cell) for cell in row] for row in rows]
        widths = [
            max(columns(row[at]) for row in cells if at < len(row)) for at in range(max(map(len, cells)))
        ]
        for row in cells:
            self.write("  ".join(_padded(cell, widths[at]) for at, cell in enumerate(row)).rstrip())

    def _cell(self, cell: Mapping[str, Any]) -> str:
        """Returns what one cell says, on one line."""
        if cell["type"] == "raw_text":
            return str(cell["text"])
        return " ".join(self._run(part["elements"]) for part in cell["elements"])

    def boxed(self, title: str) -> str:
        """Returns the collected lines in a box."""
        title = _wrapped(title, self.width - 2)[0]
        top = f"┌─ {title} " + "─" * (self.width - columns(title) - 1) + "┐"
        middle = [
            "├" + "─" * (self.width + 2) + "┤" if line is None else f"│ {_padded(line, self.width)} │"
            for line in self.lines
        ]
        return "\n".join([top, *middle, "└" + "─" * (self.width + 2) + "┘"])


def _padded(text: str, width: int) -> str:
    """Fills a line up with blanks."""
    return text + " " * max(0, width - columns(text))


def _shown(character: str) -> str:
    """Returns the character, or a replacement for one that would steer the terminal or turn the text."""
    steers = unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"} and character != "\u200d"
    return "\ufffd" if steers else character


def _wrapped(line: str, width: int) -> list[str]:
    """Breaks a line so that no part takes more columns than there are."""
    line = "".join(_shown(character) for character in line)
    if columns(line) <= width:
        return [line]
    indent = " " * min(len(line) - len(line.lstrip()), width // 2)
    narrow = max(1, width * len(line) // max(1, columns(line)) if columns(line) > len(line) else width)
    wrapped = textwrap.wrap(line, narrow, subsequent_indent=indent, drop_whitespace=True) or [""]
    return [part for long in wrapped for part in ([long] if columns(long) <= width else _cut(long, width))]


def _cut(line: str, width: int) -> list[str]:
    """Cuts a line of wide characters into parts that fit."""
    parts, part = [], ""
    for character in line:
        if columns(part + character) > width:
            parts.append(part)
            part = ""
        part += character
    return [*parts, part]


def _control(element: Mapping[str, Any]) -> str:
    """Returns a button, menu or field as text."""
    match element["type"]:
        case "button" | "workflow_button":
            return f"[ {element['text']['text']} ]"
        case "overflow":
            return "[ … ]"
        case "image":
            return f"[image: {element['alt_text']}]"
        case "checkboxes" | "radio_buttons":
            return "  ".join(f"( ) {option['text']['text']}" for option in element["options"])
    shown = element.get("initial_value") or element.get("initial_option", {}).get("text", {}).get("text")
    return f"[ {shown or element.get('placeholder', {}).get('text', '')} ]"
