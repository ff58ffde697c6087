"""Proofs one by one: of a log with a single row, so that everything can be worked out by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bot.audit import checkpoint, merkle, proof
from bot.audit.chain import Head
from bot.audit.checkpoint import MalformedNote, VerifierKey
from bot.audit.proof import Proof
from bot.audit.signing_key import SigningKey
from bot.audit.verification import FRESH_MS, Verdict

KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
TRUSTED = [VerifierKey(KEY.public)]


def bundle_of(row: dict[str, object], request_id: str = "R1") -> dict[str, Any]:
    """Return the bundle of a log that holds this row alone: its leaf is the root."""
    entry = json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass")
    signed = checkpoint.sign("peftsize/0123456789abcdef", 1, merkle.leaf_hash(entry), KEY)
    found: dict[str, Any] = json.loads(json.dumps(proof.bundle(request_id, [(entry, Proof(0, (), signed))])))
    return found


@pytest.mark.parametrize("reason", [None, "Größe", "\ud83d", "\U0001f600"])
def test_the_only_row_of_a_log_is_proven(reason: str | None) -> None:
    """Its leaf is the root, and the path is empty; half a letter, as JSON may bring it, is hashed as it is."""
    assert proof.faults(bundle_of({"request_id": "R1", "seq": 1, "reason": reason}), TRUSTED) == []


@pytest.mark.parametrize("row", [{"request_id": "R2", "seq": 1}, {"request_id": "R1", "seq": 2}])
def test_a_row_of_something_else_proves_nothing_here(row: dict[str, object]) -> None:
    """A row that is in the log is no proof for another request, nor for another place."""
    fault = "the row is about another request or place"
    assert proof.faults(bundle_of(row), TRUSTED) == [f"proof 1 (row {row['seq']}): {fault}"]


@pytest.mark.parametrize("row", [{"seq": 1}, {"request_id": "R1"}])
def test_a_row_without_its_place_or_request_cannot_be_read(row: dict[str, object]) -> None:
    """It is named by its number in the bundle."""
    assert proof.faults(bundle_of(row), TRUSTED) == ["proof 1: it cannot be read"]


SIGNED = checkpoint.sign("peftsize/0123456789abcdef", 2**62, bytes(32), KEY)
HEAD = f"{proof.FORMAT}\nindex 0\n"


def test_a_proof_reads_as_it_was_written() -> None:
    """With a path as long as the largest log has, too."""
    for length in (0, 1, 63):
        one = Proof(2**61, tuple(bytes([number]) * 32 for number in range(length)), SIGNED)
        assert proof.parse(one.text) == one


@pytest.mark.parametrize(
    "text",
    [
        "",
        proof.FORMAT,
        f"{proof.FORMAT}\n\n{SIGNED.text}",
        HEAD,
        f"{HEAD.replace('v1', 'v2')}\n{SIGNED.text}",
        f"{HEAD.replace('0', '00')}\n{SIGNED.text}",
        Proof(0, (bytes(32),) * 64, SIGNED).text,
    ],
)
def test_what_is_no_proof(text: str) -> None:
    """Another format or index, no checkpoint, a path that no log can have."""
    with pytest.raises(MalformedNote) as refused:
        proof.parse(text)
    assert str(refused.value) == "a proof begins with c2sp.org/tlog-proof@v1 and an index"


ROW = {"request_id": "R1", "seq": 1}


def changed(**change: object) -> dict[str, Any]:
    """Return the bundle of a row with its proof or entry changed."""
    found = bundle_of(ROW)
    found["proofs"][0] |= change
    return found


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (None, "this is no bundle of proofs"),
        ({"request_id": "R1"}, "this is no bundle of proofs"),
        ({"proofs": []}, "this is no bundle of proofs"),
        ({"request_id": "R1", "proofs": [{}]}, "this is no bundle of proofs"),
        ({"request_id": "R1", "proofs": [{"entry": "", "proof": 1}]}, "proof 1: it cannot be read"),
        ({"request_id": "R1", "proofs": []}, "it proves nothing: it holds no row"),
        (changed(entry="{"), "proof 1: it cannot be read"),
        (changed(proof="x"), "proof 1: a proof begins with c2sp.org/tlog-proof@v1 and an index"),
        (
            changed(entry=json.dumps(ROW | {"more": 1})),
            "proof 1 (row 1): the row is not in the log at this place",
        ),
        (
            changed(proof=Proof(0, (), SIGNED).text),
            "proof 1 (row 1): the row is not in the log at this place",
        ),
        (
            changed(proof=Proof(0, (), replace(SIGNED, size=1)).text),
            "proof 1 (row 1): the checkpoint bears a false signature",
        ),
    ],
)
def test_each_fault_has_its_sentence(found: object, fault: str) -> None:
    """What is no bundle, what cannot be read, and what does not prove its row."""
    assert proof.faults(found, TRUSTED) == [fault]


def test_every_proof_is_checked() -> None:
    """One that cannot be read does not end the check; with no trusted key none proves anything."""
    found = bundle_of(ROW)
    good = found["proofs"]
    found["proofs"] = [{"entry": "{", "proof": ""}, *good, *changed(entry="{}")["proofs"], *good]
    assert [fault.partition(":")[0] for fault in proof.faults(found, TRUSTED)] == ["proof 1", "proof 3"]
    unknown = "proof 1 (row 1): the checkpoint is signed by another key"
    assert proof.faults(bundle_of(ROW), []) == [unknown]


def test_a_bundle_holds_what_it_was_made_of() -> None:
    """Request, key and the very text that was hashed."""
    one = Proof(0, (), SIGNED)
    assert proof.bundle("R1", [(b'{"a":"\xed\xa0\xbd"}', one)], "name+hash+key") == {
        "request_id": "R1",
        "key": "name+hash+key",
        "proofs": [{"entry": '{"a":"\ud83d"}', "proof": one.text}],
    }


def test_the_beginning_of_a_private_key_is_known_for_what_it_is() -> None:
    """Whoever pastes a part of it is told that it is the private one, not that it is garbage."""
    with pytest.raises(MalformedNote, match="this is the private key"):
        checkpoint.read_key("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA")


@pytest.mark.parametrize(
    ("signed", "first_at", "told"),
    [
        (1, 0, False),
        (1, None, False),
        (None, 0, True),
        (None, None, True),
        (None, 1, False),
        (None, 2 * FRESH_MS - 1, False),
        (None, 2 * FRESH_MS, True),
    ],
)
def test_an_audit_that_nobody_signed_is_told(signed: int | None, first_at: int | None, *, told: bool) -> None:
    """Unless its first row is so young, by either clock, that no checkpoint can have been signed yet."""
    verdict = Verdict(1, Head(), None, None, 0, signed=signed, first_at=first_at)
    expected = "no checkpoint is signed with the key" if told else None
    assert verdict.unsigned(FRESH_MS) == expected
