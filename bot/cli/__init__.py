"""The command line: the same engine, the same rules and the same audit as in Slack."""

from __future__ import annotations

import sys

from bot.cli.ending import told


def main() -> None:
    """Run the command line.

    ``serve`` is read before the other commands are even imported: a bot that runs for months
    need not carry the parser of commands that people type.
    """
    with told():
        if sys.argv[1:2] == ["serve"]:
            from bot.cli.serve import run

            run(sys.argv[2:])
            return
        from bot.cli.main import app

        app()
