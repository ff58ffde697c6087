"""Every card on the page as people see it: how tall, nothing cut, nothing that axe minds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe

from bot.approvals.request import State
from bot.approvals.state_machine import has_ended
from bot.sandbox.slack.people import BOT_USER
from bot.sandbox.slack.workspace import Message
from bot.slack.blocks.card import card
from tests.support.cards import ASKED, SITE, SPEC_ID, row, ruling, sized, vote

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.screen import Screen

pytestmark = [pytest.mark.browser, pytest.mark.heavy]

TEXTS = ("10b 2x128MB qlora4", "70b 10x500MB lora", "llama-3.1-8b 500xr8:qv qlora4 gpu=8", "214b none")
REASON = "The nightly runs already use this model: take qlora8 on the spec that exists, please. " * 2
TALLEST = {1280: (420, 200), 375: (600, 300)}
"""Pixels of a card that can be voted on, and of one that has ended, by the width of the window."""


def put(screen: Screen, text: str, state: State) -> bool:
    """Draw a card of a request into the conversation; return whether the request has ended."""
    drafted = sized(text)
    failed = state in {State.REJECTED, State.FAILED, State.ATTENTION}
    request = row(
        drafted,
        state=state,
        requester_id="U0ROSA001",
        spec_id=SPEC_ID if state in {State.CREATED, State.DELETED} else None,
        votes=() if state is State.PENDING else (vote("U0ADA0001"), vote("U0BEN0001")),
        error=REASON if failed else None,
        ended_by="U0ADA0001",
        ended_at=ASKED,
    )
    made = card(
        request, drafted, site=SITE, now=ASKED, ruling=ruling(drafted), names={"S0APPROVE": "approvers"}
    )
    workspace = screen.world.slack.workspace
    message = Message(workspace.new_ts(), "C0MLSERVE", BOT_USER, made.text, made.blocks, bot_id="B0PEFT001")
    workspace.put(message)
    return has_ended(request)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", TALLEST, ids=str)
def test_every_card_fits_one_look(open_page: Callable[..., Screen], width: int, scheme: str) -> None:
    """In every state, with every kind of warning: as tall as allowed, no wider than the page, plain to axe."""
    screen = open_page(scheme, width=width, height=900)
    cards = [(text, state, put(screen, text, state)) for text in TEXTS for state in State]
    articles = screen.page.locator("#log > article")
    articles.nth(len(cards) - 1).wait_for()
    whole, ended = TALLEST[width]
    tall = articles.evaluate_all("(all) => all.map((one) => one.getBoundingClientRect().height)")
    wide = articles.evaluate_all("(all) => all.filter((one) => one.scrollWidth > one.clientWidth).length")
    assert [
        (text, state.value, height)
        for (text, state, over), height in zip(cards, tall, strict=True)
        if height > (ended if over else whole)
    ] == []
    assert wide == 0
    found = Axe().run(screen.page, options={"resultTypes": ["violations"]})
    assert [
        one["id"] for one in found.response["violations"] if one["impact"] in {"serious", "critical"}
    ] == []


def test_no_number_wraps_on_a_phone(open_page: Callable[..., Screen]) -> None:
    """Each line of the calculation is one line on a narrow screen."""
    screen = open_page(width=375, height=800)
    for text in TEXTS:
        put(screen, text, State.PENDING)
    blocks = screen.page.locator("#log > article pre")
    blocks.nth(len(TEXTS) - 1).wait_for()
    lines = blocks.evaluate_all(
        "(all) => all.map((one) => {"
        " const style = getComputedStyle(one);"
        " const inside = one.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);"
        " return [inside / parseFloat(style.lineHeight), one.textContent.trim().split('\\n').length]; })"
    )
    assert [(round(shown), written) for shown, written in lines if round(shown) != written] == []


@pytest.mark.parametrize("width", [1280, 375])
def test_an_approver_sees_card_and_buttons_together(open_page: Callable[..., Screen], width: int) -> None:
    """From the sentence to the buttons of a card with a warning, without scrolling."""
    screen = open_page(width=width, height=760)
    put(screen, "70b 10x500MB lora", State.PENDING)
    screen.page.get_by_role("button", name="Approve").wait_for()
    inside = screen.card().evaluate(
        "(one) => { const log = one.closest('#log').getBoundingClientRect();"
        " const here = one.getBoundingClientRect(); return here.top >= log.top && here.bottom <= log.bottom; }"
    )
    assert inside
