"""Somebody's Slack session is stolen: the thief is that person, with their rights and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.approvals.request import State
from bot.slack.outbound.people import FRESH_MS
from tests.support.team import ADA, BEN, INES, POLICY, TWO
from tests.threats.claims import Threat

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.team import Team

THREAT = Threat(
    what="A person's Slack session",
    can={
        "requester: ask, edit and cancel in that name": "test_a_requester_s_session",
        "approver: approve and reject other people's requests": "test_an_approver_s_session",
        "admin: cancel, retry and give up": "test_an_admin_s_session",
        "**two sessions, one an approver's: have a specification created**": "test_two_sessions",
    },
    cannot={
        "requester: approve": "test_a_requester_s_session",
        "approver: approve their own request, or reach a quorum of two": "test_an_approver_s_session",
        "admin: approve by that role alone": "test_an_admin_s_session",
        "two sessions: get past a `deny`": "test_two_sessions",
        "decide once the account is deactivated": "test_from_the_next_click_on",
        "decide more than five seconds after leaving the user group": "test_from_the_next_click_on",
    },
    do="sign the person out of Slack, take them out of the group or the policy, reject what is open, "
    "and delete what was created.",
)


def test_a_requester_s_session(team: Team) -> None:
    """It asks and cancels; its own approval is refused."""
    request = team.ask()
    team.approve("rosa", request)
    assert (team.last("approve.refused")["reason"], team.row(request).votes) == ("self_approval", ())
    team.click("rosa", "cancel", request)
    assert team.row(request).state is State.CANCELLED


def test_an_approver_s_session(new_team: Callable[..., Team]) -> None:
    """It approves what others ask for, once, and not its own."""
    team = new_team(policy=TWO)
    own, other = team.ask(who="ada"), team.ask("7b none qlora4")
    team.approve("ada", own)
    assert team.last("approve.refused")["reason"] == "self_approval"
    for _ in range(2):
        team.approve("ada", other)
    assert (team.row(other).state, len(team.row(other).votes), team.posts()) == (State.PENDING, 1, 0)


def test_an_admin_s_session(team: Team) -> None:
    """It ends requests; it approves none."""
    request = team.ask()
    team.approve("ines", request)
    assert (team.last("approve.refused")["reason"], team.row(request).votes) == ("not_an_approver", ())
    team.click("ines", "cancel", request)
    assert team.last("cancelled")["actor"]["user_id"] == INES


def test_two_sessions(new_team: Callable[..., Team]) -> None:
    """Rosa's asks and Ada's approves: that is what the policy asks for; a deny stands all the same."""
    team = new_team(policy=POLICY + '[[rule]]\nwhen = { min_gpus = 2 }\ndeny = "Too large."\n')
    assert team.approve("ada", team.ask()).state is State.CREATED
    before = team.posts()
    assert "Too large." in team.command("70b 10x500MB lora")
    assert team.posts() == before


@pytest.mark.parametrize("how", ["deactivated", "out of the group"])
def test_from_the_next_click_on(team: Team, how: str) -> None:
    """A deactivated account has no say at once; membership of a group is at most five seconds old."""
    request = team.ask()
    if how == "deactivated":
        team.slack.directory.change_person(ADA, deleted=True)
        reason = "deleted"
    else:
        team.slack.directory.change_group("approvers", members=(BEN,))
        team.clock.advance(FRESH_MS)
        reason = "not_an_approver"
    team.approve("ada", request)
    assert (team.last("approve.refused")["reason"], team.row(request).votes) == (reason, ())
