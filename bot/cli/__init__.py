"""The command line: the same engine, the same rules and the same audit as in Slack."""

from bot.cli.main import main

__all__ = ["main"]
