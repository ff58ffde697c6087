"""The switches of the sandbox page: what goes wrong, and how the product comes out of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

import pytest

from bot.sandbox.page.actions import Acts
from bot.sandbox.page.state import PageState
from bot.sandbox.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.approvals.request import Request

T = TypeVar("T")


def until(found: Callable[[], T | None], seconds: float = 15.0) -> T:
    """Wait for something to be there."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.02)
    pytest.fail("it did not happen in time")


class Desk:
    """One request on its way, with the switches at hand."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.state = PageState(world)
        self.acts = Acts(world, self.state)

    def switch(self, name: str, on: bool = True) -> None:
        assert self.acts.do("switch", {"name": name, "on": on}) == {"ok": True}

    def is_on(self, name: str) -> bool:
        return next(one.is_on() for one in self.state.switches if one.name == name)

    def ask(self, text: str = "10b 2x128MB qlora4") -> None:
        self.acts.do("say", {"person": "rosa", "channel": "C0MLSERVE", "text": f"/peftsize {text}"})

    def approve(self) -> None:
        card = until(lambda: next(iter(self.world.slack.messages("ml-serving")), None))
        asked = {"person": "ada", "channel": "C0MLSERVE", "ts": card.ts, "action": "peftsize.approve"}
        assert self.acts.do("click", asked) == {"ok": True}

    def request(self) -> Request:
        with self.world.product.store.read() as tx:
            return tx.requests.listed()[0]

    def ends(self, *states: str) -> list[str]:
        """Wait for one of the states; return the audit's events."""
        until(lambda: self.request().state.value in states)
        with self.world.product.store.read() as tx:
            return [row["event"] for row in tx.trail.rows()]

    def posts(self) -> int:
        return len(self.world.cluster.posts_for(self.request().name))


@pytest.fixture
def desk() -> Iterator[Desk]:
    with World(timeout_s=0.6, settle_s=0.2) as world:
        yield Desk(world)


@pytest.mark.parametrize("name", ["late", "drop"])
def test_a_lost_answer_settles_without_a_second_post(desk: Desk, name: str) -> None:
    """A create whose answer is late or lost is unknown, then found by a look-up; it is sent once."""
    desk.switch(name)
    assert desk.is_on(name)
    desk.ask()
    desk.approve()
    assert "lost" in desk.ends("created")
    assert desk.posts() == 1
    assert not desk.is_on(name)


def test_an_expired_token_is_replaced(desk: Desk) -> None:
    """A 401 is answered with a new token, and the spec is created."""
    desk.switch("401")
    desk.ask()
    desk.approve()
    assert "created" in desk.ends("created")


def test_a_conflict_ends_with_one_spec(desk: Desk) -> None:
    """A 409 is no second spec: the request ends decided, and the cluster holds one of this name."""
    desk.switch("409")
    desk.ask()
    desk.approve()
    desk.ends("created", "failed")
    assert len(desk.world.cluster.specs(desk.request().name)) == 1


def test_too_many_requests_are_waited_out(desk: Desk) -> None:
    """A 429 is waited out, and the spec is created then."""
    desk.switch("429")
    desk.ask()
    desk.approve()
    assert "created" in desk.ends("created")


def test_a_server_error_is_looked_up(desk: Desk) -> None:
    """After a 500 nobody knows; the look-ups find nothing, and a person is asked."""
    desk.switch("500")
    desk.ask()
    desk.approve()
    assert "lost" in desk.ends("attention")
    assert desk.posts() == 1


def test_slack_being_away_delays_the_card(desk: Desk) -> None:
    """While Slack is down the request is kept; its card comes when Slack is back."""
    desk.switch("slack")
    desk.ask()
    until(lambda: desk.world.slack.calls and desk.world.slack.calls[-1].status == 503)
    assert desk.world.slack.messages("ml-serving") == []
    desk.switch("slack", on=False)
    until(lambda: desk.world.slack.messages("ml-serving"))


def test_a_stopped_worker_keeps_the_clicks(desk: Desk) -> None:
    """A click while the worker is stopped is decided when it starts again."""
    desk.ask()
    until(lambda: desk.world.slack.messages("ml-serving"))
    desk.switch("worker")
    desk.approve()
    time.sleep(0.3)
    assert desk.request().state.value == "pending"
    desk.switch("worker", on=False)
    desk.ends("created")


def test_time_that_passes_reminds_and_expires(desk: Desk) -> None:
    """Four hours on the approvers are reminded, a day on the request has expired and says so."""
    desk.ask()
    until(lambda: desk.world.slack.messages("ml-serving"))
    desk.acts.do("pass", {"minutes": 240})
    until(lambda: desk.world.slack.dms("ada") and desk.world.slack.dms("ben"))
    assert desk.world.slack.dms("rosa") == []
    desk.acts.do("pass", {"minutes": 1440})
    desk.ends("expired")
    until(lambda: "Expired" in str(desk.world.slack.messages("ml-serving")[0].blocks))
    assert desk.state.now(desk.state.person("ada"))["offset_ms"] == (240 + 1440) * 60_000


def test_time_does_not_go_back() -> None:
    """The clock only moves forward."""
    from bot.sandbox.clock import Clock

    clock = Clock()
    clock.advance(1000)
    with pytest.raises(ValueError, match="back"):
        clock.advance(-1)
    assert clock.offset_ms == 1000
