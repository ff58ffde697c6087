"""A specification that a deployment uses is not deleted; where nobody can know, a person decides."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bot.approvals.request import Kind, State
from bot.sandbox.watsonx.faults import ALWAYS
from tests.support.team import INES, NAME, ROSA, TEXT, Team

if TYPE_CHECKING:
    from bot.approvals.request import Request


def made(team: Team) -> Request:
    """A request whose spec exists."""
    request = team.ask(f'{TEXT} for="quarterly eval"')
    team.approve("ada", request)
    return team.row(request)


def deletion(team: Team, request: Request) -> Request:
    """Ask for the deletion of its spec."""
    team.click("rosa", "delete", request)
    (asked,) = [row for row in team.rows() if row.kind is Kind.DELETE]
    return asked


def deletes(team: Team) -> int:
    return sum(one.method == "DELETE" for one in team.cluster.requests())


def deploy(team: Team, name: str, request: Request) -> str:
    return team.cluster.deployments.deploy(name, team.cluster.space_id, request.spec_id)


def test_a_deletion_of_a_spec_in_use_is_not_asked_for(team: Team) -> None:
    """Refused privately with the names, on the last page too; when it is free, it is asked for and done."""
    team.cluster.faults.deployments_page = 2
    request = made(team)
    team.cluster.deployments.deploy_all(["other"] * 4, team.cluster.space_id)
    used = [deploy(team, name, request) for name in ("chat", "batch")]
    team.click("rosa", "delete", request)
    assert team.last("delete.refused")["reason"] == "in_use: batch, chat"
    assert "In use by batch, chat." in team.heard("rosa")[-1]
    assert len(team.rows()) == 1
    for each in used:
        team.cluster.deployments.undeploy(each)
    asked = deletion(team, request)
    assert team.approve("ada", asked).state is State.DELETED
    assert team.cluster.specs(NAME) == []


def test_a_spec_that_is_used_since_it_was_asked_for_is_not_deleted(team: Team) -> None:
    """Looked at again right before the DELETE: none is sent, the card names who uses it, Retry tries again."""
    request = made(team)
    asked = deletion(team, request)
    used = deploy(team, "chat", request)
    failed = team.approve("ada", asked)
    assert (failed.state, failed.error) == (State.FAILED, "in use by chat; nothing was deleted")
    assert "in use by chat" in team.shows(asked)
    team.click("ada", "retry", asked)
    assert team.row(asked).state is State.FAILED
    assert deletes(team) == 0
    team.cluster.deployments.undeploy(used)
    team.click("ada", "retry", asked)
    assert team.row(asked).state is State.DELETED


def test_where_nobody_can_know_a_person_decides(team: Team) -> None:
    """Said on the card when it is asked for, and again before the DELETE; only Retry by a person sends it then."""
    request = made(team)
    team.cluster.faults.deployments_refused = ALWAYS
    asked = deletion(team, request)
    assert "Note: whether a deployment uses it is not known" in team.shows(asked)
    assert "is not known" in team.last("requested")["reason"]
    failed = team.approve("ada", asked)
    assert failed.state is State.FAILED
    assert "press Retry to delete it anyway" in str(failed.error)
    assert (team.story(asked)[-1], deletes(team)) == ("use_unknown", 0)
    team.click("ada", "retry", asked)
    assert (team.row(asked).state, deletes(team)) == (State.DELETED, 1)


def test_a_person_who_decided_is_still_protected(team: Team) -> None:
    """A Retry after "not known" deletes nothing that is known to be in use by then."""
    request = made(team)
    asked = deletion(team, request)
    team.cluster.faults.deployments_refused = ALWAYS
    team.approve("ada", asked)
    team.cluster.faults.clear()
    deploy(team, "chat", request)
    team.click("ada", "retry", asked)
    assert (team.row(asked).state, deletes(team)) == (State.FAILED, 0)


def test_trouble_that_passes_needs_nobody(team: Team) -> None:
    """A list that could not be had is asked for again before anybody is."""
    request = made(team)
    asked = deletion(team, request)
    team.cluster.faults.deployments_broken = 2
    team.approve("ada", asked)
    team.later(60)
    assert team.row(asked).state is State.DELETED
    assert "use_unknown" not in team.story(asked)


def test_the_lists_say_whose_and_in_use(team: Team) -> None:
    """Owner, purpose, age and who uses it; None where that is not known."""
    request = made(team)
    deploy(team, "chat", request)

    def listed() -> dict[str, object]:
        found = json.loads(team.cli("specs", "list", "--json").stdout)
        return next(spec for spec in found if spec["name"] == NAME)

    spec = listed()
    assert (spec["owner"], spec["purpose"], spec["in_use_by"]) == (ROSA, "quarterly eval", ["chat"])
    assert isinstance(spec["age"], int)
    team.command("specs")
    told = team.heard("rosa")[-1]
    assert "in use by chat" in told
    assert "Purpose: quarterly eval" in told
    team.cluster.faults.deployments_refused = ALWAYS
    assert listed()["in_use_by"] is None
    team.later(60)
    team.command("specs")
    assert "use unknown" in team.heard("rosa")[-1]


@pytest.mark.parametrize("in_use", [True, False])
def test_the_command_line_asks_the_same(team: Team, in_use: bool) -> None:
    """``specs delete`` refuses what is in use, with the names and exit code 1."""
    request = made(team)
    if in_use:
        deploy(team, "chat", request)
    ran = team.cli("specs", "delete", str(request.spec_id), "--as", INES)
    assert (ran.exit_code == 0) is not in_use
    assert len(team.rows()) == (1 if in_use else 2)
    if in_use:
        assert "In use by chat." in ran.output + str(ran.exception)
