"""The faults of the stand-in cluster, switched while it runs."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, fields
from typing import Literal

ALWAYS = -1
"""A count that never runs out."""


@dataclass
class Faults:
    """The switches. A count says how many more times: 0 is off, ``ALWAYS`` until switched off.

    Args:
        drop_after_commit: Creates that commit and then lose their connection.
        cut_after_commit: Creates that commit and then lose their connection in the middle of the 201.
        error_after_commit: Creates that commit and are then answered by a gateway.
        gateway_status: 502 or 504.
        drop_then_commit: Creates that lose their connection at once and commit afterwards.
        slow_commit: Creates that commit, and answer, only after ``commit_delay_s``.
        late_answers: Creates that commit at once and answer only after ``answer_delay_s``.
        every_answer_s: Seconds by which every answer is delayed.
        creates_only: Whether ``expired``, ``too_many`` and ``broken`` affect only creates.
        expired: Calls whose token is called expired.
        expired_status: 401, or 400 with "jwt expired".
        duplicate: The answer to a second create of a name in a space.
        unknown_space_status: 404 or 400.
        too_many: Calls answered with 429.
        retry_after_s: Its ``Retry-After`` in whole seconds, or None.
        broken: Calls answered with 500 before anything is done.
        refused: Creates and deletes refused before anything is done.
        refused_status: A 4xx.
        foreign: Creates before which somebody else makes a spec with the same name.
        token_trouble: Token requests answered with 503.
        warn: Creates answered with warnings.
        deployments_refused: Lists of deployments refused with 403.
        deployments_broken: Lists of deployments answered with 503.
        deployments_page: Deployments on a page.
    """

    drop_after_commit: int = 0
    cut_after_commit: int = 0
    error_after_commit: int = 0
    gateway_status: Literal[502, 504] = 502
    drop_then_commit: int = 0
    slow_commit: int = 0
    commit_delay_s: float = 1.0
    late_answers: int = 0
    answer_delay_s: float = 1.0
    every_answer_s: float = 0.0
    creates_only: bool = False
    expired: int = 0
    expired_status: Literal[401, 400] = 401
    duplicate: Literal[201, 409, 400] = 201
    unknown_space_status: Literal[404, 400] = 404
    too_many: int = 0
    retry_after_s: int | None = None
    broken: int = 0
    broken_body: Literal["json", "html", "empty"] = "json"
    refused: int = 0
    refused_status: int = 403
    refused_words: str = "The operation is not allowed."
    foreign: int = 0
    token_trouble: int = 0
    warn: int = 0
    warnings: tuple[str, ...] = ("Nothing checks this size against the cluster.",)
    deployments_refused: int = 0
    deployments_broken: int = 0
    deployments_page: int = 100
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def take(self, name: str) -> bool:
        """Use up one count; return whether the fault happens this time."""
        with self._lock:
            count: int = getattr(self, name)
            if count > 0:
                setattr(self, name, count - 1)
            return count != 0

    def takes_call(self, name: str, *, is_create: bool) -> bool:
        """Use up one count of a fault that can affect any call; return whether it happens this time."""
        return (is_create or not self.creates_only) and self.take(name)

    def clear(self) -> None:
        """Switch everything off."""
        with self._lock:
            for switch in fields(self):
                if not switch.name.startswith("_"):
                    setattr(self, switch.name, switch.default)
