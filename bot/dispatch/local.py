"""The dispatcher of one process on SQLite: a few threads on the due rows themselves.

A commit rings the bell of its lane; a quarter-second look catches what came due by time or was
written by another process. Nothing is kept in memory that a restart would miss.
"""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import TYPE_CHECKING

from bot.dispatch.threads import ThreadGroup
from bot.errors import StoreError
from bot.store.queues import LANES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from bot.dispatch.periodic import Periodic
    from bot.dispatch.worker import Worker
    from bot.store.store import Woken

log = logging.getLogger(__name__)

THREADS = {"inbox": 2, "requests": 2, "outbox": 2}
LOOK_S, BREATH_S, CROWD_S = 0.25, 0.005, 0.25
AFTER_TROUBLE_S = 1.0


class LocalDispatcher:
    """Runs a worker in threads of this process.

    Args:
        worker: Does the work.
        periodic: What is done now and then.
    """

    def __init__(self, worker: Worker, periodic: Periodic) -> None:
        self.worker = worker
        self.periodic = periodic
        self._bells = {lane: threading.Event() for lane in LANES}
        self._threads = ThreadGroup()

    def defer(self, connection: Connection, woken: Sequence[Woken]) -> None:
        """Nothing to note: the rows say when they are due."""

    def wake(self, woken: Sequence[Woken]) -> None:
        """Ring the bells of the lanes that have work now; what is due later is seen in time."""
        now = self.worker.store.clock()
        for lane in {lane for lane, _, due in woken if due <= now}:
            self._bells[lane].set()

    @property
    def running(self) -> bool:
        """Whether every thread is alive."""
        return self._threads.started and self._threads.alive

    def start(self) -> None:
        """Start the threads; what a dead process had claimed is due at once."""
        with self.worker.store.write() as tx:
            tx.queues.release(None)
            tx.queues.hasten_lost()
            tx.queues.hasten_failed()
        lanes = [
            (f"{lane}-{number}", partial(self._lane, lane))
            for lane, count in THREADS.items()
            for number in range(count)
        ]
        self._threads.start([*lanes, ("periodic", self._now_and_then)])

    def stop(self, timeout_s: float = 8.0) -> None:
        """Finish what is under way, give back the rest."""
        self._threads.stopping.set()
        for bell in self._bells.values():
            bell.set()
        self._threads.stop(timeout_s)
        try:
            self.worker.release()
        except StoreError:
            log.warning("claimed rows could not be released; their leases will expire")

    def _lane(self, lane: str) -> None:
        bell = self._bells[lane]
        while not self._threads.stopping.is_set():
            try:
                bell.clear()
                key = self.worker.find(lane)
                if key is not None and self.worker.take(lane, key):
                    continue
            except StoreError as error:
                log.warning("database unavailable", extra={"facts": {"what": error.what}})
                self._threads.stopping.wait(AFTER_TROUBLE_S)
            # a crowd of commits rings a lot, and looking past the outbox messages of a crowd takes time
            self._threads.stopping.wait(CROWD_S if self.worker.holds else BREATH_S)
            bell.wait(LOOK_S)

    def _now_and_then(self) -> None:
        while not self._threads.stopping.wait(1.0):
            self.periodic.run_due()
