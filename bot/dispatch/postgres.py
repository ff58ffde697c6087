"""The dispatcher of several replicas on PostgreSQL: procrastinate jobs that name a due row.

A job is a hint and the row is the truth: running a job claims its row if it is due and does nothing otherwise, so an
extra or late job does no harm. Jobs are deferred in the transaction that makes the row due, which also wakes a waiting
replica. Every second one replica looks for overdue rows (their owner is frozen, a job was lost, or they were due too
far ahead for a job) and for claims of dead replicas. No job has a ``lock``: procrastinate serves those strictly in
order, even while the first one is not yet due.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import text

from bot.dispatch.lanes import Lanes
from bot.dispatch.presence import Presence, absent
from bot.dispatch.threads import ThreadGroup
from bot.dispatch.worker import LEASE_MS
from bot.errors import SettingsError, StoreError
from bot.store.database import NEEDS_EXTRA, what
from bot.store.queues import TASK

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from bot.dispatch.periodic import Periodic
    from bot.dispatch.worker import Worker
    from bot.store import Database
    from bot.store.store import Woken

log = logging.getLogger(__name__)

HORIZON_MS = 60_000
"""Work due later gets no job yet, since each query for jobs passes over waiting ones."""
SWEEP_S = 1.0
OVERDUE_MS = 500
AFTER_TROUBLE_S = 1.0
THREADS = {"outbox": 2}
"""Messages to Slack have their own threads: they go by rank and budget, which a job does not know."""
_ONE_SWEEPER = text("SELECT pg_try_advisory_xact_lock(7350014)")
_WAITING = text(
    "SELECT queueing_lock FROM procrastinate_jobs WHERE status = 'todo' AND queueing_lock = ANY(:locks)"
)


class ProcrastinateDispatcher:
    """Runs a worker in this replica, alongside the other replicas.

    Args:
        database: PostgreSQL, migrated.
        worker: Its ``owner`` must be unique to this replica.

    Raises:
        SettingsError: procrastinate is not installed.
    """

    def __init__(self, database: Database, worker: Worker, periodic: Periodic) -> None:
        try:
            from procrastinate.manager import JobManager
            from procrastinate.sync_psycopg_connector import SyncPsycopgConnector

            from bot.dispatch.jobs import LANES, Loop
        except ModuleNotFoundError as error:
            raise SettingsError((NEEDS_EXTRA,)) from error
        self.worker = worker
        self.periodic = periodic
        self._store = worker.store
        self._jobs = JobManager(SyncPsycopgConnector())  # never opened: it uses our connections
        self._presence = Presence(database, worker.owner)
        self._loop = Loop(database, self._run)
        self._missing: set[str] = set()
        self._with_jobs = LANES
        self._threads = ThreadGroup()
        self._lanes = Lanes(worker, THREADS, self._threads.stopping)

    def defer(self, connection: Connection, woken: Sequence[Woken]) -> None:
        """Defer jobs for what is due soon, in the transaction that makes it due.

        Raises:
            StoreError: The database refused them.
        """
        now = self._store.clock()
        soon = {
            (lane, key): due
            for lane, key, due in woken
            if due <= now + HORIZON_MS and lane in self._with_jobs
        }
        self._defer(
            connection, [(lane, key, due if due > now else None) for (lane, key), due in soon.items()]
        )

    def wake(self, woken: Sequence[Woken]) -> None:
        """Wake our own outbox threads; for the other lanes the commit has notified every listening replica."""
        self._lanes.wake(woken)

    @property
    def running(self) -> bool:
        """Whether every thread is alive."""
        return self._loop.running and self._threads.alive

    def start(self) -> None:
        """Start the threads.

        Raises:
            StoreError: The database cannot be reached.
        """
        self._presence.keep()  # before the first claim, or others would take it for a dead replica's
        with self._store.write() as tx:
            tx.queues.hasten_failed()
        self._loop.start()
        self._threads.start(
            [
                ("sweep", partial(self._every, SWEEP_S, self._sweep)),
                ("periodic", partial(self._every, 1.0, self.periodic.run_due)),
                *self._lanes.targets(),
            ]
        )

    def stop(self, timeout_s: float = 8.0) -> None:
        """Finish work in progress and release the rest."""
        deadline = time.monotonic() + timeout_s
        self._threads.stopping.set()
        self._lanes.end()
        self._loop.stop(timeout_s)
        self._threads.stop(max(0.0, deadline - time.monotonic()))
        try:
            self.worker.release()
        except StoreError:
            log.warning("claimed rows could not be released; another replica will pick them up")
        self._presence.leave()

    def _run(self, lane: str, key: str) -> None:
        """Do the work that a job names, in a thread."""
        try:
            self.worker.take(lane, key)
        except StoreError as error:  # the row is still due: the sweep will find it
            log.warning("database unavailable", extra={"facts": {"what": error.what, "lane": lane}})

    def _every(self, pause_s: float, task: Callable[[], None]) -> None:
        while not self._threads.stopping.wait(pause_s):
            try:
                task()
            except StoreError as error:
                log.warning("database unavailable", extra={"facts": {"what": error.what}})
                self._threads.stopping.wait(AFTER_TROUBLE_S)
            except Exception:  # the outermost edge of a thread that must keep running
                log.exception("the sweep for due work failed")

    def _sweep(self) -> None:
        """Release what dead replicas hold, and defer overdue rows."""
        self._presence.keep()
        with self._store.write() as tx:
            if not tx.connection.execute(_ONE_SWEEPER).scalar_one():
                return  # another replica is sweeping
            gone = absent(tx.connection, tx.queues.holders(max(LEASE_MS.values())))
            for owner in gone & self._missing:  # missing twice: its connection may just have been renewed
                log.warning("a replica is gone; taking over its work", extra={"facts": {"owner": owner}})
                tx.queues.release(owner)
            self._missing = gone
            due = tx.queues.due(overdue_ms=OVERDUE_MS, lanes=self._with_jobs)
            overdue = {_lock(lane, key): (lane, key) for lane, key in due}
            waiting = set(tx.connection.execute(_WAITING, {"locks": list(overdue)}).scalars())
            again = [(lane, key, None) for lock, (lane, key) in overdue.items() if lock not in waiting]
            self._defer(tx.connection, again, once=True)

    def _defer(
        self, connection: Connection, due: Sequence[tuple[str, str, int | None]], *, once: bool = False
    ) -> None:
        """Insert jobs in one statement; with ``once``, a row has at most one such job waiting."""
        if not due:
            return
        from procrastinate.exceptions import ConnectorException
        from procrastinate.jobs import Job

        jobs = [
            Job(
                id=None,
                queue=lane,
                lock=None,
                queueing_lock=_lock(lane, key) if once else None,
                task_name=TASK,
                task_kwargs={"lane": lane, "key": key},
                scheduled_at=None if at is None else datetime.fromtimestamp(at / 1000, UTC),
            )
            for lane, key, at in due
        ]
        try:
            self._jobs.batch_defer_jobs(jobs, connection=connection.connection.driver_connection)
        except ConnectorException as error:
            reason = what(error.__cause__)
            if reason is None:
                raise
            raise StoreError(reason) from error


def _lock(lane: str, key: str) -> str:
    return f"{lane}:{key}"
