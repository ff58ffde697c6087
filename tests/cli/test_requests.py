"""``peftsize requests`` and ``audit`` beside a bot at work: lists, one story, decisions and what refuses them."""

from __future__ import annotations

import json
import re
import sqlite3
from typing import TYPE_CHECKING

from bot.approvals.request import State
from tests.support.command_line import Ran, on_terminal, run
from tests.support.team import ADA, BEN, POLICY, ROSA, TEXT

if TYPE_CHECKING:
    from tests.support.team import Team


def peftsize(team: Team, *words: str) -> Ran:
    """Run a command with the settings of the team's bot."""
    return run(*words, folder=team.folder, environment=team.environment)


def test_requests_are_listed_newest_first(team: Team) -> None:
    """Tabs in a pipe, columns with a head on a terminal, JSON when asked; by state and up to a limit."""
    first, second = team.ask(), team.ask("70b 10x500MB")
    team.approve("ada", first)
    rows = [line.split("\t") for line in peftsize(team, "requests", "list").out.splitlines()]
    assert [row[:4] for row in rows] == [
        [second.id, "pending", "70b 10x500MB lora", "rosa"],
        [first.id, "created", TEXT, "rosa"],
    ]
    assert rows[1][5] == team.row(first).spec_id
    pending = peftsize(team, "requests", "list", "--json", "--state", "pending").json
    assert [row["id"] for row in pending] == [second.id]
    assert [row["id"] for row in peftsize(team, "requests", "list", "--json", "--limit", "1").json] == [
        second.id
    ]
    shown = on_terminal("requests", "list", folder=team.folder, columns=160, environment=team.environment)
    assert re.sub(r"\x1b\[\d+m", "", shown).split("\n")[0].split() == [
        "id", "state", "request", "asked", "by", "at", "spec", "purpose", "approvals",
    ]  # fmt: skip


PARTIES = f"""
[defaults]
need = [{{ name = "Leads", from = ["{ADA}"] }}, {{ name = "Security", from = ["{BEN}"] }}]
"""


def test_the_parties_of_a_pending_request_are_listed_and_shown(team: Team) -> None:
    """Each with what it has and needs, as on the card; nobody is waited for once it is decided."""
    team.rules(PARTIES)
    team.restart()
    request = team.ask()
    team.approve("ada", request)
    parties = [{"name": "Leads", "have": 1, "need": 1}, {"name": "Security", "have": 0, "need": 1}]
    assert peftsize(team, "requests", "show", "--json", request.id).json["parties"] == parties
    assert peftsize(team, "requests", "list", "--json").json[0]["parties"] == parties
    shown = "Leads 1 of 1 · Security 0 of 1"
    assert f"  approvals  {shown}" in peftsize(team, "requests", "show", request.id).out.splitlines()
    assert peftsize(team, "requests", "list").out.rstrip("\n").split("\t")[-1] == shown
    team.approve("ben", request)
    assert peftsize(team, "requests", "show", "--json", request.id).json["parties"] is None
    assert "  approvals  2 of 2" in peftsize(team, "requests", "show", request.id).out.splitlines()
    assert peftsize(team, "requests", "list").out.rstrip("\n").split("\t")[-1] == "-"


def test_requests_are_listed_where_the_policy_cannot_be_read(team: Team) -> None:
    """What the rows themselves say is there; the parties are not, and why is said, unless no policy is set."""
    request = team.ask()
    elsewhere = {"PEFTSIZE_POLICY_FILE": "missing.toml", "PEFTSIZE_APPROVERS": ""}
    for words in (("list",), ("show", request.id)):
        ran = run("requests", *words, folder=team.folder, environment=team.environment | elsewhere)
        assert ran.code == 0
        assert "The parties of pending requests are not shown. " in ran.err
        assert "PEFTSIZE_POLICY_FILE cannot be read" in ran.err
        assert "0 of 1" in ran.out
    nobody = team.environment | {"PEFTSIZE_POLICY_FILE": "", "PEFTSIZE_APPROVERS": ""}
    ran = run("requests", "show", "--json", request.id, folder=team.folder, environment=nobody)
    assert (ran.json["parties"], ran.err) == (None, "")


def test_no_request_is_said_with_the_way_to_one(team: Team) -> None:
    """An empty list says where requests are made; a state that does not exist is refused with those that do."""
    assert peftsize(team, "requests", "list").out.startswith("No requests found. They are made in Slack: ")
    assert peftsize(team, "requests", "list", "--json").json == []
    wrong = peftsize(team, "requests", "list", "--state", "lost")
    assert (wrong.code, wrong.out) == (2, "")
    assert all(state in wrong.err for state in State)


def test_a_request_is_shown_with_its_story(team: Team) -> None:
    """The state first, then the facts, then who did what; by its id in any case."""
    request = team.ask()
    team.approve("rosa", request)
    team.approve("ada", request)
    ran = peftsize(team, "requests", "show", request.id.lower())
    head, *rest = ran.out.splitlines()
    assert head == f"{request.id}: created {team.row(request).spec_id}"
    assert f"  request    {TEXT}" in rest
    assert "  approvals  1 of 1" in rest
    story = [line.split() for line in rest[rest.index("The story") + 1 : rest.index("The body") - 1]]
    assert [line[3:5] for line in story if line[3] != "started"] == [
        ["requested", "rosa"], ["approve.refused", "rosa"], ["approved", "ada"], ["created", "peftsize"],
    ]  # fmt: skip
    assert json.loads(rest[-1]) == json.loads(team.row(request).payload)
    assert peftsize(team, "requests", "show", "--json", request.id).json["votes"][0]["user_id"] == ADA


def test_an_unknown_request_is_told_how_to_find_one(team: Team) -> None:
    """In the words of the command line, not of Slack; exit code 1."""
    ran = peftsize(team, "requests", "show", "R0NOWHERE")
    assert (ran.code, ran.out) == (1, "")
    assert "peftsize requests list" in ran.err
    assert "/peftsize" not in ran.err
    assert "R0NOWHERE" in ran.err


def test_decisions_say_where_the_request_is_now(team: Team) -> None:
    """Approved by one who may: exit code 0; by the requester: exit code 1 and why; in Slack it is the same."""
    team.rules(POLICY + 'cli_decisions = "allow"\n')
    request = team.ask()
    refused = peftsize(team, "requests", "approve", request.id, "--as", ROSA)
    assert (refused.code, refused.out) == (1, "")
    assert "somebody else must approve it" in refused.err
    assert team.row(request).votes == ()
    done = peftsize(team, "requests", "approve", request.id, "--as", ADA)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{request.id}: ")
    team.quiet()
    assert team.row(request).state is State.CREATED
    assert team.last("approved")["origin"] == "cli"


def test_a_rejection_needs_a_reason_that_may_be_kept(team: Team) -> None:
    """Nothing is stored of a secret; exit code 2."""
    request = team.ask()
    for reason in (" ", "the token is xoxb-1234567890-abcdefghij", "x" * 501):
        ran = peftsize(team, "requests", "reject", request.id, "--as", ADA, "--reason", reason)
        assert (ran.code, ran.out) == (2, "")
    assert team.row(request).state is State.PENDING
    assert peftsize(team, "requests", "reject", request.id, "--as", ADA, "--reason", "Too large.").code == 0
    assert team.row(request).state is State.REJECTED


def test_the_audit_is_exported_from_a_time_on(team: Team) -> None:
    """One JSON object a line; a time that is none is refused with one that would do."""
    team.ask()
    events = [json.loads(line)["event"] for line in peftsize(team, "audit", "export").out.splitlines()]
    assert events == ["requested"]
    assert peftsize(team, "audit", "export", "--since", "2999-01-01").out == ""
    assert peftsize(team, "audit", "export", "--since", "2020-01-01T00:00").out.count("\n") == 1
    wrong = peftsize(team, "audit", "export", "--since", "yesterday")
    assert (wrong.code, "2026-11-23T08:00" in wrong.err) == (2, True)


def test_a_changed_audit_does_not_verify(team: Team) -> None:
    """Whole: exit code 0 and how far it is anchored; changed: exit code 1 and the first bad row."""
    team.approve("ada", team.ask())
    assert "The audit is intact" in peftsize(team, "audit", "verify").out
    assert peftsize(team, "audit", "verify", "--json").json["ok"] is True
    team.stop()
    with sqlite3.connect(team.folder / "team.db") as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE audit SET reason = 'never mind' WHERE seq = 2")
    connection.close()
    ran = peftsize(team, "audit", "verify")
    assert (ran.code, ran.err.startswith("Triggers of the audit are missing")) == (1, True)
    assert ran.out.startswith("The audit is NOT intact: row 2: ")
    assert peftsize(team, "audit", "verify", "--json").json["bad_seq"] == 2


def test_the_deployment_requests_of_a_created_spec_can_be_pasted(team: Team) -> None:
    """The spec's id is in one, the adapter's asset in the other; before the spec exists there is nothing to deploy."""
    request = team.ask()
    early = peftsize(team, "requests", "deploy-body", request.id)
    assert early.code == 1
    assert "no live specification" in early.err
    team.approve("ada", request)
    team.wait_for(request, State.CREATED)
    found = peftsize(team, "requests", "deploy-body", request.id, "--adapter", "asset-7", "--json").json
    assert found["base"]["body"]["hardware_spec"] == {"id": team.row(request).spec_id, "num_nodes": 1}
    assert found["base"]["body"]["online"]["parameters"]["foundation_model"]["enable_lora"] is True
    assert found["adapter"]["body"]["asset"] == {"id": "asset-7"}
    assert found["base"]["url"].startswith(team.row(request).target + "/ml/v4/deployments")
    shown = peftsize(team, "requests", "deploy-body", request.id).out
    assert shown.count("curl -X POST") == 2
    assert peftsize(team, "requests", "deploy-body", "R0NOWHERE").code == 1
