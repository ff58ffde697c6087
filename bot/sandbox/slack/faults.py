"""Slack's faults on request, and its rate limits.

Source of the rates: https://docs.slack.dev/apis/web-api/rate-limits.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Literal


@dataclass
class Faults:
    """Switches, all off at first; each may be changed while the stand-in runs.

    Args:
        down: ``reset`` closes every connection without an answer, ``503`` answers that; empty is up.
        http_500: How many of the next calls fail with HTTP 500.
        rate_limited: How many of the next calls are answered 429 with ``Retry-After: retry_after_s``.
        slow_s: Seconds added to every call.
        slow_answer_s: Seconds from a call's effect, which everybody sees, to its answer.
        lose_answers: How many of the next calls take effect but lose their connection before the answer.
        revoked: The error of every call of the bot: ``token_revoked``, ``account_inactive``, ``invalid_auth``.
        missing_group: User groups are answered ``no_such_subteam``.
        users_info_fails: ``users.info`` is answered with ``internal_error``.
        refused: Slack's refusal by method, such as ``{"views.open": "missing_scope"}``.
        only: The methods that ``down``, the counted faults and ``slow_s`` apply to; empty is all.
    """

    down: Literal["", "reset", "503"] = ""
    http_500: int = 0
    rate_limited: int = 0
    retry_after_s: int = 1
    slow_s: float = 0.0
    slow_answer_s: float = 0.0
    lose_answers: int = 0
    revoked: Literal["", "token_revoked", "account_inactive", "invalid_auth"] = ""
    missing_group: bool = False
    users_info_fails: bool = False
    refused: dict[str, str] = field(default_factory=dict)
    only: frozenset[str] = frozenset()
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def hits(self, method: str) -> bool:
        """Return whether the switches apply to this method."""
        return not self.only or method in self.only

    def take(self, switch: Literal["http_500", "rate_limited", "lose_answers"], method: str) -> bool:
        """Use up one of a counted fault, if any is left for this method."""
        with self._lock:
            left: int = getattr(self, switch)
            if left <= 0 or not self.hits(method):
                return False
            setattr(self, switch, left - 1)
            return True

    def clear(self) -> None:
        """Switch everything off."""
        fresh = Faults()
        with self._lock:
            for name in vars(fresh):
                if not name.startswith("_"):
                    setattr(self, name, getattr(fresh, name))


@dataclass
class Rates:
    """The rate limits for this kind of bot: messages per channel, and calls per minute of some methods.

    Args:
        on: Whether they apply.
        post_every_s: One message per channel in this many seconds,
        post_burst: after at most this many at once.
        updates_a_minute: ``chat.update`` calls in sixty seconds.
        answers_a_minute: ``chat.postEphemeral`` calls in sixty seconds.
    """

    on: bool = True
    post_every_s: float = 1.0
    post_burst: int = 5
    updates_a_minute: int = 50
    answers_a_minute: int = 100
    _posts: dict[str, tuple[float, float]] = field(default_factory=dict, repr=False)
    _recent: dict[str, deque[float]] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def wait_s(self, method: str, channel: str, now_s: float) -> int:
        """Count a call and return 0; or, if it is one too many, return whole seconds for ``Retry-After``."""
        if not self.on:
            return 0
        with self._lock:
            match method:
                case "chat.postMessage":
                    return self._post(channel, now_s)
                case "chat.postEphemeral":
                    return self._in_a_minute(method, self.answers_a_minute, now_s)
                case "chat.update":
                    return self._in_a_minute(method, self.updates_a_minute, now_s)
                case _:
                    return 0

    def _post(self, channel: str, now_s: float) -> int:
        """Take a token from the channel's bucket."""
        tokens, at = self._posts.get(channel, (float(self.post_burst), now_s))
        tokens = min(self.post_burst, tokens + max(0.0, now_s - at) / self.post_every_s)
        if tokens < 1:
            self._posts[channel] = (tokens, now_s)
            return max(1, math.ceil((1 - tokens) * self.post_every_s))
        self._posts[channel] = (tokens - 1, now_s)
        return 0

    def _in_a_minute(self, method: str, most: int, now_s: float) -> int:
        """Take a place in the last minute."""
        recent = self._recent.setdefault(method, deque())
        while recent and recent[0] <= now_s - 60:
            recent.popleft()
        if len(recent) >= most:
            return max(1, math.ceil(recent[0] + 60 - now_s))
        recent.append(now_s)
        return 0
