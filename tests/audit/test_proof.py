"""Proofs one by one: of a log with a single row, so that everything can be worked out by hand."""

from __future__ import annotations

import json

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


def bundle_of(row: dict[str, object], request_id: str = "R1") -> dict[str, object]:
    """Return the bundle of a log that holds this row alone: its leaf is the root."""
    entry = json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass")
    signed = checkpoint.sign("peftsize/0123456789abcdef", 1, merkle.leaf_hash(entry), KEY)
    return json.loads(json.dumps(proof.bundle(request_id, [(entry, Proof(0, (), signed))])))


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
