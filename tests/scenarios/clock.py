"""Time that a test can let pass."""

from __future__ import annotations

import threading
import time


class Clock:
    """The real time plus an offset that only grows."""

    def __init__(self) -> None:
        self._ahead_ms = 0
        self._lock = threading.Lock()

    def now_ms(self) -> int:
        """Return UTC epoch milliseconds."""
        return time.time_ns() // 1_000_000 + self._ahead_ms

    def now_s(self) -> float:
        """Return UTC epoch seconds."""
        return time.time() + self._ahead_ms / 1000

    def advance(self, by_ms: int) -> None:
        """Let so many milliseconds pass."""
        with self._lock:
            self._ahead_ms += by_ms
