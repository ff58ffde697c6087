"""Who may read: full members everything, guests and people of other organizations their own requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.sandbox.slack.people import default_directory
from tests.support.team import CHANNEL, POLICY, Team

if TYPE_CHECKING:
    from collections.abc import Callable

FAY = "U0FAY0001"
ALL = POLICY + 'requesters = ["members", "guests", "external"]\n'
OWN = "Only full members of this workspace can see other people's requests. These are your own"


@pytest.fixture
def team(new_team: Callable[..., Team]) -> Team:
    """Guests and people of other organizations may ask, and Fay shares a channel."""
    directory = default_directory()
    directory.change_person(FAY, is_stranger=False)
    return new_team(policy=ALL, directory=directory)


@pytest.mark.parametrize("word", ["list", "history none", "show {}", "specs"])
def test_a_guest_reads_their_own(team: Team, word: str) -> None:
    """Whatever they type: a sentence, and their own requests; nobody else's name, purpose or size."""
    theirs = team.ask('70b 10x500MB lora for="a secret plan"')
    own = team.ask("7b none qlora4", who="gus")
    typed = word.format(theirs.id)
    for _ in range(2):  # just looked up, and a while ago
        told = team.command(typed, who="gus")
        team.later(60)
        assert OWN in told
        assert own.id in told
        assert theirs.id not in told.replace(typed, "")
        assert "secret plan" not in told


def test_a_guest_is_shown_what_they_asked_for(team: Team) -> None:
    """Their own request by its id, as a member is shown any."""
    own = team.ask("7b none qlora4", who="gus")
    team.later(60)
    team.command(f"show {own.id}", who="gus")
    assert (own.id in team.heard("gus")[-1], OWN in team.heard("gus")[-1]) == (True, False)
    assert own.id in team.command("mine", who="gus")


def test_somebody_of_another_organization_reads_their_own(team: Team) -> None:
    """By mention in a shared channel, too."""
    theirs = team.ask()
    team.slack.mention("fay", CHANNEL, "history none")
    team.quiet()
    assert OWN in team.heard("fay")[-1]
    assert theirs.id not in team.heard("fay")[-1]


def test_a_member_who_was_not_looked_up_lately(team: Team) -> None:
    """Is answered a moment later, where they type, also where the bot is not; pages turn."""
    asked = [team.ask(f"{number}b none qlora4") for number in range(1, 13)]
    team.later(60)
    assert team.slack.command("ben", "#random", "list").said == ()
    team.quiet()
    (first,) = team.slack.ephemerals("ben", "#random")
    assert ("page 1 of 2" in team.words(first), asked[-1].id in team.words(first)) == (True, True)
    assert team.slack.dms("ben") == []
    for word in ("show " + asked[0].id.lower(), "specs"):
        team.later(60)
        team.slack.command("ben", CHANNEL, word)
        team.quiet()
        assert OWN not in team.heard("ben")[-1]
    assert asked[0].id in team.heard("ben")[-2]


def test_while_slack_is_silent_nobody_reads(team: Team) -> None:
    """It is answered when Slack has said who somebody is."""
    request = team.ask()
    team.slack.faults.users_info_fails = True
    team.later(60)
    team.command("list", who="gus")
    team.command("list", who="ben")
    assert (team.heard("gus"), team.heard("ben")) == ([], [])
    team.slack.faults.clear()
    team.later(120)
    assert OWN in team.heard("gus")[-1]
    assert request.id in team.heard("ben")[-1]


def test_the_home_tab_of_a_guest(team: Team) -> None:
    """Their own requests, and why there is no search; a member has it."""
    theirs, own = team.ask(), team.ask("7b none qlora4", who="gus")
    shown = {}
    for who in ("gus", "ben"):
        team.slack.open_home(who)
        team.quiet()
        view = team.slack.home(who)
        assert view is not None
        shown[who] = team.words(view)
    assert (OWN in shown["gus"], own.id in shown["gus"], theirs.id in shown["gus"]) == (True, True, False)
    assert "Find a request" not in shown["gus"]
    assert (OWN in shown["ben"], theirs.id in shown["ben"]) == (False, True)
