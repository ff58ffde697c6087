"""Threads that work off the due rows of a lane, one after the other.

A commit wakes its lane; polling every quarter of a second finds rows that became due by time or were written by
another process. Nothing is kept in memory that a restart would lose.
"""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import TYPE_CHECKING

from bot.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bot.dispatch.worker import Worker
    from bot.store.store import Woken

log = logging.getLogger(__name__)

LOOK_S, BREATH_S, CROWD_S = 0.25, 0.005, 0.25
AFTER_TROUBLE_S = 1.0


class Lanes:
    """The threads of one worker.

    Args:
        threads: How many for each lane.
        stopping: Set when they must end.
    """

    def __init__(self, worker: Worker, threads: Mapping[str, int], stopping: threading.Event) -> None:
        self._worker = worker
        self._count = threads
        self._stopping = stopping
        self._bells = {lane: threading.Event() for lane in threads}

    def targets(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """Yield the name and the function of each thread."""
        for lane, count in self._count.items():
            for number in range(count):
                yield f"{lane}-{number}", partial(self._run, lane)

    def wake(self, woken: Sequence[Woken]) -> None:
        """Wake the lanes that have work now; work due later is found by polling."""
        now = self._worker.store.clock()
        for lane in {lane for lane, _, due in woken if due <= now} & self._bells.keys():
            self._bells[lane].set()

    def end(self) -> None:
        """Wake every thread, so that it notices that it must end."""
        for bell in self._bells.values():
            bell.set()

    def _run(self, lane: str) -> None:
        bell = self._bells[lane]
        while not self._stopping.is_set():
            try:
                bell.clear()
                key = self._worker.find(lane)
                if key is not None:
                    self._worker.take(lane, key)
                    continue
            except StoreError as error:
                log.warning("database unavailable", extra={"facts": {"what": error.what}})
                self._stopping.wait(AFTER_TROUBLE_S)
            # many commits wake a lane often, and passing over many waiting outbox messages takes time
            self._stopping.wait(CROWD_S if self._worker.holds else BREATH_S)
            bell.wait(LOOK_S)
