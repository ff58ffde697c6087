"""The bot token is stolen: the thief posts, changes and deletes messages as the bot, and opens no modal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bot.approvals.request import State
from tests.support.team import POLICY, TWO
from tests.threats.claims import Threat

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.approvals.request import Request
    from tests.support.team import Team

THREAT = Threat(
    what="The bot token",
    can={
        "change what a card shows, and so **have an approver press Approve on something else than they read**": (
            "test_a_changed_card_misleads_without_a_confirmation"
        ),
        "read names and user groups, and post as the bot, but read no channel": (
            "tests/slack/test_manifest.py::test_the_manifest_asks_for_exactly_the_scopes_that_are_needed"
        ),
    },
    cannot={
        "mislead where `confirm_from_gpus` applies: the modal is drawn from the database": (
            "test_the_modal_says_what_the_card_should_have_said"
        ),
        "get past that modal with a card's button": "test_a_press_on_the_card_alone_decides_nothing",
        "have anything sent but what the request's text comes to": "test_the_modal_says_what_the_card_should_have_said",
        "have a click count that was made on a message of its own": (
            "tests/threats/test_foreign_click.py::test_no_readable_message"
        ),
    },
    do="revoke the token and install the app again; compare what was approved since with "
    "`peftsize requests list`, and set `confirm_from_gpus`.",
)
CONFIRM = POLICY + "confirm_from_gpus = 2\n"
LARGE, SMALL = "70b 10x500MB lora", "7b none qlora4"


def forge_card(team: Team, request: Request) -> None:
    """Change what the card says, as whoever holds the bot token can."""
    row = team.row(request)
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": {"type": "mrkdwn", "text": "rosa asks for *1 GPU*"}},
        *[block for block in team.card(request).blocks if block["type"] == "actions"],
    ]
    done = team.product.client.chat_update(
        channel=row.channel_id, ts=str(row.message_ts), text="rosa asks for 1 GPU", blocks=blocks
    )
    assert done["ok"]


def test_a_changed_card_misleads_without_a_confirmation(team: Team) -> None:
    """Without ``confirm_from_gpus`` an approver has only the card: what is created is the request's, not the card's."""
    request = team.ask(LARGE)
    forge_card(team, request)
    assert "1 GPU" in team.shows(request)
    assert team.approve("ada", request).state is State.CREATED


def test_the_modal_says_what_the_card_should_have_said(new_team: Callable[..., Team]) -> None:
    """Spec, GPUs, space and requester come from the row; the approval counts once it is confirmed."""
    team = new_team(policy=CONFIRM)
    request = team.ask(LARGE)
    forge_card(team, request)
    team.click("ada", "approve", request)
    assert team.row(request).votes == ()
    (modal,) = team.slack.modals("ada")
    words = team.words(modal)
    count = request.payload.partition('"num_gpu":')[2].partition("}")[0]
    for fact in (request.name, f"{count} GPUs", "in space", "Rosa", request.canonical, request.id):
        assert fact in words, fact
    assert "1 GPU)" not in words
    team.slack.submit("ada", modal, {})
    team.quiet()
    assert team.row(request).state is State.CREATED
    assert team.last("approved")["actor"]["user_id"] == "U0ADA0001"


def test_a_small_request_needs_no_confirmation(new_team: Callable[..., Team]) -> None:
    """Below the number of GPUs the button decides."""
    team = new_team(policy=CONFIRM)
    assert team.approve("ada", team.ask(SMALL)).state is State.CREATED
    assert team.slack.modals("ada") == []


def test_a_press_on_the_card_alone_decides_nothing(new_team: Callable[..., Team]) -> None:
    """A click that was stored before the policy asked for more is refused with what to do."""
    team = new_team(policy=POLICY)
    request = team.ask(LARGE)
    team.product.dispatcher.stop()
    assert team.slack.click("ada", team.card(request), "peftsize.approve").ok
    team.rules(CONFIRM)
    team.restart()
    team.quiet()
    assert team.last("approve.refused")["reason"] == "confirm_first"
    assert (team.row(request).state, team.row(request).votes) == (State.PENDING, ())


def test_no_modal_for_whoever_may_not_approve(new_team: Callable[..., Team]) -> None:
    """The requester is refused at once."""
    team = new_team(policy=CONFIRM)
    request = team.ask(LARGE)
    team.click("rosa", "approve", request)
    assert (team.slack.modals("rosa"), team.last("approve.refused")["reason"]) == ([], "self_approval")


@pytest.mark.parametrize("change", ["edit", "withdraw"])
def test_a_confirmation_of_what_has_moved_on(new_team: Callable[..., Team], change: str) -> None:
    """The modal counts for the revision that it showed; a vote can be given again after it was taken back."""
    team = new_team(policy=TWO + "confirm_from_gpus = 2\n")
    request = team.ask(LARGE)
    team.click("ada", "approve", request)
    (modal,) = team.slack.modals("ada")
    if change == "edit":
        team.edit("rosa", request, "70b 11x500MB lora")
        team.slack.submit("ada", modal, {})
        team.quiet()
        assert team.last("approve.refused")["reason"].startswith("stale_revision")
        assert team.row(request).votes == ()
    else:
        team.slack.submit("ada", modal, {})
        team.quiet()
        assert len(team.row(request).votes) == 1
        team.click("ada", "withdraw", request)
        assert team.row(request).votes == ()
