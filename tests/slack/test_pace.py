"""Slack's limits as budgets, and what goes first when a crowd spends them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.approvals.request import State
from bot.slack.outbound.pace import Pace, budget_of
from bot.workflow.outbox import ANSWERS, POSTS, UPDATES, posts
from tests.support.fixtures import new_bench, new_folder
from tests.support.menu import press

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.bench import Bench
    from tests.support.office import Office

__all__ = ["new_bench", "new_folder"]


class Hand:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.ms = 1_000_000

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def pace(clock: Hand) -> Pace:
    return Pace(clock)


def test_a_channel_is_written_to_once_a_second_after_a_short_burst(pace: Pace, clock: Hand) -> None:
    """Other channels do not wait for it, nor do updates and answers."""
    assert [pace.wait_s(posts("C1")) for _ in range(5)] == [0, 0, 0, 0, 1.0]
    assert pace.closed() == {posts("C1")}
    assert [pace.wait_s(budget) for budget in (posts("C2"), UPDATES, ANSWERS)] == [0, 0, 0]
    clock.ms += 999
    assert pace.closed() == {posts("C1")}
    clock.ms += 1
    assert pace.closed() == frozenset()
    assert [pace.wait_s(posts("C1")) for _ in range(2)] == [0, 1.0]


@pytest.mark.parametrize(("budget", "a_minute"), [(UPDATES, 50), (ANSWERS, 100), ("conversations.open", 50)])
def test_no_minute_sees_more_calls_than_the_tier_allows(
    pace: Pace, clock: Hand, budget: str, a_minute: int
) -> None:
    """However greedily it is used; and nearly as many are made."""
    made: list[int] = []
    for _ in range(4_000):
        clock.ms += 50
        if pace.wait_s(budget) == 0:
            made.append(clock.ms)
    busiest = max(sum(at <= other < at + 60_000 for other in made) for at in made)
    assert a_minute * 0.9 < busiest <= a_minute


def test_all_channels_together_have_a_ceiling(pace: Pace, clock: Hand) -> None:
    """Slack's limit for a workspace: two hundred channels share it."""
    sent = 0
    for _ in range(240):
        clock.ms += 250
        sent += sum(pace.wait_s(posts(f"C{number}")) == 0 for number in range(200))
    assert sent <= 300
    assert POSTS in pace.closed()


def test_slacks_own_pause_closes_a_budget(pace: Pace, clock: Hand) -> None:
    """Whatever is left of it."""
    pace.close(UPDATES, 30)
    assert pace.closed() == {UPDATES}
    clock.ms += 29_000
    assert pace.wait_s(UPDATES) == 1.0
    clock.ms += 1_000
    assert pace.wait_s(UPDATES) == 0


def test_which_limit_a_call_spends() -> None:
    """Posts by channel, the others by method; look-ups are never short here."""
    assert budget_of("chat.postMessage", "C1") == posts("C1")
    assert budget_of("chat.update", "C1") == UPDATES
    assert budget_of("users.info", "") is None


@pytest.mark.parametrize("who", ["ada", "ines"])
def test_twenty_impatient_clicks_cost_one_answer(office: Office, who: str) -> None:
    """A vote counts once; what is refused again and again is told once, and once that these are too many clicks."""
    office.ask()
    for _ in range(20):
        press(office.slack, who, office.card(), "approve")
    office.work()
    told = [message.text for message in office.slack.ephemerals(who)]
    assert len(told) == len(set(told)) <= 2


def test_who_presses_again_later_is_told_again(office: Office) -> None:
    """A minute after the first time it is no impatience any more."""
    office.ask()
    for after_ms, told in ((0, 1), (5_000, 1), (60_001, 2)):
        office.clock.ahead_ms += after_ms
        office.press("ines", "approve")
        assert len(office.slack.ephemerals("ines")) == told


def test_a_burst_of_48_requests_and_96_clicks_in_one_channel(new_bench: Callable[..., Bench]) -> None:
    """Cards within 50 s though each is decided as soon as it appears, all quiet within 75 s, and no 429 from Slack."""
    bench = new_bench()
    bench.slack.rates.on = True
    began = bench.now
    for number in range(1, 49):
        assert bench.slack.command("rosa", "#ml-serving", f"{number}m 1x1MB qlora4").ok
    pressed: set[str] = set()
    all_there_s = None
    while bench.now - began < 75_000:
        bench.run_due()
        cards = {m.ts: m for m in bench.slack.messages("#ml-serving") if m.bot_id and not m.thread_ts}
        for ts in cards.keys() - pressed:
            for _ in range(2):
                press(bench.slack, "ada", cards[ts], "approve")
            pressed.add(ts)
        if len(cards) == 48 and all_there_s is None:
            all_there_s = (bench.now - began) / 1000
        bench.advance(250)
    assert all_there_s is not None
    assert all_there_s <= 50
    assert bench.waiting() == []
    assert {row.state for row in bench.rows()} == {State.CREATED}
    assert all("Created" in bench.shows(row) for row in bench.rows())
    assert [call.method for call in bench.slack.calls if call.status == 429] == []


def test_what_people_must_act_on_goes_first(new_bench: Callable[..., Bench]) -> None:
    """In a full channel a new card overtakes the lines about earlier ones; a line overtaken for long is left out."""
    bench = new_bench()
    first = [bench.ask(f"{number}m 1x1MB qlora4") for number in range(1, 5)]
    for request in first:
        bench.approve("ada", request)  # the line about each waits for its turn
    lines = len([key for key in bench.waiting() if key.startswith("thread:")])
    assert lines == 4
    assert bench.slack.command("rosa", "#ml-serving", "9m 1x1MB qlora4").ok
    bench.advance(1_000)
    bench.run_due()
    assert len([key for key in bench.waiting() if key.startswith("thread:")]) == lines
    assert bench.row(bench.rows()[0].id).message_ts is not None
    bench.advance(20_001)
    bench.run_due()
    assert bench.waiting() == []
    assert not [m for m in bench.slack.messages("#ml-serving") if m.thread_ts and "id `" in str(m.blocks)]
