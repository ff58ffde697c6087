"""The dispatcher of one process on SQLite: threads that poll the due rows."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from bot.dispatch.lanes import Lanes
from bot.dispatch.threads import ThreadGroup
from bot.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from bot.dispatch.periodic import Periodic
    from bot.dispatch.worker import Worker
    from bot.store.store import Woken

log = logging.getLogger(__name__)

THREADS = {"inbox": 2, "requests": 2, "outbox": 2}


class LocalDispatcher:
    """Runs a worker in threads of this process."""

    def __init__(self, worker: Worker, periodic: Periodic) -> None:
        self.worker = worker
        self.periodic = periodic
        self._threads = ThreadGroup()
        self._lanes = Lanes(worker, THREADS, self._threads.stopping)

    def defer(self, connection: Connection, woken: Sequence[Woken]) -> None:
        """Do nothing: the rows say when they are due."""

    def wake(self, woken: Sequence[Woken]) -> None:
        """Wake the lanes that have work now."""
        self._lanes.wake(woken)

    @property
    def running(self) -> bool:
        """Whether every thread is alive."""
        return self._threads.started and self._threads.alive

    def start(self) -> None:
        """Start the threads; rows claimed by a dead process become due at once."""
        with self.worker.store.write() as tx:
            tx.queues.release(None)
            tx.queues.hasten_lost()
            tx.queues.hasten_failed()
        self._threads.start([*self._lanes.targets(), ("periodic", self._now_and_then)])

    def stop(self, timeout_s: float = 8.0) -> None:
        """Finish work in progress and release the rest."""
        self._threads.stopping.set()
        self._lanes.end()
        self._threads.stop(timeout_s)
        try:
            self.worker.release()
        except StoreError:
            log.warning("claimed rows could not be released; their leases will expire")

    def _now_and_then(self) -> None:
        while not self._threads.stopping.wait(1.0):
            self.periodic.run_due()
