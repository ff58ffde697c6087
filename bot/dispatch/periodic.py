"""What is done now and then: forget old deliveries, scrub, look for drift, anchor the audit.

When each was last done is noted in the database, so that all replicas together do it once.
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
"""How often, in milliseconds, and what."""


class Periodic:
    """Runs tasks whose time has come, once for all replicas or in each.

    Args:
        store: Where it is noted when each was last run.
        tasks: By name: the interval in milliseconds, and what to do.
        own: Likewise, what every replica does for itself.
    """

    def __init__(
        self, store: Store, tasks: Mapping[str, Task], own: Mapping[str, Task] | None = None
    ) -> None:
        self.store = store
        self.tasks = tasks
        self.own = own or {}
        self._not_before: dict[str, int] = {}

    def run_due(self) -> None:
        """Run what is due; trouble is logged and the task comes round again."""
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
        """Take the turn if nobody else did; the note is the lock."""
        key = f"periodic:{name}"
        with self.store.write() as tx:
            return tx.take_turn(key, tx.now - every_ms)
