"""Deliveries that wait to be acknowledged go first: due work gives way to them, for a while."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

STEP_S = 0.05
"""How long one row gives way at most."""
PATIENCE_MS = {"inbox": 200, "requests": 2_000, "outbox": 1_000}
"""A row that has been due for so long gives way no more."""


class RightOfWay:
    """Counts the deliveries under way in this process.

    Args:
        step_s: How long one row gives way at most.
    """

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
        """Whether a delivery is under way."""
        return self._under_way > 0

    def give_way(self, lane: str, age_ms: int) -> None:
        """Wait until no delivery is under way, but not long, and not for a row that is old.

        Args:
            lane: The lane of the row.
            age_ms: How long the row has been due.
        """
        if age_ms < PATIENCE_MS[lane]:
            with self._changed:
                self._changed.wait_for(lambda: not self._under_way, self._step_s)
