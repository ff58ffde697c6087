"""``peftsize serve``: its options, read without the parser of the other commands."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGEST_PORT = 65_535


def options() -> ArgumentParser:
    """Return the options of ``serve``."""
    parser = ArgumentParser(prog="peftsize serve", description="Run the bot.", allow_abbrev=False)
    parser.add_argument(
        "--mode", choices=("socket", "http"), help="by default socket if SLACK_APP_TOKEN is set, else http"
    )
    parser.add_argument(
        "--host",
        default="0.0.0.0",  # noqa: S104 - containers and balancers reach it there
        help="address to listen on (%(default)s)",
    )
    parser.add_argument(
        "--port", type=_port, default=3000, help="port for Slack (HTTP mode) and the probes (%(default)s)"
    )
    parser.add_argument("--dry-run", action="store_true", help="size and ask for approval, create nothing")
    return parser


def run(arguments: Sequence[str]) -> None:
    """Serve with these arguments until a signal."""
    found = options().parse_args(arguments)

    from bot.runtime.serve import serve

    serve(mode=found.mode, host=found.host, port=found.port, dry_run=found.dry_run)


def _port(text: str) -> int:
    if not (text.isdecimal() and int(text) <= LARGEST_PORT):
        raise ArgumentTypeError(f"must be from 0 to {LARGEST_PORT}")
    return int(text)
