"""``peftsize size``: imports the engine, but nothing of Slack, the database or the network."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

import sizing
from bot.cli.output import hint, result_line, say, say_json
from sizing.serving import OLDEST, Serving, parse_users, parse_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, BinaryIO

    from sizing.models import BaseModel


def run(
    words: Sequence[str],
    *,
    as_json: bool,
    explain: bool,
    options: Mapping[str, Any],
    config: str | None,
    picture: str | None,
) -> None:
    """Size one request, or one per line from standard input.

    Args:
        words: The request's words, or ``-``.
        options: How the server is started; None for options not given.
        config: Path of a ``config.json`` with the base model; then the words name none.
        picture: File to draw the request to.

    Raises:
        SizingError: The one request cannot be read (text form).
        ConfigError: The ``config.json`` cannot be counted (text form).
        typer.BadParameter: An option cannot be read, or changes nothing here.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if given and not explain:
        named = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise typer.BadParameter(f"{named}: needs --explain, since it changes only the second opinion.")
    if picture is not None and list(words) == ["-"]:
        raise typer.BadParameter("a chart shows one request: type it instead of -.", param_hint="--plot")
    server = _serving(given) if explain else None
    try:
        base = None if config is None else sizing.read_config(_text_of(config))
        if list(words) == ["-"]:
            for text in lines(sys.stdin.buffer):
                _print_line(text, base, server, as_json=as_json)
            return
        request = sizing.parse(" ".join(words), base=base)
    except (sizing.SizingError, sizing.ConfigError) as error:
        if not as_json:
            raise
        say_json({"error": _error(error)})
        sys.exit(2)
    if as_json:
        say_json(_answer(request, server))
    else:
        from bot.cli.breakdown import print_breakdown

        print_breakdown(request, sizing.size(request), server)
    if picture is not None:
        from bot.cli.plot import plot

        plot(request, Path(picture))


def _serving(given: dict[str, Any]) -> Serving:
    """Return the server that the options describe; those not given keep their defaults.

    Raises:
        typer.BadParameter: One cannot be read.
    """
    if "vllm" in given:
        version = parse_version(given["vllm"])
        if version is None:
            oldest = ".".join(map(str, OLDEST))
            raise typer.BadParameter(
                f"“{given['vllm']}” is not a vLLM release from {oldest} on. Write it as 0.10.2.",
                param_hint="--vllm",
            )
        given["vllm"] = version
    if "users" in given:
        users = parse_users(given["users"])
        if users is None:
            raise typer.BadParameter(
                f"“{given['users']}” is not people times tokens each. Write it as 20x4096.",
                param_hint="--users",
            )
        given["users"] = users
    return Serving(**given)


def _text_of(path: str) -> str:
    """Return the content of a file.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = (error.strerror or "").lower() if isinstance(error, OSError) else "it is not UTF-8 text"
        raise sizing.ConfigError(None, f"{path} cannot be read: {reason}") from None


def lines(stream: BinaryIO) -> Iterator[str]:
    """Yield each line as it arrives; it ends at a newline, and a carriage return before that is dropped."""
    for raw in iter(stream.readline, b""):
        line = raw.removesuffix(b"\n")
        yield line.removesuffix(b"\r").decode("utf-8", "replace")


def _print_line(text: str, base: BaseModel | None, server: Serving | None, *, as_json: bool) -> None:
    try:
        result = _answer(sizing.parse(text, base=base), server)
    except sizing.SizingError as error:
        result = {"error": _error(error)}
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")
    elif "error" in result:
        say(f"{text}: {result['error']['message']}")
    else:
        doubt = f", {result['estimate']['verdict']}" if result.get("estimate") else ""
        say(result_line(result["canonical"], result["gpu_memory_gb"], result["num_gpus"]) + doubt)
    sys.stdout.flush()


def _error(error: sizing.SizingError | sizing.ConfigError) -> dict[str, Any]:
    """Return an error as JSON, with a hint for the command line."""
    fields = error.to_json()
    if isinstance(error, sizing.SizingError):
        fields["hint"] = hint(error.suggestion or error.example or "")
    return fields


def _answer(request: sizing.SizingRequest, server: Serving | None) -> dict[str, Any]:
    """Return the answer as JSON, with an estimate if a server is given."""
    breakdown = sizing.size(request)
    result = sizing.answer_json(request, breakdown)
    if server is not None:
        estimate = sizing.explain(request, breakdown, serving=server)
        result["estimate"] = None if estimate is None else estimate.to_json()
    return result
