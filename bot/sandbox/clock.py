"""A clock that can be moved forward, to watch expiry and reminders."""

from __future__ import annotations

import threading
import time


class Clock:
    """Real time plus an offset that only grows."""

    def __init__(self) -> None:
        self._offset_ms = 0
        self._lock = threading.Lock()

    def now_ms(self) -> int:
        """Return UTC epoch milliseconds in the sandbox."""
        return time.time_ns() // 1_000_000 + self._offset_ms

    def now_s(self) -> float:
        """Return UTC epoch seconds in the sandbox."""
        return time.time() + self._offset_ms / 1000

    @property
    def offset_ms(self) -> int:
        """How far ahead of real time this clock is, in milliseconds."""
        return self._offset_ms

    def advance(self, by_ms: int) -> None:
        """Let time pass.

        Raises:
            ValueError: The time is negative.
        """
        if by_ms < 0:
            raise ValueError("time does not go back")
        with self._lock:
            self._offset_ms += by_ms
