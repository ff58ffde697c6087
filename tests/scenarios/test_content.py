"""An approval belongs to content: to the exact body, the target host and the space that people saw."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

import pytest

import sizing
from bot.approvals.request import State
from bot.sandbox.watsonx.fake_watsonx import FakeCluster
from tests.support.team import NAME, POLICY, TWO, Team

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.approvals.request import Request

OTHER_SPACE = "5f0c1d2e-0000-4000-8000-00000000b00b"


def approved(team: Team) -> Request:
    """Have a request approved while the cluster is away: nothing was sent yet."""
    request = team.ask()
    team.break_cluster()
    assert team.approve("ada", request).state is State.APPROVED
    return request


def asked_again(team: Team, request: Request) -> None:
    """The approval lost its force: a new revision waits for votes, and nothing has been sent."""
    team.later(600)
    row = team.row(request)
    assert (row.state, row.revision, row.votes) == (State.PENDING, 2, ())
    assert team.story(request)[-1] == "revised"
    assert team.last("revised")["reason"] in team.shows(request)
    assert "0 of" in team.shows(request)
    assert team.posts() == 0
    assert team.cluster.specs() == []


def test_another_space(team: Team) -> None:
    """Another deployment space in the settings: asked again, then made there."""
    request = approved(team)
    team.cluster.api.add_space(OTHER_SPACE, "other")
    team.restart(watsonx_space_id=OTHER_SPACE)
    team.cluster.come_back()
    asked_again(team, request)
    assert team.row(request).digest != request.digest
    assert team.approve("ben", request).state is State.CREATED
    assert team.cluster.specs(NAME) == []
    assert len(team.cluster.specs(NAME, OTHER_SPACE)) == 1


def test_another_target(team: Team) -> None:
    """Another cluster in the settings: asked again, with the new host on the card."""
    request = approved(team)
    with FakeCluster(now=team.clock.now_ms) as other:
        other.api_key = team.cluster.api_key
        team.restart(watsonx_url=other.url)
        asked_again(team, request)
        assert other.specs() == []
        assert other.url.removeprefix("http://") in str(team.card(request).blocks)
        assert team.approve("ben", request).state is State.CREATED
        assert len(other.specs(NAME)) == 1
        team.stop()
    team.settings = {}
    team.start()


def test_another_formula(team: Team) -> None:
    """A row written by an older formula is not sent as approved: what is computed now is asked again."""
    request = team.ask()
    older = request.payload.replace('"8Gi"', '"9Gi"')
    assert older != request.payload
    with sqlite3.connect(team.folder / "team.db") as connection:
        digest = sizing.digest(json.loads(older), request.target, request.space_id)
        connection.execute("UPDATE revisions SET payload = ?, digest = ?", (older, digest))
    connection.close()
    team.approve("ada", request)
    asked_again(team, request)
    assert team.approve("ben", request).state is State.CREATED
    (post,) = team.cluster.posts_for(NAME)
    assert '"8Gi"' in post.body


@pytest.mark.parametrize(
    "policy",
    [
        TWO,
        POLICY.replace('"S0APPROVE", ', ""),
        POLICY + '[[rule]]\ndeny = "Closed."\n',
        POLICY + '[[rule]]\napprovers = ["U0BEN0001"]\n',
    ],
    ids=["quorum", "approvers", "deny", "also one of"],
)
def test_another_policy(team: Team, policy: str) -> None:
    """A policy under which the votes do not suffice: asked again, under the one in force."""
    request = approved(team)
    team.rules(policy)
    team.restart()
    team.cluster.come_back()
    asked_again(team, request)


def test_a_laxer_policy_changes_nothing(team: Team) -> None:
    """Votes that still suffice still count; nobody is asked twice for nothing."""
    request = approved(team)
    team.rules(POLICY.replace('"S0APPROVE"', '"S0APPROVE", "U0INES001"'))
    team.restart()
    team.cluster.come_back()
    team.later(60)
    assert team.row(request).state is State.CREATED
    assert team.row(request).revision == 1


def test_a_deletion_is_bound_to_its_target(new_team: Callable[..., Team]) -> None:
    """The approval to delete names the spec, the host and the space: another space is asked again."""
    team = new_team()
    made = team.ask()
    team.approve("ada", made)
    team.click("rosa", "delete", made)
    deletion = team.rows()[0]
    team.break_cluster()
    team.approve("ada", deletion)
    with FakeCluster(now=team.clock.now_ms) as other:
        other.api_key = team.cluster.api_key
        team.restart(watsonx_url=other.url)
        team.later(600)
        row = team.row(deletion)
        assert (row.state, row.revision, row.votes) == (State.PENDING, 2, ())
        team.stop()
    team.settings = {}
    team.start()


def test_what_is_sent_is_what_was_shown(team: Team) -> None:
    """The bytes of the POST are the canonical payload whose digest was approved."""
    request = team.ask()
    team.click("ada", "details", request)
    shown = team.slack.modals("ada")[-1].body["blocks"]
    (body,) = [block["text"]["text"] for block in shown if "POST " in str(block.get("text"))]
    assert json.loads(body.split("```")[3]) == json.loads(request.payload)
    team.approve("ada", request)
    (post,) = team.cluster.posts_for(NAME)
    assert post.body == request.payload
    assert team.last("created")["digest"] == request.digest
