"""``peftsize serve``: its options, parsed without Typer, with the same look."""

from __future__ import annotations

import gc
import shutil
import textwrap
from argparse import SUPPRESS, Action, ArgumentParser, ArgumentTypeError
from difflib import get_close_matches
from typing import TYPE_CHECKING, NoReturn

from bot.cli.ending import LARGEST_PORT, UsageProblem, no_option

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Parser(ArgumentParser):
    """Prints help and errors like the rest of the command line."""

    def format_help(self) -> str:
        """Return usage, purpose and a line for each option."""
        rows = [(_spelling(action), _meaning(action)) for action in self._actions]
        left = max(len(spelling) for spelling, _ in rows) + 4
        width = min(shutil.get_terminal_size().columns, 80) - 2
        lines = [
            textwrap.fill(
                meaning, width, initial_indent=f"  {spelling}".ljust(left), subsequent_indent=" " * left
            )
            for spelling, meaning in rows
        ]
        head = f"Usage: {self.prog} [OPTIONS]\n\n  {self.description}\n\nOptions:\n"
        return head + "\n".join(lines) + "\n"

    def error(self, message: str) -> NoReturn:
        """Refuse an argument.

        Raises:
            UsageProblem: Always.
        """
        name, _, why = message.removeprefix("argument ").partition(": ")
        raise UsageProblem(f"Invalid value for '{name}': {why}.", self.prog)


def options() -> ArgumentParser:
    """Return the options of ``serve``."""
    parser = _Parser(prog="peftsize serve", description="Run the bot.", allow_abbrev=False, add_help=False)
    parser.add_argument(
        "--mode",
        choices=("socket", "http"),
        metavar="[socket|http]",
        help="How Slack is reached; socket, unless SLACK_SIGNING_SECRET is set without SLACK_APP_TOKEN.",
    )
    parser.add_argument(
        "--host",
        default="0.0.0.0",  # noqa: S104 - containers and balancers reach it there
        metavar="<str>",
        help="Address to listen on.",
    )
    parser.add_argument(
        "--port", type=_port, default=3000, metavar="<int>", help="Port for Slack (HTTP mode) and the probes."
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="Size requests and collect approvals, but create nothing."
    )
    parser.add_argument("-h", "--help", action="help", default=SUPPRESS, help="Show this message and exit.")
    return parser


def run(arguments: Sequence[str]) -> None:
    """Serve with these arguments until a signal.

    Raises:
        UsageProblem: They cannot be read.
    """
    parser = options()
    given, unknown = parser.parse_known_args(arguments)
    if unknown:
        known = [spelling for action in parser._actions for spelling in action.option_strings]  # noqa: SLF001 - argparse has no public list
        raise UsageProblem(no_option(unknown[0], get_close_matches(unknown[0], known)), parser.prog)

    gc.disable()  # imports leave nothing to collect, and looking for it takes a twelfth of the start
    try:
        from bot.runtime.serve import serve

        serve(mode=given.mode, host=given.host, port=given.port, dry_run=given.dry_run)
    finally:
        gc.enable()  # as ``serve`` does once everything is loaded


def _spelling(action: Action) -> str:
    metavar = f" {action.metavar}" if action.metavar else ""
    return ", ".join(action.option_strings) + metavar


def _meaning(action: Action) -> str:
    has_default = action.default not in (None, False, SUPPRESS)
    return f"{action.help}  [default: {action.default}]" if has_default else str(action.help)


def _port(text: str) -> int:
    if not (text.isdecimal() and int(text) <= LARGEST_PORT):
        raise ArgumentTypeError(f"{text} is not a port, from 0 to {LARGEST_PORT}")
    return int(text)
