"""Specs that exist already, GPU counts that can start, and deletions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bot.approvals.request import Kind, State
from tests.support.team import BEN, INES, NAME, POLICY, TWO, Team

if TYPE_CHECKING:
    from collections.abc import Callable


# --- what already serves, and what can start


def test_use_existing(team: Team) -> None:
    """A live spec of the same hardware is offered on the card; taking it ends the request with its id."""
    nodes = {"cpu": {"units": "2"}, "mem": {"size": "31Gi"}, "gpu": {"num_gpu": 1}}
    spec = team.cluster.api.add("theirs", nodes, team.cluster.space_id)
    request = team.ask("10b 2x128MB lora")
    assert "already serves this" in team.shows(request)
    team.click("ada", "use_existing", request)
    assert team.last("use_existing.refused")["reason"] == "not_yours"
    team.click("rosa", "use_existing", request)
    row = team.row(request)
    assert row.state is State.CANCELLED
    assert spec["metadata"]["asset_id"] in str(team.last("cancelled")["reason"])
    assert spec["metadata"]["asset_id"] in team.shows(request)
    assert team.posts() == 0


def test_use_existing_where_there_is_none(team: Team) -> None:
    """A forged press cancels nothing."""
    request = team.ask()
    team.press_old("rosa", "use_existing", request)
    assert team.last("use_existing.refused")["reason"] == "no_existing"
    assert team.row(request).state is State.PENDING


def test_an_existing_spec_is_looked_for_after_an_edit_too(team: Team) -> None:
    """The offer belongs to the revision."""
    nodes = {"cpu": {"units": "2"}, "mem": {"size": "31Gi"}, "gpu": {"num_gpu": 1}}
    team.cluster.api.add("theirs", nodes, team.cluster.space_id)
    request = team.ask()
    team.edit("rosa", request, "10b 2x128MB lora")
    assert "already serves this" in team.shows(request)
    team.edit("rosa", request, "11b 2x128MB lora")
    assert "already serves this" not in team.shows(request)


def test_use_gpus(new_team: Callable[..., Team]) -> None:
    """The count that tensor parallelism can start on: a new revision, an override, and the rules on it."""
    rule = "[[rule]]\nwhen = { override = true }\nquorum = 2\n"
    team = new_team(policy=POLICY + rule)
    request = team.ask("70b 10x1GB lora")
    assert json.loads(request.payload)["nodes"]["gpu"]["num_gpu"] == 3
    team.click("ada", "use_gpus", request)
    assert team.last("use_gpus.refused")["reason"] == "not_yours"
    team.click("rosa", "use_gpus", request)
    row = team.row(request)
    assert (row.revision, row.use_gpus, row.quorum) == (2, 4, 2)
    assert json.loads(row.payload)["nodes"] == {
        "cpu": {"units": "5"}, "gpu": {"num_gpu": 4}, "mem": json.loads(request.payload)["nodes"]["mem"],
    }  # fmt: skip
    assert "4 GPUs chosen by hand; the formula says 3 GPUs." in team.shows(request)
    team.approve("ada", request)
    assert team.approve("ben", request).state is State.CREATED


def test_use_gpus_where_nothing_is_to_be_overridden(team: Team) -> None:
    """A forged press makes no new revision."""
    request = team.ask()
    team.press_old("rosa", "use_gpus", request)
    assert team.last("use_gpus.refused")["reason"] == "nothing_to_override"
    assert team.row(request).revision == 1


# --- deletion


def test_a_deletion_is_approved_like_a_create(new_team: Callable[..., Team]) -> None:
    """Asked for by a button, a request of its own, quorum and self-approval alike; then the name is free."""
    team = new_team(policy=TWO)
    made = team.ask()
    team.approve("ada", made)
    assert team.approve("ben", made).state is State.CREATED
    team.click("ben", "delete", made)
    (deletion,) = [row for row in team.rows() if row.kind is Kind.DELETE]
    assert (deletion.requester_id, deletion.spec_id, deletion.quorum) == (BEN, team.row(made).spec_id, 2)
    team.approve("ben", deletion)
    assert team.last("approve.refused")["reason"] == "self_approval"
    team.approve("ada", deletion)
    assert len(team.cluster.specs(NAME)) == 1
    assert team.approve("rosa", deletion).state is State.DELETED
    assert team.cluster.specs(NAME) == []
    assert "Deleted" in team.shows(deletion)
    assert "deleted since" in team.shows(made)
    assert team.story(deletion) == ["requested", "approve.refused", "voted", "approved", "started", "deleted"]
    assert team.ask().name == NAME


def test_a_second_deletion_is_not_asked_for(team: Team) -> None:
    """One deletion at a time; one of a deleted spec is refused."""
    made = team.ask()
    team.approve("ada", made)
    card = team.card(made)
    for _ in range(2):
        team.click("rosa", "delete", made, card)
    (deletion,) = [row for row in team.rows() if row.kind is Kind.DELETE]
    assert team.last("delete.refused")["reason"] == f"deletion_asked: {deletion.id}"
    assert deletion.id in team.heard("rosa")[-1]
    team.approve("ada", deletion)
    team.click("rosa", "delete", made, card)
    assert team.last("delete.refused")["reason"].startswith("wrong_state")
    assert len(team.rows()) == 2


@pytest.mark.parametrize("who", ["gus", INES])
def test_who_asks_for_a_deletion_is_looked_up(team: Team, who: str) -> None:
    """A guest cannot even ask; a full member can."""
    made = team.ask()
    team.approve("ada", made)
    team.click(who, "delete", made)
    assert len(team.rows()) == (1 if who == "gus" else 2)
