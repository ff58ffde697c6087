"""Asking and changing: the form, edits, stale buttons and modals, foreign values and messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.approvals.request import State
from tests.support.team import CHANNEL, NAME, POLICY, ROSA, TEXT, TWO, Team, field_of

if TYPE_CHECKING:
    from collections.abc import Callable


# --- asking


def test_the_form(team: Team) -> None:
    """``/peftsize`` alone opens the form; what is wrong is said under the field; then the card comes here."""
    team.slack.command("rosa", CHANNEL, "")
    (view,) = team.slack.modals("rosa")
    wrong = team.slack.submit("rosa", view, {"request": "10 apples"})
    assert list(wrong.errors) == ["request"]
    assert team.rows() == []
    assert team.slack.submit("rosa", team.slack.modals("rosa")[-1], {"request": TEXT}).ok
    team.quiet()
    (request,) = team.rows()
    assert team.slack.modals("rosa") == []
    assert (request.canonical, request.requester_id, request.channel_id) == (TEXT, ROSA, "C0MLSERVE")
    assert team.card(request)


def test_the_form_says_what_the_policy_denies(new_team: Callable[..., Team]) -> None:
    """A denied request is told under the field as well, and the form stays."""
    team = new_team(policy=POLICY + '[[rule]]\nwhen = { min_gpus = 2 }\ndeny = "Too many."\n')
    team.slack.command("rosa", CHANNEL, "")
    wrong = team.slack.submit("rosa", team.slack.modals("rosa")[-1], {"request": "70b 2x128MB"})
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
    assert len([message for message in team.slack.messages(CHANNEL) if not message.thread_ts]) == 1


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
    assert field_of(view, "model")["initial_option"]["value"] == "10b"
    assert field_of(view, "adapters")["initial_value"] == "2x128MB"
    assert field_of(view, "method")["initial_option"]["value"] == "qlora4"
    wrong = team.slack.submit("rosa", view, {"request": "ten b"})
    assert list(wrong.errors) == ["request"]
    assert team.row(request).revision == 1


@pytest.mark.parametrize("who", ["ada", "gus"])
def test_only_the_requester_or_an_admin_edits(team: Team, who: str) -> None:
    """Anybody else's edit is refused before a form opens, and audited."""
    request = team.ask()
    team.click(who, "edit", request)
    assert team.slack.modals(who) == []
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
