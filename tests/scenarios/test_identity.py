"""Who somebody is: asked of Slack at every decision, and never taken from a message or a memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.approvals.request import State
from bot.sandbox.slack.people import Person, default_directory
from tests.support.team import ADA, BEN, CHANNEL, INES, POLICY, Team

if TYPE_CHECKING:
    from collections.abc import Callable

SHARED_S = 5.0
"""How long the members of a group serve."""
EVERYBODY = '[defaults]\napprovers = ["anyone"]\nadmins = ["U0INES001", "U0GUS0001"]\n'


@pytest.mark.parametrize(
    ("change", "reason", "action"),
    [
        ({"deleted": True}, "deleted", "approve"),
        ({"is_bot": True}, "bot", "approve"),
        ({"is_restricted": True}, "guest", "approve"),
        ({"is_ultra_restricted": True}, "guest", "approve"),
        ({"is_stranger": True}, "stranger", "approve"),
        ({"is_restricted": True}, "guest", "reject"),
        ({"is_restricted": True}, "guest", "cancel"),
        ({"deleted": True}, "deleted", "withdraw"),
        ({"deleted": True}, "deleted", "post_again"),
    ],
)
def test_who_has_no_say(
    new_team: Callable[..., Team], change: dict[str, bool], reason: str, action: str
) -> None:
    """Deleted, bot, guest, stranger: refused whatever they press and whatever the policy says of their id."""
    team = new_team(policy=EVERYBODY)
    request = team.ask()
    team.slack.directory.change_person(INES, **change)
    if action == "reject":
        team.reject("ines", request, "No.")
    else:
        team.forge("ines", "approve", team.card(request), action_id=f"peftsize.{action}")
    refused = team.last(f"{action}.refused")
    assert (refused["reason"], refused["actor"]["user_id"]) == (reason, INES)
    assert team.row(request).state is State.PENDING
    assert len(team.slack.messages(CHANNEL)) == 1
    assert team.heard("ines") or team.slack.dms("ines")


def test_anyone_means_any_full_member_but_the_requester(new_team: Callable[..., Team]) -> None:
    """With ``anyone`` a guest is refused, so is the requester, and any full member approves."""
    team = new_team(policy=EVERYBODY)
    request = team.ask()
    team.approve("gus", request)
    assert team.last("approve.refused")["reason"] == "guest"
    team.approve("rosa", request)
    assert team.last("approve.refused")["reason"] == "self_approval"
    assert team.approve("ines", request).state is State.CREATED


def test_an_admin_does_not_approve_by_that(team: Team) -> None:
    """An admin may cancel, retry and give up; that alone is no approval."""
    request = team.ask()
    team.approve("ines", request)
    refused = team.last("approve.refused")
    assert (refused["reason"], refused["actor"]["user_id"]) == ("not_an_approver", INES)
    assert team.row(request).votes == ()


def test_people_of_another_workspace(team: Team) -> None:
    """Somebody of a connected organisation is refused, by whatever the click or the look-up says."""
    request = team.ask()
    team.click("fay", "approve", request)
    assert team.last("approve.refused")["reason"].startswith("foreign")
    team.slack.directory.change_person(ADA, team_id="T0AWAY001")
    user = {"id": ADA, "username": "ada", "name": "ada", "team_id": "T0HOME001"}
    team.forge(BEN, "approve", team.card(request), {"user": user})
    assert team.last("approve.refused")["reason"] == "foreign_team"
    assert team.row(request).votes == ()


def test_people_of_another_enterprise(new_team: Callable[..., Team]) -> None:
    """On an Enterprise Grid the person is known by it too, and the audit names it."""
    directory = default_directory()
    for user_id in (ADA, BEN):
        directory.change_person(user_id, enterprise_id="E0GRID001")
    team = new_team(directory=directory)
    request = team.ask()
    assert team.approve("ada", request).state is State.CREATED
    assert team.last("approved")["actor"]["enterprise_id"] == "E0GRID001"


def test_somebody_whom_slack_does_not_know(team: Team) -> None:
    """An id that Slack knows nobody by is refused at once, not tried again."""
    request = team.ask()
    user = {"id": "U0NOBODY1", "username": "nobody", "name": "nobody", "team_id": "T0HOME001"}
    team.forge("ada", "approve", team.card(request), {"user": user})
    assert team.last("approve.refused")["reason"] == "unknown_person"


def test_a_failed_look_up_is_tried_again(team: Team) -> None:
    """While Slack cannot say who somebody is nothing is decided; when it can again, the click counts."""
    request = team.ask()
    team.slack.faults.users_info_fails = True
    team.click("ada", "approve", request)
    assert team.story(request) == ["requested"]
    team.slack.faults.users_info_fails = False
    team.later(5)
    assert team.row(request).state is State.CREATED


def test_a_look_up_that_goes_on_failing_denies(team: Team) -> None:
    """After a short while the answer is no, audited with the reason, and the person is told so."""
    request = team.ask()
    team.slack.faults.users_info_fails = True
    team.click("ada", "approve", request)
    team.later(20)
    refused = team.last("approve.refused")
    assert (refused["reason"], refused["actor"]["user_id"]) == (
        "lookup_failed: users.info: internal_error",
        ADA,
    )
    assert team.row(request).votes == ()
    assert "Slack could not confirm who you are" in team.heard("ada")[-1]
    team.slack.faults.clear()
    assert team.approve("ada", request).state is State.CREATED


def test_a_failed_look_up_of_a_group_denies_too(team: Team) -> None:
    """Whether somebody is in a group is part of who they are: no answer, no vote."""
    request = team.ask()
    team.slack.faults.only, team.slack.faults.http_500 = frozenset({"usergroups.users.list"}), 100
    team.later(SHARED_S)
    team.click("ben", "approve", request)
    team.later(20)
    assert team.last("approve.refused")["reason"].startswith("lookup_failed: usergroups.users.list")
    assert team.row(request).state is State.PENDING


def test_membership_is_asked_at_every_click(new_team: Callable[..., Team]) -> None:
    """Who left the group seconds before can vote no more, and who joined it can."""
    team = new_team(policy=POLICY + "quorum = 2\n")
    request = team.ask()
    team.approve("ben", request)
    assert "1 of 2" in team.shows(request)
    assert team.click("ben", "withdraw", request).ok
    assert team.last("withdrawn")["actor"]["user_id"] == BEN
    team.slack.directory.change_group("S0APPROVE", members=(ADA, INES))
    team.later(SHARED_S)
    team.approve("ben", request)
    assert team.last("approve.refused")["reason"] == "not_an_approver"
    team.approve("ines", request)
    assert team.approve("ada", request).state is State.CREATED


def test_a_group_that_is_gone_lets_nobody_vote(team: Team) -> None:
    """A deleted user group has no members, and the card says that the quorum cannot be reached."""
    team.slack.faults.missing_group = True
    request = team.ask()
    team.approve("ada", request)
    assert team.last("approve.refused")["reason"] == "not_an_approver"
    assert "Nobody can approve this and 1 must." in team.shows(request)


def test_the_voter_is_who_submitted(team: Team) -> None:
    """A rejection belongs to the person who submits the modal, looked up then."""
    request = team.ask()
    team.click("ada", "reject", request)
    view = team.slack.modals("ada")[-1]
    team.slack.directory.change_group("S0APPROVE", members=(BEN,))
    team.later(SHARED_S)
    team.slack.submit("ada", view, {"text": "Too large."})
    team.quiet()
    assert team.last("reject.refused")["reason"] == "not_an_approver"
    assert team.row(request).state is State.PENDING


def test_the_bot_is_nobody(team: Team) -> None:
    """A workflow's bot user cannot approve, nor the bot itself."""
    team.slack.directory.people["U0OTHER01"] = Person("U0OTHER01", "other", "Other Bot", is_bot=True)
    team.slack.directory.change_group("S0APPROVE", members=(ADA, "U0OTHER01"))
    request = team.ask()
    team.click("other", "approve", request)
    assert team.last("approve.refused")["reason"] == "bot"
    team.click("peftsize", "approve", request)
    assert team.last("approve.refused")["reason"] == "bot"
