"""Replicas on PostgreSQL: jobs in our transaction, dead and frozen replicas, a lost database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.dispatch.presence import Presence, absent
from tests.support.relay import Relay
from tests.support.workers import Replica, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.postgres
ROOT = Path(__file__).parents[2]


@pytest.fixture
def replica(postgresql_url: str) -> Iterator[Replica]:
    replica = Replica(postgresql_url)
    yield replica
    replica.close()


def put(replica: Replica, *keys: str) -> None:
    """Put messages to Slack, which have no jobs."""
    with replica.store.write() as tx:
        for key in keys:
            tx.queues.put(key, "card")


def receive(replica: Replica, *keys: str, later_ms: int = 0) -> None:
    """Store clicks, which have."""
    with replica.store.write() as tx:
        for key in keys:
            tx.queues.receive(key, {})
            if later_ms:
                tx.queues.woken.clear()
                tx.queues.postpone("inbox", key, tx.now + later_ms)


def jobs(replica: Replica) -> list[tuple[str, str]]:
    with replica.store.read() as tx:
        query = "SELECT args ->> 'key', status::text FROM procrastinate_jobs ORDER BY id"
        return [(key, status) for key, status in tx.connection.exec_driver_sql(query)]


def no_jobs(replica: Replica) -> bool:
    return jobs(replica) == []


def test_jobs_are_committed_with_what_makes_them_due(replica: Replica) -> None:
    """One job a row, in the same transaction: rolled back with it, and none for far ahead."""

    def breaks() -> None:
        with replica.store.write() as tx:
            tx.queues.receive("click:0", {})
            replica.dispatcher.defer(tx.connection, tx.queues.woken)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        breaks()
    assert jobs(replica) == []
    receive(replica, "click:1", "click:2", "click:1")
    receive(replica, "click:3", later_ms=3_600_000)
    assert jobs(replica) == [("click:1", "todo"), ("click:2", "todo")]


def test_finished_jobs_are_deleted(replica: Replica) -> None:
    """The table of jobs holds only what is still to do."""
    replica.dispatcher.start()
    receive(replica, *(f"click:{number}" for number in range(30)))
    wait_until(lambda: len(replica.service.decided) == 30)
    wait_until(lambda: no_jobs(replica))


def test_overdue_work_waits_in_one_extra_job_at_most(replica: Replica) -> None:
    """Looking for overdue rows again and again does not pile jobs up."""
    waker, replica.store.waker = replica.store.waker, None
    receive(replica, "click:1", "click:2", later_ms=-5000)
    replica.store.waker = waker
    for _ in range(3):
        replica.dispatcher._sweep()
    assert jobs(replica) == [("click:1", "todo"), ("click:2", "todo")]


def test_only_one_replica_sweeps_at_a_time(postgresql_url: str, replica: Replica) -> None:
    """While one looks, another passes."""
    other = Replica(postgresql_url, "replica-2")
    waker, replica.store.waker = replica.store.waker, None
    receive(replica, "click:1", later_ms=-5000)
    replica.store.waker = waker
    with other.store.write() as tx:
        assert tx.connection.exec_driver_sql("SELECT pg_try_advisory_xact_lock(7350014)").scalar()
        replica.dispatcher._sweep()
        assert jobs(replica) == []
    replica.dispatcher._sweep()
    assert jobs(replica) == [("click:1", "todo")]
    other.close()


def test_presence_ends_with_the_connection(postgresql_url: str, replica: Replica) -> None:
    """Alive while its connection is; taken up again after a loss."""
    other = Replica(postgresql_url, "replica-2")
    signs = [Presence(each.database, owner) for each, owner in ((replica, "a"), (other, "b"))]
    for sign in signs:
        sign.keep()
        sign.keep()
    with replica.store.read() as tx:
        assert absent(tx.connection, {"a", "b", "c"}) == {"c"}
        assert absent(tx.connection, set()) == set()
    signs[1].leave()
    with replica.store.read() as tx:
        wait_until(lambda: absent(tx.connection, {"a", "b"}) == {"b"})
    signs[1].keep()
    with replica.store.read() as tx:
        assert absent(tx.connection, {"a", "b"}) == set()
    for sign in signs:
        sign.leave()
    other.close()


def test_a_lost_database_is_come_back_to(postgresql_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """While it is away nothing crashes; when it is back, work goes on by itself."""
    relay = Relay(postgresql_url)
    far, near = Replica(relay.url, "far"), Replica(postgresql_url, "near")
    far.dispatcher.start()
    put(near, "card:1")
    wait_until(lambda: far.announcer.had)
    relay.cut()
    time.sleep(2.5)
    put(near, "card:2")
    assert far.dispatcher.running
    assert "database unavailable" in caplog.text
    relay.mend()
    took = wait_until(lambda: ("card:2", 0) in far.announcer.had, 20)
    assert took < 10
    put(near, "card:3")
    wait_until(lambda: ("card:3", 0) in far.announcer.had)
    assert "Traceback" not in "".join(r.getMessage() for r in caplog.records if r.name.startswith("bot"))
    far.close()
    near.close()
    relay.close()


class Process:
    """A replica as a process."""

    def __init__(self, url: str, owner: str, told: Path, takes_s: float) -> None:
        self.owner, self.told = owner, told
        command = [sys.executable, "-m", "tests.support.workers", url, owner, str(told), str(takes_s)]
        self.process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})

    def says(self, what: str) -> bool:
        return self.told.exists() and f"{what}\n" in self.told.read_text()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


@contextmanager
def process(url: str, owner: str, told: Path, takes_s: float) -> Iterator[Process]:
    running = Process(url, owner, told, takes_s)
    try:
        wait_until(lambda: running.says(f"started {owner}"), 30)
        yield running
    finally:
        running.process.kill()
        running.process.wait()


@pytest.mark.heavy
def test_what_a_killed_replica_held_is_done_by_another_soon(
    postgresql_url: str, replica: Replica, tmp_path: Path
) -> None:
    """Kill -9 in the middle of an effect: another replica has it within seconds, once."""
    told = tmp_path / "told"
    with process(postgresql_url, "doomed", told, 60) as doomed:
        put(replica, "card:1")
        wait_until(lambda: doomed.says("begun doomed card:1"))
        replica.dispatcher.start()
        doomed.signal(signal.SIGKILL)
        took = wait_until(lambda: replica.announcer.had, 30)
    assert took < 10
    assert replica.announcer.had == [("card:1", 0)]
    assert not doomed.says("had doomed card:1")
    wait_until(lambda: ("card:1", "todo") not in jobs(replica))
    time.sleep(2.5)
    assert replica.announcer.had == [("card:1", 0)]


@pytest.mark.heavy
def test_what_a_killed_replica_held_is_done_by_the_next_start(postgresql_url: str, tmp_path: Path) -> None:
    """The only replica is killed; the next one to start has its work within five seconds."""
    told = tmp_path / "told"
    with process(postgresql_url, "doomed", told, 60) as doomed:
        sender = Replica(postgresql_url, "sender")
        put(sender, "card:1")
        sender.close()
        wait_until(lambda: doomed.says("begun doomed card:1"))
        doomed.signal(signal.SIGKILL)
        doomed.process.wait()
    following = Replica(postgresql_url, "next")
    following.dispatcher.start()
    assert wait_until(lambda: following.announcer.had, 30) < 5
    following.close()


@pytest.mark.heavy
def test_what_a_frozen_replica_holds_is_done_when_its_lease_ends(
    postgresql_url: str, replica: Replica, tmp_path: Path
) -> None:
    """SIGSTOP for longer than a lease: another has the effect within 30 s, and thawing undoes nothing."""
    told = tmp_path / "told"
    with process(postgresql_url, "frozen", told, 2) as frozen:
        put(replica, "card:1")
        wait_until(lambda: frozen.says("begun frozen card:1"))
        frozen.signal(signal.SIGSTOP)
        replica.dispatcher.start()
        assert wait_until(lambda: replica.announcer.had, 40) < 30
        put(replica, "card:1")
        wait_until(lambda: len(replica.announcer.had) == 2)
        frozen.signal(signal.SIGCONT)
        wait_until(lambda: frozen.says("had frozen card:1"))
        put(replica, "card:2")
        wait_until(lambda: ("card:2", 0) in replica.announcer.had or frozen.says("had frozen card:2"))
        wait_until(lambda: no_jobs(replica), 30)


@pytest.mark.heavy
def test_a_replica_that_is_told_to_stop_finishes_and_gives_back(
    postgresql_url: str, replica: Replica, tmp_path: Path
) -> None:
    """SIGTERM: what is under way ends, the rest goes to the others, within ten seconds."""
    told = tmp_path / "told"
    with process(postgresql_url, "leaving", told, 1.5) as leaving:
        put(replica, *(f"card:{number}" for number in range(12)))
        wait_until(lambda: told.read_text().count("begun leaving") >= 2)
        leaving.signal(signal.SIGTERM)
        assert leaving.process.wait(10) == 0
    had = told.read_text().count("had leaving")
    assert had == told.read_text().count("begun leaving")
    replica.dispatcher.start()
    wait_until(lambda: len(replica.announcer.had) == 12 - had, 20)
