"""Deciding elsewhere than on the card in its channel: direct messages and App Home."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bot.approvals.request import State
from tests.support.team import ADA, BEN, POLICY

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.team import Team

HOUR_S = 3600.0


PEOPLE = POLICY.replace('"S0APPROVE"', f'"{ADA}", "{BEN}"')
"""Approvers by user id: each gets a copy of the card."""


def test_deciding_in_a_direct_message(new_team: Callable[..., Team]) -> None:
    """An approver's copy of the card decides like the one in the channel, and is redrawn with it."""
    team = new_team(policy=PEOPLE)
    request = team.ask()
    copy = team.slack.dms("ada")[-1]
    assert team.click("ada", "approve", request, copy).ok
    assert team.row(request).state is State.CREATED
    assert "Created" in team.words(team.slack.dms("ada")[-1])
    assert "Created" in team.shows(request)
    assert "Created" in team.words(team.slack.dms("ben")[-1])
    assert team.last("approved")["slack"]["channel_id"] == copy.channel


def test_somebody_elses_copy_does_not_lend_their_vote(new_team: Callable[..., Team]) -> None:
    """A press on Ada's copy counts as the person who pressed."""
    team = new_team(policy=PEOPLE)
    request = team.ask()
    team.click("gus", "approve", request, team.slack.dms("ada")[-1])
    assert team.last("approve.refused")["actor"]["user_id"] == "U0GUS0001"
    assert team.row(request).votes == ()


def test_deciding_in_app_home(team: Team) -> None:
    """What waits for Ada is on her Home tab with its buttons; they decide; then it waits no more."""
    request = team.ask()
    for who, waits in (("ada", 1), ("rosa", 0), ("ines", 0)):
        team.slack.open_home(who)
        team.quiet()
        home = team.slack.home(who)
        assert home is not None
        assert f"Waiting for me ({waits})".upper() in team.words(home).upper()
        assert request.id in team.words(home)
    home = team.slack.home("ada")
    assert home is not None
    assert team.slack.click("ada", home, "peftsize.approve").ok
    team.quiet()
    assert team.row(request).state is State.CREATED
    home = team.slack.home("ada")
    assert home is not None
    assert "WAITING FOR ME (0)" in team.words(home).upper()
    team.slack.click("ada", home, "peftsize.open_form")
    assert team.slack.modals("ada")


def test_every_direct_message_links_to_the_card(team: Team) -> None:
    """Created, rejected, expired, failed, reminders: each leads back to the card."""
    for number, end in enumerate(("approve", "reject", "expire"), 5):
        request = team.ask(f"{number}b none qlora4")
        if end == "approve":
            team.approve("ada", request)
        elif end == "reject":
            team.reject("ada", request, "No.")
        else:
            team.later(25 * HOUR_S)
    told = [message for who in ("rosa", "ada", "ben") for message in team.slack.dms(who)]
    assert len(told) >= 5
    for message in (message for message in told if "Nothing is waiting" not in message.text):
        assert "/archives/C0MLSERVE/p" in json.dumps(message.blocks), message.text
