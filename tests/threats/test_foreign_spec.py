"""Somebody else can create and change hardware specifications in our space, under our predictable names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bot.approvals.request import State
from bot.provisioning.comparison import in_words
from tests.support.bench import NODES
from tests.support.team import NAME
from tests.threats.claims import Threat

if TYPE_CHECKING:
    from tests.support.team import Team

THREAT = Threat(
    what="Somebody else's access to the deployment space, or the bot's watsonx credentials",
    can={
        "create, change and delete specifications behind the bot's back": "test_a_change_is_drift",
        "take a name before the bot does": "test_another_spec_of_our_name_is_not_adopted",
        "have exactly what was approved adopted instead of made": "test_neutral_values_are_no_difference",
    },
    cannot={
        "have a specification adopted that differs in anything": "test_another_spec_of_our_name_is_not_adopted",
        "slip another one in while an answer is lost": "test_a_lost_answer_adopts_nothing_that_differs",
        "change a specification of ours unnoticed": "test_a_change_is_drift",
    },
    do="give the bot's user one space and no more, replace its credentials, and compare with "
    "`peftsize specs drift`.",
)
OTHER: dict[str, dict[str, Any]] = {
    "nodes.num_nodes": {"num_nodes": 8},
    "nodes.gpu.gpu_profile": {"gpu": {"num_gpu": 1, "gpu_profile": "mig-1g"}},
    "nodes.cpu.model": {"cpu": {"units": "2", "model": "Xeon"}},
    "nodes.gpu.num_gpu": {"gpu": {"num_gpu": 64}},
    "nodes.mem.size": {"mem": {}},
    "nodes.gpu": {"gpu": "none"},
    "nodes.new_key": {"new_key": {"deep": [1]}},
}
NEUTRAL: dict[str, Any] = {
    "num_nodes": 1,
    "cpu": {"units": 2, "model": ""},
    "gpu": {"num_gpu": "1", "name": None},
    "labels": {},
}


def add(team: Team, nodes: dict[str, Any], name: str = NAME) -> dict[str, Any]:
    """Have somebody else create a spec in our space."""
    return team.cluster.api.add(name, nodes, team.cluster.space_id)


def drift(team: Team) -> list[str]:
    """Look for drift, and return what the admin hears."""
    team.product.maintenance.look_for_drift()
    team.quiet()
    return [team.words(message) for message in team.slack.dms("ines")]


@pytest.mark.parametrize("where", OTHER)
def test_another_spec_of_our_name_is_not_adopted(team: Team, where: str) -> None:
    """Whatever key differs or is unknown, the request fails and says where; a person decides."""
    add(team, {**NODES, **OTHER[where]})
    request = team.ask()
    assert team.approve("ada", request).state is State.FAILED
    row = team.row(request)
    assert (row.spec_id, team.posts()) == (None, 0)
    assert f"which differs in {where}" in str(row.error)
    assert "differs in" in team.shows(request)


def test_another_description_or_a_further_part_is_a_difference(team: Team) -> None:
    """What stands beside the nodes counts too."""
    request = team.ask()
    spec = team.cluster.api.add(NAME, NODES, team.cluster.space_id, description="not yours")
    assert team.approve("ada", request).state is State.FAILED
    assert "differs in description" in str(team.row(request).error)
    team.cluster.api.remove(spec["metadata"]["asset_id"])
    team.cluster.api.add(NAME, NODES, team.cluster.space_id, more={"spark": {"executor": 4}})
    team.click("rosa", "retry", request)
    assert "differs in spark" in str(team.row(request).error)


def test_neutral_values_are_no_difference(team: Team) -> None:
    """One node, empty values and numbers as text are what a service adds: the spec is adopted."""
    spec = add(team, {**NODES, **NEUTRAL})
    request = team.ask()
    after = team.approve("ada", request)
    assert (after.state, after.spec_id) == (State.CREATED, spec["metadata"]["asset_id"])
    assert team.posts() == 0


def test_a_lost_answer_adopts_nothing_that_differs(team: Team) -> None:
    """While an outcome is looked up, a spec of our name with more nodes is not taken for ours."""
    team.fail_creates()
    request = team.ask()
    assert team.approve("ada", request).state is State.ATTENTION
    add(team, {**NODES, "num_nodes": 8})
    team.later(300)
    assert (team.row(request).state, team.row(request).spec_id) == (State.ATTENTION, None)


@pytest.mark.parametrize("where", OTHER)
def test_a_change_is_drift(team: Team, where: str) -> None:
    """The admins hear where a spec of ours is no longer what was approved; nothing is repaired."""
    request = team.ask()
    spec_id = str(team.approve("ada", request).spec_id)
    team.cluster.api.change(spec_id, NAME, {**NODES, **NEUTRAL})
    assert drift(team) == []
    team.cluster.api.change(spec_id, NAME, {**NODES, **OTHER[where]})
    (said,) = drift(team)
    assert f"is not what was approved any more: it differs in {where}" in said
    assert team.row(request).spec_id == spec_id


def test_many_differences_are_a_few_words() -> None:
    """A sentence names three and counts the rest; long names are cut."""
    assert in_words(("a",)) == "a"
    assert in_words(("a", "b", "c", "d", "e")) == "a, b, c and 2 more"
    assert in_words(("x" * 100,)) == "x" * 60
