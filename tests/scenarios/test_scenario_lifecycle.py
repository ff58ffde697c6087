"""The life of a request in Slack: form, edit, reject, cancel, votes, expiry, reminders, deletion."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bot.approvals import Kind, State
from tests.scenarios.team import ADA, BEN, CHANNEL, INES, NAME, POLICY, ROSA, TEXT, Team

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR_S = 3600.0
TWO = POLICY + "quorum = 2\n"


# --- asking


def test_the_form(team: Team) -> None:
    """``/peftsize`` alone opens the form; what is wrong is said under the field; then the card comes here."""
    team.slack.command("rosa", CHANNEL, "")
    (view,) = team.slack.modals("rosa")
    wrong = team.slack.submit("rosa", view, {"text": "10 apples"})
    assert list(wrong.errors) == ["request"]
    assert team.rows() == []
    assert team.slack.submit("rosa", team.slack.modals("rosa")[-1], {"text": TEXT}).ok
    team.quiet()
    (request,) = team.rows()
    assert team.slack.modals("rosa") == []
    assert (request.canonical, request.requester_id, request.channel_id) == (TEXT, ROSA, "C0MLSERVE")
    assert team.card(request)


def test_the_form_says_what_the_policy_denies(new_team: Callable[..., Team]) -> None:
    """A denied request is told under the field as well, and the form stays."""
    team = new_team(policy=POLICY + '[[rule]]\nwhen = { min_gpus = 2 }\ndeny = "Too many."\n')
    team.slack.command("rosa", CHANNEL, "")
    wrong = team.slack.submit("rosa", team.slack.modals("rosa")[-1], {"text": "70b 2x128MB"})
    assert "Too many." in wrong.errors["request"]
    assert team.last("request.refused")["reason"].startswith("Too many.")


def test_an_identical_request(team: Team) -> None:
    """One that is alive, or whose spec exists, gets its state, link and id privately, and no second card."""
    request = team.ask()
    told = team.command(TEXT, who="ben")
    assert request.id in told
    assert "waiting for approval" in told
    link = f"archives/{request.channel_id}/p"
    assert link in str(team.slack.ephemerals("ben")[-1].blocks)
    team.approve("ada", request)
    assert team.cluster.specs(NAME)[0]["metadata"]["asset_id"] in team.command(
        "qlora4 2x128MB 10b", who="ben"
    )
    assert len(team.rows()) == 1
    assert len(team.slack.messages(CHANNEL)) == 1


# --- changing


def test_an_edit_is_a_new_revision(new_team: Callable[..., Team]) -> None:
    """Other text: next revision, other digest, votes void, the old name free and the new one reserved."""
    team = new_team(policy=TWO)
    request = team.ask()
    team.approve("ada", request)
    assert team.edit("rosa", request, "7b 2x128MB qlora4").ok
    row = team.row(request)
    assert (row.revision, row.votes, row.state) == (2, (), State.PENDING)
    assert row.digest != request.digest
    assert team.last("edited")["digest"] == row.digest
    assert team.last("edited")["reason"] == "10b 2x128MB qlora4 → 7b 2x128MB qlora4"
    assert "0 of 2" in team.shows(request)
    assert "revision 2" in team.shows(request)
    other = team.ask(TEXT, who="ben")
    assert other.id != request.id
    assert request.id in team.command("7b 2x128MB qlora4", who="ben")


def test_an_edit_cannot_take_a_held_name(team: Team) -> None:
    """A text whose spec name another live request holds changes nothing, and says whose it is."""
    held, request = team.ask("7b 2x128MB qlora4"), team.ask()
    team.edit("rosa", request, "7b 2x128MB qlora4")
    assert team.last("edit.refused")["reason"] == f"name_taken: {held.id}"
    assert team.row(request).revision == 1
    assert held.id in team.heard("rosa")[-1]


def test_what_is_wrong_with_an_edit_is_said_under_the_field(team: Team) -> None:
    """The form is pre-filled with the request, and stays open with the sentence."""
    request = team.ask()
    team.click("rosa", "edit", request)
    view = team.slack.modals("rosa")[-1]
    assert view.body["blocks"][-1]["element"]["initial_value"] == TEXT
    wrong = team.slack.submit("rosa", view, {"text": "ten b"})
    assert list(wrong.errors) == ["request"]
    assert team.row(request).revision == 1


@pytest.mark.parametrize("who", ["ada", "gus"])
def test_only_the_requester_or_an_admin_edits(team: Team, who: str) -> None:
    """Anybody else's edit is refused and audited."""
    request = team.ask()
    team.edit(who, request, "7b 2x128MB qlora4")
    assert team.last("edit.refused")["actor"]["user_id"] == team.slack.person(who).id
    assert team.row(request).revision == 1


def test_a_stale_click_decides_nothing(team: Team) -> None:
    """A button of an earlier revision is refused, told privately with the present one, the card repaired."""
    request = team.ask()
    before = team.card(request)
    team.edit("rosa", request, "7b 2x128MB qlora4")
    updates = len([call for call in team.slack.calls if call.method == "chat.update"])
    team.click("ada", "approve", request, before)
    assert team.last("approve.refused")["reason"] == "stale_revision: 2"
    assert team.row(request).votes == ()
    assert "It is revision 2 now." in team.heard("ada")[-1]
    assert request.id in team.heard("ada")[-1]
    assert len([call for call in team.slack.calls if call.method == "chat.update"]) == updates + 1


def test_a_stale_modal_decides_nothing(team: Team) -> None:
    """A reason written for revision 1 does not reject revision 2."""
    request = team.ask()
    team.click("ada", "reject", request)
    view = team.slack.modals("ada")[-1]
    team.edit("rosa", request, "7b 2x128MB qlora4")
    team.slack.submit("ada", view, {"text": "Too large."})
    team.quiet()
    assert team.last("reject.refused")["reason"] == "stale_revision: 2"
    assert team.row(request).state is State.PENDING


@pytest.mark.parametrize("value", ["R00000000", "", "'; DROP TABLE requests --", "x" * 2000])
def test_a_foreign_button_value(team: Team, value: str) -> None:
    """A value that is no request of ours is refused, audited, told; nothing else happens."""
    request = team.ask()
    team.forge("ada", "approve", team.card(request), value=value)
    assert team.last("approve.refused")["reason"].startswith("unknown_request")
    assert "no such request" in team.heard("ada")[-1]
    assert team.row(request).votes == ()


def test_a_click_on_a_foreign_message(team: Team) -> None:
    """A button moved to another message, by whomever, decides nothing."""
    request = team.ask()
    card = team.card(request)
    copy = team.slack.say("gus", CHANNEL, "look")
    container = {"type": "message", "message_ts": copy.ts, "channel_id": copy.channel, "is_ephemeral": False}
    team.forge("ada", "approve", card, {"container": container})
    assert team.last("approve.refused")["reason"] == "foreign_message"
    other = team.ask("7b 2x128MB qlora4")
    team.forge("ada", "approve", team.card(other), value=request.id)
    assert team.last("approve.refused")["reason"] == "foreign_message"
    assert team.row(request).votes == team.row(other).votes == ()


def test_a_button_of_a_terminal_card(team: Team) -> None:
    """Pressed on an old picture of the card: answered privately with the present state."""
    request = team.ask()
    before = team.card(request)
    team.approve("ada", request)
    team.click("ben", "approve", request, before)
    assert team.last("approve.refused")["reason"] == "wrong_state: created"
    assert team.row(request).spec_id in team.heard("ben")[-1]
    assert len(team.row(request).votes) == 1


# --- rejecting and voting


def test_a_rejection_needs_a_reason(team: Team) -> None:
    """Empty, blank, too long or secret: told under the field; a reason ends it, for everybody to read."""
    request = team.ask()
    team.click("ada", "reject", request)
    view = team.slack.modals("ada")[-1]
    assert team.slack.submit("ada", view, {"text": ""}).error == "required"
    for reason in ("   ", "password=hunter2hunter2"):
        assert list(team.slack.submit("ada", team.slack.modals("ada")[-1], {"text": reason}).errors) == [
            "reason"
        ]
    assert team.row(request).state is State.PENDING
    assert team.slack.submit("ada", team.slack.modals("ada")[-1], {"text": "Use qlora8."}).ok
    team.quiet()
    assert team.row(request).state is State.REJECTED
    assert "Use qlora8." in team.shows(request)
    assert "Use qlora8." in team.words(team.slack.dms("rosa")[-1])
    assert "hunter2" not in str(team.audit())
    assert team.ask().name == request.name


def test_a_vote_is_taken_back(new_team: Callable[..., Team]) -> None:
    """Before the quorum a vote can be taken back; it counts no more; nobody takes back another's."""
    team = new_team(policy=TWO)
    request = team.ask()
    team.approve("ada", request)
    team.click("ben", "withdraw", request)
    assert team.last("withdraw.refused")["reason"] == "no_vote"
    team.click("ada", "withdraw", request)
    assert team.row(request).votes == ()
    assert "0 of 2" in team.shows(request)
    assert team.approve("ben", request).state is State.PENDING
    assert team.approve("ada", request).state is State.CREATED


def test_cancel_after_the_approval(team: Team) -> None:
    """Approved and nothing sent yet: it can still be cancelled, and then never is created."""
    request = team.ask()
    team.break_cluster()
    team.approve("ada", request)
    team.click("rosa", "cancel", request)
    assert team.row(request).state is State.CANCELLED
    assert "waits" not in team.shows(request)
    team.cluster.come_back()
    team.later(600)
    assert team.posts() == 0


# --- time


def test_expiry(team: Team) -> None:
    """Nobody decided in time: expired in the row, on the card, for the requester; the name is free."""
    request = team.ask()
    team.later(24 * HOUR_S + 1)
    assert team.row(request).state is State.EXPIRED
    assert "nobody decided in time" in team.shows(request)
    assert "expired" in team.words(team.slack.dms("rosa")[-1]).lower()
    assert team.last("expired")["actor"]["user_id"] is None
    assert team.ask().id != request.id


def test_a_rule_may_shorten_the_time(new_team: Callable[..., Team]) -> None:
    """The strictest expiry wins, and an edit starts it anew."""
    team = new_team(policy=POLICY + '[[rule]]\nexpires_after = "2h"\n')
    request = team.ask()
    team.later(1.5 * HOUR_S)
    team.edit("rosa", request, "7b 2x128MB qlora4")
    team.later(1.5 * HOUR_S)
    assert team.row(request).state is State.PENDING
    team.later(0.6 * HOUR_S)
    assert team.row(request).state is State.EXPIRED


def reminded(team: Team) -> dict[str, int]:
    """Count the reminders that everybody was sent."""
    sent = [call.args for call in team.slack.calls if call.method == "chat.postMessage"]
    return {
        who: sum(team.slack.dm(who).id == one["channel"] and "waits for you" in one["text"] for one in sent)
        for who in ("rosa", "ada", "ben", "ines")
    }


def test_reminders_go_to_those_who_can_still_vote(new_team: Callable[..., Team]) -> None:
    """After 4 h, then after 8 h more: who has voted, and who asked, is left alone; each links to the card."""
    team = new_team(policy=TWO + 'expires_after = "3d"\n')
    request = team.ask()
    team.later(3.9 * HOUR_S)
    assert reminded(team) == {"rosa": 0, "ada": 0, "ben": 0, "ines": 0}
    team.later(0.2 * HOUR_S)
    assert reminded(team) == {"rosa": 0, "ada": 1, "ben": 1, "ines": 0}
    assert f"archives/{request.channel_id}/p" in str(team.slack.dms("ada")[-1].blocks)
    team.approve("ada", request)
    assert "waits for you" not in team.words(team.slack.dms("ada")[-1])
    team.later(7.8 * HOUR_S)
    assert reminded(team)["ben"] == 1
    team.later(0.3 * HOUR_S)
    assert reminded(team) == {"rosa": 0, "ada": 1, "ben": 2, "ines": 0}
    reasons = [row["reason"] for row in team.audit(request) if row["event"] == "reminded"]
    assert reasons == [f"reminder 1 to {ADA}, {BEN}", f"reminder 2 to {BEN}"]


def test_an_edit_is_not_reminded_of_at_once(new_team: Callable[..., Team]) -> None:
    """The waits begin anew with the revision."""
    team = new_team(policy=POLICY + 'expires_after = "3d"\n')
    request = team.ask()
    team.later(5 * HOUR_S)
    assert reminded(team)["ada"] == 1
    team.edit("rosa", request, "7b 2x128MB qlora4")
    team.later(3.5 * HOUR_S)
    assert reminded(team)["ada"] == 1
    team.later(1 * HOUR_S)
    assert reminded(team)["ada"] == 2


# --- elsewhere than on the card in the channel


def test_deciding_in_a_direct_message(team: Team) -> None:
    """The reminder's copy of the card decides like the one in the channel, and is repaired with it."""
    request = team.ask()
    team.later(4.1 * HOUR_S)
    copy = team.slack.dms("ada")[-1]
    assert team.click("ada", "approve", request, copy).ok
    assert team.row(request).state is State.CREATED
    assert "Created" in team.words(team.slack.dms("ada")[-1])
    assert "Created" in team.shows(request)
    assert "Created" in team.words(team.slack.dms("ben")[-1])
    assert team.last("approved")["slack"]["channel_id"] == copy.channel


def test_somebody_elses_copy_does_not_lend_their_vote(team: Team) -> None:
    """A press on Ada's copy counts as the person who pressed."""
    request = team.ask()
    team.later(4.1 * HOUR_S)
    team.click("gus", "approve", request, team.slack.dms("ada")[-1])
    assert team.last("approve.refused")["actor"]["user_id"] == "U0GUS0001"
    assert team.row(request).votes == ()


def test_deciding_in_app_home(team: Team) -> None:
    """What waits for Ada is on her Home tab with its buttons; they decide; then it waits no more."""
    request = team.ask()
    for who, waits in (("ada", 1), ("rosa", 0), ("ines", 0)):
        team.slack.open_home(who)
        team.quiet()
        home = team.slack.home(who)
        assert home is not None
        assert f"Waiting for me ({waits})".upper() in team.words(home).upper()
        assert request.id in team.words(home)
    home = team.slack.home("ada")
    assert home is not None
    assert team.slack.click("ada", home, "peftsize.approve").ok
    team.quiet()
    assert team.row(request).state is State.CREATED
    home = team.slack.home("ada")
    assert home is not None
    assert "WAITING FOR ME (0)" in team.words(home).upper()
    team.slack.click("ada", home, "peftsize.open_form")
    assert team.slack.modals("ada")


def test_every_direct_message_links_to_the_card(team: Team) -> None:
    """Created, rejected, expired, failed, reminders: each leads back to the card."""
    for number, end in enumerate(("approve", "reject", "expire"), 5):
        request = team.ask(f"{number}b none qlora4")
        if end == "approve":
            team.approve("ada", request)
        elif end == "reject":
            team.reject("ada", request, "No.")
        else:
            team.later(25 * HOUR_S)
    told = [message for who in ("rosa", "ada", "ben") for message in team.slack.dms(who)]
    assert len(told) >= 5
    for message in told:
        assert "/archives/C0MLSERVE/p" in json.dumps(message.blocks), message.text


# --- what already serves, and what can start


def test_use_existing(team: Team) -> None:
    """A live spec of the same hardware is offered on the card; taking it ends the request with its id."""
    nodes = {"cpu": {"units": "2"}, "mem": {"size": "31Gi"}, "gpu": {"num_gpu": 1}}
    spec = team.cluster.api.add("theirs", nodes, team.cluster.space_id)
    request = team.ask("10b 2x128MB lora")
    assert "An existing spec already serves this" in team.shows(request)
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
    team.forge("rosa", "cancel", team.card(request), action_id="peftsize.use_existing")
    assert team.last("use_existing.refused")["reason"] == "no_existing"
    assert team.row(request).state is State.PENDING


def test_an_existing_spec_is_looked_for_after_an_edit_too(team: Team) -> None:
    """The offer belongs to the revision."""
    nodes = {"cpu": {"units": "2"}, "mem": {"size": "31Gi"}, "gpu": {"num_gpu": 1}}
    team.cluster.api.add("theirs", nodes, team.cluster.space_id)
    request = team.ask()
    team.edit("rosa", request, "10b 2x128MB lora")
    assert "An existing spec already serves this" in team.shows(request)
    team.edit("rosa", request, "11b 2x128MB lora")
    assert "An existing spec" not in team.shows(request)


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
    assert "Override: 4 GPUs chosen by hand" in team.shows(request)
    team.approve("ada", request)
    assert team.approve("ben", request).state is State.CREATED


def test_use_gpus_where_nothing_is_to_be_overridden(team: Team) -> None:
    """A forged press makes no new revision."""
    request = team.ask()
    team.forge("rosa", "edit", team.card(request), action_id="peftsize.use_gpus")
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
