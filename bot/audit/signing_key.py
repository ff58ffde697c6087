"""The Ed25519 key that seals what may lead to a POST, and signs the audit's checkpoints.

It is a file outside the database: whoever can write only to the database cannot forge a signature. The file is PEM
(PKCS #8), so ``openssl pkey -pubout`` prints its public key.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import stat
from typing import TYPE_CHECKING, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

if TYPE_CHECKING:
    from pathlib import Path

OPEN_TO_OTHERS = stat.S_IRWXO | stat.S_IWGRP
"""A group may read the file, since Kubernetes and Docker provide secrets that way."""


class UnusableKey(Exception):
    """A signing key that cannot be used.

    Args:
        why: ``missing``, ``open`` to others, ``unreadable``, or ``garbage``.
        detail: The mode, or the system's message.
    """

    def __init__(self, why: Literal["missing", "open", "unreadable", "garbage"], detail: str = "") -> None:
        super().__init__(f"{why}: {detail}" if detail else why)
        self.why = why
        self.detail = detail


class SigningKey:
    """A key that signs."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw()
        self.id = key_id(self.public)
        self._secret = hashlib.sha256(b"peftsize mac 1" + private.private_bytes_raw()).digest()

    def public_pem(self) -> str:
        """Return the public key as PEM, for those who check signatures."""
        encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        return self._private.public_key().public_bytes(encoding, form).decode()

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message, 64 bytes."""
        return self._private.sign(message)

    def mac(self, message: bytes) -> str:
        """Return a keyed hash that only holders of the key can make or check, in 2 µs; a signature takes 50."""
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()

    def made(self, mac: object, message: bytes) -> bool:
        """Return whether something is the keyed hash of a message."""
        return isinstance(mac, str) and hmac.compare_digest(self.mac(message), mac)


def key_id(public: bytes) -> str:
    """Return the short name of a public key (32 bytes): 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(public).hexdigest()[:16]


def verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether a signature is that of a message under a public key (32 bytes)."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def load(path: Path) -> SigningKey:
    """Read the key.

    Raises:
        UnusableKey: It does not exist, others can read or change it, or it is not an Ed25519 key.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        pem = path.read_bytes()
    except FileNotFoundError:
        raise UnusableKey("missing") from None
    except OSError as error:
        raise UnusableKey("unreadable", str(error.strerror)) from None
    if mode & OPEN_TO_OTHERS:
        raise UnusableKey("open", f"{mode:04o}")
    try:
        private = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):  # TypeError: it asks for a password
        raise UnusableKey("garbage") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise UnusableKey("garbage")
    return SigningKey(private)


def create(path: Path) -> SigningKey:
    """Write a new key, readable by its owner only; never over an existing file.

    Raises:
        FileExistsError: The file exists; it may just have been created.
        OSError: It cannot be written.
    """
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    whole = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        os.link(whole, path)  # complete or not at all, and never over an existing file
    finally:
        whole.unlink(missing_ok=True)
    return SigningKey(private)


def load_or_create(path: Path) -> SigningKey:
    """Read the key, or write a new one if there is none.

    Raises:
        UnusableKey: It cannot be used.
        OSError: It cannot be written.
    """
    with contextlib.suppress(FileExistsError):
        if not path.exists():
            return create(path)
    return load(path)
