"""How often one person may click on one request, so that nobody uses up Slack's look-ups."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MOST, WITHIN_MS = 10, 60_000
_MOST_KEPT = 10_000


class ClickLimit:
    """Counts clicks by person and request, in this process."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._since: dict[tuple[str, str], tuple[int, int]] = {}

    def exceeded(self, user_id: str, request_id: str) -> bool:
        """Count a click; return whether it is one too many within ``WITHIN_MS``."""
        with self._lock:
            now = self._clock()
            since, count = self._since.get((user_id, request_id), (now, 0))
            if abs(now - since) >= WITHIN_MS:
                since, count = now, 0
            if len(self._since) > _MOST_KEPT:
                self._since.clear()
            self._since[user_id, request_id] = (since, count + 1)
            return count >= MOST
