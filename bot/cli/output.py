"""How the command line prints: aligned and coloured on a terminal, plain when piped, JSON on request."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
import textwrap
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from sizing import SizingError

BOLD, RED, GREEN, YELLOW = "1", "31", "32", "33"
"""Select Graphic Rendition codes, ECMA-48."""

GAP = "  "
_NARROWEST = 20
"""Columns for the value of a pair; with fewer, it goes under its name."""

_UNSAFE = re.compile(r"\x1b(?!\[(?:0|1|2|31|32|33)m)|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]")
"""What a terminal would obey or not show, except line ends, tabs and our own colours."""
_SLACK_COMMAND = re.compile(r"/peftsize (list|show|specs)\b")
_COMMANDS = {"list": "requests list", "show": "requests show", "specs": "specs list"}


def say(text: str = "") -> None:
    """Print text to standard output, as far as its encoding can show it."""
    _print(text, sys.stdout)


def complain(text: str) -> None:
    """Print what went wrong, and what to do, to standard error."""
    first, line, rest = text.partition("\n")
    _print(paint(first, RED, stream=sys.stderr) + line + rest, sys.stderr)


def say_json(value: Any, file: TextIO | None = None) -> None:
    """Print one JSON value on one line, to standard output or a file."""
    (file or sys.stdout).write(json.dumps(value, ensure_ascii=True) + "\n")


def paint(text: str, style: str, *, stream: TextIO | None = None) -> str:
    """Colour text for a terminal that shows colours; ``NO_COLOR`` switches them off.

    Source: https://no-color.org
    """
    shows = (stream or sys.stdout).isatty() and os.environ.get("TERM") != "dumb"
    return f"\x1b[{style}m{text}\x1b[0m" if shows and not os.environ.get("NO_COLOR") else text


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show the progress of a long run, on standard error if that is a terminal.

    Args:
        total: Number of steps; 0 shows nothing.

    Yields:
        A function that takes the number of steps done since its last call.
    """
    if not total or not sys.stderr.isatty():
        yield lambda _: None
        return
    from typer import progressbar

    with progressbar(length=total, label=what, file=sys.stderr, update_min_steps=max(1, total // 100)) as bar:
        yield bar.update


def title(text: str) -> None:
    """Print a headline."""
    say()
    prose(text, style=BOLD)


def prose(text: str, *, indent: str = "", hanging: str | None = None, style: str | None = None) -> None:
    """Print words, wrapped at the width of the terminal; no word or number is cut.

    Args:
        text: One line.
        indent: Before the first line.
        hanging: Before the others; None for the same as ``indent``.
        style: As for ``paint``.
    """
    for line in wrapped(text, indent, indent if hanging is None else hanging):
        say(paint(line, style) if style else line)


def wrapped(text: str, indent: str, hanging: str) -> list[str]:
    """Return words as lines, wrapped at the width of the terminal."""
    return textwrap.wrap(
        text,
        _width() or sys.maxsize,
        initial_indent=indent,
        subsequent_indent=hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )


def pairs(*rows: tuple[str, str]) -> None:
    """Print names and values in two columns; on a narrow terminal, values go under their names."""
    left = max(len(name) for name, _ in rows) + 2 * len(GAP)
    narrow = 0 < _width() < left + _NARROWEST
    for name, text in rows:
        value = visible(text)
        if narrow:
            say(f"{GAP}{name}")
            prose(value, indent=2 * GAP)
        else:
            prose(value, indent=f"{GAP}{name}".ljust(left), hanging=" " * left)


def columns(rows: Sequence[Sequence[str]], *, head: Sequence[str] = (), right: Collection[int] = ()) -> None:
    """Print rows in columns; on a narrow terminal, one cell per line. Nothing is cut.

    Args:
        rows: Cells; all rows have the same number.
        head: Names of the columns, if shown.
        right: Numbers of the right-aligned columns.
    """
    rows = [[visible(cell) for cell in row] for row in rows]
    cells = [head, *rows] if head else list(rows)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    if 0 < _width() < sum(widths) + len(GAP) * len(widths):
        for name, *rest in rows:
            say(GAP + paint(name.strip(), BOLD))
            names = head[1:] or [""] * len(rest)
            for what, cell in zip(names, rest, strict=True):
                say(f"{2 * GAP}{what} {cell}" if what else f"{2 * GAP}{cell}")
        return
    for number, row in enumerate(cells):
        line = GAP + GAP.join(
            cell.rjust(width) if at in right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        say(paint(line.rstrip(), BOLD) if head and number == 0 else line.rstrip())


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows for people on a terminal; tab-separated and without a head when piped."""
    if sys.stdout.isatty():
        columns(rows, head=head)
        return
    for row in rows:
        say("\t".join(map(visible, row)))


def visible(text: str) -> str:
    """Return foreign text safe for one cell: without escapes, line ends or invisible characters."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def time_of(at_ms: int | None) -> str:
    """Return a time for people, in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC") if at_ms else "-"


def result_line(canonical: str, gpu_memory_gb: int, num_gpus: int) -> str:
    """Say in one line what a request needs."""
    return f"{canonical}: {gpu_memory_gb} GB of GPU memory, {num_gpus} GPU{'' if num_gpus == 1 else 's'}"


def hint(request: str) -> str:
    """Return the command that sizes a request, quoted for a shell."""
    return f"Try: peftsize size {shlex.join(request.split())}"


def sizing_error(error: SizingError) -> str:
    """Say why a request cannot be read, with a mark under the place, and what to type instead."""
    picture = _picture(error) if error.source else ()
    ways = dict.fromkeys([error.suggestion or error.example or "", *error.candidates])
    return "\n".join([error.message, *picture, *map(hint, filter(None, ways))])


def on_the_command_line(words: str) -> str:
    """Replace the Slack commands in a sentence by those of the command line, if there is one."""
    return _SLACK_COMMAND.sub(lambda found: f"peftsize {_COMMANDS[found[1]]}", words)


def _picture(error: SizingError) -> Iterator[str]:
    """Yield the text and the mark under the fault, as much as the terminal is wide."""
    text, mark = error.picture().split("\n")
    width = shutil.get_terminal_size().columns - len(GAP)
    start = max(0, min(len(mark) - width // 2, max(len(text), len(mark)) - width))
    for line in (text, mark):
        yield (GAP + line[start : start + width]).rstrip()


def _width() -> int:
    """Return the number of columns of the terminal; 0 without one."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def _print(text: str, stream: TextIO) -> None:
    text = _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
