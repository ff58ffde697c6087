"""The command line: the same engine, rules and audit as in Slack."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli.ending import reported

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line with these arguments, or the process's.

    ``serve`` is parsed before the other commands are imported: a bot that runs for months need not carry the parser for
    commands that people type.
    """
    _settle_home()
    # pydantic looks for plugins by reading the metadata of every installed package
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    words = sys.argv[1:] if arguments is None else list(arguments)
    with reported():
        if words[:1] == ["serve"]:
            from bot.cli.serve import run

            run(words[1:])
            return
        from bot.cli.commands import run_command

        sys.exit(run_command(words))


def _settle_home() -> None:
    """Set a home folder for a user id without a name, as in containers.

    Slack's SDK looks it up when imported (``FileInstallationStore``), though nothing is read there.
    """
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/"
