"""Slack's rate limits as budgets: for each method, and for posts to each channel.

A budget refills evenly and holds a short burst. A spent one says how long to wait and never sleeps: its messages
stay in the outbox, and workers pass over them until it has refilled.
Source: https://docs.slack.dev/apis/web-api/rate-limits, and each method's own page for its tier.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.workflow.outbox import ANSWERS, HOMES, POSTS, UPDATES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True)
class Limit:
    """How many calls a budget holds, and how many it gains per second."""

    burst: float
    a_second: float


def tier(a_minute: int) -> Limit:
    """Return the limit of a method: a quarter at once, the rest evenly, so that no minute exceeds it."""
    return Limit(a_minute / 4, a_minute * 3 / 4 / 60)


TIER_3, TIER_4 = tier(50), tier(100)
IN_A_CHANNEL = Limit(4, 1)
"""One message per second, after a short burst."""
IN_ALL_CHANNELS = tier(300)
"""Slack says “several hundred messages per minute” for a workspace."""
_LIMITS = {
    POSTS: IN_ALL_CHANNELS,
    ANSWERS: TIER_4,
    HOMES: TIER_4,
    UPDATES: TIER_3,
    "chat.delete": TIER_3,
    "conversations.open": TIER_3,
    "functions.completeError": TIER_3,
    "functions.completeSuccess": TIER_3,
}
_MOST_KEPT = 1000


class Pace:
    """The budgets of one workspace, as spent by this process."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._gate = threading.Lock()
        self._left: dict[str, tuple[float, int]] = {}

    def wait_s(self, budget: str) -> float:
        """Spend one call and return 0; or, if the budget is spent, return the seconds to wait."""
        with self._gate:
            now = self._clock()
            left = {each: self._left_of(each, now) for each in _spent_by(budget)}
            wait_s = max((1 - calls) / _limit(each).a_second for each, calls in left.items())
            if wait_s > 0:
                return math.ceil(wait_s * 1000) / 1000
            if len(self._left) > _MOST_KEPT:
                self._left.clear()
            self._left.update({each: (calls - 1, now) for each, calls in left.items()})
            return 0.0

    def close(self, budget: str, seconds: float) -> None:
        """Empty a budget for the next seconds, because Slack answered that it was exceeded."""
        with self._gate:
            self._left[budget] = (1 - seconds * _limit(budget).a_second, self._clock())

    def closed(self) -> frozenset[str]:
        """Return the spent budgets; ``POSTS`` stands for all channels."""
        with self._gate:
            now = self._clock()
            return frozenset(budget for budget in self._left if self._left_of(budget, now) < 1)

    def _left_of(self, budget: str, now: int) -> float:
        limit = _limit(budget)
        left, at = self._left.get(budget, (limit.burst, now))
        return min(limit.burst, left + max(0, now - at) / 1000 * limit.a_second)


def budget_of(method: str, channel_id: str) -> str | None:
    """Return the budget that a call spends; None if it is not limited."""
    if method == "chat.postMessage":
        return f"{POSTS}{channel_id}"
    return method if method in _LIMITS else None


def _spent_by(budget: str) -> Iterator[str]:
    yield budget
    if budget.startswith(POSTS) and budget != POSTS:
        yield POSTS


def _limit(budget: str) -> Limit:
    return _LIMITS.get(budget, IN_A_CHANNEL)
