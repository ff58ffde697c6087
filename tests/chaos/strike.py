"""The instants at which a process is struck, and the hand that does it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tests.chaos.replica import Replica, whose

if TYPE_CHECKING:
    from collections.abc import Sequence

Blow = Literal["kill", "freeze"]
POSTS = frozenset({"chat.postMessage", "chat.update"})


@dataclass(frozen=True)
class Instant:
    """A moment of a call to a stand-in.

    Args:
        words: For the table.
        place: ``cluster`` or ``slack``.
        calls: Which calls: ``find`` and ``create``, or methods of Slack's.
        moment: As the stand-ins name it.
    """

    words: str
    place: str
    calls: frozenset[str]
    moment: str


INSTANTS = (
    Instant("before the POST", "cluster", frozenset({"find"}), "arrived"),
    Instant("between look-up and POST", "cluster", frozenset({"find"}), "answered"),
    Instant("during the POST", "cluster", frozenset({"create"}), "arrived"),
    Instant("created, not answered", "cluster", frozenset({"create"}), "done"),
    Instant("after the POST, before the commit", "cluster", frozenset({"create"}), "answered"),
    Instant("after the commit, before Slack", "slack", frozenset({"chat.update"}), "arrived"),
    Instant("Slack has it, not answered", "slack", POSTS, "done"),
    Instant("between Slack's answer and its record", "slack", POSTS, "answered"),
)
RANDOM = Instant("random instant", "", frozenset(), "")


class Striker:
    """Waits for one instant at a time and strikes whoever made the call.

    Args:
        replicas: Who can be struck.
    """

    def __init__(self, replicas: Sequence[Replica]) -> None:
        self._replicas = replicas
        self._lock = threading.Lock()
        self._armed: tuple[Instant, Blow] | None = None
        self._callers: dict[int, Replica | None] = {}
        self._struck = threading.Event()
        self.victim: Replica | None = None
        self.at_ms = 0

    def arm(self, instant: Instant, blow: Blow) -> None:
        with self._lock:
            self._struck.clear()
            self.victim = None
            self._callers.clear()
            self._armed = (instant, blow)

    def wait(self, timeout_s: float) -> Replica | None:
        """Return who was struck; None, and disarmed, if the instant did not come in time."""
        self._struck.wait(timeout_s)
        with self._lock:
            self._armed = None
            return self.victim

    def see(self, place: str, moment: str, call: str, port: int) -> None:
        """Hear of a moment from a stand-in, in the thread of the call, which waits."""
        with self._lock:
            if self._armed is None:
                return
            instant, blow = self._armed
            if place != instant.place or call not in instant.calls:
                return
            if moment == "arrived":
                self._callers[port] = whose(port, self._replicas)
            if moment != instant.moment or port not in self._callers:
                return
            victim = self._callers[port]
            if victim is None or victim.frozen or not victim.alive:
                return
            self._armed, self.victim = None, victim
            self.strike(victim, blow)
            self._struck.set()

    def strike(self, victim: Replica, blow: Blow) -> None:
        self.at_ms = time.time_ns() // 1_000_000
        if blow == "kill":
            victim.kill()
        else:
            victim.freeze()
