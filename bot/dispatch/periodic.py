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


class Periodic:
    """Runs tasks whose time has come, once for all replicas.

    Args:
        store: Where it is noted when each was last run.
        tasks: By name: the interval in milliseconds, and what to do.
    """

    def __init__(self, store: Store, tasks: Mapping[str, tuple[int, Callable[[], None]]]) -> None:
        self.store = store
        self.tasks = tasks
        self._not_before: dict[str, int] = {}

    def run_due(self) -> None:
        """Run what is due; trouble is logged and the task comes round again."""
        now = self.store.clock()
        for name, (every_ms, task) in self.tasks.items():
            if now < self._not_before.get(name, 0):
                continue
            try:
                if self._mine(name, every_ms):
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
