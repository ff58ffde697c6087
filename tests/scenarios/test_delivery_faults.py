"""What other strong approval bots get wrong: quorum, identity, lost clicks, untrue cards, a cut audit."""

from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING

import pytest

from bot.approvals.request import State
from bot.audit import anchor
from bot.audit.anchor import Anchors
from bot.audit.verification import verify
from bot.errors import SettingsError
from tests.support.command_line import run
from tests.support.menu import press
from tests.support.team import ADA, BEN, CHANNEL, INES, POLICY, ROSA, TEXT, Team

if TYPE_CHECKING:
    from collections.abc import Callable


# --- Claw Patrol


def test_a_quorum_is_enforced(new_team: Callable[..., Team]) -> None:
    """Two distinct people: one alone is not enough, nor one who presses twice."""
    team = new_team(policy=POLICY + "quorum = 2\n")
    request = team.ask()
    assert team.approve("ada", request).state is State.PENDING
    assert "waiting for ben" in team.shows(request)
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


@pytest.mark.parametrize("action", ["approve", "reject"])
def test_a_press_before_slack_has_confirmed_the_card(team: Team, action: str) -> None:
    """A card counts from the moment people see it, though Slack answers the post a second later."""
    team.slack.faults.slow_answer_s, team.slack.faults.only = 1.0, frozenset({"chat.postMessage"})
    assert team.slack.command("rosa", CHANNEL, TEXT).ok
    team.until(lambda: team.slack.messages(CHANNEL), "the card is seen")
    (request,), (card,) = team.rows(), team.slack.messages(CHANNEL)
    assert request.message_ts is None
    if action == "approve":
        team.click("ada", "approve", request, card)
        assert team.row(request).state is State.CREATED
        return
    assert press(team.slack, "ada", card, "reject").ok
    (asked,) = team.slack.modals("ada")
    assert team.slack.submit("ada", asked, {"reason": "Too large."}).ok
    team.quiet()
    assert team.row(request).state is State.REJECTED


# --- OpenClaw, opencompany


def test_approved_is_not_created(team: Team) -> None:
    """Approved with nothing run says what it waits for; no card, no message and no row says created."""
    request = team.ask()
    team.break_cluster()
    assert team.approve("ada", request).state is State.APPROVED
    assert "Waiting:" in team.shows(request)
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
    found = run("audit", "verify", "--json", folder=team.folder, environment=team.environment).json
    assert (found["ok"], found["bad_seq"]) == (False, max(anchors.heads))
    assert "cut off" in found["reason"]
    team.start()
    assert not verify(team.audit(), anchors).ok
    assert verify(team.audit(), Anchors()).ok


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
    with pytest.raises(SettingsError, match="Nobody can approve"):
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
    """The same request typed by two people at the same instant: one card, the other is led to it, or asks again."""
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
    assert any(
        words in team.words(said[loser].said[0]) for words in (request.id, "Submit it again in a minute")
    )
    assert request.id in team.command(TEXT, loser)
    assert len(team.slack.messages(CHANNEL)) == 1
