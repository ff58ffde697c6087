"""The options of ``peftsize size`` that describe a server, parsed into a ``Serving``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from sizing.serving import OLDEST, Serving, parse_users, parse_version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def serving(options: Mapping[str, Any]) -> Serving:
    """Return the server's options; those that are None keep their defaults.

    Raises:
        typer.BadParameter: One cannot be read.
    """
    given = {name: value for name, value in options.items() if value is not None}
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


def need_explain(options: Mapping[str, Any]) -> None:
    """Refuse options of the second opinion without ``--explain``.

    Raises:
        typer.BadParameter: One was given.
    """
    given = [f"--{name.replace('_', '-')}" for name, value in options.items() if value is not None]
    if given:
        raise typer.BadParameter(
            f"{', '.join(given)}: needs --explain, since it changes only the second opinion."
        )


def need_one_request(words: Sequence[str]) -> None:
    """Refuse to draw requests from standard input.

    Raises:
        typer.BadParameter: The words are ``-``.
    """
    if list(words) == ["-"]:
        raise typer.BadParameter("a chart shows one request: type it instead of -.", param_hint="--plot")
