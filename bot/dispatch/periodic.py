"""Periodic tasks: delete old deliveries, scrub, look for drift, anchor the audit.

The last run of each is noted in the database, so that all replicas together run it once.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from bot.errors import SpecsError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.store import Store

log = logging.getLogger(__name__)

Task = tuple[int, "Callable[[], None]"]
"""The interval in milliseconds, and what to do."""


class Periodic:
    """Runs tasks when they are due, once for all replicas or in each.

    Args:
        tasks: By name, run by one replica.
        own: By name, run by every replica.
    """

    def __init__(
        self, store: Store, tasks: Mapping[str, Task], own: Mapping[str, Task] | None = None
    ) -> None:
        self.store = store
        self.tasks = tasks
        self.own = own or {}
        self._not_before: dict[str, int] = {}

    def run_due(self) -> None:
        """Run what is due; failures are logged, and the task runs again next time."""
        now = self.store.clock()
        for name, (every_ms, task) in {**self.own, **self.tasks}.items():
            if now < self._not_before.get(name, 0):
                continue
            try:
                if name in self.own or self._mine(name, every_ms):
                    task()
            except (StoreError, SpecsError) as error:
                log.warning("a periodic task failed", extra={"facts": {"task": name, "what": str(error)}})
            except Exception:  # the outermost edge of the periodic thread
                log.exception("a periodic task failed", extra={"facts": {"task": name}})
            self._not_before[name] = now + min(every_ms, 60_000)

    def _mine(self, name: str, every_ms: int) -> bool:
        """Take the turn unless another replica has; the note in the database is the lock."""
        key = f"periodic:{name}"
        with self.store.write() as tx:
            return tx.take_turn(key, tx.now - every_ms)
