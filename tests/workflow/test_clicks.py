"""A click between its delivery and its decision: stored, known again, looked up, and where it counts."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from bot.approvals.request import GroupEdit, State
from bot.audit.signing_key import SigningKey
from bot.errors import PeopleError
from bot.store.tables import inbox
from bot.workflow import sealing, surface
from bot.workflow.ports import Click, Outcome, Source
from tests.support.desk import ADA, BEN, ROSA
from tests.support.rows import T0

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.desk import Desk

TEXT = "10b 2x128MB qlora4"
CLICK = Click("k1", "approve", "R0000001", 1, "T1", "U2", "Åsa", T0, "slack-http", source=Source.MODAL)

MAC = "922d247911a89845cd3eb7ec28f37439085cb6d21f2112279cb776555725eca2"


def due(desk: Desk, key: str) -> tuple[int, int]:
    """Return in how many milliseconds a stored click is looked at, and its failures."""
    with desk.store.read() as tx:
        row = tx.connection.execute(select(inbox).where(inbox.c.key == key)).one()
    return row.due_at - desk.clock.ms, row.tries


# --- stored


def test_the_form_in_which_a_click_is_stored() -> None:
    """What this release stored is known again by the next: the hash is over compact JSON with sorted keys.

    Computed apart: HMAC-SHA256 of that text under SHA-256 of ``peftsize mac 1`` and the private key's 32 bytes.
    """
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
    stored = sealing.stored(asdict(CLICK), key)
    assert stored == asdict(CLICK) | {"mac": MAC}
    assert sealing.is_genuine("k1", dict(reversed(stored.items())), key)
    assert not sealing.is_genuine("k2", stored, key)
    assert not sealing.is_genuine("k1", stored | {"user_id": "U3"}, key)
    assert not sealing.is_genuine("k1", asdict(CLICK), key)


@pytest.mark.parametrize("source", ["card", "modal", "home", "cli"])
def test_a_click_of_another_release_is_read(source: str) -> None:
    """What it does not know is left out, what it lacks is as it was: made on a card."""
    stored = json.loads(json.dumps(asdict(CLICK))) | {"source": source, "invented": 7}
    assert asdict(Click.from_stored(stored)) == asdict(CLICK) | {"source": source}
    del stored["source"], stored["view_hash"]
    assert Click.from_stored(stored).source is Source.CARD


def test_a_delivery_twice_is_one_click(desk: Desk) -> None:
    """Stored once, and the second counted as a duplicate."""
    assert [desk.service.receive(CLICK) for _ in range(2)] == [True, False]
    assert desk.outcomes == [Outcome("duplicate")]


# --- looked up


def test_while_slack_does_not_say_who_clicked(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """Tried five times after growing waits, told at the first and refused after the last; each failure is logged."""
    request = desk.carded(TEXT)
    desk.people.silent = PeopleError("users.info", "internal_error")
    click = desk.click(ADA, "approve", request.id, key="k9")
    assert desk.service.receive(click)
    for tries, wait_ms in enumerate((1_000, 2_000, 5_000, 10_000)):
        with caplog.at_level(logging.WARNING):
            assert desk.service.handle("k9") is None
        assert due(desk, "k9") == (wait_ms, tries + 1)
        assert (desk.people.log_facts, desk.people.live) == ({"request_id": request.id}, False)
        told = [("private:k9", {"user_id": "U0ADA", "channel_id": "C1", "code": "checking"})]
        assert desk.told() == (told if tries == 0 else [])
        record = caplog.records[-1]
        assert record.getMessage() == "Slack did not say who clicked"
        assert record.facts == {"what": "users.info: internal_error", "tries": tries}  # type: ignore[attr-defined] # set by extra=
        desk.clock.ms += wait_ms
    outcome = desk.service.handle("k9")
    assert outcome is not None
    assert (outcome.code, outcome.detail) == ("lookup_failed", "users.info: internal_error")
    assert desk.events()[-1]["reason"] == "lookup_failed: users.info: internal_error"
    assert desk.service.handle("k9") is None
    assert desk.outcomes[-1] == outcome


def test_slack_is_left_alone_as_long_as_it_asks(desk: Desk) -> None:
    """``Retry-After`` sets when who clicked is looked up again; then the click counts."""
    request = desk.carded(TEXT)
    desk.people.silent = PeopleError("users.info", "ratelimited", retry_after_s=17)
    assert desk.service.receive(desk.click(ADA, "approve", request.id, key="k9"))
    assert desk.service.handle("k9") is None
    assert due(desk, "k9") == (17_000, 1)
    desk.people.silent = None
    assert desk.service.handle("k9") == Outcome("done", desk.row(request.id))
    assert desk.row(request.id).state is State.APPROVED


def test_while_slack_does_not_say_who_edited_a_group(
    new_desk: Callable[..., Desk], caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody is kept from voting; the log says what failed."""
    desk = new_desk(defaults={"approvers": ["S0TEAM"]})
    request = desk.carded(TEXT)
    desk.people.groups, desk.people.silent_edits = (
        frozenset({"S0TEAM"}),
        PeopleError("usergroups.list", "fatal"),
    )
    assert desk.service.receive(desk.click(ADA, "approve", request.id, key="k9"))
    with caplog.at_level(logging.WARNING):
        assert desk.service.handle("k9") == Outcome("done", desk.row(request.id))
    (record,) = caplog.records
    assert record.getMessage() == "edits of user groups are not known"
    assert record.facts == {"what": "usergroups.list: fatal"}  # type: ignore[attr-defined] # set by extra=
    assert desk.row(request.id).groups_edited == ()


@pytest.mark.parametrize(("groups", "action"), [({"S0TEAM"}, "withdraw"), (set(), "approve")])
def test_slack_is_not_asked_who_edited_a_group_that_gives_no_vote(
    desk: Desk, caplog: pytest.LogCaptureFixture, groups: set[str], action: str
) -> None:
    """Only an approval by way of a group depends on who edited it."""
    request = desk.carded(TEXT)
    desk.people.groups, desk.people.silent_edits = frozenset(groups), PeopleError("usergroups.list", "fatal")
    assert desk.service.receive(desk.click(ADA, action, request.id, key="k9"))
    assert desk.service.handle("k9") is not None
    assert caplog.records == []


def test_who_edited_the_group_that_gave_a_vote(new_desk: Callable[..., Desk]) -> None:
    """Kept once with the row, however many votes the group gives, and said in the audit; other groups are not."""
    desk = new_desk(defaults={"approvers": ["S0TEAM"], "quorum": 2})
    request = desk.carded(TEXT)
    desk.people.groups = frozenset({"S0TEAM"})
    edit = GroupEdit("S0TEAM", "U0INES", request.created_at)
    desk.people.edited = (edit, GroupEdit("S0OTHER", "U0INES", request.created_at))
    for key, who in (("k8", ADA), ("k9", BEN)):
        assert desk.service.receive(desk.click(who, "approve", request.id, key=key))
        assert desk.service.handle(key) == Outcome("done", desk.row(request.id))
        assert desk.row(request.id).groups_edited == (edit,)
    assert [event["reason"] for event in desk.events()[1:]] == [
        f"{votes} of 2; {edit.sentence()}" for votes in (1, 2)
    ]


def test_the_command_line_is_told_nothing_in_between(desk: Desk) -> None:
    """Whoever types waits for the end."""
    request = desk.carded(TEXT)
    desk.people.silent = PeopleError("users.info", "internal_error")
    click = desk.click(ROSA, "cancel", request.id, key="k9", source=Source.CLI, origin="cli")
    assert desk.service.receive(click)
    assert desk.service.handle("k9") is None
    assert desk.told() == []


def test_an_eleventh_press_within_a_minute_is_not_looked_up(desk: Desk) -> None:
    """Refused unasked, by the name in the delivery; the command line is not limited."""
    request = desk.carded(TEXT)
    for number in range(11):
        assert desk.service.receive(desk.click(ROSA, "withdraw", request.id, key=f"p{number}"))
    codes = [getattr(desk.service.handle(f"p{number}"), "code", None) for number in range(11)]
    assert (codes[9] != "too_many_clicks", codes[10]) == (True, "too_many_clicks")
    assert desk.events()[-1]["actor"]["name"] == "typed"
    for number in range(11):
        click = desk.click(ROSA, "withdraw", request.id, key=f"c{number}", source=Source.CLI, origin="cli")
        assert desk.service.receive(click)
    codes = [getattr(desk.service.handle(f"c{number}"), "code", None) for number in range(11)]
    assert "too_many_clicks" not in codes


def test_a_press_on_a_card_that_slack_has_not_confirmed_waits(desk: Desk) -> None:
    """Until its post is known, after growing waits; the fifth time it is decided as it is."""
    request = desk.ask(TEXT).request
    assert request is not None
    assert desk.service.receive(desk.click(ADA, "approve", request.id, key="k9", message_ts="1.1"))
    for tries, wait_ms in enumerate((1_000, 2_000, 5_000, 10_000)):
        assert desk.service.handle("k9") is None
        assert due(desk, "k9") == (wait_ms, tries + 1)
        desk.clock.ms += wait_ms
    outcome = desk.service.handle("k9")
    assert outcome is not None
    assert outcome.code == "foreign_message"


# --- where it counts


@pytest.mark.parametrize(
    ("source", "view_id", "view_hash", "after_ms", "code"),
    [
        (Source.HOME, "V1", "h1", 600_000, None),
        (Source.HOME, "V1", "h1", 600_001, "stale_home"),
        (Source.HOME, "V1", "h2", 600_001, None),
        (Source.HOME, "V1", "h3", 0, "stale_home"),
        (Source.HOME, "V2", "h1", 0, "foreign_message"),
        (Source.MODAL, "V1", None, 900_000, None),
        (Source.MODAL, "V2", None, 0, "foreign_message"),
        (Source.HOME, None, None, 0, "foreign_message"),
    ],
)
def test_a_press_on_a_home_tab(
    desk: Desk, source: Source, view_id: str | None, view_hash: str | None, after_ms: int, code: str | None
) -> None:
    """It counts on the tab that was published, for ten minutes after each of its states."""
    request = desk.carded(TEXT)
    with desk.store.write() as tx:
        surface.note_home(tx, ADA.user_id, "V1", "h1")
    desk.clock.ms += 1
    with desk.store.write() as tx:
        surface.note_home(tx, ADA.user_id, "V1", "h2")
    place = {"channel_id": None, "message_ts": None, "view_id": view_id, "view_hash": view_hash}
    click = desk.click(ADA, "approve", request.id, source=source, at=T0 + after_ms, **place)
    with desk.store.read() as tx:
        refusal = surface.misplaced(tx, request, click)
    assert (refusal.code if refusal else None) == code


def test_somebody_who_never_opened_a_home_tab(desk: Desk) -> None:
    """There is none of ours that they could have pressed on."""
    request = desk.carded(TEXT)
    click = desk.click(ADA, "approve", request.id, source=Source.HOME, view_id="V1", view_hash="h1")
    with desk.store.read() as tx:
        refusal = surface.misplaced(tx, request, click)
        assert surface.search_of(tx, ADA.user_id) == surface.Search()
    assert refusal is not None
    assert refusal.code == "foreign_message"


@pytest.mark.parametrize(("after_ms", "keys"), [(3_600_000, ["home:U0ADA"]), (3_600_001, [])])
def test_a_home_tab_follows_for_an_hour(desk: Desk, after_ms: int, keys: list[str]) -> None:
    """Since it was last looked at; what was searched for and published stays known."""
    with desk.store.write() as tx:
        surface.note_home(tx, ADA.user_id, "V1", "h1")
        surface.note_reader(tx, "T1", ADA.user_id, surface.Search("llama", "open"))
        surface.note_reader(tx, "T1", ADA.user_id)
        assert surface.search_of(tx, ADA.user_id) == surface.Search("llama", "open")
    desk.clock.ms += after_ms
    desk.carded(TEXT)
    with desk.store.write() as tx:
        surface.redraw_homes(tx)
        surface.note_home(tx, ADA.user_id, "V1", "h2")
    assert desk.told() == [(key, {"team_id": "T1", "user_id": "U0ADA"}) for key in keys]


@pytest.mark.parametrize("action", ["approve", "retry", "cancel"])
@pytest.mark.parametrize("allowed", [True, False])
def test_what_the_command_line_may_decide(desk: Desk, action: str, allowed: bool) -> None:
    """Nothing that leads to a spec, unless the policy says so."""
    request = desk.carded(TEXT)
    click = desk.click(ADA, action, request.id, source=Source.CLI, origin="cli")
    with desk.store.read() as tx:
        refusal = surface.misplaced(tx, request, click, cli_decisions=allowed)
        assert allowed or surface.misplaced(tx, request, click) == refusal
    barred = action != "cancel" and not allowed
    assert (refusal.code if refusal else None) == ("cli_decisions" if barred else None)
