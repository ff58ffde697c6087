"""A database that the release before left behind is opened, verified and worked on."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.approvals.request import State
from bot.sandbox.clock import Clock
from bot.sandbox.slack.people import HOME_TEAM
from bot.workflow.ports import Click, Source
from tests.support.team import ADA, BEN, TWO, Team

if TYPE_CHECKING:
    from collections.abc import Iterator

DUMP = Path(__file__).parents[1] / "data" / "release-0.1.0.sql"


class ThatDay(Clock):
    """Shows a time in the past and goes on from there."""

    def __init__(self, ms: int) -> None:
        super().__init__()
        self._offset_ms = ms - self.now_ms()


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    """A team that starts this release on the database of the release before."""
    database = sqlite3.connect(tmp_path / "team.db")
    database.executescript(DUMP.read_text(encoding="utf-8"))
    (last,) = database.execute("SELECT max(at) FROM audit").fetchone()
    database.close()
    team = Team(tmp_path, policy=TWO + 'cli_decisions = "allow"\n', clock=ThatDay(last + 60_000))
    yield team
    team.close()


def one(team: Team, text: str) -> str:
    return next(row.id for row in team.rows() if row.canonical == text)


def test_a_database_of_the_release_before_opens_verifies_and_goes_on(team: Team) -> None:
    """Its audit verifies, its message is delivered, its approvals are asked again, its request is created."""
    team.open()
    half = one(team, "7b 4x64MB qlora4")
    team.until(
        lambda: team.last("approve.refused")["reason"] == "unsealed_click", "the stored click is refused"
    )
    assert [vote.seal for vote in team.row(half).votes] == [None]
    for number, (who, state) in enumerate(((BEN, State.PENDING), (ADA, State.APPROVED))):
        click = Click(
            f"cli:{number}",
            "approve",
            half,
            None,
            HOME_TEAM,
            who,
            who,
            team.clock.now_ms(),
            "cli",
            source=Source.CLI,
        )
        outcome = team.product.service.decide(click, team.product.service.look_up(HOME_TEAM, who))
        assert outcome.request is not None
        assert outcome.request.state is state, "Ada's earlier vote bears no seal"
    # the cluster of this test has another address, so what was approved is asked for again
    team.until(lambda: "revised" in team.story(team.row(half)), "asked again for another host")
    team.quiet()
    assert "10b" in team.words(team.slack.dms("rosa")[0])
    request = team.row(half)
    assert (request.state, request.revision, request.votes) == (State.PENDING, 2, ())
    for who in ("ada", "ben"):
        team.approve(who, request)
    team.wait_for(request, State.CREATED)
    assert [row.state for row in team.rows()].count(State.CREATED) == 2
    team.product.checkpoints.sign()
    verified = team.cli("audit", "verify")
    assert "intact" in verified.output, verified.output


def test_a_click_that_the_release_before_stored_is_decided(team: Team) -> None:
    """Its fields are those of that release; its card is posted anew first, since this Slack has never seen it."""
    team.open()
    team.quiet()
    edited = team.row(one(team, "8b none qlora8"))
    with team.product.store.write() as tx:
        click = {
            "key": "old:reject", "action": "reject", "request_id": edited.id, "revision": 2,
            "team_id": edited.team_id, "user_id": "U0ADA0001", "name": "ada", "at": tx.now,
            "origin": "slack-http", "channel_id": edited.channel_id, "message_ts": edited.message_ts,
            "reason": "not now",
        }  # fmt: skip
        tx.queues.receive("old:reject", click)
    team.quiet()
    assert (team.row(edited).state, team.row(edited).ended_by) == (State.REJECTED, "U0ADA0001")
