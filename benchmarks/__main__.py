"""``make bench``: every measure beside its base of the same run, as Markdown tables.

``python -m benchmarks [--quick] [--write] [SECTION…]`` measures the sections named, or all of ``SECTIONS``.

``--write`` puts what the README shows there, from this run. How cost grows: ``python -m benchmarks.growth``.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import cards, commands, history, peers, rush, scale, sizing, socket_mode, startup
from benchmarks.table import Row, show, write

if TYPE_CHECKING:
    from collections.abc import Callable

README = Path(__file__).parent.parent / "README.md"
IN_README = ("startup", "sqlite", "rush")
"""The sections whose measures with an aim the README shows."""


def main() -> None:
    """Measure what is named, or everything."""
    quick = "--quick" in sys.argv
    shown: list[Row] = []
    named = [word for word in sys.argv[1:] if not word.startswith("--")]
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}")
    for name in named or SECTIONS:
        title, measure = SECTIONS[name]
        began = time.monotonic()
        rows = measure(quick)
        show(f"{title} ({time.monotonic() - began:.0f} s)", rows)
        shown += [row for row in rows if name in IN_README and row.aim is not None]
    if "--write" in sys.argv:
        write(README, shown)


def _micro(measured: list[tuple[str, float, float, float]]) -> list[Row]:
    return [Row(name, value, base, "µs") for name, value, base, _ in measured]


def _on_postgres(measure: Callable[[Callable[[], str]], list[Row]]) -> list[Row]:
    from tests.support.databases import shared_server

    with tempfile.TemporaryDirectory() as place, shared_server(Path(place)) as server:
        assert server is not None, "PostgreSQL's programs were not found"
        return measure(lambda: server.create(empty=True))


SECTIONS: dict[str, tuple[str, Callable[[bool], list[Row]]]] = {
    "sizing": ("Sizing", lambda quick: _micro(sizing.rows(10 if quick else 40))),
    "cards": ("Cards", lambda quick: _micro(cards.rows(10 if quick else 40))),
    "startup": ("Starting", lambda quick: startup.rows(quick=quick)),
    "sqlite": ("Commands and clicks, SQLite", lambda quick: commands.rows(quick=quick)),
    "postgres": (
        "Commands and clicks, PostgreSQL",
        lambda quick: _on_postgres(lambda new_url: commands.rows(new_url(), quick=quick)),
    ),
    "rush": ("Cards posted and look-ups made meanwhile, SQLite", lambda quick: rush.rows(quick=quick)),
    "rush-postgres": (
        "Cards posted and look-ups made meanwhile, PostgreSQL",
        lambda _: _on_postgres(lambda new_url: rush.rows(new_url, quick=True)),
    ),
    "socket": ("Socket Mode", lambda quick: socket_mode.rows(quick=quick)),
    "peers": ("Habits of other Bolt apps, beside a bare app", lambda quick: peers.rows(quick=quick)),
    "replicas": ("Replicas on PostgreSQL, beside one", lambda quick: scale.replicas(quick=quick)),
    "channels": ("A burst in more channels, beside one", lambda quick: scale.channels(quick=quick)),
    "hour": ("An hour's requests", lambda quick: scale.hour(quick=quick)),
    "crowded": ("Open requests in one channel, beside none", lambda quick: history.crowded(quick=quick)),
    "history": ("A long history", lambda quick: history.rows(quick=quick)),
}
"""What can be measured, by name."""


if __name__ == "__main__":
    main()
