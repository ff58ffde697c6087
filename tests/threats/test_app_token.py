"""The app-level token is stolen: the thief opens connections and receives what people press and type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.approvals.request import State
from tests.threats.claims import Threat

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.team import Team

THREAT = Threat(
    what="The app-level token (Socket Mode)",
    can={
        "receive clicks and commands in place of the bot, and so keep them away": "test_a_thief_only_receives",
    },
    cannot={
        "approve: a connection only receives; what is pressed comes from Slack": "test_a_thief_only_receives",
        "have a lost click decided later by itself": "test_a_thief_only_receives",
    },
    do="revoke it and make a new one; people press again what was lost.",
)


def test_a_thief_only_receives(new_team: Callable[..., Team]) -> None:
    """A click that goes to another connection changes nothing; pressed again it reaches the bot."""
    team = new_team(socket=True)
    request = team.ask()
    bots = list(team.slack.sockets.connections)
    for connection in bots:
        connection.draining = True  # the thief's connection takes all
    assert not team.slack.click("ada", team.card(request), "peftsize.approve").ok
    team.quiet()
    assert (team.row(request).state, team.row(request).votes) == (State.PENDING, ())
    for connection in bots:
        connection.draining = False
    assert team.approve("ada", request).state is State.CREATED
