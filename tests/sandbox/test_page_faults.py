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


class ListenerContext:
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
            return [row["event"] for row in tx.audit_log.rows()]

    def posts(self) -> int:
        return len(self.world.cluster.posts_for(self.request().name))


@pytest.fixture
def context() -> Iterator[ListenerContext]:
    with World(timeout_s=0.6, settle_s=0.2) as world:
        yield ListenerContext(world)


@pytest.mark.parametrize("name", ["late", "drop"])
def test_a_lost_answer_settles_without_a_second_post(context: ListenerContext, name: str) -> None:
    """A create whose answer is late or lost is unknown, then found by a look-up; it is sent once."""
    context.switch(name)
    assert context.is_on(name)
    context.ask()
    context.approve()
    assert "lost" in context.ends("created")
    assert context.posts() == 1
    assert not context.is_on(name)


def test_an_expired_token_is_replaced(context: ListenerContext) -> None:
    """A 401 is answered with a new token, and the spec is created."""
    context.switch("401")
    context.ask()
    context.approve()
    assert "created" in context.ends("created")


def test_a_conflict_ends_with_one_spec(context: ListenerContext) -> None:
    """A 409 is no second spec: the request ends decided, and the cluster holds one of this name."""
    context.switch("409")
    context.ask()
    context.approve()
    context.ends("created", "failed")
    assert len(context.world.cluster.specs(context.request().name)) == 1


def test_too_many_requests_are_waited_out(context: ListenerContext) -> None:
    """A 429 is waited out, and the spec is created then."""
    context.switch("429")
    context.ask()
    context.approve()
    assert "created" in context.ends("created")


def test_a_server_error_is_looked_up(context: ListenerContext) -> None:
    """After a 500 nobody knows; the look-ups find nothing, and a person is asked."""
    context.switch("500")
    context.ask()
    context.approve()
    assert "lost" in context.ends("attention")
    assert context.posts() == 1


def test_slack_being_away_delays_the_card(context: ListenerContext) -> None:
    """While Slack is down the request is kept; its card comes when Slack is back."""
    context.switch("slack")
    context.ask()
    until(lambda: context.world.slack.calls and context.world.slack.calls[-1].status == 503)
    assert context.world.slack.messages("ml-serving") == []
    context.switch("slack", on=False)
    until(lambda: context.world.slack.messages("ml-serving"))


def test_a_stopped_worker_keeps_the_clicks(context: ListenerContext) -> None:
    """A click while the worker is stopped is decided when it starts again."""
    context.ask()
    until(lambda: context.world.slack.messages("ml-serving"))
    context.switch("worker")
    context.approve()
    time.sleep(0.3)
    assert context.request().state.value == "pending"
    context.switch("worker", on=False)
    context.ends("created")


def test_time_that_passes_reminds_and_expires(context: ListenerContext) -> None:
    """Four hours on the approvers are reminded, a day on the request has expired and says so."""
    context.ask()
    until(lambda: context.world.slack.messages("ml-serving"))
    context.acts.do("pass", {"minutes": 240})
    until(lambda: context.world.slack.dms("ada") and context.world.slack.dms("ben"))
    assert context.world.slack.dms("rosa") == []
    context.acts.do("pass", {"minutes": 1440})
    context.ends("expired")
    until(lambda: "Expired" in str(context.world.slack.messages("ml-serving")[0].blocks))
    assert context.state.now(context.state.person("ada"))["offset_ms"] == (240 + 1440) * 60_000


def test_time_does_not_go_back() -> None:
    """The clock only moves forward."""
    from bot.sandbox.clock import Clock

    clock = Clock()
    clock.advance(1000)
    with pytest.raises(ValueError, match="back"):
        clock.advance(-1)
    assert clock.offset_ms == 1000
