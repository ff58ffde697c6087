"""Writers that wait for each other share a commit: each gets its own result, and only what succeeded is stored."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from bot.audit.chain import Event
from bot.errors import StoreError, VersionConflict

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.store import Store, Tx

FULL, NORMAL = 2, 1
"""How hard a commit is synced. Source: https://sqlite.org/pragma.html#pragma_synchronous."""


def together(store: Store, jobs: list[Callable[[Tx], Any]]) -> list[Any]:
    """Run jobs in one shared commit, after another one that held the lock; return each result or error."""
    said: dict[int, Any] = {}

    def run(number: int) -> None:
        try:
            said[number] = store.run(jobs[number])
        except (ValueError, StoreError) as error:
            said[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(jobs))]

    def first(_tx: Tx) -> None:
        for thread in threads:  # they queue up in this order while this job holds the lead
            before = len(store._group_commit._waiting)  # nothing outside shows who waits
            thread.start()
            while len(store._group_commit._waiting) == before:
                pass

    store.run(first)
    for thread in threads:
        thread.join(10)
    return [said[number] for number in range(len(jobs))]


def noting(key: str) -> Callable[[Tx], int]:
    """A job that stores a fact and an event, and returns the number of facts so far."""

    def once(tx: Tx) -> int:
        tx.note(f"fact:{key}", key)
        tx.audit_log.append(Event(tx.now, "requested", reason=key))
        return len(tx.noted_since("fact:", 0))

    return once


def failing(error: Exception) -> Callable[[Tx], None]:
    """A job that fails after it has written."""

    def once(tx: Tx) -> None:
        tx.note("fact:never", 1)
        tx.audit_log.append(Event(tx.now, "requested", reason="never"))
        raise error

    return once


def facts(store: Store) -> set[str]:
    with store.read() as tx:
        return set(tx.noted_since("fact:", 0))


def reasons(store: Store) -> list[str]:
    with store.read() as tx:
        return [row["reason"] for row in tx.audit_log.rows()]


def test_each_gets_its_own_result_in_the_order_of_asking(sqlite: Store) -> None:
    assert together(sqlite, [noting("a"), noting("b"), noting("c")]) == [1, 2, 3]
    assert facts(sqlite) == {"fact:a", "fact:b", "fact:c"}
    assert reasons(sqlite) == ["a", "b", "c"]


@pytest.mark.parametrize("error", [ValueError("ours"), VersionConflict()])
def test_one_that_fails_stores_nothing_and_spoils_nobody_elses(sqlite: Store, error: Exception) -> None:
    said = together(sqlite, [noting("a"), failing(error), noting("c")])
    assert said == [1, error, 2]
    assert facts(sqlite) == {"fact:a", "fact:c"}
    assert reasons(sqlite) == ["a", "c"]


def test_a_failed_database_fails_all_of_them(sqlite: Store) -> None:
    away = StoreError("full")
    assert together(sqlite, [noting("a"), failing(away), noting("c")]) == [away, away, away]
    assert facts(sqlite) == set()
    assert reasons(sqlite) == []


def test_the_next_job_reads_what_the_one_before_appended(sqlite: Store) -> None:
    """An approval and what checks its seal may share a commit."""
    said = together(sqlite, [noting("a"), lambda tx: [row["reason"] for row in tx.audit_log.rows()]])
    assert said == [1, ["a"]]


def test_what_may_be_lost_with_the_power_is_not_synced_and_nothing_else_is_like_it(sqlite: Store) -> None:
    def level(tx: Tx) -> int:
        return int(tx.connection.exec_driver_sql("PRAGMA synchronous").scalar_one())

    assert sqlite.run(level) == FULL
    assert sqlite.run(level, durable=False) == NORMAL
    assert sqlite.run(level) == FULL
    with sqlite.write() as tx:
        assert level(tx) == FULL
