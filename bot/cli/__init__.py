"""The command line: the same engine, the same rules and the same audit as in Slack."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bot.cli.ending import told

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line with these words, or with those of the process.

    ``serve`` is read before the other commands are even imported: a bot that runs for months
    need not carry the parser of commands that people type.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    with told():
        if words[:1] == ["serve"]:
            from bot.cli.serve import run

            run(words[1:])
            return
        from bot.cli.commands import run_command

        sys.exit(run_command(words))
