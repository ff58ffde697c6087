"""Close a SQLite database fifty times while threads read and write: a program, since a fault would end it.

Run with the path of a migrated database. It ends with 0 and says nothing when every thread ended
with its transaction whole or refused, every commit is there, and no connection was left open.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from bot.errors import StoreError
from bot.store import Database, Store
from tests.support.rows import Clock, event, request

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 50
READERS = 6
WRITERS = 3


def main(path: Path) -> None:
    committed = 0
    for number in range(ROUNDS):
        committed += close_while_used(path, first=10_000 * (number + 1))
        assert not path.with_name(path.name + "-wal").exists(), "a connection was left open"
    database = Database(f"sqlite:///{path}")
    with database.read() as connection:
        stored = connection.exec_driver_sql("SELECT count(*) FROM requests").scalar_one()
    database.close()
    assert stored == committed, f"{committed} commits, {stored} rows"


def close_while_used(path: Path, first: int) -> int:
    """Close once, in the middle of the work; return how many commits came back."""
    store = Store(Database(f"sqlite:///{path}"), Clock())
    at_work = threading.Barrier(READERS + WRITERS + 1)
    committed: list[int] = []
    ends: list[str] = []

    def read() -> None:
        with store.read() as tx:
            tx.requests.listed(limit=None)

    def write(number: int) -> None:
        with store.write() as tx:
            assert tx.requests.insert(request(number), due_at=None)
            tx.audit_log.append(event(number))
        committed.append(number)

    def work(once: Callable[[int], object], numbers: range) -> None:
        try:
            for number in numbers:
                once(number)
                if number == numbers.start:
                    at_work.wait(30)
        except StoreError as error:
            ends.append(error.what)

    threads = [
        threading.Thread(target=work, args=(lambda _: read(), range(first, sys.maxsize)))
        for _ in range(READERS)
    ] + [
        threading.Thread(target=work, args=(write, range(first + 1000 * n, first + 1000 * (n + 1))))
        for n in range(WRITERS)
    ]
    for thread in threads:
        thread.start()
    at_work.wait(30)
    store.close()
    for thread in threads:
        thread.join(30)
    assert ends == ["away"] * len(threads), ends
    return len(committed)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
