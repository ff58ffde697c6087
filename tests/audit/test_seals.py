"""Seals one by one: the bytes that are signed, and what makes a seal count for nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bot.audit import seals
from bot.audit.chain import Event, Rest, Who
from bot.audit.seals import Seal, Statement
from bot.audit.signing_key import SigningKey

KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
VOTE = Statement("R7K3M9QX", 2, "d1", "U0ADA0001", 1_790_000_000_123, "b1", entries=("S0APPROVE", "anyone"))
RELEASE = replace(VOTE, user_id=None, entries=None, attempt="a1")

MESSAGES = {
    VOTE: b'peftsize seal 1\n{"at":1790000000123,"attempt":null,"begun":"b1","digest":"d1",'
    b'"entries":["S0APPROVE","anyone"],"request_id":"R7K3M9QX","revision":2,"user_id":"U0ADA0001"}',
    RELEASE: b'peftsize seal 1\n{"at":1790000000123,"attempt":"a1","begun":"b1","digest":"d1",'
    b'"entries":null,"request_id":"R7K3M9QX","revision":2,"user_id":null}',
}
"""Written out by hand: another text would void every approval that is waiting to be carried out."""
SIGNATURES = {
    VOTE: "yAbbWR4/XQxQuCaWuTeqLspyhE8+ImrmPky2iQP+Wx28fdBpoCs9kkMRDjUDucEgUbAyl39SUSp2fkUEuD/cAQ==",
    RELEASE: "xCVI2HKjHcc8tBjQ3SXd0mVw2KDpYv5/2DrgkBGNf4IMzapKSuyEopPSqG7KYLBTJSAskppGYbQpq5IKM6KwBw==",
}
"""By ``openssl pkeyutl -sign -rawin`` over these messages, with the private key 00 01 … 1f."""
KEY_ID = "56475aa75463474c"


@pytest.mark.parametrize("statement", [VOTE, RELEASE], ids=["vote", "release"])
def test_the_golden_seal(statement: Statement) -> None:
    """Message, signature and key id are as they have always been."""
    sealed = seals.seal(statement, KEY)
    assert statement.message() == MESSAGES[statement]
    assert sealed == Seal(KEY_ID, SIGNATURES[statement], "b1", statement.entries)
    assert seals.holds(sealed, statement, KEY.public)


def test_a_seal_reads_back_beside_a_vote() -> None:
    """With the entries of the policy, or without."""
    for statement in (VOTE, RELEASE):
        sealed = seals.seal(statement, KEY)
        assert seals.read(sealed.text()) == sealed
    assert set(seals.seal(VOTE, KEY).fields()) == {"key", "signature", "begun", "entries"}
    assert set(seals.seal(RELEASE, KEY).fields()) == {"key", "signature", "begun"}


WHOLE = {"key": "k", "signature": "s", "begun": "b", "entries": ["S0"]}


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "no json",
        "null",
        "[]",
        *(
            json.dumps({name: value for name, value in WHOLE.items() if name != left})
            for left in list(WHOLE)[:3]
        ),
        *(json.dumps(WHOLE | {name: 1}) for name in WHOLE),
        json.dumps(WHOLE | {"entries": ["S0", 1]}),
    ],
)
def test_what_is_no_seal(text: str | None) -> None:
    """Nothing, garbage, a part that is missing or no text: none of it counts, and none of it fails."""
    assert seals.read(text) is None


@pytest.mark.parametrize(
    "change",
    [
        {"request_id": "R0000000"},
        {"revision": 3},
        {"digest": "d2"},
        {"user_id": "U0BEN0001"},
        {"at": 1},
        {"begun": "b2"},
        {"entries": ("S0APPROVE",)},
        {"attempt": "a1"},
    ],
    ids="".join,
)
def test_a_seal_covers_every_part_of_its_statement(change: dict[str, Any]) -> None:
    """One part changed, and it does not hold."""
    assert not seals.holds(seals.seal(VOTE, KEY), replace(VOTE, **change), KEY.public)


@pytest.mark.parametrize(
    "forged",
    [
        replace(seals.seal(VOTE, KEY), key=OTHER.id),
        replace(seals.seal(VOTE, OTHER), key=KEY.id),
        replace(seals.seal(VOTE, KEY), signature=f"!{seals.seal(VOTE, KEY).signature}"),
        replace(seals.seal(VOTE, KEY), signature="A"),
        replace(seals.seal(VOTE, KEY), signature=""),
    ],
    ids=["key", "signer", "spelling", "garbage", "empty"],
)
def test_a_seal_names_its_key_and_is_spelt_in_one_way(forged: Seal) -> None:
    """The name of another key, or a signature that is not exactly one, is a false seal."""
    assert not seals.holds(forged, VOTE, KEY.public)


def row(event: str, statement: Statement, *, known_as: str | None = None, **change: Any) -> dict[str, Any]:
    """Return the audit row of an event that bears the seal of a statement."""
    who = Who("E1", "T1", "U0ADA0001", "Ada", known_as=known_as)
    sealed = seals.seal(statement, KEY).fields()
    told = Event(VOTE.at, event, "R7K3M9QX", 2, who, digest="d1", rest=Rest(attempt="a1"), seal=sealed)
    return told.fields() | change


BY_ADA = replace(RELEASE, user_id="U0ADA0001")


@pytest.mark.parametrize(
    ("sealed", "holds"),
    [
        (row("voted", VOTE), True),
        (row("approved", VOTE), True),
        (row("retried", BY_ADA), True),
        (row("released", BY_ADA), True),
        (row("voted", replace(VOTE, user_id="W0ADA"), known_as="W0ADA"), True),
        (row("voted", VOTE, known_as="W0ADA"), False),
        (row("voted", VOTE, at=1), False),
        (row("voted", VOTE, seal=None), False),
        (row("voted", VOTE, seal={}), False),
        (row("voted", replace(VOTE, entries=None)), False),
        (row("voted", BY_ADA), False),
        (row("retried", VOTE), False),
        (row("retried", BY_ADA, rest={"attempt": "a2"}), False),
        (row("retried", replace(BY_ADA, attempt=None), rest={"attempt": None}), False),
        (row("edited", VOTE), False),
    ],
)
def test_an_audit_row_holds_by_what_it_says_itself(sealed: dict[str, Any], *, holds: bool) -> None:
    """Approvals need the entries that let the person approve, releases their attempt; neither stands for the other."""
    assert seals.row_holds(sealed, KEY.public) is holds
    assert not seals.row_holds(sealed, OTHER.public)
