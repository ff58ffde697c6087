"""The signing secret of HTTP mode is stolen: Slack's own deliveries can be forged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.approvals.request import State
from tests.support.team import CHANNEL
from tests.threats.claims import Threat

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.team import Team

THREAT = Threat(
    what="The signing secret (HTTP mode)",
    can={
        "**forge anybody's click, and so approve as an approver**": "test_an_approver_s_click_can_be_forged"
    },
    cannot={
        "act as somebody who is no approver, or unknown to Slack": "test_nobody_unknown_is_forged",
        "replay a delivery, or send one that is older than five minutes": "test_a_replay_counts_once",
        "come from another app or workspace": "test_another_app_is_not_heard",
        "be of any use in Socket Mode, which has neither secret nor address": "test_socket_mode_has_no_door",
    },
    do="regenerate it, restart, and confirm every approval since then with its approver. Prefer Socket Mode.",
)


def test_an_approver_s_click_can_be_forged(team: Team) -> None:
    """Nothing in a delivery proves the person but the signature; the audit has the click."""
    request = team.ask()
    team.forge("ada", "approve", team.card(request))
    assert team.row(request).state is State.CREATED
    assert team.last("approved")["origin"] == "slack-http"


def test_nobody_unknown_is_forged(team: Team) -> None:
    """Whoever is named is looked up in Slack."""
    request = team.ask()
    for who, reason in (("U0NOBODY1", "unknown_person"), ("U0INES001", "not_an_approver")):
        user = {"id": who, "team_id": team.slack.team_id, "name": "ada", "username": "ada"}
        team.forge("ada", "approve", team.card(request), {"user": user})
        assert team.last("approve.refused")["reason"] == reason
    assert team.row(request).votes == ()


def test_a_replay_counts_once(team: Team) -> None:
    """The same body again does nothing, and is refused outright when it is old."""
    request = team.ask()
    done = team.slack.click("gus", team.card(request), "peftsize.approve")
    team.quiet()
    rows = len(team.audit())
    assert team.slack.replay(done).ok
    team.quiet()
    assert len(team.audit()) == rows
    team.clock.advance(301_000)
    assert team.slack.replay(done).status in {400, 401, 403}


def test_another_app_is_not_heard(team: Team) -> None:
    """App and workspace of a delivery must be ours."""
    request = team.ask()
    assert not team.forge("ada", "approve", team.card(request), {"api_app_id": "A0OTHER01"}).ok
    assert team.row(request).votes == ()
    assert len(team.slack.messages(CHANNEL)) == 1


def test_socket_mode_has_no_door(new_team: Callable[..., Team]) -> None:
    """The HTTP port has the probes and nothing that a delivery could be posted to."""
    team = new_team(socket=True)
    assert team.get("/slack/events")[0] == 404
    assert team.ask().message_ts
