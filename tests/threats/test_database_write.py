"""Somebody can write to the database: whatever they change, nothing is sent that nobody approved."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import sizing
from bot.approvals.request import State
from bot.audit.chain import Event
from tests.support.command_line import run
from tests.support.team import NAME, TEXT
from tests.threats.claims import Threat

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.approvals.request import Request
    from tests.support.team import Team

LOG = "tests/audit/test_log.py"
THREAT = Threat(
    what="Write access to the database",
    can={"stop requests, by changing their rows": "test_a_changed_row_fails"},
    cannot={
        "add a row that fits the chain, and have it believed": "test_a_forged_row_that_fits_the_chain_is_named",
        "have another body, space, host, name or GPU count sent": "test_a_changed_row_fails",
        "have a forged body sent with a digest to match": "test_a_payload_with_a_digest_to_match_is_asked_again",
        "have it created in another space": "test_a_space_with_a_digest_to_match_is_asked_again",
        "put another text under approvals that were given": "test_another_text_is_asked_again",
        "have another specification deleted": "test_a_deletion_removes_only_the_spec_that_was_approved",
        "have a rewritten audit signed": f"{LOG}::test_a_history_that_changes_under_the_bot_is_not_signed",
        "change an audit that somebody has exported": f"{LOG}::test_no_change_of_an_export_passes",
        "drop the audit's triggers unseen": (
            "tests/threats/test_anchor_write.py::test_dropped_triggers_are_seen_and_put_back"
        ),
        "have a foreign specification taken for ours": "test_a_lost_answer_adopts_nothing_else",
    },
    do="restore the database, then run `peftsize audit verify`.",
)

OTHER_SPACE = "5f0c1d2e-0000-4000-8000-00000000b00a"
GPUS_64 = "UPDATE revisions SET payload = replace(payload, '\"num_gpu\":1', '\"num_gpu\":64')"
TAMPERING = {
    "payload": GPUS_64,
    "payload that is no JSON": "UPDATE revisions SET payload = '{'",
    "space": "UPDATE requests SET space_id = '5f0c1d2e-0000-4000-8000-00000000b00a'",
    "name": "UPDATE requests SET name = 'peft-mine'",
    "GPU count": "UPDATE revisions SET use_gpus = 64",
    "target": "UPDATE revisions SET target = 'https://cpd.attacker.example'",
    "digest": "UPDATE revisions SET digest = replace(digest, 'a', 'b')",
}


def write(team: Team, statement: str, **values: object) -> None:
    """Change the database behind the bot's back."""
    with team.product.store.database.write() as connection:
        assert connection.exec_driver_sql(statement, values).rowcount > 0


def shown_body(team: Team, request: Request) -> str:
    """Return the body that Details shows to an approver, as canonical JSON."""
    team.click("ada", "details", request)
    blocks = team.slack.modals("ada")[-1].body["blocks"]
    (fenced,) = [b["text"]["text"].split("```")[3] for b in blocks if "POST " in str(b.get("text"))]
    return sizing.canonical_json(json.loads(fenced))


def sent_bodies(team: Team) -> list[str]:
    """Return the bodies of the creates that reached the cluster, as they arrived."""
    return [one.body for one in team.cluster.requests() if one.method == "POST" and "hardware" in one.path]


def test_what_is_sent_is_what_was_shown(team: Team) -> None:
    """The bytes that arrive at the cluster are the body that the approver was shown."""
    request = team.ask()
    shown = shown_body(team, request)
    assert team.approve("ada", request).state is State.CREATED
    assert sent_bodies(team) == [shown]


@pytest.mark.parametrize("changed", TAMPERING)
@pytest.mark.parametrize("voted", ["before", "after"])
def test_a_changed_row_fails(team: Team, changed: str, voted: str) -> None:
    """A row that contradicts its digest is not carried out; audit, card, requester and admin say so."""
    team.cluster.api.add_space(OTHER_SPACE, "other")
    request = team.ask()
    if voted == "before":
        team.break_cluster()
        assert team.approve("ada", request).state is State.APPROVED
        write(team, TAMPERING[changed])
        team.later(60)  # a try that had read the row before ends while the cluster is still down
        team.cluster.come_back()
        team.later(60)
    else:
        write(team, TAMPERING[changed])
        team.approve("ada", request)
    assert (team.row(request).state, sent_bodies(team)) == (State.FAILED, [])
    event = team.last("tampered")
    assert (event["from_state"], event["to_state"]) == ("approved", "failed")
    assert event["reason"].startswith("tampered: ")
    assert "tampered" in team.shows(request)
    assert "tampered" in team.words(team.slack.dms("rosa")[-1])
    assert "was changed in the database" in team.words(team.slack.dms("ines")[-1])
    team.click("rosa", "retry", request)
    assert (team.row(request).state, sent_bodies(team)) == (State.FAILED, [])


@pytest.mark.parametrize("count", [0, 65])
def test_a_gpu_count_that_nobody_could_choose_is_refused(team: Team, count: int) -> None:
    """A vote on it is refused with the reason, and nothing is sent; the worker goes on."""
    request = team.ask()
    write(team, "UPDATE revisions SET use_gpus = :count", count=count)
    team.approve("ada", request)
    assert (team.row(request).state, sent_bodies(team)) == (State.PENDING, [])
    assert "GPUs cannot be chosen" in str(team.last("approve.refused")["reason"])
    other = team.ask("7b none qlora4")
    assert team.approve("ada", other).state is State.CREATED


def test_a_payload_with_a_digest_to_match_is_asked_again(team: Team) -> None:
    """A consistent forgery is not what the text comes to: votes are void, and only the text's body is sent."""
    request = team.ask()
    shown = shown_body(team, request)
    forged = json.loads(request.payload)
    forged["nodes"]["gpu"]["num_gpu"] = 64
    write(
        team,
        "UPDATE revisions SET payload = :payload, digest = :digest",
        payload=sizing.canonical_json(forged),
        digest=sizing.digest(forged, request.target, request.space_id),
    )
    after = team.approve("ada", request)
    assert (after.state, after.revision, after.votes, sent_bodies(team)) == (State.PENDING, 2, (), [])
    assert team.last("revised")["reason"] == "what would be sent, or where, is no longer what was approved"
    assert team.approve("ada", request).state is State.CREATED
    assert sent_bodies(team) == [shown]


def test_a_space_with_a_digest_to_match_is_asked_again(team: Team) -> None:
    """The space comes from text and settings: the row's does not decide where anything is sent."""
    team.cluster.api.add_space(OTHER_SPACE, "other")
    request = team.ask()
    digest = sizing.digest(json.loads(request.payload), request.target, OTHER_SPACE)
    write(team, "UPDATE requests SET space_id = :space", space=OTHER_SPACE)
    write(team, "UPDATE revisions SET digest = :digest", digest=digest)
    after = team.approve("ada", request)
    assert (after.state, after.space_id, sent_bodies(team)) == (State.PENDING, request.space_id, [])
    assert team.approve("ada", request).state is State.CREATED
    assert team.cluster.specs(NAME, OTHER_SPACE) == []


def test_another_text_is_asked_again(team: Team) -> None:
    """A text that does not come to the approved digest is shown to the approvers anew."""
    request = team.ask()
    write(team, "UPDATE revisions SET text = '70b none lora'")
    after = team.approve("ada", request)
    assert (after.state, after.votes, sent_bodies(team)) == (State.PENDING, (), [])
    assert "70b + no adapters" in team.shows(request)


def test_a_deletion_removes_only_the_spec_that_was_approved(team: Team) -> None:
    """The spec id is bound to the digest: another one is not deleted."""
    mine, other = team.ask(), team.ask("7b none qlora4")
    team.approve("ada", mine)
    kept = team.approve("ada", other).spec_id
    team.click("rosa", "delete", mine)
    deletion = team.rows()[0]
    write(team, "UPDATE requests SET spec_id = :id WHERE id = :request", id=kept, request=deletion.id)
    assert team.approve("ada", deletion).state is State.FAILED
    assert team.last("tampered")["request_id"] == deletion.id
    assert [one for one in team.cluster.requests() if one.method == "DELETE"] == []


def test_a_deletion_is_asked_again_where_the_space_has_changed(team: Team) -> None:
    """After a changed setting the deletion needs a new vote, which is then carried out in that space."""
    request = team.ask()
    team.approve("ada", request)
    team.click("rosa", "delete", request)
    deletion = team.rows()[0]
    team.cluster.api.add_space(OTHER_SPACE, "other")
    team.restart(watsonx_space_id=OTHER_SPACE)
    after = team.approve("ada", deletion)
    assert (after.state, after.revision, after.space_id) == (State.PENDING, 2, OTHER_SPACE)
    assert [one for one in team.cluster.requests() if one.method == "DELETE"] == []
    assert team.approve("ada", deletion).state is State.DELETED


@pytest.mark.parametrize("statement", [GPUS_64, "UPDATE attempts SET digest = '0'"])
def test_a_lost_answer_adopts_nothing_else(team: Team, statement: str) -> None:
    """While an outcome is looked up, a changed row makes no spec ours: a person decides."""
    team.fail_creates()
    request = team.ask()
    assert team.approve("ada", request).state is State.ATTENTION
    (sent,) = sent_bodies(team)
    write(team, statement)
    team.cluster.api.add(NAME, json.loads(team.row(request).payload)["nodes"], request.space_id)
    team.later(300)
    assert (team.row(request).state, team.row(request).spec_id) == (State.ATTENTION, None)
    assert sent_bodies(team) == [sent]


def test_no_other_spec_is_adopted_before_the_create(new_team: Callable[..., Team]) -> None:
    """A spec of our name with the forged content is somebody else's, whatever the row says."""
    team = new_team()
    request = team.ask(TEXT)
    forged = json.loads(request.payload)
    forged["nodes"]["gpu"]["num_gpu"] = 64
    team.cluster.api.add(NAME, forged["nodes"], request.space_id)
    write(team, GPUS_64)
    assert team.approve("ada", request).state is State.FAILED
    assert team.row(request).spec_id is None


FORGED = {
    "an approval": (Event(1, "approved", to_state="approved"), "its approval bears no seal"),
    "a start": (Event(1, "started", to_state="creating"), "no approval covers it"),
    "a creation": (Event(1, "created", to_state="created"), "nothing had been sent"),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_row_that_fits_the_chain_is_named(team: Team, what: str) -> None:
    """The bot's own next head vouches for it, and ``audit verify`` says which row it is all the same."""
    forged, why = FORGED[what]
    team.approve("ada", team.ask())
    request = team.ask("7b none qlora4")
    about = replace(forged, request_id=request.id, revision=1, digest=request.digest)
    with team.product.store.write() as tx:
        tx.audit_log.append(replace(about, at=tx.now))
        seq = tx.audit_log.head().seq + 1
    team.ask("8b none qlora4")
    ran = run("audit", "verify", folder=team.folder, environment=team.environment)
    assert (ran.code, f"row {seq}: " in ran.out, why in ran.out) == (1, True, True), ran.out
