"""The largest request that the grammar allows stays within all of Slack's limits, in every state."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bot.approvals.draft import Site, facts
from bot.approvals.parties import Shortage
from bot.approvals.policy import rule
from bot.approvals.policy_file import Policy
from bot.approvals.request import Kind, Maker, State
from bot.approvals.state_machine import has_ended
from bot.slack.blocks import answers
from bot.slack.blocks.card import card
from bot.slack.blocks.details import details_view, explain_view, json_view
from bot.slack.blocks.lists import PAGE, listing, specs_listing
from bot.slack.blocks.modals import confirm_view, reject_view
from bot.workflow.ports import RemoteSpec
from tests.support.cards import (
    ASKED,
    HOSTILE,
    SITE,
    SPEC_ID,
    characters,
    judge,
    judge_view,
    menu,
    pressed,
    row,
    ruling,
    sized,
    vote,
)

if TYPE_CHECKING:
    from bot.approvals.draft import Draft
    from bot.approvals.request import Request
    from bot.slack.blocks.kit import Message

NAME = "n" * 64
MANY = "4.7b " + ",".join(f"{i}KB" for i in range(1, 99))
LARGEST = {
    "most groups": MANY[:300].rpartition(",")[0],
    "longest decimals": "0.123456789b " + "+".join(f"1x0.{i}KB" for i in range(123401, 123421)) + " lora",
    "most GPUs": "10t 999x100GB lora gpu=8 space=team-a",
    "longest name": f"10t 1000x99.999999GB lora gpu=1024 space=team-a name={NAME}",
    "known shapes": "llama-3.1-8b " + ",".join(f"1xr{i}" for i in range(1, 40)),
    "three GPUs": "70b 10x500MB lora",
}
LONG = HOSTILE * 40
EVERYBODY = Policy.model_validate(
    {
        "defaults": {
            "approvers": [f"U0PERSON{i:04}" for i in range(60)],
            "quorum": 20,
            "notify": [f"S0GROUP{i:04}" for i in range(20)],
        },
        "rule": [{"approvers": [f"S0OTHER{i:04}{r}" for i in range(40)]} for r in range(5)],
    }
)


def heaviest(drafted: Draft, state: State) -> Request:
    """A request with as much in every column as it can hold."""
    return row(
        drafted,
        state=state,
        quorum=20,
        votes=tuple(replace(vote(f"U0VOTER{i:05}", LONG), at=ASKED + i) for i in range(19)),
        error=LONG,
        existing=(LONG, LONG),
        ended_by="U0ADA001",
        ended_at=ASKED,
        spec_id=SPEC_ID,
        requester_name=LONG,
        author_id="U0INES001",
        revision=999,
        origin="workflow",
        text="x" * 300,
    )


@pytest.fixture(params=LARGEST, ids=str)
def largest(request: pytest.FixtureRequest) -> Draft:
    """One of the largest requests."""
    return sized(LARGEST[request.param])


def test_the_largest_requests_are_large() -> None:
    """The texts of these tests reach what they are named for."""
    assert len(LARGEST["most groups"]) > 290
    assert len(sized(LARGEST["most groups"]).sized.adapters) > 55
    assert sized(LARGEST["most GPUs"]).breakdown.num_gpus > 20_000


WARNED = {
    "nothing": "10b 2x128MB qlora4",
    "three GPUs": "70b 10x500MB lora",
    "no method": "10b 2x128MB",
    "two nodes": "214b none lora",
    "large adapter": "1b 2x9GB qlora4",
    "not supported": "granite-3.1-8b-base 2x128MB qlora4",
    "8-bit assumed": "10b 2x128MB fp8",
    "memory contradicts": "llama-3.1-8b 500xr8:qv qlora4 gpu=8",
}
MOST_BLOCKS, MOST_CHARACTERS = 6, 900


def within_limits(request: Request, made: Message) -> None:
    """Hold a card to what a reader takes in: blocks, characters, buttons, options."""
    judge(made)
    blocks, seen, offered = made.blocks, characters(made.blocks), menu(made.blocks)
    assert 2 <= len(offered) <= 5
    if has_ended(request):
        assert len(blocks) <= 4
        assert seen <= (500 if request.state is State.CREATED else 400)
        assert pressed(blocks) == {}
    else:
        assert len(blocks) <= MOST_BLOCKS
        assert seen <= MOST_CHARACTERS
        assert len(pressed(blocks)) in {0, 2}


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("text", WARNED, ids=str)
def test_every_warned_card_is_small(text: str, state: State) -> None:
    """Every state with every warning, alone and with all that a row can hold besides."""
    drafted = sized(WARNED[text])
    for request in (row(drafted, state=state, spec_id=SPEC_ID), heaviest(drafted, state)):
        within_limits(request, card(request, drafted, site=SITE, now=ASKED, ruling=ruling(drafted)))


@pytest.mark.parametrize("state", list(State))
def test_the_heaviest_card_is_small(largest: Draft, state: State) -> None:
    """Whatever the state, the heaviest card is one that Slack takes and that people read."""
    site = Site("https://" + "h" * 200 + ".example", "s" * 64, label="l" * 300, dry_run=True)
    for kind in Kind:
        request = replace(heaviest(largest, state), kind=kind)
        made = card(
            request,
            largest if kind is Kind.CREATE else None,
            site=site,
            now=ASKED,
            ruling=replace(rule(EVERYBODY, facts(largest, SITE)), deny=LONG),
            waiting_for=LONG,
            warning=LONG,
            attempt_lookups=3,
            names={f"U0PERSON{i:04}": LONG for i in range(60)},
        )
        within_limits(request, made)


def test_no_number_wraps_on_a_phone(largest: Draft) -> None:
    """The lines of the calculation fit the 40 characters that a phone shows of them."""
    made = card(row(largest), largest, site=SITE, now=ASKED, ruling=None)
    (numbers,) = [block for block in made.blocks if "fields" in block]
    assert max(map(len, numbers["text"]["text"].splitlines())) <= 40


def test_every_private_answer_is_taken(largest: Draft) -> None:
    """Preview, policy, existing, show and results of the heaviest request are taken too."""
    rules = rule(EVERYBODY, facts(largest, SITE))
    judge(answers.preview(largest, rules))
    judge(answers.policy_answer(largest, rules, [Shortage(quorum=20, able=19)]))
    for state in State:
        request, link = heaviest(largest, state), "https://x.slack.com/archives/" + "C" * 200
        for message in (
            answers.existing(request, link),
            answers.name_taken(request, link),
            answers.show(request, ASKED, link),
            answers.dm(request, link),
            answers.submitted(request),
            answers.refused("wrong_state", LONG, request, link),
            answers.adopted(request),
        ):
            judge(message)


def test_a_reminder_fits_beside_the_card(largest: Draft) -> None:
    """A reminder is the whole card with a line in front, still taken."""
    request = heaviest(largest, State.PENDING)
    made = card(request, largest, site=SITE, now=ASKED, ruling=ruling(largest), waiting_for=LONG)
    judge(answers.reminder(made, request, "https://x.slack.com/archives/C1/p1", "U0ADA001"))


def test_every_view_is_taken(largest: Draft) -> None:
    """Rejection, JSON, second opinion and Details of the heaviest request are taken."""
    request = heaviest(largest, State.PENDING)
    judge_view(reject_view(request, "C0TEAM001", "1700000000.000100"))
    for action in ("cancel", "delete"):
        judge_view(confirm_view(request, action, "C0TEAM001", "1700000000.000100"))
    judge_view(json_view(request))
    story = [
        {"event": "approve.refused", "at": ASKED, "actor": {"user_id": "U0VOTER00001"}, "reason": LONG}
    ] * 60
    for state in State:
        judge_view(details_view(heaviest(largest, state), largest, site=SITE, now=ASKED, events=story))
    judge_view(explain_view(request, largest))
    judge_view(explain_view(request, None))


def test_full_pages_are_taken(largest: Draft) -> None:
    """A full page of the heaviest rows is taken, and no page shows more."""
    rows = [replace(heaviest(largest, State.FAILED), id=f"R{i:07}") for i in range(2 * PAGE)]
    made = listing(
        LONG, rows, 2, 3, where=f"history {LONG}", link=lambda _: "https://x.slack.com/" + "p" * 100
    )
    judge(made)
    assert sum("R0000" in str(block) for block in made.blocks) == PAGE
    specs = [RemoteSpec(LONG, LONG, LONG, {"gpu": {"num_gpu": LONG}}, None, "", is_global=True)] * 30
    judge(
        specs_listing(
            specs, 2, 3, ours={LONG: Maker("R1", "U0ROSA001", LONG, LONG)}, users={LONG: [LONG] * 9}
        )
    )
