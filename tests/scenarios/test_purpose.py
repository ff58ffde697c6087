"""What a request is for: asked for, shown everywhere, part of the revision and of nothing that is sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bot.approvals.request import Kind, State
from tests.support.team import ADA, CHANNEL, NAME, POLICY, TEXT, TWO, Team, field_of

if TYPE_CHECKING:
    from collections.abc import Callable

PURPOSE = "quarterly eval, ABC-123"
ASKED = f'{TEXT} for="{PURPOSE}"'
STRICT = (
    POLICY
    + """purpose = "required"
purpose_pattern = "[A-Z]+-[0-9]+"
purpose_link = "https://tracker.example.com/browse/{match}"
name_pattern = "[a-z]+-[a-z]+"
"""
)


def test_a_purpose_is_shown_everywhere_and_sent_nowhere(new_team: Callable[..., Team]) -> None:
    """Card, copies, lists, search, Details, command line and audit have it; text, name, digest and body do not."""
    team = new_team(policy=POLICY + f'notify = ["{ADA}"]\n')
    plain = team.ask(TEXT)
    team.click("rosa", "cancel", plain)
    request = team.ask(ASKED)
    assert (request.purpose, request.text, request.canonical) == (PURPOSE, TEXT, TEXT)
    assert (request.name, request.digest, request.payload) == (plain.name, plain.digest, plain.payload)
    assert f"Purpose: {PURPOSE}" in team.words(team.card(request)).split("Base")[0]
    assert PURPOSE in team.words(team.slack.dms("ada")[-1])
    for words in ("list", "mine", "history abc-123", f"show {request.id}"):
        assert PURPOSE in team.command(words), words
    assert PURPOSE not in team.command("history DEF-4").partition("none")[2]
    assert team.last("requested")["reason"] == f"{TEXT}, for: {PURPOSE}"
    assert [row.get("purpose") for row in team.audit() if row["event"] == "requested"] == [None, PURPOSE]
    (listed, _) = json.loads(team.cli("requests", "list", "--json").stdout)
    assert listed["purpose"] == PURPOSE
    assert f"purpose    {PURPOSE}" in team.cli("requests", "show", request.id).stdout
    team.click("rosa", "details", request)
    assert f"Purpose: {PURPOSE}" in team.words(team.slack.modals("rosa")[-1])
    done = team.approve("ada", request)
    assert done.state is State.CREATED
    assert f"Purpose: {PURPOSE}" in team.words(team.slack.dms("rosa")[-1])
    assert PURPOSE not in json.dumps(team.cluster.specs(NAME))
    team.product.checkpoints.sign()
    assert team.cli("audit", "verify").exit_code == 0


def test_another_purpose_is_another_revision(new_team: Callable[..., Team]) -> None:
    """The form shows the purpose; a change clears the approvals and is told in thread and audit, the digest stays."""
    team = new_team(policy=TWO)
    request = team.ask(ASKED)
    team.approve("ada", request)
    team.click("rosa", "edit", request)
    view = team.slack.modals("rosa")[-1]
    assert field_of(view, "purpose")["initial_value"] == PURPOSE
    assert team.slack.submit("rosa", view, {"purpose": "demo, ABC-124"}).ok
    team.quiet()
    row = team.row(request)
    assert (row.revision, row.votes, row.purpose) == (2, (), "demo, ABC-124")
    assert row.digest == request.digest
    assert [row.get("purpose") for row in team.audit(request)] == [PURPOSE, None, "demo, ABC-124"]
    assert team.last("edited")["reason"] == f"{TEXT}, for: {PURPOSE} → {TEXT}, for: demo, ABC-124"
    assert "Purpose: demo, ABC-124." in team.words(team.slack.messages(CHANNEL)[-1])


def test_what_the_policy_asks_of_a_purpose(new_team: Callable[..., Team]) -> None:
    """Missing or unlike: told privately, with the form; nothing is stored. What matches leads to the tracker."""
    team = new_team(policy=STRICT)
    for text, says in [
        (TEXT, 'Add it at the end: for="…". It must match [A-Z]+-[0-9]+'),
        (f'{TEXT} for="eval"', "It must match [A-Z]+-[0-9]+"),
        (f'{TEXT} name=prod for="ABC-1"', "It must match [a-z]+-[a-z]+"),
        (f"{TEXT} for=eval", 'Put the purpose in quotes: for="quarterly eval".'),
    ]:
        assert says in team.command(text), text
    assert (team.rows(), team.audit()) == ([], [])
    request = team.ask(ASKED)
    link = "<https://tracker.example.com/browse/ABC-123|ABC-123>"
    assert f"*Purpose:* quarterly eval, {link}" in str(team.card(request).blocks[0])


def test_the_form_asks_for_the_purpose_that_the_policy_asks_for(new_team: Callable[..., Team]) -> None:
    """The error stands under its field; a text in the box may bring it as well."""
    team = new_team(policy=STRICT)
    team.slack.command("rosa", CHANNEL, "")
    wrong = team.slack.submit("rosa", team.slack.modals("rosa")[-1], {"request": TEXT})
    assert list(wrong.errors) == ["purpose"]
    assert team.slack.submit("rosa", team.slack.modals("rosa")[-1], {"request": TEXT, "purpose": PURPOSE}).ok
    team.quiet()
    assert [row.purpose for row in team.rows()] == [PURPOSE]
    team.slack.command("rosa", CHANNEL, "")
    boxed = {"request": '20b none lora for="DEF-4"'}
    assert team.slack.submit("rosa", team.slack.modals("rosa")[-1], boxed).ok
    team.quiet()
    assert [row.purpose for row in team.rows()] == ["DEF-4", PURPOSE]


def test_what_no_fix_carries(new_team: Callable[..., Team]) -> None:
    """Neither the repaired request, nor the button of a preview, nor a deletion has the purpose of another text."""
    team = new_team(policy=STRICT)
    team.command(f'10b 2x128Mbit qlora4 for="{PURPOSE}"')
    fixed = team.slack.ephemerals("rosa")[-1]
    assert PURPOSE not in str([block for block in fixed.blocks if block["type"] == "actions"])
    team.command(f"preview {ASKED}")
    asks = [block for block in team.slack.ephemerals("rosa")[-1].blocks if block["type"] == "actions"]
    assert asks[-1]["elements"][0]["value"] == TEXT
    request = team.approve("ada", team.ask(ASKED))
    team.click("rosa", "delete", request)
    asked = team.rows()[0]
    assert (asked.kind, asked.purpose, asked.state) == (Kind.DELETE, None, State.PENDING)


def test_a_secret_in_a_purpose_is_not_stored(team: Team) -> None:
    """Told, and nowhere kept."""
    assert "password or token" in team.command(f'{TEXT} for="token xoxb-1234567890-abcdef"')
    assert (team.rows(), team.audit()) == ([], [])


def test_a_workflow_brings_its_purpose(new_team: Callable[..., Team]) -> None:
    """The step has a field for it; without the one that the policy asks for, the step ends with the reason."""
    team = new_team(policy=STRICT + 'workflow = "allow"\n')
    inputs = {"request_text": TEXT, "requester": team.slack.person("rosa").id}
    failed = team.slack.run_function("rosa", inputs)
    team.quiet()
    execution = str(failed.payload["event"]["function_execution_id"])
    assert "needs a purpose" in team.slack.workspace.executions[execution]["error"]
    team.slack.run_function("rosa", inputs | {"purpose": PURPOSE})
    team.quiet()
    assert [row.purpose for row in team.rows()] == [PURPOSE]
