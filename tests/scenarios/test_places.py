"""Where things go: channels without the bot, an approval channel, spaces, a dry run, a label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.approvals.request import State
from tests.support.team import CHANNEL, NAME, POLICY, TEXT, Team

if TYPE_CHECKING:
    from collections.abc import Callable

TEAM_A = "5f0c1d2e-0000-4000-8000-00000000b00a"


def invited(team: Team) -> str:
    """Ask in a channel without the bot; return what the requester was told."""
    assert team.slack.command("rosa", "#random", TEXT).ok
    team.quiet()
    return team.heard("rosa")[-1]


def test_a_channel_without_the_bot(team: Team) -> None:
    """The request is kept and the exact line to type is told; once invited, the card comes by itself."""
    assert "/invite @peftsize" in invited(team)
    (request,) = team.rows()
    assert (request.state, request.message_ts) == (State.PENDING, None)
    team.slack.member_joined("#random")
    team.quiet()
    assert team.approve("ada", request).state is State.CREATED
    assert len([message for message in team.slack.messages("#random") if not message.thread_ts]) == 1


def test_post_again(team: Team) -> None:
    """The button of that answer posts the card, if the invitation's event was lost."""
    invited(team)
    (request,) = team.rows()
    answer = team.slack.ephemerals("rosa")[-1]
    directory = team.slack.directory
    everybody = directory.channel("#random").members | {team.slack.bot_user_id}
    directory.change_channel("#random", members=everybody)
    assert team.slack.click("rosa", answer, "Post again").ok
    team.quiet()
    assert team.card(request).channel == "C0NOBOT01"
    assert len(team.slack.messages("#random")) == 1


def test_post_again_makes_no_second_card(team: Team) -> None:
    """Pressed twice, or while the card is there: the card stays one."""
    invited(team)
    answer = team.slack.ephemerals("rosa")[-1]
    team.slack.member_joined("#random")
    team.quiet()
    for _ in range(2):
        team.slack.click("rosa", answer, "Post again")
        team.quiet()
    assert len(team.slack.messages("#random")) == 1


def test_it_expires_unseen_too(team: Team) -> None:
    """A request whose card never could be posted expires like any other, and tells the requester."""
    invited(team)
    team.later(25 * 3600)
    assert team.rows()[0].state is State.EXPIRED
    assert team.slack.messages("#random") == []
    assert "expired" in team.words(team.slack.dms("rosa")[-1]).lower()


def test_an_approval_channel(new_team: Callable[..., Team]) -> None:
    """Cards go there instead; the requester is told so, privately, where the command was typed."""
    team = new_team(peftsize_approval_channel="C0APPROVE")
    told = team.command(TEXT)
    (request,) = team.rows()
    assert request.id in told
    assert team.slack.messages(CHANNEL) == []
    assert team.card(request).channel == "C0APPROVE"
    assert team.approve("ada", request).state is State.CREATED


def test_spaces(new_team: Callable[..., Team]) -> None:
    """``space=`` takes only names of the settings; the spec is made there, and the policy knows the name."""
    rule = '[[rule]]\nwhen = { spaces = ["team-a"] }\nquorum = 2\n'
    team = new_team(policy=POLICY + rule, peftsize_spaces=f"team-a={TEAM_A}")
    team.cluster.api.add_space(TEAM_A, "team a")
    assert "space" in team.command(f"{TEXT} space=team-b")
    assert team.rows() == []
    there, here = team.ask(f"{TEXT} space=team-a"), team.ask()
    assert (there.quorum, here.quorum) == (2, 1)
    assert there.digest != here.digest
    assert "team-a" in team.shows(there)
    team.approve("ada", here)
    team.approve("ada", there)
    assert team.approve("ben", there).state is State.CREATED
    assert len(team.cluster.specs(NAME)) == len(team.cluster.specs(NAME, TEAM_A)) == 1


def test_a_space_that_is_gone_from_the_settings(new_team: Callable[..., Team]) -> None:
    """A pending request that can no longer be read is approved by nobody; it can be edited, and expires."""
    team = new_team(peftsize_spaces=f"team-a={TEAM_A}")
    request, other = team.ask(f"{TEXT} space=team-a"), team.ask("7b none qlora4 space=team-a")
    team.restart(peftsize_spaces="")
    team.approve("ada", request)
    assert team.last("approve.refused")["reason"].startswith("denied: The request can no longer be read")
    assert "can no longer be read" in team.shows(request)
    assert team.edit("rosa", request, TEXT).ok
    assert team.approve("ada", request).state is State.CREATED
    team.later(25 * 3600)
    assert team.row(other).state is State.EXPIRED


def test_a_dry_run(new_team: Callable[..., Team]) -> None:
    """Sizes and asks for approval; every card says that nothing is created, and none says creating."""
    team = new_team(dry_run=True)
    request = team.ask()
    assert "Dry run: nothing is created." in team.shows(request)
    team.approve("ada", request)
    team.later(3600)
    assert team.row(request).state is State.APPROVED
    shown = team.shows(request)
    assert "Approved" in shown
    assert "creating" not in shown
    assert "creating" not in team.command(f"show {request.id}")
    assert team.cluster.requests() == []
    team.click("rosa", "cancel", request)
    assert team.row(request).state is State.CANCELLED


def test_after_a_dry_run_it_is_asked_again(new_team: Callable[..., Team]) -> None:
    """What was approved in a dry run is not created by a later real start: the target is another one."""
    team = new_team(dry_run=True)
    request = team.ask()
    team.approve("ada", request)
    team.dry_run = False
    team.restart()
    team.later(3600)
    row = team.row(request)
    assert (row.state, row.revision, row.votes) == (State.PENDING, 2, ())
    assert team.posts() == 0
    assert team.approve("ada", request).state is State.CREATED


def test_a_label(new_team: Callable[..., Team]) -> None:
    """The label is on every card."""
    team = new_team(peftsize_label="prod <!channel>")
    request = team.ask()
    assert "PROD" in team.shows(request)
    assert "<!CHANNEL>" not in str(team.card(request).blocks)
