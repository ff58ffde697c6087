"""Another policy comes into force at a restart: cards that wait show it, and votes that still count stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.approvals.request import State
from tests.support.team import ADA, INES, TWO, Team

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.approvals.request import Request

PARTIES = f"""
[defaults]
need = [{{ name = "Leads", from = ["S0APPROVE"] }}, {{ name = "Security", from = ["{INES}"] }}]
escalate = [{{ after = "1h", to = ["S0APPROVE"] }}]
"""


def redrawn(team: Team, request: Request) -> int:
    """Return how often the card in the channel was edited."""
    edits = [call for call in team.slack.calls if call.method == "chat.update"]
    return sum(call.args.get("ts") == request.message_ts for call in edits)


def test_a_waiting_card_shows_the_new_policy(new_team: Callable[..., Team]) -> None:
    """Parties and counts, in the channel and in copies; the vote given before fills a place, others are asked now."""
    team = new_team(policy=TWO + f'notify = ["{ADA}"]\n')
    request, ended = team.ask(), team.ask("7b none qlora4")
    team.approve("ada", request)
    team.click("rosa", "cancel", ended)
    before = redrawn(team, ended)
    assert "Waiting for approval 1 of 2" in team.shows(request)
    team.rules(PARTIES)
    team.restart()
    team.quiet()
    shown = "Waiting for approval: Leads 1 of 1 · Security 0 of 1"
    assert shown in team.shows(request)
    assert shown in team.words(team.slack.dms("ada")[0])
    assert redrawn(team, ended) == before
    assert team.approve("ben", request).state is State.PENDING
    assert team.last("approve.refused")["reason"].startswith("place_filled")
    assert team.approve("ines", request).state is State.CREATED


def test_a_restart_under_the_same_policy_redraws_nothing(team: Team) -> None:
    """Nor do comments and cases, which are no part of what a policy says."""
    request = team.ask()
    before = redrawn(team, request)
    for more in ("", "# a comment\n"):
        team.rules((team.folder / "policy.toml").read_text(encoding="utf-8") + more)
        team.restart()
        team.quiet()
    assert redrawn(team, request) == before
