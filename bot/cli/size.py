"""``peftsize size``: imports the engine and nothing of Slack, the database or the network."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import sizing
from bot.cli.output import say, say_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, BinaryIO

    from sizing.serving import Serving


def run(words: Sequence[str], *, as_json: bool, explain: bool, options: Mapping[str, Any]) -> None:
    """Size one request, or one a line from standard input.

    Args:
        words: The request's words, or ``-``.
        as_json: Print JSON.
        explain: Add the second opinion.
        options: How its server is started; None where an option was not given.

    Raises:
        SizingError: The one request cannot be read (text form).
        typer.BadParameter: An option cannot be read, or changes nothing here.
    """
    from bot.cli.serving import need_explain, serving

    if not explain:
        need_explain(options)
    server = serving(options) if explain else None
    if list(words) == ["-"]:
        for text in lines(sys.stdin.buffer):
            _print_line(text, as_json=as_json)
        return
    text = " ".join(words)
    if as_json:
        result = sizing.result_json(text)
        if explain and "error" not in result:
            result["estimate"] = _estimate(text, server)
        say_json(result)
        if "error" in result:
            sys.exit(2)
        return
    from bot.cli.breakdown import print_breakdown

    request = sizing.parse(text)
    print_breakdown(request, sizing.size(request), server)


def lines(stream: BinaryIO) -> Iterator[str]:
    """Yield each line as it comes: it ends at a newline, a carriage return before it is dropped."""
    for raw in iter(stream.readline, b""):
        line = raw.removesuffix(b"\n")
        yield line.removesuffix(b"\r").decode("utf-8", "replace")


def _print_line(text: str, *, as_json: bool) -> None:
    result = sizing.result_json(text)
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")
    elif "error" in result:
        say(f"{text}: {result['error']['message']}")
    else:
        say(f"{result['canonical']}: {result['gpu_memory_gb']} GB, {result['num_gpus']} GPU")
    sys.stdout.flush()


def _estimate(text: str, server: Serving | None) -> object:
    request = sizing.parse(text)
    estimate = sizing.explain(request, sizing.size(request), serving=server)
    return None if estimate is None else estimate.to_json()
