"""``make bench``: every measure beside its base of the same run, as Markdown tables.

``python -m benchmarks [--quick] [sizing] [cards] [startup] [sqlite] [postgres] [history]``
"""

from __future__ import annotations

import os
import platform
import sys

from benchmarks import cards, commands, history, sizing, startup
from benchmarks.table import Row, show


def main() -> None:
    """Measure what is named, or everything."""
    quick = "--quick" in sys.argv
    named = [word for word in sys.argv[1:] if not word.startswith("--")]
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}")
    sections = {
        "sizing": ("Sizing", lambda: _micro(sizing.rows(10 if quick else 40))),
        "cards": ("Cards", lambda: _micro(cards.rows(10 if quick else 40))),
        "startup": ("Starting", lambda: startup.rows(quick=quick)),
        "sqlite": ("Commands and clicks, SQLite", lambda: commands.rows(quick=quick)),
        "postgres": ("Commands and clicks, PostgreSQL", lambda: _postgres(quick=quick)),
        "history": ("A long history", lambda: history.rows(quick=quick)),
    }
    for name, (title, measure) in sections.items():
        if not named or name in named:
            show(title, measure())


def _micro(measured: list[tuple[str, float, float, float]]) -> list[Row]:
    return [Row(name, value, base, "µs") for name, value, base, _ in measured]


def _postgres(*, quick: bool) -> list[Row]:
    from tests.postgresql import server

    with server() as running:
        return commands.rows(running.create(empty=True), quick=quick)


if __name__ == "__main__":
    main()
