"""The command line: the same engine, the same rules and the same audit as in Slack."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli.ending import told

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line with these words, or with those of the process.

    ``serve`` is read before the other commands are even imported: a bot that runs for months
    need not carry the parser of commands that people type.
    """
    _settle_home()
    words = sys.argv[1:] if arguments is None else list(arguments)
    with told():
        if words[:1] == ["serve"]:
            from bot.cli.serve import run

            run(words[1:])
            return
        from bot.cli.commands import run_command

        sys.exit(run_command(words))


def _settle_home() -> None:
    """Say where home is for a user number without a name, as containers have them.

    Slack's SDK asks for it when it is imported (``FileInstallationStore``), though nothing is read there.
    """
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/"
