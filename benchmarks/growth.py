"""How cost grows: the same steps on stores with more and more finished requests, each with its whole audit.

``python -m benchmarks.growth [--postgres] 1000 100000 1000000`` prints one column for each number of requests.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.history import fill, opened, steps
from benchmarks.servers import PEFTSIZE
from bot.approvals.request import State
from tests.support.databases import shared_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.store import Store

TIMES = 15


def measure(url: str, finished: int) -> dict[str, str]:
    """Fill a store and measure every step on it.

    Args:
        url: Of an empty database.
        finished: Requests to fill it with.

    Returns:
        What was measured, the best of several times, ready to print: others on the machine only ever add.
    """
    with opened(url) as store:
        fill(store, finished)
        found = {name: _ms(step) for name, step in {**_reads(store), **steps(store)}.items()}
        size = _size(store)
    found["`audit verify`"] = _command(url, "audit", "verify", "--allow-unanchored")
    found["`audit export`"] = _command(url, "audit", "export")
    return found | {"disk": f"{size / 1e6:,.0f} MB"}


def _reads(store: Store) -> dict[str, Callable[[], object]]:
    def listed(**how: object) -> Callable[[], object]:
        def read() -> object:
            with store.read() as tx:
                return tx.requests.listed(**how)  # type: ignore[arg-type]  # as listed takes them

        return read

    return {
        "`list`: open requests": listed(states=(State.PENDING, State.APPROVED), limit=20),
        "`mine`": listed(requester=("T1", "U7"), limit=20),
        "`history`": listed(limit=20),
        "`history` of a text that many hold": listed(text="old-", limit=20),
        "`history` of a text that one holds": listed(text="spec-77", limit=20),
        "`history` of a text that none holds": listed(text="nowhere", limit=20),
    }


def _ms(step: Callable[[], object]) -> str:
    step()
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        step()
        taken.append((time.perf_counter() - began) * 1000)
        if sum(taken) > 20_000:
            break
    return f"{min(taken):.1f} ms"


def _command(url: str, *words: str) -> str:
    """Run a command of the product; return its time and the most memory it had."""
    environment = {**os.environ, "PEFTSIZE_DATABASE_URL": url}
    began = time.perf_counter()
    process = subprocess.Popen([str(PEFTSIZE), *words], env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, words
    return f"{time.perf_counter() - began:.1f} s, {used.ru_maxrss / 1024:.0f} MB"


def _size(store: Store) -> float:
    with store.read() as tx:
        if store.database.is_sqlite:
            pages = tx.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            return float(pages) * 4096
        return float(
            tx.connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one()
        )


def main() -> None:
    """Print the table."""
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()] or [1_000, 100_000, 1_000_000]
    with tempfile.TemporaryDirectory() as place:
        if "--postgres" in sys.argv:
            with shared_server(Path(place)) as server:
                assert server is not None, "PostgreSQL's programs were not found"
                columns = [measure(server.create(), number) for number in numbers]
        else:
            columns = [measure(f"sqlite:///{place}/{number}.db", number) for number in numbers]
    print(f"| finished requests | {' | '.join(f'{number:,}' for number in numbers)} |")
    print("| --- |" + " --- |" * len(numbers))
    for name in columns[0]:
        print(f"| {name} | {' | '.join(column[name] for column in columns)} |", flush=True)


if __name__ == "__main__":
    main()
