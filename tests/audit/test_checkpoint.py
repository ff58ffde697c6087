"""Checkpoints: what is signed, what another implementation accepts, and what is refused."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import metamorphic_log as independent
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bot.audit import checkpoint
from bot.audit.checkpoint import MalformedNote, Standing, VerifierKey
from bot.audit.signing_key import SigningKey

if TYPE_CHECKING:
    from bot.audit.checkpoint import Checkpoint

KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
ORIGIN, ROOT = "peftsize/0123456789abcdef", bytes(range(32))
EXAMPLE = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
)
"""Source: https://c2sp.org/tlog-checkpoint"""


def signed() -> Checkpoint:
    return checkpoint.sign(ORIGIN, 42, ROOT, KEY)


def test_a_checkpoint_reads_as_it_was_written() -> None:
    """Three lines, a blank one and a signature; the published example is read, too."""
    one = signed()
    assert one.text.startswith(f"{ORIGIN}\n42\n{base64.b64encode(ROOT).decode()}\n\n— {ORIGIN} ")
    assert checkpoint.parse(one.text) == one
    example = checkpoint.parse(EXAMPLE)
    assert (example.origin, example.size, example.text) == (
        "example.com/behind-the-sofa",
        20_852_163,
        EXAMPLE,
    )


def test_another_implementation_accepts_what_we_sign() -> None:
    """Origin, size, root, signature and verifier key are as the specifications say."""
    key = checkpoint.verifier_key(ORIGIN, KEY.public)
    head = independent.checkpoint_verify(signed().text, [key])
    assert (head.origin, head.size, head.root) == (ORIGIN, 42, ROOT)
    with pytest.raises(independent.VerifyError):
        independent.checkpoint_verify(signed().text, [checkpoint.verifier_key(ORIGIN, OTHER.public)])


def test_what_a_signature_is_worth() -> None:
    """Signed by a key that is trusted for this origin, by another one, or falsely."""
    one = signed()
    (name, hashed, signature) = one.signatures[0]
    forged = checkpoint.Checkpoint(ORIGIN, 43, ROOT, one.signatures)
    renamed = checkpoint.Checkpoint("peftsize/other", 42, ROOT, one.signatures)
    assert one.standing([VerifierKey(KEY.public)]) is Standing.SIGNED
    assert one.standing([VerifierKey(OTHER.public), VerifierKey(KEY.public, ORIGIN)]) is Standing.SIGNED
    assert one.standing([VerifierKey(KEY.public, "peftsize/other")]) is Standing.UNKNOWN
    assert one.standing([VerifierKey(OTHER.public)]) is Standing.UNKNOWN
    assert one.standing([]) is Standing.UNKNOWN
    assert forged.standing([VerifierKey(KEY.public)]) is Standing.FORGED
    assert renamed.standing([VerifierKey(KEY.public)]) is Standing.UNKNOWN
    twice = checkpoint.Checkpoint(
        ORIGIN, 42, ROOT, (("witness", hashed, signature), (name, hashed, signature))
    )
    assert twice.standing([VerifierKey(KEY.public)]) is Standing.SIGNED


MANY = EXAMPLE + EXAMPLE[EXAMPLE.index("— ") :] * 15
"""Sixteen signatures, as many as a note may have."""
SHAPE = "a checkpoint is origin, size and root in three lines, a blank line and signatures"
SIGNATURES = "a line after the blank one is no signature"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", SHAPE),
        (f"a\n1\n{base64.b64encode(ROOT).decode()}\n", SHAPE),
        (EXAMPLE.replace("\n\n", "\nextension\n\n"), SHAPE),
        (EXAMPLE.replace("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", ""), SHAPE),
        (EXAMPLE.replace("example.com/behind-the-sofa\n", "\n", 1), "the origin is no name"),
        (EXAMPLE.replace("example.com/behind-the-sofa\n", " example.com\n", 1), "the origin is no name"),
        (EXAMPLE.replace("example.com/behind-the-sofa\n", "a\x07b\n", 1), "the origin is no name"),
        (EXAMPLE.replace("20852163", "020852163"), "the size is no number"),
        (EXAMPLE.replace("20852163", "-1"), "the size is no number"),
        (EXAMPLE.replace("q2I=", "q2J="), "this is no base64 of the right length"),
        (EXAMPLE.replace("CsUY", ""), "this is no base64 of the right length"),
        (EXAMPLE.replace("CsUY", "!"), "this is no base64"),
        (EXAMPLE.replace("CsUY", "CsUY!"), "this is no base64"),
        (EXAMPLE.replace("— example.com", "- example.com"), SIGNATURES),
        (EXAMPLE + "\n", SIGNATURES),
        (EXAMPLE.partition("— ")[0], SIGNATURES),
        (MANY + EXAMPLE[EXAMPLE.index("— ") :], "there are too many signatures"),
    ],
)
def test_what_is_no_checkpoint(text: str, why: str) -> None:
    """Missing parts, numbers and base64 that are spelt another way, too many signatures: each says why."""
    with pytest.raises(MalformedNote) as refused:
        checkpoint.parse(text)
    assert str(refused.value) == why


def test_a_checkpoint_may_have_sixteen_signatures_and_no_rows() -> None:
    """The empty log is signed, too."""
    many = checkpoint.parse(MANY)
    assert (len(many.signatures), many.text) == (16, MANY)
    assert checkpoint.parse(MANY.replace("20852163", "0")).size == 0


def test_a_key_is_read_in_each_of_its_forms() -> None:
    """PEM, verifier key and bare base64; only the verifier key names an origin."""
    assert checkpoint.read_key(KEY.public_pem()) == VerifierKey(KEY.public)
    assert checkpoint.read_key(base64.b64encode(KEY.public).decode() + "\n") == VerifierKey(KEY.public)
    named = checkpoint.verifier_key(ORIGIN, KEY.public)
    assert checkpoint.read_key(f"{named}\n") == VerifierKey(KEY.public, ORIGIN)


RSA = """-----BEGIN PUBLIC KEY-----
MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAL5r3Wq3tsyFfp3nnr6bxyX3nMIP8GFM
vXMy4L3qyJmYK3O2Xd5O4e2VhFqJw0B8VQ2u0n3C0b8n4k6nq0q4pD0CAwEAAQ==
-----END PUBLIC KEY-----"""


PRIVATE = "this is the private key; print the public one with: peftsize audit key"
CONTRADICTED = "this verifier key contradicts itself, or is no Ed25519 key"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----", PRIVATE),
        ("-----BEGIN PUBLIC KEY-----\nMA==\n-----END PUBLIC KEY-----", "this is no public key in PEM form"),
        (RSA, "this is no Ed25519 key"),
        ("name+00000000+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", CONTRADICTED),
        (
            f"name+{checkpoint.key_hash('name', bytes(32)).hex()}+{checkpoint.encode(bytes([2]) + bytes(32))}",
            CONTRADICTED,
        ),
        ("name+00000000+AQ==", "this is no base64 of the right length"),
        ("AAAA", "this is no base64 of the right length"),
        ("words", "this is no base64"),
    ],
)
def test_what_is_no_key(text: str, why: str) -> None:
    """Each says why; a private key is sent back to where it belongs."""
    with pytest.raises(MalformedNote) as refused:
        checkpoint.read_key(text)
    assert str(refused.value) == why
