"""What the audit says must make sense: a forged row may fit the chain, and is found all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bot.audit import seals
from bot.audit.anchor import Anchors
from bot.audit.chain import Event, Head, Rest, Who, chain
from bot.audit.meaning import Meaning
from bot.audit.seals import Statement
from bot.audit.signing_key import SigningKey
from bot.audit.verification import Verification

if TYPE_CHECKING:
    from collections.abc import Sequence

KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
ADA, BEN = Who("E1", "T1", "U0ADA0001"), Who("E1", "T1", "U0BEN0001")


def event(
    name: str, to_state: str = "pending", *, digest: str = "d1", revision: int = 1, who: Who = ADA
) -> Event:
    """Return an event of the only request."""
    attempt = Rest(attempt="a1") if name == "started" else Rest()
    return Event(1, name, "R0000001", revision, who, to_state=to_state, digest=digest, rest=attempt)


def sealed(name: str = "approved", key: SigningKey = KEY, **change: Any) -> Event:
    """Return an approval with its seal."""
    bare = event(name, "approved" if name == "approved" else "pending", **change)
    statement = Statement(
        "R0000001",
        bare.revision or 0,
        bare.digest or "",
        bare.actor.user_id,
        1,
        "b",
        ("S0",),
    )
    return Event(
        **{n: getattr(bare, n) for n in bare.__slots__} | {"seal": seals.seal(statement, key).fields()}
    )


ASKED, VOTE, STARTED, CREATED = (
    event("requested"),
    sealed(),
    event("started", "creating"),
    event("created", "created"),
)


def found(events: Sequence[Event], *keys: SigningKey) -> tuple[int, str] | None:
    """Return the first bad row of a whole chain of events, and what is wrong with it."""
    head, checking = Head(), Verification(Anchors(), Meaning({key.id: key.public for key in keys}))
    for one in events:
        fields = one.fields()
        seq, digest = chain(head, fields)
        checking.add({"seq": seq, **fields, "prev_hash": head.hash, "hash": digest})
        head = Head(seq, digest)
    verdict = checking.verdict()
    return None if verdict.ok else (verdict.bad_seq or 0, str(verdict.reason))


def test_a_genuine_story_makes_sense() -> None:
    """One vote or two, an edit between, a refusal, a second attempt: nothing is found, with the key and without."""
    edited = [event("edited", digest="d2", revision=2), sealed(digest="d2", revision=2)]
    sent = [event("started", "creating", digest="d2", revision=2), event("created", "created", revision=2)]
    stories = (
        [ASKED, VOTE, STARTED, CREATED],
        [ASKED, sealed("voted", who=BEN), VOTE, STARTED, CREATED],
        [ASKED, VOTE, *edited, *sent],
        [ASKED, event("approve.refused"), VOTE, STARTED, event("failed", "failed"), STARTED, CREATED],
        [ASKED, VOTE, event("adopted", "created")],
        [ASKED, VOTE, STARTED, CREATED, event("details.viewed", "created")],
        [
            ASKED,
            VOTE,
            event("details.viewed", "created"),
            event("cancel.refused", "cancelled"),
            STARTED,
            CREATED,
        ],
        [ASKED, VOTE, event("revised", digest="d2", revision=2), *edited[1:], *sent],
        [ASKED, VOTE, STARTED, edited[0], event("created", "created", revision=2)],
        [Event(1, "started"), Event(1, "created"), ASKED],
    )
    for story in stories:
        assert found(story, KEY) is None
        assert found(story) is None


OLD = event("approved", "approved")
"""As releases before the seals wrote it."""


def test_rows_before_the_first_seal_need_none() -> None:
    """A database of the release before verifies; once there is a seal, an approval without one counts no more."""
    assert found([ASKED, OLD, STARTED, CREATED], KEY) is None
    assert found([ASKED, OLD, event("voted", who=BEN), STARTED, CREATED, ASKED, VOTE, STARTED], KEY) is None
    assert found([ASKED, VOTE, event("withdrawn"), OLD], KEY) == (4, "its approval bears no seal")


UNCOVERED = "it was sent, and no approval covers it"
ENDED = "it is {}, and was never asked for or had ended"
SENSELESS: dict[str, tuple[list[Event], int, str]] = {
    "never approved": ([ASKED, STARTED], 2, UNCOVERED),
    "withdrawn": ([ASKED, VOTE, event("withdrawn"), STARTED], 4, UNCOVERED),
    "edited since": (
        [ASKED, VOTE, event("edited", digest="d2", revision=2), event("started", digest="d2", revision=2)],
        4,
        UNCOVERED,
    ),
    "another body": (
        [ASKED, VOTE, event("started", digest="d2")],
        3,
        "what was sent is not what was asked for",
    ),
    "another revision": (
        [ASKED, VOTE, event("started", revision=2)],
        3,
        "what was sent is not what was asked for",
    ),
    "approval of another body": ([ASKED, sealed(digest="d2"), STARTED], 3, UNCOVERED),
    "never asked": ([STARTED], 1, ENDED.format("started")),
    "after the end": ([ASKED, VOTE, event("cancelled", "cancelled"), STARTED], 4, ENDED.format("started")),
    **{
        f"after it was {end}": ([ASKED, VOTE, event("told", end), STARTED], 4, ENDED.format("started"))
        for end in ("created", "deleted", "rejected", "expired")
    },
    "a second time": ([ASKED, VOTE, STARTED, CREATED, STARTED], 5, ENDED.format("started")),
    "created unsent": ([ASKED, VOTE, CREATED], 3, "it was created, and nothing had been sent"),
    "created unasked": ([CREATED], 1, ENDED.format("created")),
    "another key": (
        [ASKED, sealed(key=OTHER), STARTED],
        2,
        "its seal is of another key: name that with --key",
    ),
    "another's seal": (
        [ASKED, Event(**{n: getattr(VOTE, n) for n in VOTE.__slots__} | {"actor": BEN})],
        2,
        "its seal is false",
    ),
}


@pytest.mark.parametrize("what", SENSELESS)
def test_rows_that_make_no_sense_are_named(what: str) -> None:
    """The chain holds, and the first row that cannot be is named."""
    events, bad, why = SENSELESS[what]
    assert found(events, KEY) == (bad, why)


def test_a_seal_that_cannot_be_read_is_no_row() -> None:
    """Garbage in its place is told, and ends nothing else."""
    garbled = Event(**{n: getattr(OLD, n) for n in OLD.__slots__} | {"seal": {"key": None}})
    assert found([ASKED, garbled], KEY) == (2, "its seal is of another key: name that with --key")
    empty = Event(**{n: getattr(OLD, n) for n in OLD.__slots__} | {"seal": {}})
    assert found([ASKED, empty], KEY) == (2, "it is no audit row")
