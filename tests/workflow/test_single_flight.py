"""Shared look-ups: who waits for whom, how long an answer serves, and when nobody may ask."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.workflow.single_flight import SingleFlight, TooSoon


class Desk:
    """Answers with the number of the question, when it is let; or with an error."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers_at_once = threading.Event()
        self.answers_at_once.set()
        self.was_asked = threading.Semaphore(0)
        self.error: Exception | None = None
        self.now_ms = 1_000_000

    def look_up(self, key: str) -> int:
        self.asked.append(key)
        number = len(self.asked)
        self.was_asked.release()
        assert self.answers_at_once.wait(10)
        if self.error is not None:
            raise self.error
        return number

    def flights(self, **how: object) -> SingleFlight[int]:
        return SingleFlight(self.look_up, lambda: self.now_ms, **{"fresh_ms": 5_000} | how)  # type: ignore[arg-type] # as a test says


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_an_answer_serves_for_a_while_and_each_key_for_itself(desk: Desk) -> None:
    """Counted from the question: what changed while it was being answered is not missed for longer."""
    flights = desk.flights()
    assert [flights.get("a"), flights.get("b"), flights.get("a")] == [1, 2, 1]
    desk.now_ms += 4_999
    assert flights.get("a") == 1
    desk.now_ms += 1
    assert flights.get("a") == 3


def test_those_who_ask_meanwhile_wait_for_the_one_question(desk: Desk) -> None:
    """Twenty at once ask once, even where no answer is kept; an error is everybody's, and the next one asks again."""
    flights = desk.flights(fresh_ms=0)
    desk.answers_at_once.clear()
    desk.error = OSError("away")
    with ThreadPoolExecutor(20) as crowd:
        first = crowd.submit(flights.get, "a")
        assert desk.was_asked.acquire(timeout=10)
        others = [crowd.submit(flights.get, "a") for _ in range(19)]
        desk.answers_at_once.set()
        assert all(isinstance(one.exception(10), OSError) for one in (first, *others))
    assert len(desk.asked) < 20  # those who came before the answer; a late thread asks for itself
    desk.error = None
    assert flights.get("a") == len(desk.asked)


def test_a_live_question_takes_nobody_elses_answer(desk: Desk) -> None:
    """Neither a kept one nor one that is under way; its own answer serves the others."""
    flights = desk.flights()
    assert flights.get("a") == 1
    desk.answers_at_once.clear()
    with ThreadPoolExecutor(2) as two:
        desk.now_ms += 5_000
        early = two.submit(flights.get, "a")
        assert desk.was_asked.acquire(timeout=10)
        assert desk.was_asked.acquire(timeout=10)
        live = two.submit(flights.get, "a", live=True)
        assert desk.was_asked.acquire(timeout=10)
        desk.answers_at_once.set()
        assert {early.result(10), live.result(10)} == {2, 3}
    assert flights.get("a") in {2, 3}
    assert len(desk.asked) == 3


def test_what_was_changed_is_looked_up_anew(desk: Desk) -> None:
    """Also while a question is under way: its answer may be older than the change, and is not kept."""
    flights = desk.flights()
    assert flights.get("a") == 1
    flights.forget("a")
    desk.answers_at_once.clear()
    with ThreadPoolExecutor(1) as one:
        under_way = one.submit(flights.get, "a")
        assert desk.was_asked.acquire(timeout=10)
        assert desk.was_asked.acquire(timeout=10)
        flights.forget("a")
        desk.answers_at_once.set()
        assert under_way.result(10) == 2
    assert flights.get("a") == 3


def test_changes_cost_one_question_a_gap(desk: Desk) -> None:
    """Whatever is forgotten in between; whoever comes too soon hears when to come again."""
    flights = desk.flights(gap_ms=1_000)
    assert flights.get("a") == 1
    flights.forget("a")
    desk.now_ms += 400
    with pytest.raises(TooSoon) as early:
        flights.get("a")
    assert (early.value.wait_s, str(early.value)) == (0.6, "0.6")
    desk.now_ms += 599
    with pytest.raises(TooSoon):
        flights.get("a")
    desk.now_ms += 1
    assert flights.get("a") == 2


def test_who_wants_to_be_left_alone_is(desk: Desk) -> None:
    """For all keys, and for those who ask live; what is still fresh serves meanwhile."""
    flights = desk.flights(retry_after_s=lambda _: 17.0)
    assert flights.get("a") == 1
    desk.error = OSError("too many")
    with pytest.raises(OSError, match="too many"):
        flights.get("b")
    desk.error = None
    assert flights.get("a") == 1
    for live in (False, True):
        with pytest.raises(TooSoon) as early:
            flights.get("c", live=live)
        assert early.value.wait_s == 17.0
    desk.now_ms += 17_000
    assert flights.get("c") == 3


def test_a_clock_that_is_set_back_keeps_no_answer_alive(desk: Desk) -> None:
    """An answer from the future is as old as it is far."""
    flights = desk.flights()
    assert flights.get("a") == 1
    desk.now_ms -= 3_600_000
    assert flights.get("a") == 2


def test_without_a_gap_every_live_question_is_asked(desk: Desk) -> None:
    """However soon one comes after the other."""
    flights = desk.flights()
    assert [flights.get("a", live=True) for _ in range(3)] == [1, 2, 3]


def test_what_is_kept_is_bounded(desk: Desk) -> None:
    """Above a thousand answers all are forgotten, and when they were asked for, too."""
    flights = desk.flights(gap_ms=1_000)
    for number in range(1_001):
        flights.get(f"{number}")
    assert flights.get("0") == 1
    assert flights.get("another") == 1_002
    assert flights.get("0") == 1_003


def test_what_is_known_is_asked_of_nobody(desk: Desk) -> None:
    """An answer that came a moment ago, and no older than this caller takes it; an error is none."""
    flights = desk.flights()
    assert flights.known("a", 60_000) is None
    assert flights.get("a") == 1
    desk.now_ms += 59_999
    assert flights.known("a", 60_000) == 1
    assert flights.get("a", fresh_ms=60_000) == 1
    assert flights.known("b", 60_000) is None
    desk.now_ms += 1
    assert flights.known("a", 60_000) is None
    desk.error = OSError("away")
    with pytest.raises(OSError, match="away"):
        flights.get("a")
    assert flights.known("a", 60_000) is None
    assert len(desk.asked) == 2


def test_an_answer_under_way_is_not_known(desk: Desk) -> None:
    """Whoever wants what is known does not wait."""
    flights = desk.flights()
    desk.answers_at_once.clear()
    with ThreadPoolExecutor(1) as one:
        under_way = one.submit(flights.get, "a")
        assert desk.was_asked.acquire(timeout=10)
        assert flights.known("a", 60_000) is None
        desk.answers_at_once.set()
        assert under_way.result(10) == 1
