"""Inbox, outbox and due requests: claims, leases and who hears of them, on both databases."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from tests.support.rows import T0, Clock, stored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from bot.store import Store
    from bot.store.queues import OutboxMessage
    from bot.store.store import Tx, Woken

LEASE = 20_000


class Listener:
    """Notes what the store says of due work."""

    def __init__(self) -> None:
        self.deferred: list[Woken] = []
        self.woken: list[Woken] = []

    def defer(self, connection: Connection, woken: Sequence[Woken]) -> None:
        assert connection.in_transaction()
        self.deferred.extend(woken)

    def wake(self, woken: Sequence[Woken]) -> None:
        self.woken.extend(woken)


def put(store: Store, key: str = "card:R1", **more: object) -> None:
    with store.write() as tx:
        tx.queues.put(key, "card", request_id="R1", channel_id="C1", **more)  # type: ignore[arg-type] # as in put


def message(store: Store, key: str = "card:R1") -> OutboxMessage:
    with store.read() as tx:
        found = tx.queues.message(key)
    assert found is not None
    return found


def claim(store: Store, owner: str, key: str | None = None, lane: str = "outbox") -> list[str]:
    with store.write() as tx:
        found = key or tx.queues.first_due(lane)
        return [found] if found and tx.queues.claim(lane, owner, LEASE, found) else []


def lapse(tx: Tx) -> None:
    """Let every lease end, as time does."""
    tx.connection.exec_driver_sql("UPDATE outbox SET due_at = due_at - 20001")


def test_a_delivery_is_received_once(store: Store) -> None:
    """A second delivery of the same key is a duplicate, also after it was decided."""
    with store.write() as tx:
        assert tx.queues.receive("click-1", {"a": 1})
        assert not tx.queues.receive("click-1", {"a": 2})
    with store.write() as tx:
        body, tries, _ = tx.queues.received("click-1") or ({}, 9, 0)
        assert (body, tries) == ({"a": 1}, 0)
        tx.queues.decided("click-1")
        assert tx.queues.received("click-1") is None
        assert not tx.queues.receive("click-1", {"a": 3})
        assert tx.queues.first_due("inbox") is None


def test_old_decided_deliveries_are_forgotten(store: Store) -> None:
    """Only keys that are old and decided go."""
    with store.write() as tx:
        tx.queues.receive("decided", None)
        tx.queues.receive("waiting", {"a": 1})
    with store.write() as tx:
        assert tx.queues.forget(tx.now - 60_000) == 0
        assert tx.queues.forget(tx.now + 60_000) == 1
        assert tx.queues.received("waiting") is not None


def test_a_claimed_row_is_not_taken_twice(store: Store) -> None:
    """One owner at a time; the lease over, anybody may take it."""
    put(store)
    assert claim(store, "w1") == ["card:R1"]
    assert claim(store, "w2") == []
    assert claim(store, "w2", "card:R1") == []
    with store.write() as tx:
        lapse(tx)
    assert claim(store, "w2") == ["card:R1"]


def test_threads_share_the_due_rows_without_overlap(store: Store) -> None:
    """Forty rows, four threads: each row is taken exactly once."""
    with store.write() as tx:
        for number in range(40):
            tx.queues.put(f"card:{number:02}", "card")
    taken: list[str] = []

    def work(owner: str) -> None:
        misses = 0
        while misses < 3:  # a row another thread is just taking is passed over
            found = claim(store, owner)
            taken.extend(found)
            misses = 0 if found else misses + 1

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [f"card:{number:02}" for number in range(40)]


def test_messages_go_by_rank_and_then_by_age(store: Store) -> None:
    """An old redraw waits for a new card; of two cards the older one is first. One without a rank is not lost."""
    with store.write() as tx:
        for age_ms, rank in enumerate((3, 0, 2, 0, 1)):
            tx.queues.put(f"{rank}:{age_ms}", "card", due_at=tx.now - age_ms, rank=rank)
        tx.queues.put("before", "card")
        tx.connection.exec_driver_sql("UPDATE outbox SET rank = NULL WHERE key = 'before'")
    taken = [key for _ in range(6) for key in claim(store, "w1")]
    assert [key for key in taken if key != "before"] == ["0:3", "0:1", "1:4", "2:2", "3:0"]
    assert "before" in taken


def test_what_is_not_due_is_not_claimed(store: Store) -> None:
    """A later time is kept."""
    with store.write() as tx:
        later = tx.now + 60_000
        tx.queues.put("later", "card", due_at=later)
        assert not tx.queues.claim("outbox", "w1", LEASE, "later")
        assert tx.queues.due() == []
        assert tx.queues.first_due("outbox") is None


def test_messages_whose_budget_is_spent_are_passed_over(store: Store) -> None:
    """A crowd in one channel holds up nobody in another; ``post:`` stands for all channels."""
    with store.write() as tx:
        tx.queues.put("card:1", "card", budget="post:C1", due_at=tx.now - 30)
        tx.queues.put("card:2", "card", budget="post:C2", due_at=tx.now - 20)
        tx.queues.put("card:3", "card", budget="update", due_at=tx.now - 10)
        tx.queues.put("free", "step", due_at=tx.now - 5)
        assert tx.queues.first_due("outbox") == "card:1"
        assert tx.queues.first_due("outbox", {"post:C1"}) == "card:2"
        assert tx.queues.first_due("outbox", {"post:C1", "post:C2"}) == "card:3"
        assert tx.queues.first_due("outbox", {"post:"}) == "card:3"
        assert tx.queues.first_due("outbox", {"post:", "update"}) == "free"


def test_a_letter_asked_for_anew_while_held_is_due_again_but_not_delivered_twice(store: Store) -> None:
    """Nobody else gets it during the delivery; after it, it is due once more."""
    put(store, body={"v": 1})
    assert claim(store, "w1") == ["card:R1"]
    held = message(store)
    put(store, body={"v": 2})
    assert claim(store, "w2") == []
    with store.write() as tx:
        tx.queues.sent(held, "w1")
    assert message(store).body == {"v": 2}
    assert claim(store, "w2") == ["card:R1"]
    again = message(store)
    with store.write() as tx:
        tx.queues.sent(again, "w2")
    with store.read() as tx:
        assert tx.queues.message("card:R1") is None


def test_a_late_report_does_not_remove_a_newer_letter(store: Store, clock: Clock) -> None:
    """A frozen worker that wakes up after others did its work and new work came removes nothing."""
    put(store)
    claim(store, "frozen")
    held = message(store)
    with store.write() as tx:
        lapse(tx)
    claim(store, "w2")
    with store.write() as tx:
        tx.queues.sent(held, "w2")
    clock.ms += LEASE
    time.sleep(0.002)  # PostgreSQL has a clock of its own
    put(store, body={"new": True})
    claim(store, "w3")
    with store.write() as tx:
        tx.queues.sent(held, "frozen")
    assert message(store).body == {"new": True}
    assert claim(store, "w4") == []


def test_a_failure_is_counted_and_comes_round_again(store: Store) -> None:
    """Postponed rows are free, due later, and know how often they failed."""
    put(store)
    claim(store, "w1")
    with store.write() as tx:
        tx.queues.postpone("outbox", "card:R1", tx.now + 1000, error="ratelimited")
    assert message(store).tries == 1
    assert claim(store, "w1") == []
    put(store)
    assert message(store).tries == 0
    assert claim(store, "w1") == ["card:R1"]


def test_released_rows_are_due_and_told(store: Store) -> None:
    """A stopping worker gives back what it holds and nothing of others; whoever listens hears of it."""
    listener = Listener()
    row = stored(store, 1)
    put(store, "card:1")
    put(store, "card:2")
    with store.write() as tx:
        tx.requests.note(row.id, due_at=tx.now)
        tx.queues.receive("click", {"a": 1})
    claim(store, "w1", "card:1")
    claim(store, "w2", "card:2")
    claim(store, "w1", lane="inbox")
    claim(store, "w1", lane="requests")
    with store.read() as tx:
        tx.queues.now = T0 * 2
        assert tx.queues.holders(LEASE) == {"w1", "w2"}
    store.waker = listener
    with store.write() as tx:
        tx.queues.release("w1")
    assert {(lane, key) for lane, key, _ in listener.deferred} == {
        ("inbox", "click"),
        ("requests", row.id),
        ("outbox", "card:1"),
    }
    assert listener.woken == listener.deferred
    assert claim(store, "w3") == ["card:1"]
    assert claim(store, "w3") == []
    with store.write() as tx:
        tx.queues.release(None)
    assert sorted([*claim(store, "w4"), *claim(store, "w4")]) == ["card:1", "card:2"]


def test_joining_a_channel_hastens_what_waits_for_it(store: Store) -> None:
    """Only that channel's outbox messages, and none that somebody holds."""
    with store.write() as tx:
        for key, channel in (("a", "C1"), ("b", "C1"), ("c", "C2")):
            tx.queues.put(key, "card", channel_id=channel, due_at=tx.now + (0 if key == "b" else 60_000))
    assert claim(store, "w1") == ["b"]
    with store.write() as tx:
        tx.queues.hasten("C1")
    assert claim(store, "w2") == ["a"]
    assert claim(store, "w2") == []


def test_a_turn_is_taken_once_among_threads(store: Store) -> None:
    """Of eight who would do something now, one may; later one more."""
    wins: list[bool] = []

    def ask() -> None:
        with store.write() as tx:
            wins.append(tx.take_turn("periodic:x", tx.now - 60_000))

    for expected in (1, 1):
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wins.count(True) == expected
    with store.write() as tx:
        assert tx.take_turn("periodic:x", tx.now + 1)


def test_work_is_told_in_the_transaction_and_after_it(store: Store) -> None:
    """The dispatcher hears before the commit and after it; of a failed transaction only before."""
    store.waker = listener = Listener()
    put(store)
    assert [(lane, key) for lane, key, _ in listener.woken] == [("outbox", "card:R1")]
    assert listener.deferred == listener.woken


def test_the_oldest_letter_and_overdue_rows_are_told(store: Store) -> None:
    """What the sweep and the metrics ask."""
    with store.write() as tx:
        assert tx.queues.oldest_message() is None
        tx.queues.put("a", "card", due_at=tx.now - 2000)
        tx.queues.put("b", "card")
        assert tx.queues.oldest_message() == tx.now
        assert tx.queues.due(overdue_ms=1000) == [("outbox", "a")]
        assert tx.queues.due() == [("outbox", "a"), ("outbox", "b")]
