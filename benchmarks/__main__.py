"""``make bench``: every measure beside its base of the same run, as Markdown tables.

``python -m benchmarks [--quick] [--write] [sizing] [cards] [startup] [sqlite] [postgres] [rush] [history]``

``--write`` puts what the README shows there, from this run. How cost grows: ``python -m benchmarks.growth``.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from pathlib import Path

from benchmarks import cards, commands, history, rush, sizing, startup
from benchmarks.table import Row, show, write

README = Path(__file__).parent.parent / "README.md"
IN_README = ("startup", "sqlite", "rush")
"""The sections whose measures with an aim the README shows."""


def main() -> None:
    """Measure what is named, or everything."""
    quick = "--quick" in sys.argv
    shown: list[Row] = []
    named = [word for word in sys.argv[1:] if not word.startswith("--")]
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}")
    sections = {
        "sizing": ("Sizing", lambda: _micro(sizing.rows(10 if quick else 40))),
        "cards": ("Cards", lambda: _micro(cards.rows(10 if quick else 40))),
        "startup": ("Starting", lambda: startup.rows(quick=quick)),
        "sqlite": ("Commands and clicks, SQLite", lambda: commands.rows(quick=quick)),
        "postgres": ("Commands and clicks, PostgreSQL", lambda: _postgres(quick=quick)),
        "rush": ("Cards posted and look-ups made meanwhile, SQLite", lambda: rush.rows(quick=quick)),
        "history": ("A long history", lambda: history.rows(quick=quick)),
    }
    for name, (title, measure) in sections.items():
        if not named or name in named:
            rows = measure()
            show(title, rows)
            shown += [row for row in rows if name in IN_README and row.aim is not None]
    if "--write" in sys.argv:
        write(README, shown)


def _micro(measured: list[tuple[str, float, float, float]]) -> list[Row]:
    return [Row(name, value, base, "µs") for name, value, base, _ in measured]


def _postgres(*, quick: bool) -> list[Row]:
    from tests.support.databases import shared_server

    with tempfile.TemporaryDirectory() as place, shared_server(Path(place)) as server:
        assert server is not None, "PostgreSQL's programs were not found"
        return commands.rows(server.create(empty=True), quick=quick)


if __name__ == "__main__":
    main()
