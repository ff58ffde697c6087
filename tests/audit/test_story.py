"""A request's story: what the audit's rows come to, one after the other, and which rows are not believed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bot.audit import seals, story
from bot.audit.chain import Event, Head, Rest, Where, Who, chain
from bot.audit.seals import Statement
from bot.audit.signing_key import SigningKey
from bot.audit.story import BrokenStory, Story

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
ID = "R0000001"
ROSA, INES = Who("E1", "T1", "U0ROSA001"), Who("E1", "T1", "U0INES001")
ADA, BEN = Who("E1", "T1", "U0ADA0001"), Who("E1", "T1", "U0BEN0001", known_as="W0BEN0001")
BEFORE = Head(4, "a" * 64)
"""The last row before the request's first one: four rows of others are not read."""


def event(name: str, to_state: str = "pending", who: Who = ADA, at: int = 20, **change: Any) -> Event:
    """Return an event of the only request."""
    fields = {"request_id": ID, "revision": 1, "digest": "d1", "to_state": to_state} | change
    return Event(at, name, actor=who, **fields)


ASKED = event("requested", who=ROSA, at=10)
BEGUN = chain(BEFORE, ASKED.fields())[1]


def sealed(bare: Event, key: SigningKey = KEY, begun: str = BEGUN) -> Event:
    """Return an event with its seal: entries for an approval, else the attempt."""
    approval = bare.event in seals.APPROVALS
    statement = Statement(
        ID,
        bare.revision or 0,
        bare.digest or "",
        bare.actor.known_as or bare.actor.user_id,
        bare.at,
        begun,
        entries=("S0",) if approval else None,
        attempt=None if approval else bare.rest.attempt,
    )
    return replace(bare, seal=seals.seal(statement, key).fields())


VOTE = sealed(event("approved", "approved"))
BENS = sealed(event("voted", who=BEN, at=21))
STARTED = event("started", "creating", Who(), 30, rest=Rest(attempt="a1"))
FAILED = event("failed", "failed", Who(), 31)
RETRIED = sealed(event("retried", "approved", INES, 40, rest=Rest(attempt="a1")))
EDITED = event("edited", who=INES, at=50, revision=2, digest="d2")
REVISED = event("revised", who=Who(), at=50, revision=2, digest="d2")
ANOTHER = event("requested", "pending", request_id="R0000002")


def rows_of(*events: Event) -> list[dict[str, Any]]:
    """Return a chain of events, from the fifth row on."""
    head, rows = BEFORE, []
    for one in events:
        fields = one.fields()
        seq, digest = chain(head, fields)
        rows.append({"seq": seq, **fields, "prev_hash": head.hash, "hash": digest})
        head = Head(seq, digest)
    return rows


def told(*events: Event) -> Story:
    return story.tell(ID, rows_of(*events), {}, KEY.public)


def test_a_story_in_full() -> None:
    """Who asked, what for, who approved under which id, and what was sent; rows of other requests are passed over."""
    asked = replace(ASKED, slack=Where("C1", workflow=True))
    begun = chain(BEFORE, asked.fields())[1]
    votes = [sealed(replace(bare, seal=None), begun=begun) for bare in (BENS, VOTE)]
    found = told(asked, ANOTHER, *votes, STARTED)
    assert (found.begun, found.revision, found.digest, found.state) == (begun, 1, "d1", "creating")
    assert (found.requester, found.author) == (("T1", "U0ROSA001"), "U0ROSA001")
    assert (found.since, found.asked_at, found.workflow, found.ended) == (5, 10, True, False)
    assert found.approvals == {
        "W0BEN0001": (votes[0].seal or {})["signature"],
        "U0ADA0001": (votes[1].seal or {})["signature"],
    }
    assert found.pressed_as == {"W0BEN0001": "U0BEN0001", "U0ADA0001": "U0ADA0001"}
    assert found.unreleased == ["a1"]
    assert told(ASKED).workflow is False


@pytest.mark.parametrize(
    ("events", "voters"),
    [
        ([BENS, VOTE], {"W0BEN0001", "U0ADA0001"}),
        ([BENS, event("withdrawn", who=BEN)], set()),
        ([event("withdrawn"), VOTE], {"U0ADA0001"}),
        ([VOTE, event("withdrawn"), VOTE], set()),
        ([VOTE, event("withdrawn"), sealed(event("approved", at=22))], {"U0ADA0001"}),
        ([VOTE, sealed(event("voted", who=BEN, at=20))], {"U0ADA0001", "W0BEN0001"}),
        ([VOTE, EDITED], set()),
        ([VOTE, REVISED, sealed(event("approved", revision=2, digest="d2"))], {"U0ADA0001"}),
        ([EDITED, VOTE], set()),
        ([event("approved")], set()),
        ([sealed(event("approved"), OTHER)], set()),
        ([sealed(event("approved"), begun="b" * 64)], set()),
        ([event("approved", seal=VOTE.seal, who=BEN)], set()),
        ([replace(VOTE, event="approve.refused")], set()),
        ([replace(VOTE, event="commented")], set()),
    ],
)
def test_whose_approvals_stand(events: list[Event], voters: set[str]) -> None:
    """Sealed ones of the latest revision, each click once, until they are taken back."""
    found = told(ASKED, *events)
    assert set(found.approvals) == voters


@pytest.mark.parametrize(
    ("events", "unreleased"),
    [
        ([STARTED], ["a1"]),
        ([STARTED, FAILED, RETRIED], []),
        ([STARTED, FAILED, sealed(event("released", "approved", Who(), 40, rest=Rest(attempt="a1")))], []),
        ([STARTED, FAILED, replace(RETRIED, seal=None)], ["a1"]),
        ([STARTED, FAILED, sealed(event("retried", at=40, rest=Rest(attempt="a2")))], ["a1"]),
        ([STARTED, FAILED, RETRIED, STARTED, RETRIED], ["a1"]),
        ([STARTED, FAILED, replace(RETRIED, event="retry.refused")], ["a1"]),
        ([STARTED, event("started", "creating", rest=Rest(attempt="a2")), FAILED, RETRIED], ["a2"]),
        ([STARTED, FAILED, EDITED], []),
    ],
)
def test_what_was_sent_and_nobody_let_go(events: list[Event], unreleased: list[str]) -> None:
    """An attempt bars another until somebody releases that one, sealed and once, or the content is new."""
    assert told(ASKED, VOTE, *events).unreleased == unreleased


def test_the_bot_may_release_two_attempts_at_one_instant() -> None:
    """It presses no button: no click of its own is spent."""
    starts = [event("started", "creating", Who(), 30, rest=Rest(attempt=name)) for name in ("a1", "a2")]
    frees = [sealed(event("released", "approved", Who(), 40, rest=one.rest)) for one in starts]
    assert told(ASKED, VOTE, *starts, *frees).unreleased == []


@pytest.mark.parametrize(
    ("new", "author"),
    [(EDITED, "U0INES001"), (REVISED, "U0ROSA001"), (replace(EDITED, revision=5), "U0INES001")],
)
def test_new_content_begins_a_revision(new: Event, author: str) -> None:
    """An edit has its editor for an author; what the bot revised keeps the one before."""
    found = told(ASKED, VOTE, new)
    assert (found.revision, found.digest, found.state) == (new.revision, "d2", "pending")
    assert (found.since, found.asked_at, found.author, found.requester) == (
        7,
        50,
        author,
        ("T1", "U0ROSA001"),
    )


def test_a_refusal_changes_nothing() -> None:
    """Not even the state."""
    assert told(ASKED, VOTE, event("edit.refused", "created")).state == "approved"


@pytest.mark.parametrize(
    ("events", "ended"),
    [
        *(
            ([event("told", state)], True)
            for state in ("created", "deleted", "rejected", "cancelled", "expired")
        ),
        ([event("given_up", "failed")], True),
        ([event("cancelled", "cancelled"), event("reopened", "pending")], True),
        ([event("given_up", "failed"), event("retried", "approved")], True),
        ([FAILED], False),
        ([event("told", "unknown")], False),
        ([event("cancel.refused", "cancelled")], False),
        ([replace(ANOTHER, event="cancelled", to_state="cancelled")], False),
    ],
)
def test_what_has_ended_has_ended_for_good(events: list[Event], *, ended: bool) -> None:
    """Whatever rows come after it."""
    assert told(ASKED, *events).ended is ended


CHANGED = "row 6 of the audit was changed or removed"

BROKEN: dict[str, tuple[Callable[[list[dict[str, Any]]], object], str]] = {
    "beginning": (lambda rows: rows.__delitem__(0), "its audit does not begin with the request"),
    "nothing": (lambda rows: rows.clear(), "the audit does not know it"),
    "changed": (lambda rows: rows[1].update(reason="other"), CHANGED),
    "removed": (lambda rows: rows.__delitem__(1), CHANGED),
    "renumbered": (lambda rows: rows[1].update(seq=7), CHANGED),
    "unlinked": (lambda rows: rows[1].update(prev_hash="0" * 64), CHANGED),
    "hash": (lambda rows: rows[1].update(hash="0" * 64), CHANGED),
    "first": (lambda rows: rows[0].update(at=11), "row 5 of the audit was changed or removed"),
    "no row": (lambda rows: rows.__setitem__(1, None), "a row after 5 of the audit cannot be read"),
    "no hash": (lambda rows: rows[1].pop("hash"), "a row after 5 of the audit cannot be read"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_rows_that_do_not_follow_each_other_are_not_believed(how: str) -> None:
    """Nor is a story without its beginning; the text says where it breaks."""
    change, why = BROKEN[how]
    rows = rows_of(ASKED, VOTE, STARTED)
    change(rows)
    with pytest.raises(BrokenStory) as broken:
        story.tell(ID, rows, {}, KEY.public)
    assert str(broken.value) == why


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([ANOTHER], "the audit does not know it"),
        ([VOTE, ASKED], "its audit does not begin with the request"),
        ([ASKED, replace(EDITED, revision=1)], "its revisions go backwards"),
        ([ASKED, EDITED, replace(REVISED, revision=1)], "its revisions go backwards"),
        ([ASKED, replace(EDITED, revision=None)], "a row after 6 of the audit cannot be read"),
    ],
)
def test_a_chain_may_hold_and_tell_no_story(events: list[Event], why: str) -> None:
    """Rows that are linked as they should be, and cannot come after each other."""
    with pytest.raises(BrokenStory) as broken:
        told(*events)
    assert str(broken.value) == why


@pytest.mark.parametrize(
    ("known", "why"),
    [
        ({}, None),
        ({5: BEGUN}, None),
        ({4: "f" * 64}, None),
        ({5: "f" * 64}, "the anchor knows row 5 of the audit otherwise"),
        ({6: "f" * 64}, "the anchor knows row 6 of the audit otherwise"),
        ({7: "f" * 64}, "the end of the audit was cut off"),
    ],
)
def test_the_anchor_is_believed(known: dict[int, str], why: str | None) -> None:
    """Of the rows that are read; one that it knows and nobody else does was cut off."""
    rows = rows_of(ASKED, VOTE)
    if why is None:
        assert story.tell(ID, rows, known | {6: rows[1]["hash"]}, KEY.public).revision == 1
        return
    with pytest.raises(BrokenStory) as broken:
        story.tell(ID, rows, known, KEY.public)
    assert str(broken.value) == why
