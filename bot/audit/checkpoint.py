"""Checkpoints: the signed root of the audit's Merkle tree at one size.

A checkpoint is a signed note; a key is PEM, a verifier key, or 32 bytes in base64.
Source: https://c2sp.org/tlog-checkpoint and https://c2sp.org/signed-note
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from bot.audit.merkle import HASH_BYTES
from bot.audit.signing_key import verifies

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.audit.signing_key import SigningKey

ED25519 = b"\x01"
"""The signature type in a key's hash and in a verifier key."""
MOST_SIGNATURES = 16
BODY_LINES = 3
"""Origin, size and root."""
_KEY_HASH_BYTES, _PUBLIC_BYTES = 4, 32
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+=*)")
_VERIFIER_KEY = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)")


class MalformedNote(ValueError):
    """Text that is not a checkpoint, or not a key."""


class Standing(Enum):
    """What a checkpoint's signatures are worth, given the trusted keys."""

    SIGNED = auto()
    UNKNOWN = auto()
    """By another key."""
    FORGED = auto()


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A trusted public key.

    Args:
        public: Ed25519, 32 bytes.
        name: The only origin that it is trusted for; None for any.
    """

    public: bytes
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed root.

    Args:
        origin: The log's name.
        size: How many rows it covers.
        root: Of the tree over them, 32 bytes.
        signatures: Key name, key hash and signature of each.
    """

    origin: str
    size: int
    root: bytes
    signatures: tuple[tuple[str, bytes, bytes], ...]

    @property
    def body(self) -> str:
        """The signed text."""
        return f"{self.origin}\n{self.size}\n{encode(self.root)}\n"

    @property
    def text(self) -> str:
        """The signed note."""
        lines = [f"— {name} {encode(key + signature)}\n" for name, key, signature in self.signatures]
        return f"{self.body}\n{''.join(lines)}"

    def standing(self, keys: Iterable[VerifierKey]) -> Standing:
        """Return what the signatures are worth, given these trusted keys."""
        standing = Standing.UNKNOWN
        for key in keys:
            if key.name not in {None, self.origin}:
                continue
            for name, hashed, signature in self.signatures:
                if name != self.origin or hashed != key_hash(name, key.public):
                    continue
                if not verifies(key.public, self.body.encode(), signature):
                    return Standing.FORGED
                standing = Standing.SIGNED
        return standing


def sign(origin: str, size: int, root: bytes, key: SigningKey) -> Checkpoint:
    """Return a checkpoint with one signature, under the origin's name."""
    bare = Checkpoint(origin, size, root, ())
    signature = (origin, key_hash(origin, key.public), key.sign(bare.body.encode()))
    return Checkpoint(origin, size, root, (signature,))


def key_hash(name: str, public: bytes) -> bytes:
    """Return the four bytes by which a signature names its key."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + public).digest()[:_KEY_HASH_BYTES]


def verifier_key(name: str, public: bytes) -> str:
    """Return a key in the format of other verifiers of signed notes."""
    return f"{name}+{key_hash(name, public).hex()}+{encode(ED25519 + public)}"


def parse(text: str) -> Checkpoint:
    """Parse a checkpoint.

    Raises:
        MalformedNote: It is not a checkpoint; the text says why.
    """
    body, blank, signed = text.partition("\n\n")
    lines = body.split("\n")
    if not blank or len(lines) != BODY_LINES:
        raise MalformedNote(
            "a checkpoint is origin, size and root in three lines, a blank line and signatures"
        )
    origin, size, root = lines
    if not origin or origin != origin.strip() or not origin.isprintable():
        raise MalformedNote("the origin is no name")
    if not _SIZE.fullmatch(size):
        raise MalformedNote("the size is no number")
    signatures = []
    for line in signed.removesuffix("\n").split("\n"):
        match = _SIGNATURE.fullmatch(line)
        if match is None:
            raise MalformedNote("a line after the blank one is no signature")
        decoded = decode(match[2])
        signatures.append((match[1], decoded[:_KEY_HASH_BYTES], decoded[_KEY_HASH_BYTES:]))
    if len(signatures) > MOST_SIGNATURES:
        raise MalformedNote("there are too many signatures")
    return Checkpoint(origin, int(size), decode(root, HASH_BYTES), tuple(signatures))


def read_key(text: str) -> VerifierKey:
    """Parse a public key.

    Args:
        text: PEM, ``name+hash+key`` as for signed notes, or the 32 bytes in base64.

    Raises:
        MalformedNote: It is not a public Ed25519 key; the text says why.
    """
    text = text.strip()
    if text.startswith("-----BEGIN"):
        if "PRIVATE KEY" in text:  # base64 has no blanks
            raise MalformedNote("this is the private key; print the public one with: peftsize audit key")
        try:
            public = load_pem_public_key(text.encode())
        except (ValueError, UnsupportedAlgorithm):
            raise MalformedNote("this is no public key in PEM form") from None
        if not isinstance(public, Ed25519PublicKey):
            raise MalformedNote("this is no Ed25519 key")
        return VerifierKey(public.public_bytes_raw())
    if match := _VERIFIER_KEY.fullmatch(text):
        typed = decode(match[3], 1 + _PUBLIC_BYTES)
        if typed[:1] != ED25519 or key_hash(match[1], typed[1:]).hex() != match[2]:
            raise MalformedNote("this verifier key contradicts itself, or is no Ed25519 key")
        return VerifierKey(typed[1:], match[1])
    return VerifierKey(decode(text, _PUBLIC_BYTES))


def encode(data: bytes) -> str:
    """Return bytes in base64."""
    return base64.b64encode(data).decode()


def decode(text: str, length: int | None = None) -> bytes:
    """Return the bytes of base64 in its one canonical spelling.

    Raises:
        MalformedNote: It is spelled otherwise, or has another length.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedNote("this is no base64") from None
    if encode(data) != text or length not in {None, len(data)}:
        raise MalformedNote("this is no base64 of the right length")
    return data
