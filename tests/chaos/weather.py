"""What goes wrong on the way to the services, drawn anew for every call."""

from __future__ import annotations

import random
import threading
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.sandbox.slack.faults import Faults as SlackFaults
    from bot.sandbox.watsonx.faults import Faults as ClusterFaults

LATE_S = 1.8
"""A late commit; with a client deadline of 1 s and 2 s to settle it is still within the promise."""
CREATES = {
    "drop_after_commit": "created, connection dropped",
    "cut_after_commit": "created, answer cut off",
    "error_after_commit": "created, 502 or 504 answered",
    "drop_then_commit": "dropped, created later",
    "slow_commit": "created late, answered later",
    "late_answers": "created, answered too late",
    "broken": "500, nothing created",
    "too_many": "429",
}
READS_FAIL, CREATES_FAIL, SLACK_FAILS = 0.03, 0.45, 0.04


class Weather:
    """Sets the stand-ins' switches just before a call is served.

    Args:
        cluster: The cluster's switches.
        slack: Slack's, or None.
        seed: Of the draws.
    """

    def __init__(self, cluster: ClusterFaults, slack: SlackFaults | None, seed: int) -> None:
        self._cluster = cluster
        self._slack = slack
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._lock = threading.Lock()
        self.seen: Counter[str] = Counter()
        self.fair = False
        cluster.commit_delay_s = LATE_S
        cluster.answer_delay_s = LATE_S
        cluster.retry_after_s = 1

    def before(self, place: str, call: str) -> None:
        """Draw what happens to a call that has just arrived."""
        if self.fair:
            return
        with self._lock:
            luck = self._random.random()
            if call == "create" and luck < CREATES_FAIL:
                fault = self._random.choice(list(CREATES))
                self._cluster.gateway_status = self._random.choice((502, 504))
                self._set(self._cluster, fault, CREATES[fault])
            elif call == "find" and luck < READS_FAIL:
                self._set(self._cluster, "broken", "look-up answered 500")
            elif place == "slack" and call.startswith("chat.") and luck < SLACK_FAILS and self._slack:
                self._slack.only = frozenset({call})
                fault = self._random.choice(("http_500", "rate_limited", "lose_answers"))
                self._set(self._slack, fault, f"Slack: {fault.replace('_', ' ')}")

    def clear_up(self) -> None:
        """From now on nothing goes wrong."""
        self.fair = True
        for fault in CREATES:
            setattr(self._cluster, fault, 0)
        if self._slack is not None:
            self._slack.clear()

    def _set(self, faults: ClusterFaults | SlackFaults, switch: str, words: str) -> None:
        setattr(faults, switch, 1)
        self.seen[words] += 1
