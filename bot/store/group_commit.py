"""Flat combining: writers that would wait for each other share one commit.

On SQLite every commit syncs the disk, and handing a lock from thread to thread costs a turn of the interpreter's own
lock. So the first writer does the work of all that wait, in one transaction, and wakes them after the commit: still
nobody proceeds before the commit. Source: Hendler, Incze, Shavit, Tzafrir, “Flat combining and the
synchronization-parallelism tradeoff”, SPAA 2010, https://doi.org/10.1145/1810479.1810540.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Tx = TypeVar("Tx")
"""The transaction of a job."""

MOST_TOGETHER = 32
"""Bounds how long the first of a batch waits for the last."""


class Job(Generic[Tx]):
    """One writer's transaction, as a function of the open transaction."""

    def __init__(self, once: Callable[[Tx], Any], *, durable: bool) -> None:
        self.once = once
        self.durable = durable
        self.result: Any = None
        self.error: Exception | None = None
        self.leads = False
        self.woken = threading.Lock()  # held until the job is done or leads; half the cost of an Event
        self.woken.acquire()


class GroupCommit(Generic[Tx]):
    """Lets the first of the waiting writers work for all of them.

    Args:
        carry_out: Runs jobs in one transaction and notes the result or error of each; never raises.
    """

    def __init__(self, carry_out: Callable[[Sequence[Job[Tx]]], None]) -> None:
        self._carry_out = carry_out
        self._gate = threading.Lock()
        self._waiting: deque[Job[Tx]] = deque()
        self._led = False

    def run(self, once: Callable[[Tx], Any], *, durable: bool = True) -> Any:
        """Run one job, alone or with others; return its result or raise its error.

        Args:
            durable: Whether the commit must survive a power failure.
        """
        job = Job(once, durable=durable)
        with self._gate:
            self._waiting.append(job)
            job.leads = not self._led
            self._led = True
        if not job.leads:
            job.woken.acquire()
        if job.leads:
            self._lead()
        if job.error is not None:
            raise job.error
        return job.result

    def _lead(self) -> None:
        """Run the waiting jobs, our own first, and pass the lead on."""
        with self._gate:
            batch = [self._waiting.popleft() for _ in range(min(MOST_TOGETHER, len(self._waiting)))]
        self._carry_out(batch)
        with self._gate:
            self._led = bool(self._waiting)
            if self._led:
                self._waiting[0].leads = True
                self._waiting[0].woken.release()
        for job in batch[1:]:  # the first is the leader's own
            job.woken.release()
