"""``peftsize size``: imports the engine and nothing of Slack, the database or the network."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import sizing
from bot.cli.output import say, say_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, BinaryIO

    from sizing.serving import Serving


def run(
    words: Sequence[str], *, as_json: bool, explain: bool, options: Mapping[str, Any], picture: str | None
) -> None:
    """Size one request, or one a line from standard input.

    Args:
        words: The request's words, or ``-``.
        as_json: Print JSON.
        explain: Add the second opinion.
        options: How its server is started; None where an option was not given.
        picture: Draw the request to this file.

    Raises:
        SizingError: The one request cannot be read (text form).
        typer.BadParameter: An option cannot be read, or changes nothing here.
    """
    from bot.cli.serving import need_explain, need_one_request, serving

    if not explain:
        need_explain(options)
    if picture is not None:
        need_one_request(words)
    server = serving(options) if explain else None
    if list(words) == ["-"]:
        for text in lines(sys.stdin.buffer):
            _print_line(text, server, as_json=as_json)
        return
    text = " ".join(words)
    if as_json:
        result = _answer(text, server)
        say_json(result)
        if "error" in result:
            sys.exit(2)
    else:
        from bot.cli.breakdown import print_breakdown

        request = sizing.parse(text)
        print_breakdown(request, sizing.size(request), server)
    if picture is not None:
        from bot.cli.plot import plot

        plot(sizing.parse(text), Path(picture))


def lines(stream: BinaryIO) -> Iterator[str]:
    """Yield each line as it comes: it ends at a newline, a carriage return before it is dropped."""
    for raw in iter(stream.readline, b""):
        line = raw.removesuffix(b"\n")
        yield line.removesuffix(b"\r").decode("utf-8", "replace")


def _print_line(text: str, server: Serving | None, *, as_json: bool) -> None:
    result = _answer(text, server)
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")
    elif "error" in result:
        say(f"{text}: {result['error']['message']}")
    else:
        doubt = f", {result['estimate']['verdict']}" if result.get("estimate") else ""
        say(f"{result['canonical']}: {result['gpu_memory_gb']} GB, {result['num_gpus']} GPU{doubt}")
    sys.stdout.flush()


def _answer(text: str, server: Serving | None) -> dict[str, Any]:
    """Return the answer as JSON, with an estimate where a server is given."""
    result = sizing.result_json(text)
    if server is not None and "error" not in result:
        request = sizing.parse(text)
        found = sizing.explain(request, sizing.size(request), serving=server)
        result["estimate"] = None if found is None else found.to_json()
    return result
