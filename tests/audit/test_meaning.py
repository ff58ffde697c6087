"""What the audit says must make sense: a forged row may fit the chain, and is found all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.audit.anchor import Anchors
from bot.audit.chain import Event, Head, Rest, Who, chain
from bot.audit.meaning import Meaning
from bot.audit.verification import Verification

if TYPE_CHECKING:
    from collections.abc import Sequence

ADA, BEN = Who("E1", "T1", "U0ADA0001"), Who("E1", "T1", "U0BEN0001")


def event(
    name: str, to_state: str = "pending", *, digest: str = "d1", revision: int = 1, who: Who = ADA
) -> Event:
    """Return an event of the only request."""
    attempt = Rest(attempt="a1") if name == "started" else Rest()
    return Event(1, name, "R0000001", revision, who, to_state=to_state, digest=digest, rest=attempt)


def vote(name: str = "approved", *, digest: str = "d1", revision: int = 1, who: Who = ADA) -> Event:
    """Return an approval."""
    to_state = "approved" if name == "approved" else "pending"
    return event(name, to_state, digest=digest, revision=revision, who=who)


ASKED, VOTE, STARTED, CREATED = (
    event("requested"),
    vote(),
    event("started", "creating"),
    event("created", "created"),
)


def found(events: Sequence[Event]) -> tuple[int, str] | None:
    """Return the first bad row of a whole chain of events, and what is wrong with it."""
    head, checking = Head(), Verification(Anchors(), Meaning())
    for one in events:
        fields = one.fields()
        seq, digest = chain(head, fields)
        checking.add({"seq": seq, **fields, "prev_hash": head.hash, "hash": digest})
        head = Head(seq, digest)
    verdict = checking.verdict()
    return None if verdict.ok else (verdict.bad_seq or 0, str(verdict.reason))


def test_a_genuine_story_makes_sense() -> None:
    """One vote or two, an edit between, a refusal, a second attempt: nothing is found."""
    edited = [event("edited", digest="d2", revision=2), vote(digest="d2", revision=2)]
    sent = [event("started", "creating", digest="d2", revision=2), event("created", "created", revision=2)]
    stories = (
        [ASKED, VOTE, STARTED, CREATED],
        [ASKED, vote("voted", who=BEN), VOTE, STARTED, CREATED],
        [ASKED, VOTE, *edited, *sent],
        [ASKED, event("approve.refused"), VOTE, STARTED, event("failed", "failed"), STARTED, CREATED],
        [ASKED, VOTE, event("adopted", "created")],
        [ASKED, VOTE, STARTED, CREATED, event("details.viewed", "created")],
    )
    for story in stories:
        assert found(story) is None


SENSELESS: dict[str, tuple[list[Event], int, str]] = {
    "never approved": ([ASKED, STARTED], 2, "no approval covers it"),
    "withdrawn": ([ASKED, VOTE, event("withdrawn"), STARTED], 4, "no approval covers it"),
    "edited since": (
        [ASKED, VOTE, event("edited", digest="d2", revision=2), event("started", digest="d2", revision=2)],
        4,
        "no approval covers it",
    ),
    "another body": ([ASKED, VOTE, event("started", digest="d2")], 3, "not what was asked for"),
    "another revision": ([ASKED, VOTE, event("started", revision=2)], 3, "not what was asked for"),
    "approval of another body": ([ASKED, vote(digest="d2"), STARTED], 3, "no approval covers it"),
    "never asked": ([STARTED], 1, "never asked for"),
    "after the end": ([ASKED, VOTE, event("cancelled", "cancelled"), STARTED], 4, "had ended"),
    "a second time": ([ASKED, VOTE, STARTED, CREATED, STARTED], 5, "had ended"),
    "created unsent": ([ASKED, VOTE, CREATED], 3, "nothing had been sent"),
    "created unasked": ([CREATED], 1, "never asked for"),
}


@pytest.mark.parametrize("what", SENSELESS)
def test_rows_that_make_no_sense_are_named(what: str) -> None:
    """The chain holds, and the first row that cannot be is named."""
    events, bad, why = SENSELESS[what]
    told = found(events)
    assert told is not None
    assert (told[0], why in told[1]) == (bad, True), told
