"""Due work is done once, soon, and in spite of trouble: the same with both dispatchers."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from bot.errors import SlackTrouble, StoreError
from tests.support.rows import stored
from tests.support.workers import Replica, wait_until

if TYPE_CHECKING:
    import pytest


def put(replica: Replica, key: str, later_ms: int = 0) -> None:
    with replica.store.write() as tx:
        tx.queues.put(key, "card", due_at=tx.now + later_ms)


def outbox(replica: Replica) -> int:
    with replica.store.read() as tx:
        found: int = tx.connection.exec_driver_sql("SELECT count(*) FROM outbox").scalar_one()
        return found


def test_each_lane_is_worked_on(replica: Replica) -> None:
    """A click is decided, a request carried out, a message delivered; each row is dealt with."""
    replica.dispatcher.start()
    row = stored(replica.store, 1)
    with replica.store.write() as tx:
        tx.queues.receive("click-1", {"a": 1})
        tx.requests.note(row.id, due_at=tx.now)
        tx.queues.wake(row.id, tx.now)
        tx.queues.put("card:1", "card")
    wait_until(lambda: replica.service.decided and replica.executor.worked and replica.announcer.had)
    assert replica.dispatcher.running
    assert (replica.service.decided, replica.executor.worked) == (["click-1"], [row.id])
    assert replica.announcer.had == [("card:1", 0)]
    wait_until(lambda: outbox(replica) == 0)


def test_fresh_work_is_begun_soon(replica: Replica) -> None:
    """Twenty outbox messages, one by one: the median is well under a fifth of a second."""
    replica.dispatcher.start()
    waits = []
    for number in range(20):
        put(replica, key := f"card:{number}")
        committed = time.perf_counter()
        wait_until(lambda key=key: key in replica.announcer.at)
        waits.append(replica.announcer.at[key] - committed)
    assert sorted(waits)[10] < 0.2


def test_a_burst_is_done_once_each(replica: Replica) -> None:
    """A hundred outbox messages: all delivered, none twice."""
    replica.dispatcher.start()
    with replica.store.write() as tx:
        for number in range(100):
            tx.queues.put(f"card:{number}", "card")
    wait_until(lambda: outbox(replica) == 0, 30)
    assert sorted(replica.announcer.had) == sorted((f"card:{number}", 0) for number in range(100))


def test_work_for_later_waits_its_time(replica: Replica) -> None:
    """Not before it is due, and not much after."""
    replica.dispatcher.start()
    put(replica, "card:later", later_ms=700)
    due = time.perf_counter() + 0.7
    wait_until(lambda: replica.announcer.had)
    assert -0.05 < replica.announcer.at["card:later"] - due < 1.8


def test_work_that_was_due_before_the_start_is_found(replica: Replica) -> None:
    """Rows written while nobody listened are done after the start."""
    waker, replica.store.waker = replica.store.waker, None
    put(replica, "card:old", later_ms=-2000)
    replica.store.waker = waker
    replica.dispatcher.start()
    assert wait_until(lambda: replica.announcer.had) < 5


def test_a_failed_effect_is_had_after_the_wait_asked_for(replica: Replica) -> None:
    """Slack's own wait is kept; what takes a repair is kept too, and tried again at the next start."""
    replica.announcer.troubles = [SlackTrouble("chat.update ratelimited", retry_after_s=0.5)]
    replica.dispatcher.start()
    began = time.monotonic()
    put(replica, "card:1")
    wait_until(lambda: replica.announcer.had)
    assert time.monotonic() - began >= 0.5
    replica.announcer.troubles = [SlackTrouble("chat.update channel_not_found", permanent=True)]
    wait_until(lambda: outbox(replica) == 0)
    put(replica, "card:2")
    wait_until(lambda: not replica.announcer.troubles)
    assert [key for key, _ in replica.announcer.had] == ["card:1"]
    replica.dispatcher.stop()
    replica.dispatcher.start()
    wait_until(lambda: outbox(replica) == 0)
    assert [key for key, _ in replica.announcer.had] == ["card:1", "card:2"]


def test_work_that_fails_unexpectedly_stays_and_others_go_on(
    replica: Replica, caplog: pytest.LogCaptureFixture
) -> None:
    """An unknown error is logged with a reference; its row is due later, the thread lives."""
    replica.announcer.troubles = [ValueError("a bug")]  # type: ignore[list-item] # not one that is expected
    replica.dispatcher.start()
    put(replica, "card:1")
    wait_until(lambda: "processing failed" in caplog.text)
    put(replica, "card:2")
    wait_until(lambda: replica.announcer.had)
    assert [key for key, _ in replica.announcer.had] == ["card:2"]
    with replica.store.read() as tx:
        message = tx.queues.message("card:1")
    assert message is not None
    assert message.tries == 1


def test_a_letter_asked_for_anew_during_its_delivery_is_delivered_again(replica: Replica) -> None:
    """The card on Slack ends up drawn from the last state."""
    replica.announcer.slowly_s = 0.3
    replica.dispatcher.start()
    put(replica, "card:1")
    time.sleep(0.15)
    put(replica, "card:1")
    wait_until(lambda: outbox(replica) == 0)
    assert replica.announcer.had[-1] == ("card:1", 1)


def test_stopping_finishes_what_is_under_way(replica: Replica) -> None:
    """The delivery in hand is recorded; what was not begun stays, claimed by nobody."""
    replica.announcer.slowly_s = 0.5
    replica.dispatcher.start()
    with replica.store.write() as tx:
        for number in range(10):
            tx.queues.put(f"card:{number}", "card")
    time.sleep(0.3)
    began = time.monotonic()
    replica.dispatcher.stop(8)
    assert time.monotonic() - began < 3
    assert not replica.dispatcher.running
    done = len(replica.announcer.had)
    assert done >= 1
    assert outbox(replica) == 10 - done
    with replica.store.write() as tx:
        assert tx.queues.holders(60_000) == set()
        assert len(tx.queues.due()) == 10 - done


def test_stopping_does_not_wait_for_ever(replica: Replica) -> None:
    """Work that outlives the time-out is given back."""
    replica.announcer.slowly_s = 4
    replica.dispatcher.start()
    put(replica, "card:1")
    time.sleep(0.4)
    began = time.monotonic()
    replica.dispatcher.stop(0.5)
    assert time.monotonic() - began < 2
    with replica.store.write() as tx:
        assert tx.queues.due() == [("outbox", "card:1")]


def test_a_stopped_dispatcher_can_be_started_again(replica: Replica) -> None:
    """Stop and start leave nothing behind that stands in the way."""
    for number in range(2):
        replica.dispatcher.start()
        put(replica, f"card:{number}")
        wait_until(lambda number=number: len(replica.announcer.had) == number + 1)
        replica.dispatcher.stop()


def test_a_periodic_task_runs_once_for_all_replicas(url: str) -> None:
    """Of two replicas one does it; a failing task does not stop the others."""
    ran: list[str] = []

    def fails() -> None:
        ran.append("fails")
        raise StoreError("away")

    tasks = {"fails": (60_000, fails), "sweep": (60_000, lambda: ran.append("sweep"))}
    replicas = [Replica(url, f"replica-{number}", tasks) for number in range(2)]
    threads = [threading.Thread(target=replica.dispatcher.periodic.run_due) for replica in replicas * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ran) == ["fails", "sweep"]
    for replica in replicas:
        replica.database.close()
