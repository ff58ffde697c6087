"""Rejecting, voting, cancelling, expiring and reminding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.approvals.request import State
from tests.support.team import ADA, BEN, POLICY, TWO, Team

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR_S = 3600.0


# --- rejecting and voting


def test_a_rejection_needs_a_reason(team: Team) -> None:
    """Empty, blank, too long or secret: told under the field; a reason ends it, for everybody to read."""
    request = team.ask()
    team.click("ada", "reject", request)
    view = team.slack.modals("ada")[-1]
    assert team.slack.submit("ada", view, {"text": ""}).error == "required"
    for reason in ("   ", "password=hunter2hunter2"):
        assert list(team.slack.submit("ada", team.slack.modals("ada")[-1], {"text": reason}).errors) == [
            "reason"
        ]
    assert team.row(request).state is State.PENDING
    assert team.slack.submit("ada", team.slack.modals("ada")[-1], {"text": "Use qlora8."}).ok
    team.quiet()
    assert team.row(request).state is State.REJECTED
    assert "Use qlora8." in team.shows(request)
    assert "Use qlora8." in team.words(team.slack.dms("rosa")[-1])
    assert "hunter2" not in str(team.audit())
    assert team.ask().name == request.name


def test_a_vote_is_taken_back(new_team: Callable[..., Team]) -> None:
    """Before the quorum a vote can be taken back; it counts no more; nobody takes back another's."""
    team = new_team(policy=TWO)
    request = team.ask()
    team.approve("ada", request)
    team.click("ben", "withdraw", request)
    assert team.last("withdraw.refused")["reason"] == "no_vote"
    team.click("ada", "withdraw", request)
    assert team.row(request).votes == ()
    assert "0 of 2" in team.shows(request)
    assert team.approve("ben", request).state is State.PENDING
    assert team.approve("ada", request).state is State.CREATED


def test_cancel_after_the_approval(team: Team) -> None:
    """Approved and nothing sent yet: it can still be cancelled, and then never is created."""
    request = team.ask()
    team.break_cluster()
    team.approve("ada", request)
    team.click("rosa", "cancel", request)
    assert team.row(request).state is State.CANCELLED
    assert "waits" not in team.shows(request)
    team.cluster.come_back()
    team.later(600)
    assert team.posts() == 0


# --- time


def test_expiry(team: Team) -> None:
    """Nobody decided in time: expired in the row, on the card, for the requester; the name is free."""
    request = team.ask()
    team.later(24 * HOUR_S + 1)
    assert team.row(request).state is State.EXPIRED
    assert "Nobody decided by" in team.shows(request)
    assert "expired" in team.words(team.slack.dms("rosa")[-1]).lower()
    assert team.last("expired")["actor"]["user_id"] is None
    assert team.ask().id != request.id


def test_a_rule_may_shorten_the_time(new_team: Callable[..., Team]) -> None:
    """The strictest expiry wins, and an edit starts it anew."""
    team = new_team(policy=POLICY + '[[rule]]\nexpires_after = "2h"\n')
    request = team.ask()
    team.later(1.5 * HOUR_S)
    team.edit("rosa", request, "7b 2x128MB qlora4")
    team.later(1.5 * HOUR_S)
    assert team.row(request).state is State.PENDING
    team.later(0.6 * HOUR_S)
    assert team.row(request).state is State.EXPIRED


def reminded(team: Team) -> dict[str, int]:
    """Count the reminders that everybody was sent."""
    sent = [call.args for call in team.slack.calls if call.method == "chat.postMessage"]
    return {
        who: sum(
            team.slack.dm(who).id == one["channel"] and "is waiting for you" in one["text"] for one in sent
        )
        for who in ("rosa", "ada", "ben", "ines")
    }


def test_reminders_go_to_those_who_can_still_vote(new_team: Callable[..., Team]) -> None:
    """After 4 h, then after 8 h more: who has voted, and who asked, is left alone; each links to the card."""
    team = new_team(policy=TWO + 'expires_after = "3d"\n')
    request = team.ask()
    team.later(3.9 * HOUR_S)
    assert reminded(team) == {"rosa": 0, "ada": 0, "ben": 0, "ines": 0}
    team.later(0.2 * HOUR_S)
    assert reminded(team) == {"rosa": 0, "ada": 1, "ben": 1, "ines": 0}
    assert f"archives/{request.channel_id}/p" in str(team.slack.dms("ada")[-1].blocks)
    team.approve("ada", request)
    assert "Nothing is waiting for you" in team.words(team.slack.dms("ada")[-1])
    team.later(7.8 * HOUR_S)
    assert reminded(team)["ben"] == 1
    team.later(0.3 * HOUR_S)
    assert reminded(team) == {"rosa": 0, "ada": 1, "ben": 2, "ines": 0}
    reasons = [row["reason"] for row in team.audit(request) if row["event"] == "reminded"]
    assert reasons == [f"reminder 1 to {ADA}, {BEN}", f"reminder 2 to {BEN}"]


def test_an_edit_is_not_reminded_of_at_once(new_team: Callable[..., Team]) -> None:
    """The waits begin anew with the revision."""
    team = new_team(policy=POLICY + 'expires_after = "3d"\n')
    request = team.ask()
    team.later(5 * HOUR_S)
    assert reminded(team)["ada"] == 1
    team.edit("rosa", request, "7b 2x128MB qlora4")
    team.later(3.5 * HOUR_S)
    assert reminded(team)["ada"] == 1
    team.later(1 * HOUR_S)
    assert reminded(team)["ada"] == 2
