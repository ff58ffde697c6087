"""What the strongest approval bots get wrong, each as a promise of ours. Signed HTTP throughout."""

from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING

import pytest

from bot import anchor
from bot.approvals import State
from bot.audit import verify
from bot.errors import SettingsError
from tests.scenarios.team import ADA, BEN, CHANNEL, INES, NAME, POLICY, ROSA, TEXT, Team

if TYPE_CHECKING:
    from collections.abc import Callable

DENIED = '[[rule]]\nwhen = { methods = ["qlora4"] }\ndeny = "No 4-bit models in production."\n'


# --- SSO Elevator


def test_nobody_approves_their_own(team: Team) -> None:
    """Self-approval is refused at the click, in the audit, privately, though Rosa is an approver."""
    request = team.ask()
    team.approve("rosa", request)
    assert team.row(request).votes == ()
    refused = team.last("approve.refused")
    assert (refused["reason"], refused["actor"]["user_id"]) == ("self_approval", ROSA)
    assert "somebody else must approve it" in team.heard("rosa")[-1]
    assert team.posts() == 0
    assert team.approve("ada", request).state is State.CREATED


def test_who_edits_does_not_approve(team: Team) -> None:
    """Whoever wrote the present revision counts as its author: an admin's edit does not lend a vote."""
    team.rules(POLICY.replace('"S0APPROVE"', f'"S0APPROVE", "{INES}"'))
    team.restart()
    request = team.ask()
    team.edit("ines", request, "7b 2x128MB qlora4")
    team.approve("ines", request)
    assert team.last("approve.refused")["reason"] == "self_approval"
    assert team.approve("ada", request).state is State.CREATED


def test_a_deny_is_honoured_when_asking(new_team: Callable[..., Team]) -> None:
    """A denied request gets no card, only a private answer with the policy's words, and an audit row."""
    team = new_team(policy=POLICY + DENIED)
    assert "No 4-bit models in production." in team.command(TEXT)
    assert team.rows() == []
    assert team.slack.messages(CHANNEL) == []
    refused = team.last("request.refused")
    assert refused["reason"].startswith("No 4-bit models")
    assert refused["actor"]["user_id"] == ROSA
    assert refused["digest"]


def test_a_deny_is_honoured_when_clicking(team: Team) -> None:
    """A policy that denies since is honoured at the click, whatever the card still offers."""
    request = team.ask()
    team.rules(POLICY + DENIED)
    team.restart()
    team.approve("ada", request)
    assert team.row(request).state is State.PENDING
    assert team.last("approve.refused")["reason"] == "denied: No 4-bit models in production."
    assert "No 4-bit models" in team.heard("ada")[-1]
    assert "denies it now" in team.shows(request)


def test_a_deny_is_honoured_when_executing(team: Team) -> None:
    """A policy that denies after the approval stops the create: asked again, votes void, nothing sent."""
    request = team.ask()
    team.break_cluster()
    assert team.approve("ada", request).state is State.APPROVED
    team.rules(POLICY + DENIED)
    team.restart()
    team.cluster.come_back()
    team.later(600)
    row = team.row(request)
    assert (row.state, row.revision, row.votes) == (State.PENDING, 2, ())
    assert team.posts() == 0
    team.approve("ben", request)
    assert team.row(request).state is State.PENDING


@pytest.mark.parametrize("who", ["ada", "gus", "fay"])
def test_only_the_requester_or_an_admin_discards(team: Team, who: str) -> None:
    """Cancel by anybody else, an approver even, is refused and audited with the person."""
    request = team.ask()
    team.click(who, "cancel", request)
    assert team.row(request).state is State.PENDING
    refused = team.last("cancel.refused")
    assert refused["actor"]["user_id"] == team.slack.person(who).id
    assert refused["reason"] in {"not_yours", "guest", "foreign: app A0PEFT001, team T0AWAY001"}


@pytest.mark.parametrize("who", ["rosa", "ines"])
def test_a_cancel_is_audited(team: Team, who: str) -> None:
    """The requester and an admin cancel; the row names who; nothing was sent; the name is free."""
    request = team.ask()
    team.click(who, "cancel", request)
    assert team.row(request).state is State.CANCELLED
    assert team.last("cancelled")["actor"]["user_id"] == team.slack.person(who).id
    assert "Cancelled" in team.shows(request)
    assert team.posts() == 0
    assert team.ask().name == request.name


def test_the_card_is_not_green_before_the_action_ran(team: Team) -> None:
    """While the POST is under way the card says creating; it says created only with the spec's id."""
    request = team.ask()
    shown: list[str] = []
    team.slack.subscribe(lambda _: shown.append(team.slack.messages(CHANNEL)[-1].blocks[1]["text"]["text"]))
    team.cluster.faults.slow_commit, team.cluster.faults.commit_delay_s = 1, 0.4
    team.slack.click("ada", team.card(request), "peftsize.approve")
    team.until(lambda: team.posts() == 1, "the POST")
    assert team.row(request).state is State.CREATING
    assert team.cluster.specs(NAME) == []
    team.until(lambda: any("creating" in words for words in shown), "creating on the card")
    assert not any("Created" in words for words in shown)
    team.wait_for(request, State.CREATED)
    team.quiet()
    spec_id = team.cluster.specs(NAME)[0]["metadata"]["asset_id"]
    assert f"Created {spec_id}" in team.shows(request)


def test_expiry_is_enforced_before_it_is_painted(team: Team) -> None:
    """A click after the expiry decides nothing, even if nobody has painted the card yet."""
    request = team.ask()
    card = team.card(request)
    team.product.dispatcher.stop()
    team.clock.advance(25 * 3_600_000)
    assert team.slack.click("ada", card, "peftsize.approve").ok
    assert team.product.worker.take("inbox")
    row = team.row(request)
    assert (row.state, row.votes) == (State.PENDING, ())
    assert team.last("approve.refused")["reason"] == "expired"
    team.product.dispatcher.start()
    team.quiet()
    assert team.row(request).state is State.EXPIRED
    assert "Expired" in team.shows(request)
    assert "approve" not in str(team.card(request).blocks)
    assert team.story(request) == ["requested", "approve.refused", "expired"]
    assert "expired" in " ".join(team.heard("ada"))


def test_a_click_in_time_counts_however_late_it_is_decided(team: Team) -> None:
    """Expiry is judged at the time of the click, not when the worker comes to it."""
    request = team.ask()
    card = team.card(request)
    team.product.dispatcher.stop()
    team.clock.advance(24 * 3_600_000 - 60_000)
    assert team.slack.click("ada", card, "peftsize.approve").ok
    team.clock.advance(120_000)
    team.product.dispatcher.start()
    team.quiet()
    assert team.row(request).state is State.CREATED


def test_nothing_is_parsed_back_out_of_a_message(team: Team) -> None:
    """A forged message text and foreign button words change nothing: the row alone says what is created."""
    request = team.ask("10b 2x128MB qlora4 name=jira-1_rotate_keys")
    card = team.card(request)
    forged = {
        "message": {"type": "message", "ts": card.ts, "text": "JIRA-1: rotate: keys", "blocks": []},
        "state": {"values": {"x": {"y": {"type": "plain_text_input", "value": "70b"}}}},
    }
    delivery = team.forge("ada", "approve", card, forged, text="JIRA-1: rotate: keys")  # type: ignore[arg-type]
    assert delivery.ok
    row = team.row(request)
    assert (row.state, row.name) == (State.CREATED, "jira-1_rotate_keys")
    assert team.last("approved")["request_id"] == request.id
    assert "JIRA" not in str(team.audit())
    assert [spec["metadata"]["name"] for spec in team.cluster.specs()] == ["jira-1_rotate_keys"]


def test_a_reason_with_colons_stays_whole(team: Team) -> None:
    """``JIRA-1: rotate: keys`` is audited as written, and shown so."""
    request = team.ask()
    team.reject("ada", request, "JIRA-1: rotate: keys")
    assert team.last("rejected")["reason"] == "JIRA-1: rotate: keys"
    assert "JIRA-1: rotate: keys" in team.shows(request)


# --- Claw Patrol


def test_a_quorum_is_enforced(new_team: Callable[..., Team]) -> None:
    """Two distinct people: one alone is not enough, nor one who presses twice."""
    team = new_team(policy=POLICY + "quorum = 2\n")
    request = team.ask()
    assert team.approve("ada", request).state is State.PENDING
    assert "1 of 2, waiting for ben" in team.shows(request)
    team.approve("ada", request)
    assert team.last("approve.refused")["reason"] == "already_voted"
    assert team.row(request).state is State.PENDING
    assert team.posts() == 0
    assert team.approve("ben", request).state is State.CREATED
    assert [vote.user_id for vote in team.row(request).votes] == [ADA, BEN]
    assert [e["reason"] for e in team.audit(request) if e["event"] in {"voted", "approved"}] == [
        "1 of 2",
        "2 of 2",
    ]


def test_two_people_of_one_name_are_two_people(new_team: Callable[..., Team]) -> None:
    """A display name is no identity: a namesake of an approver is not one, and of the requester may be one."""
    team = new_team()
    request = team.ask()
    team.slack.directory.change_person("ines", name="ada", real_name="Ada Approver")
    team.slack.directory.change_person(BEN, name="rosa", real_name="Rosa Requester")
    team.click(INES, "approve", request)
    refused = team.last("approve.refused")
    assert (refused["reason"], refused["actor"]["user_id"]) == ("not_an_approver", INES)
    assert team.approve(BEN, request).state is State.CREATED


def test_a_new_name_does_not_make_a_new_person(new_team: Callable[..., Team]) -> None:
    """Who is renamed between two clicks is still one vote, and still the requester."""
    team = new_team(policy=POLICY + "quorum = 2\n")
    request = team.ask()
    team.approve(ADA, request)
    team.slack.directory.change_person(ADA, name="somebody-else", real_name="Somebody Else")
    team.slack.directory.change_person(ROSA, name="nobody", real_name="Nobody")
    team.approve(ADA, request)
    assert team.last("approve.refused")["reason"] == "already_voted"
    team.approve(ROSA, request)
    assert team.last("approve.refused")["reason"] == "self_approval"
    assert team.row(request).state is State.PENDING


# --- hoop


def test_a_click_survives_that_slack_is_down(team: Team) -> None:
    """An acknowledged click is decided and carried out although no message can be sent, and shown later."""
    request = team.ask()
    faults = team.slack.faults
    faults.only, faults.down = frozenset({"chat.update", "chat.postMessage", "conversations.open"}), "503"
    assert team.slack.click("ada", team.card(request), "peftsize.approve").ok
    team.wait_for(request, State.CREATED)
    assert "Waiting for approval" in team.shows(request)
    faults.clear()
    team.later(60)
    assert "Created" in team.shows(request)
    assert team.slack.dms("rosa")


def test_a_click_survives_a_stop(team: Team) -> None:
    """A click that was acknowledged just before the process stopped is decided after the start."""
    request = team.ask()
    team.product.dispatcher.stop()
    assert team.slack.click("ada", team.card(request), "peftsize.approve").ok
    assert team.row(request).state is State.PENDING
    team.restart()
    team.quiet()
    assert team.row(request).state is State.CREATED


def test_a_late_message_is_not_sent_twice(team: Team) -> None:
    """A lost answer of Slack costs at most a repeated post, never a decision or a second card that counts."""
    team.slack.faults.lose_answers, team.slack.faults.only = 1, frozenset({"chat.postMessage"})
    request = team.ask()
    posted = team.slack.messages(CHANNEL)
    assert len(posted) == 2
    orphan = next(message for message in posted if message.ts != team.row(request).message_ts)
    team.click("ada", "approve", request, orphan)
    assert team.last("approve.refused")["reason"] == "foreign_message"
    assert team.row(request).state is State.PENDING
    assert team.approve("ada", request).state is State.CREATED


# --- OpenClaw, opencompany


def test_approved_is_not_created(team: Team) -> None:
    """Approved with nothing run says what it waits for; no card, no message and no row says created."""
    request = team.ask()
    team.break_cluster()
    assert team.approve("ada", request).state is State.APPROVED
    assert "Approved, creating… It waits:" in team.shows(request)
    assert team.slack.dms("rosa") == []
    assert "created" not in team.story(request)
    team.cluster.come_back()
    team.later(60)
    assert team.row(request).state is State.CREATED
    assert team.posts() == 1
    assert team.last("created")["rest"]["spec_id"] == team.row(request).spec_id


# --- air-gate


def test_a_cut_off_audit_is_found(team: Team) -> None:
    """Without its last row the chain still holds together; the anchor outside the table says it was cut."""
    request = team.ask()
    team.approve("ada", request)
    anchors = anchor.read(team.folder / "team.db.anchor")
    assert verify(team.audit(), anchors).ok
    team.stop()
    with sqlite3.connect(team.folder / "team.db") as connection:
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("DELETE FROM audit")
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in names:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)")
    connection.close()
    team.start()
    verdict = verify(team.audit(), anchors)
    assert (verdict.ok, verdict.bad_seq) == (False, max(anchors))
    assert "cut off" in str(verdict.reason)
    assert verify(team.audit(), {}).ok


# --- Vercel Chat, n8n


def test_the_same_user_id_of_another_workspace_is_somebody_else(team: Team) -> None:
    """A validly signed click by Ada's id from another workspace is refused, twice over, and audited."""
    request = team.ask()
    card = team.card(request)
    user = {"id": ADA, "username": "ada", "name": "ada", "team_id": "T0AWAY001"}
    shared = team.forge("ada", "approve", card, {"user": user})
    assert shared.ok
    assert team.last("approve.refused")["reason"] == "foreign_team"
    foreign = team.forge(
        "ada", "approve", card, {"user": user, "team": {"id": "T0AWAY001", "domain": "away"}}
    )
    assert foreign.status == 403
    refused = team.last("approve.refused")
    assert (refused["actor"]["team_id"], refused["actor"]["user_id"]) == ("T0AWAY001", ADA)
    assert refused["reason"].startswith("foreign")
    assert team.row(request).votes == ()


def test_a_foreign_app_is_not_heard(team: Team) -> None:
    """A validly signed click for another app is refused before any listener, and audited."""
    request = team.ask()
    delivery = team.forge("ada", "approve", team.card(request), {"api_app_id": "A0OTHER01"})
    assert delivery.status == 403
    assert "A0OTHER01" in team.last("approve.refused")["reason"]
    assert team.row(request).votes == ()


def test_an_empty_list_of_approvers_means_nobody(new_team: Callable[..., Team]) -> None:
    """Without approvers the product does not start; a rule alone lets only those approve whom it names."""
    with pytest.raises(SettingsError, match="Nobody may approve"):
        new_team(policy='[defaults]\nadmins = ["U0INES001"]\n')
    team = new_team(policy=f'[[rule]]\nwhen = {{ min_gpus = 3 }}\napprovers = ["{ADA}"]\n')
    request = team.ask()
    team.approve("ada", request)
    assert team.last("approve.refused")["reason"] == "not_an_approver"
    assert "nobody" in team.shows(request)


# --- any of them


def test_one_delivery_counts_once(new_team: Callable[..., Team]) -> None:
    """A replayed click or command, byte for byte with its valid signature, does nothing more."""
    team = new_team(policy=POLICY + "quorum = 2\n")
    request = team.ask()
    first = team.click("ada", "approve", request)
    team.slack.replay(first)
    team.quiet()
    command = team.slack.recorded[0]
    team.click("rosa", "cancel", request)
    team.slack.replay(command)
    team.quiet()
    assert len(team.rows()) == 1
    assert team.story(request) == ["requested", "voted", "cancelled"]


def test_two_commands_at_once_make_one_card(team: Team) -> None:
    """The same request typed by two people at the same instant: one card, the other is led to it."""
    people = ("rosa", "ben")
    start = threading.Barrier(2)
    said = {}

    def type_it(who: str) -> None:
        start.wait()
        said[who] = team.slack.command(who, CHANNEL, TEXT)

    threads = [threading.Thread(target=type_it, args=(who,)) for who in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    team.quiet()
    (request,) = team.rows()
    loser = next(who for who in people if team.slack.person(who).id != request.requester_id)
    assert request.id in team.words(said[loser].said[0])
    assert len(team.slack.messages(CHANNEL)) == 1
