"""The step in Workflow Builder, whose requester is chosen by the workflow and so proves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.approvals.request import State
from tests.support.team import BEN, NAME, POLICY, ROSA, TEXT, Team

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.approvals.request import Request


def run(team: Team, text: str = TEXT, requester: str = ROSA) -> str:
    """Run the step; returns the execution's id."""
    delivery = team.slack.run_function("rosa", {"request_text": text, "requester": requester})
    assert delivery.ok
    team.quiet()
    return str(delivery.payload["event"]["function_execution_id"])


def ended(team: Team, execution: str) -> dict[str, Any]:
    return team.slack.workspace.executions[execution]


def the(team: Team) -> Request:
    (request,) = team.rows()
    return request


def test_denied_by_default(team: Team) -> None:
    """Without a word in the policy the step fails with the reason; nothing is asked, the attempt is audited."""
    execution = run(team)
    assert ended(team, execution)["status"] == "error"
    assert "Workflow Builder are not accepted" in ended(team, execution)["error"]
    assert team.rows() == []
    refused = team.last("request.refused")
    assert (refused["actor"]["user_id"], refused["reason"][:13]) == (ROSA, "requests from")


def test_allowed(new_team: Callable[..., Team]) -> None:
    """With ``allow`` it is a request like any other, and the step ends with the spec's id."""
    team = new_team(policy=POLICY + 'workflow = "allow"\n')
    execution = run(team)
    assert ended(team, execution)["status"] == "running"
    assert "from a workflow" in team.shows(the(team))
    team.approve("rosa", the(team))
    assert team.last("approve.refused")["reason"] == "self_approval"
    team.approve("ada", the(team))
    done = ended(team, execution)
    assert done["status"] == "success"
    assert done["outputs"]["spec_id"] == team.cluster.specs(NAME)[0]["metadata"]["asset_id"]
    assert done["outputs"]["state"] == "created"


def test_quorum_of_two(new_team: Callable[..., Team]) -> None:
    """With ``quorum-of-two`` two people must approve, and not the named requester, whatever else is allowed."""
    team = new_team(policy=POLICY + 'workflow = "quorum-of-two"\nself_approval = true\n')
    execution = run(team, requester=BEN)
    request = the(team)
    assert request.quorum == 2
    team.approve("ben", request)
    assert team.last("approve.refused")["reason"] == "self_approval"
    assert team.approve("ada", request).state is State.PENDING
    assert team.approve("rosa", request).state is State.CREATED
    assert ended(team, execution)["status"] == "success"


def test_it_ends_after_a_restart(new_team: Callable[..., Team]) -> None:
    """The step waits for days and over restarts; only its id is kept, the event's token nowhere."""
    team = new_team(policy=POLICY + 'workflow = "allow"\n')
    created, rejected = run(team), run(team, "7b none qlora4")
    first, second = reversed(team.rows())
    team.restart()
    team.approve("ada", first)
    assert ended(team, created)["status"] == "success"
    team.restart()
    team.reject("ada", second, "Use what exists.")
    assert ended(team, rejected)["status"] == "error"
    assert "Use what exists." in ended(team, rejected)["error"]
    team.stop()
    token = team.slack.app.workflow_token.encode()
    for path in team.folder.iterdir():
        assert token not in path.read_bytes(), path.name
    team.start()


def test_it_ends_when_slack_is_back(new_team: Callable[..., Team]) -> None:
    """Ending the step is tried until Slack takes it; once is enough."""
    team = new_team(policy=POLICY + 'workflow = "allow"\n')
    execution = run(team)
    team.slack.faults.only, team.slack.faults.down = frozenset({"functions.completeSuccess"}), "503"
    team.approve("ada", the(team))
    assert ended(team, execution)["status"] == "running"
    team.slack.faults.clear()
    team.later(120)
    assert ended(team, execution)["status"] == "success"
    assert (
        sum(
            call.method == "functions.completeSuccess" and call.answer.get("ok") is True
            for call in team.slack.calls
        )
        == 1
    )


def test_every_end_is_an_end(new_team: Callable[..., Team]) -> None:
    """Cancelled, expired and given up end the step with an error, so that the workflow does not go on."""
    team = new_team(policy=POLICY + 'workflow = "allow"\n')
    cancelled, expired = run(team, "7b none qlora4"), run(team, "8b none qlora4")
    second, first = team.rows()
    team.click("rosa", "cancel", first)
    team.later(25 * 3600)
    assert team.row(second).state is State.EXPIRED
    for execution, word in ((cancelled, "cancelled"), (expired, "expired")):
        assert ended(team, execution)["status"] == "error"
        assert word in ended(team, execution)["error"]


def test_what_cannot_be_asked_ends_at_once(new_team: Callable[..., Team]) -> None:
    """Text that cannot be read, a request that is alive, a spec that exists: the step ends with that."""
    team = new_team(policy=POLICY + 'workflow = "allow"\n')
    assert "5-bit is not in the sizing table" in ended(team, run(team, "10b qlora5"))["error"]
    request = team.ask()
    assert request.id in ended(team, run(team))["error"]
    team.approve("ada", request)
    done = ended(team, run(team))
    assert (done["status"], done["outputs"]["spec_id"]) == ("success", team.row(request).spec_id)


def test_an_event_sent_again_asks_once(new_team: Callable[..., Team]) -> None:
    """Slack's second delivery of the event makes no second request and does not end the step."""
    team = new_team(policy=POLICY + 'workflow = "allow"\n')
    execution = run(team)
    team.slack.replay(team.slack.recorded[-1])
    team.quiet()
    assert len(team.rows()) == 1
    assert ended(team, execution)["status"] == "running"


def test_an_edit_does_not_shed_the_workflows_rule(new_team: Callable[..., Team]) -> None:
    """After an edit it is still a workflow's request: two people."""
    team = new_team(policy=POLICY + 'workflow = "quorum-of-two"\n')
    run(team)
    team.edit("rosa", the(team), "7b none qlora4")
    assert (the(team).revision, the(team).quorum) == (2, 2)
