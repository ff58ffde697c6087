"""Deliveries waiting to be acknowledged go first: due work gives way to them, for a while."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

STEP_S = 0.05
"""The longest time that one row gives way."""
PATIENCE_MS = {"inbox": 200, "requests": 2_000, "outbox": 1_000}
"""A row that has been due for this long no longer gives way."""


class RightOfWay:
    """Counts the deliveries in progress in this process; a row gives way for at most ``step_s``."""

    def __init__(self, step_s: float = STEP_S) -> None:
        self._step_s = step_s
        self._changed = threading.Condition()
        self._under_way = 0

    @contextmanager
    def delivery(self) -> Iterator[None]:
        """Go first until the end of the block."""
        with self._changed:
            self._under_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                if not self._under_way:
                    self._changed.notify_all()

    @property
    def is_taken(self) -> bool:
        """Whether a delivery is in progress."""
        return self._under_way > 0

    def give_way(self, lane: str, age_ms: int) -> None:
        """Wait until no delivery is in progress, for at most ``step_s``; a row due for too long does not wait.

        Args:
            age_ms: How long the row has been due.
        """
        if age_ms < PATIENCE_MS[lane]:
            with self._changed:
                self._changed.wait_for(lambda: not self._under_way, self._step_s)
