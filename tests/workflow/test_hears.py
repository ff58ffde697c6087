"""Who hears of which change, and where: each line of the table, on a channel's card and on one in a direct message."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.approvals.policy import Stage
from bot.approvals.request import State
from bot.workflow.notify import TABLE, Event, Place, Who, event_of, hears, reached
from tests.support.people import ADA, BEN, HOUR, RULING, a_request, vote_of

CALLED = replace(RULING, notify=("UBEN", "SGROUP", "UROSA", "UADA"))
WAITS = a_request()
VOTED = a_request(votes=(vote_of(ADA), vote_of(BEN)))
EDITED = replace(WAITS, revision=2, author_id="UADA")
ANY = {(Who.EVERYBODY, Place.CHANNEL, ""), (Who.REQUESTER, Place.HOME, "UROSA")}
THREAD = (Who.EVERYBODY, Place.THREAD, "")
TOLD = (Who.REQUESTER, Place.DIRECT, "UROSA")


def people(place: Place, *who: str) -> set[tuple[Who, Place, str]]:
    return {(Who.PEOPLE, place, each) for each in who}


ASKED = {
    *ANY,
    (Who.GROUPS, Place.CHANNEL, "SGROUP"),
    *people(Place.DIRECT, "UBEN", "UADA"),
    *people(Place.HOME, "UBEN", "UADA"),
}


def test_the_page_shows_the_table() -> None:
    """docs/notifications.md says who hears what as the code does, line by line."""
    page = (Path(__file__).parents[2] / "docs/notifications.md").read_text(encoding="utf-8")
    shown = [line for line in page.split("notifications -->")[1].splitlines() if line.startswith("| ")]
    lines = [f"| {row.event} | {row.who} | {row.place} | {row.what} |" for row in TABLE]
    assert [line for line in shown if "---" not in line][1:] == lines


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (None, WAITS, ASKED),
        (VOTED, EDITED, {*ANY, THREAD, (Who.VOTERS, Place.DIRECT, "UBEN"), *people(Place.DIRECT, "UBEN")}),
        (WAITS, VOTED, ANY),
        (WAITS, a_request(State.APPROVED), ANY),
        (WAITS, a_request(State.REJECTED), {*ANY, THREAD, TOLD}),
        (WAITS, a_request(State.EXPIRED), {*ANY, TOLD}),
        (WAITS, a_request(State.CANCELLED), ANY),
        (WAITS, a_request(State.CREATED), {*ANY, THREAD, TOLD}),
        (WAITS, a_request(State.DELETED), {*ANY, THREAD, TOLD}),
        (WAITS, a_request(State.FAILED), {*ANY, THREAD, TOLD}),
        (a_request(State.FAILED), a_request(State.FAILED), ANY),
        (
            WAITS,
            a_request(State.ATTENTION),
            {*ANY, TOLD, (Who.ADMINS, Place.DIRECT, "SADMINS"), (Who.ADMINS, Place.DIRECT, "UINES")},
        ),
    ],
)
def test_who_hears(before: object, after: object, told: set[tuple[Who, Place, str]]) -> None:
    """Each is told once; nobody gets a copy of their own request that they may not approve."""
    heard = hears(before, after, CALLED, {"UINES", "SADMINS"})  # type: ignore[arg-type] # rows
    assert sorted((one.line.who, one.line.place, one.to) for one in heard) == sorted(told)


@pytest.mark.parametrize("channel_id", ["D1", "U1", "W1"])
def test_in_a_direct_message(channel_id: str) -> None:
    """Nobody else is there: no thread is written, and each member of a group gets a copy."""
    asked = a_request(channel_id=channel_id)
    heard = hears(None, asked, CALLED, ())
    assert {(one.line.place, one.to) for one in heard if one.line.who is Who.GROUPS} == {
        (Place.CHANNEL, "SGROUP"),
        (Place.DIRECT, "SGROUP"),
    }
    ended = hears(asked, replace(asked, state=State.CREATED), CALLED, ())
    assert sorted((one.line.who, one.line.place, one.to) for one in ended) == sorted({*ANY, TOLD})


def test_where_one_may_approve_ones_own_request() -> None:
    """The requester gets a copy too."""
    heard = hears(None, WAITS, replace(CALLED, self_approval=True), ())
    assert [one.to for one in heard if one.line.place is Place.DIRECT] == ["UBEN", "UROSA", "UADA"]


def test_without_a_ruling_nobody_is_called() -> None:
    """What the bot itself carries out is nobody's to decide."""
    heard = hears(None, WAITS, None, ())
    assert {(one.line.who, one.line.place, one.to) for one in heard} == ANY


def test_an_escalation() -> None:
    """Those who may decide from its stage on; the thread names them all, the requester gets no copy."""
    stages = (
        Stage(HOUR, frozenset({"SGROUP", "UBEN", "UROSA", "UEVE"})),
        Stage(2 * HOUR, frozenset({"UADA"})),
    )
    ruling, after = replace(CALLED, stages=stages), replace(WAITS, escalated_ms=HOUR)
    assert reached(ruling, after) == ("SGROUP", "UBEN", "UROSA")
    heard = hears(WAITS, after, ruling, ())
    assert sorted((one.line.who, one.line.place, one.to) for one in heard) == sorted(
        {*ANY, THREAD, (Who.REACHED, Place.DIRECT, "SGROUP"), (Who.REACHED, Place.DIRECT, "UBEN")}
    )
    assert {one.reached for one in heard} == {("SGROUP", "UBEN", "UROSA")}


@pytest.mark.parametrize(
    ("before_ms", "after_ms", "event"),
    [
        (None, None, None),
        (None, HOUR, Event.ESCALATED),
        (HOUR, 2 * HOUR, Event.ESCALATED),
        (HOUR, HOUR, None),
        (None, 1, Event.ESCALATED),
    ],
)
def test_a_stage_is_an_event_once(before_ms: int | None, after_ms: int | None, event: Event | None) -> None:
    """Only where a later one is reached."""
    assert event_of(replace(WAITS, escalated_ms=before_ms), replace(WAITS, escalated_ms=after_ms)) == event
