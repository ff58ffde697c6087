"""How cost grows: the same steps on stores with more and more finished requests, each with its whole audit.

``python -m benchmarks.growth [--postgres] [--write] 1000 100000 1000000`` prints one column for each number of
requests; ``--write`` puts them into docs/performance.md, beside the columns of other numbers there. All times are
processor time, which other work on the machine changes little; on PostgreSQL those of the bot and of its server.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.history import fill, opened, reads, steps
from benchmarks.servers import PEFTSIZE
from tests.support.databases import shared_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.store import Store

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
TIMES = 40
Columns = dict[str, dict[str, str]]
"""What was measured, by number of finished requests."""


def measure(url: str, finished: int) -> dict[str, str]:
    """Fill an empty database with finished requests and measure every step on it; see ``measured``."""
    with opened(url) as store:
        fill(store, finished)
    return measured(url)


def measured(url: str) -> dict[str, str]:
    """Measure every step on a database that was filled.

    Returns:
        What was measured, the best of several times, ready to print: others on the machine only ever add.
    """
    with opened(url) as store:
        found = {name: _ms(step, store) for name, step in {**reads(store), **steps(store)}.items()}
        size = _size(store)
    found["`audit verify`"] = _command(url, "audit", "verify", "--allow-unanchored")
    found["`audit export`"] = _command(url, "audit", "export")
    return found | {"disk": f"{size / 1e6:,.0f} MB"}


def _ms(step: Callable[[], object], store: Store) -> str:
    step()
    servers, taken = _servers(store), []
    for _ in range(TIMES):
        began = _spent_ms(servers)
        step()
        taken.append(_spent_ms(servers) - began)
        if sum(taken) > 10_000:
            break
    return f"{min(taken):.1f} ms"


def _servers(store: Store) -> list[Path]:
    """Return where Linux counts the time of PostgreSQL's processes that serve this database."""
    if store.database.is_sqlite:
        return []
    with store.read() as tx:
        found = tx.connection.exec_driver_sql(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
        )
        return [Path(f"/proc/{pid}/schedstat") for pid in found.scalars()]


def _spent_ms(servers: list[Path]) -> float:
    """Return the processor time of this process and of others so far."""
    return time.process_time() * 1000 + sum(int(path.read_text().split()[0]) for path in servers) / 1e6


def _command(url: str, *words: str) -> str:
    """Run a command of the product; return its processor time and the most memory it had."""
    environment = {**os.environ, "PEFTSIZE_DATABASE_URL": url}
    process = subprocess.Popen([str(PEFTSIZE), *words], env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, words
    return f"{used.ru_utime + used.ru_stime:.1f} s, {used.ru_maxrss / 1024:.0f} MB"


def _size(store: Store) -> float:
    with store.read() as tx:
        if store.database.is_sqlite:
            pages = tx.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            return float(pages) * 4096
        return float(
            tx.connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one()
        )


def main() -> None:
    """Print the table, and write it."""
    postgres = "--postgres" in sys.argv
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()] or [1_000, 100_000, 1_000_000]
    columns: Columns = {}
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        server = stack.enter_context(shared_server(Path(place))) if postgres else None
        for number in numbers:
            url = server.create() if server is not None else f"sqlite:///{place}/{number}.db"
            columns[f"{number:,}"] = measure(url, number)
            print("\n".join(_table(columns)), flush=True)
    if "--write" in sys.argv:
        _write("PostgreSQL" if postgres else "SQLite", columns)


def _table(columns: Columns) -> list[str]:
    """Return columns by number of requests as a Markdown table."""
    ordered = sorted(columns, key=lambda number: int(number.replace(",", "")))
    names = list(dict.fromkeys(name for number in ordered for name in columns[number]))
    lines = [f"| finished requests | {' | '.join(ordered)} |", "| --- |" + " --- |" * len(ordered)]
    return lines + [
        f"| {name} | {' | '.join(columns[number].get(name, '') for number in ordered)} |" for name in names
    ]


def _write(database: str, columns: Columns) -> None:
    """Put columns into the page, in place of those of the same numbers."""
    begin, end = f"<!-- growth on {database}: written by benchmarks.growth -->\n", "<!-- /growth -->"
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    old, _, after = rest.partition(end)
    heads, _, *rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in old.splitlines()]
    for index, number in enumerate(heads[1:], 1):
        columns.setdefault(number, {row[0]: row[index] for row in rows})
    text = "\n".join(_table(columns))
    PAGE.write_text(f"{before}{begin}{text}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
