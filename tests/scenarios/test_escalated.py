"""With the only approver away, an escalation lets others decide, from every entrance, but not the requester."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.approvals.request import State
from bot.runtime.wiring import clock
from tests.support.team import BEN, INES, ROSA, TEXT

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.approvals.request import Request
    from tests.support.team import Team

AWAY = f"""
[defaults]
approvers = ["{BEN}"]
escalate = [{{ after = "1s", to = ["{INES}", "{ROSA}"] }}]
cli_decisions = "allow"
workflow = "allow"
"""
"""Ben is away; after a second Ines may decide, and Rosa could if it were not her own request."""


def escalated(team: Team, request: Request) -> Request:
    """Wait until the escalation was told, and return the row."""
    team.until(lambda: "escalated" in team.story(request), "the escalation")
    team.quiet()
    return team.row(request)


@pytest.mark.parametrize("socket", [False, True], ids=["http", "socket"])
def test_on_the_card(new_team: Callable[..., Team], *, socket: bool) -> None:
    """By the buttons, over HTTP and over Socket Mode; the origin stands in the audit."""
    team = new_team(policy=AWAY, socket=socket)
    request = escalated(team, team.ask())
    team.approve("rosa", request)
    assert team.last("approve.refused")["reason"] == "self_approval"
    assert team.approve("ines", request).state is State.CREATED
    assert team.last("approved")["origin"] == ("slack-socket" if socket else "slack-http")


def test_on_the_copy_that_the_escalation_sends(new_team: Callable[..., Team]) -> None:
    """Whom it reaches gets the card in a direct message, with buttons that decide; the requester gets none."""
    team = new_team(policy=AWAY)
    request = escalated(team, team.ask())
    assert team.slack.dms("rosa") == []
    assert team.click("ines", "approve", request, team.slack.dms("ines")[-1]).ok
    assert team.row(request).state is State.CREATED


def test_in_app_home(new_team: Callable[..., Team]) -> None:
    """An open tab gets the request once it waits for its owner, never the requester's."""
    team = new_team(policy=AWAY)
    for who in ("ines", "rosa"):
        team.slack.open_home(who)
    team.quiet()
    request = escalated(team, team.ask())
    for who, waits in (("ines", 1), ("rosa", 0)):
        home = team.slack.home(who)
        assert home is not None
        assert f"WAITING FOR ME ({waits})" in team.words(home).upper()
    home = team.slack.home("ines")
    assert home is not None
    assert team.slack.click("ines", home, "peftsize.approve").ok
    team.quiet()
    assert team.row(request).state is State.CREATED


def test_on_the_command_line(new_team: Callable[..., Team]) -> None:
    """Under the same rules: exit code 1 and why for the requester, then approved."""
    team = new_team(policy=AWAY)
    request = escalated(team, team.ask())
    refused = team.cli("requests", "approve", request.id, "--as", ROSA)
    assert refused.exit_code == 1
    assert team.last("approve.refused")["reason"] == "self_approval"
    team.until(lambda: clock() > request.asked_at + 1_000, "the command line's own clock")
    done = team.cli("requests", "approve", request.id, "--as", INES)
    assert done.exit_code == 0, done.output
    assert team.row(request).state is State.CREATED
    assert team.last("approved")["origin"] == "cli"


def test_asked_by_a_workflow(new_team: Callable[..., Team]) -> None:
    """The step waits for the escalation and ends with the specification; the person it names has no say."""
    team = new_team(policy=AWAY)
    delivery = team.slack.run_function("rosa", {"request_text": TEXT, "requester": ROSA})
    assert delivery.ok
    team.quiet()
    (request,) = team.rows()
    escalated(team, request)
    team.approve("rosa", request)
    assert team.last("approve.refused")["reason"] == "self_approval"
    assert team.approve("ines", request).state is State.CREATED
    execution = str(delivery.payload["event"]["function_execution_id"])
    assert team.slack.workspace.executions[execution]["status"] == "success"


def test_a_deletion_escalates_too(new_team: Callable[..., Team]) -> None:
    """It needs the same approval as a creation, so it waits no longer for one absent person."""
    team = new_team(policy=AWAY)
    made = escalated(team, team.ask())
    team.approve("ines", made)
    assert team.click("rosa", "delete", made).ok
    deletion = next(row for row in team.rows() if row.id != made.id)
    escalated(team, deletion)
    assert team.approve("ines", deletion).state is State.DELETED
