"""One human with several ids in an Enterprise Grid, and a user group that somebody edits to get a vote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.approvals.request import State
from bot.sandbox.slack.people import HOME_TEAM, Person, default_directory
from bot.slack.outbound.people import FRESH_MS
from tests.support.team import ADA, CHANNEL, INES, POLICY, TWO
from tests.threats.claims import Threat

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.sandbox.slack.people import Directory
    from tests.support.team import Team

THREAT = Threat(
    what="Several ids of one human (Enterprise Grid), and edited user groups",
    can={
        "**join an approvers' user group**, where Slack lets every member edit groups": "test_an_edited_group_is_named",
    },
    cannot={
        "vote twice": "test_one_human_is_one_vote",
        "approve their own request under another id": "test_nobody_approves_their_own_under_another_id",
        "do so unseen: card and audit name the group and who edited it": "test_an_edited_group_is_named",
    },
    do="name approvers by user id, or let only admins edit user groups, in the workspace's permissions; "
    "`peftsize doctor` reminds of it.",
)
GRID, TWIN = "E0GRID001", "U0ADATWIN"


def grid(twin_of: str = ADA) -> Directory:
    """Return a workspace of a Grid in which somebody has a second id, and their Grid-wide one."""
    directory = default_directory()
    for person_id in list(directory.people):
        directory.change_person(person_id, enterprise_id=GRID)
    directory.change_person(twin_of, global_id="W0GLOBAL1")
    directory.people[TWIN] = Person(
        TWIN, "twin", "Second Self", team_id=HOME_TEAM, enterprise_id=GRID, global_id="W0GLOBAL1"
    )
    group = directory.group("approvers")
    directory.change_group(group.id, members=(*group.members, TWIN))
    place = directory.channel(CHANNEL)
    directory.change_channel(CHANNEL, members=place.members | {TWIN})
    return directory


def test_one_human_is_one_vote(new_team: Callable[..., Team]) -> None:
    """The second id of somebody who voted is told that they have; it can take the vote back, too."""
    team = new_team(policy=TWO, directory=grid())
    request = team.ask()
    assert len(team.approve("ada", request).votes) == 1
    after = team.approve("twin", request)
    assert (after.state, len(after.votes)) == (State.PENDING, 1)
    assert team.last("approve.refused")["reason"] == "already_voted"
    team.click("twin", "withdraw", request)
    assert team.row(request).votes == ()
    team.approve("twin", request)
    assert team.approve("ben", request).state is State.CREATED


@pytest.mark.parametrize("how", ["asked", "edited"])
def test_nobody_approves_their_own_under_another_id(new_team: Callable[..., Team], how: str) -> None:
    """Whoever asked, or wrote the revision, is known by every id they have."""
    policy = POLICY.replace(f'admins = ["{INES}"]', f'admins = ["{ADA}"]')
    team = new_team(policy=policy, directory=grid())
    if how == "asked":
        request = team.ask(who="ada")
    else:
        request = team.ask()
        team.edit("ada", request, "8b none qlora4")
        assert team.row(request).author_id == ADA
    assert team.approve("twin", request).state is State.PENDING
    assert team.last("approve.refused")["reason"] == "self_approval"
    assert team.approve("ben", request).state is State.CREATED


def test_a_policy_may_name_any_id(new_team: Callable[..., Team]) -> None:
    """The id of the workspace, and that of the Grid, are the same human."""
    for named in (TWIN, "W0GLOBAL1"):
        policy = f'[defaults]\napprovers = ["{named}"]\n'
        team = new_team(policy=policy, directory=grid())
        assert team.approve("twin", team.ask()).state is State.CREATED


def test_an_edited_group_is_named(new_team: Callable[..., Team]) -> None:
    """Gus' friend joins the approvers after the request was made: the vote counts, and everybody can read why."""
    team = new_team(policy=TWO)
    request = team.ask()
    members = (*team.slack.directory.group("approvers").members, INES)
    now_s = team.clock.now_ms() // 1000
    team.slack.directory.change_group("approvers", members=members, updated_by=INES, updated_s=now_s)
    team.clock.advance(FRESH_MS)
    after = team.approve("ines", request)
    assert [(edit.group, edit.by) for edit in after.groups_edited] == [("S0APPROVE", INES)]
    assert f"user group S0APPROVE was edited by {INES}" in str(team.last("voted")["reason"])
    assert "User group S0APPROVE was edited by @Ines Admin" in team.shows(request)
    assert team.approve("ada", request).state is State.CREATED
    assert "User group S0APPROVE was edited by @Ines Admin" in team.shows(request)


def test_an_older_edit_is_not(team: Team) -> None:
    """A group that has been as it is since before the request is no news."""
    request = team.ask()
    assert team.approve("ada", request).groups_edited == ()
    assert "edited" not in str(team.last("approved")["reason"])
