"""One look-up for everybody who asks for the same thing at the same time, or within a few seconds."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = TypeVar("Answer")
_MOST_KEPT = 1000


class TooSoon(Exception):
    """Nothing was looked up, and nothing may be for ``wait_s`` seconds."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(wait_s)
        self.wait_s = wait_s


@dataclass(slots=True)
class _Flight(Generic[Answer]):
    """A look-up in progress or done: ``answer`` or ``error`` is set together with ``landed``."""

    began_at: int
    answer: Answer | None = None
    error: Exception | None = None
    landed: threading.Event = field(default_factory=threading.Event)


class SingleFlight(Generic[Answer]):
    """Shares look-ups by key.

    Args:
        look_up: Asks; whatever it raises is raised for everybody who waits for it, and not kept.
        clock: Returns UTC epoch milliseconds.
        fresh_ms: How long an answer serves, counted from when it was asked for.
        gap_ms: At least so long between two look-ups of a key, whatever is forgotten meanwhile.
        retry_after_s: Reads from an error how long nobody may ask again, whatever the key.
    """

    def __init__(
        self,
        look_up: Callable[[str], Answer],
        clock: Callable[[], int],
        *,
        fresh_ms: int,
        gap_ms: int = 0,
        retry_after_s: Callable[[Exception], float | None] = lambda _: None,
    ) -> None:
        self._look_up = look_up
        self._clock = clock
        self._fresh_ms = fresh_ms
        self._gap_ms = gap_ms
        self._retry_after_s = retry_after_s
        self._gate = threading.Lock()
        self._flights: dict[str, _Flight[Answer]] = {}
        self._asked_at: dict[str, int] = {}
        self._closed_at, self._closed_ms = 0, 0

    def get(self, key: str, *, live: bool = False, fresh_ms: int | None = None) -> Answer:
        """Return the answer for a key.

        Args:
            key: What to ask about.
            live: Ask now; an answer to somebody who asked earlier will not do.
            fresh_ms: How old an answer may be for this caller.

        Raises:
            TooSoon: There is no answer that will do, and nobody may ask yet.
        """
        with self._gate:
            flight, leads = self._board(key, self._fresh_ms if fresh_ms is None else fresh_ms, live=live)
        if leads:
            self._fly(key, flight)
        flight.landed.wait()
        if flight.error is not None:
            raise flight.error
        return flight.answer  # type: ignore[return-value]  # set where there is no error; it may be None

    def known(self, key: str, fresh_ms: int) -> Answer | None:
        """Return the answer for a key if there is one that is not too old; nobody is asked."""
        with self._gate:
            flight = self._flights.get(key)
            is_there = flight is not None and flight.landed.is_set() and self._is_fresh(flight, fresh_ms)
        return flight.answer if flight is not None and is_there else None

    def forget(self, key: str) -> None:
        """Drop the cached answer, because what it describes has changed."""
        with self._gate:
            self._flights.pop(key, None)

    def _is_fresh(self, flight: _Flight[Answer], fresh_ms: int) -> bool:
        return flight.error is None and abs(self._clock() - flight.began_at) < fresh_ms

    def _board(self, key: str, fresh_ms: int, *, live: bool) -> tuple[_Flight[Answer], bool]:
        """Return the flight that serves, and whether the caller has to fly it."""
        now = self._clock()
        flight = self._flights.get(key)
        if flight is not None and not live:
            under_way = not flight.landed.is_set()
            if under_way or self._is_fresh(flight, fresh_ms):
                return flight, False
        since_ms = abs(now - self._asked_at.get(key, -self._gap_ms))
        wait_ms = max(self._gap_ms - since_ms, self._closed_ms - abs(now - self._closed_at))
        if wait_ms > 0:
            raise TooSoon(wait_ms / 1000)
        if len(self._flights) > _MOST_KEPT:
            self._flights.clear()
            self._asked_at.clear()
        flight = self._flights[key] = _Flight(now)
        self._asked_at[key] = now
        return flight, True

    def _fly(self, key: str, flight: _Flight[Answer]) -> None:
        try:
            flight.answer = self._look_up(key)
        except Exception as error:  # noqa: BLE001 - raised again for everybody who waits
            flight.error = error
            asked_s = self._retry_after_s(error)
            if asked_s is not None:
                self._closed_at, self._closed_ms = self._clock(), int(asked_s * 1000)
        finally:
            flight.landed.set()
