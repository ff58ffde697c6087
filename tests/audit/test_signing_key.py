"""The signing key: a file of its owner's, made once, and named with what is wrong about it."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bot.audit import signing_key
from bot.audit.signing_key import UnusableKey, verifies

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "peftsize.db.key"


def test_a_made_key_is_its_owners_only_and_reads_back(path: Path) -> None:
    """Mode 0600, one file, and the same key the second time."""
    made = signing_key.create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    read = signing_key.load_or_create(path)
    assert (read.public, read.id) == (made.public, hashlib.sha256(made.public).hexdigest()[:16])


def test_a_key_is_made_where_there_is_none(path: Path) -> None:
    """At the first start; from then on it is read."""
    made = signing_key.load_or_create(path)
    assert signing_key.load_or_create(path).public == made.public == signing_key.load(path).public


def test_a_key_is_never_overwritten(path: Path) -> None:
    """A second ``create`` leaves the first key as it was, and nothing beside it."""
    signing_key.create(path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        signing_key.create(path)
    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 1


def test_a_signature_holds_for_its_message_and_key_alone(path: Path) -> None:
    """One changed bit of message, signature or key, or a key of another length, and it does not."""
    key = signing_key.create(path)
    other = signing_key.create(path.with_name("other")).public
    signature = key.sign(b"10b")
    assert verifies(key.public, b"10b", signature)
    assert not verifies(key.public, b"11b", signature)
    assert not verifies(other, b"10b", signature)
    assert not verifies(key.public[:-1], b"10b", signature)
    assert not verifies(key.public, b"10b", bytes([signature[0] ^ 1]) + signature[1:])


def test_openssl_reads_the_file(path: Path) -> None:
    """The file is what other tools take: OpenSSL derives the same public key from it."""
    key = signing_key.create(path)
    shown = subprocess.run(
        ["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"], capture_output=True, check=True
    )
    assert shown.stdout.endswith(key.public)


def pem(private: object, encryption: serialization.KeySerializationEncryption | None = None) -> bytes:
    found: bytes = private.private_bytes(  # type: ignore[attr-defined] # any private key
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        encryption or serialization.NoEncryption(),
    )
    return found


GARBAGE = {
    "empty": b"",
    "words": b"made-up\n",
    "half": pem(Ed25519PrivateKey.generate())[:60],
    "another kind": pem(generate_private_key(SECP256R1())),
    "locked": pem(Ed25519PrivateKey.generate(), serialization.BestAvailableEncryption(b"made-up")),
}


@pytest.mark.parametrize("what", GARBAGE)
def test_what_is_no_key_is_called_so(path: Path, what: str) -> None:
    """Anything but an open Ed25519 key is refused, and never replaced by a fresh one."""
    path.write_bytes(GARBAGE[what])
    path.chmod(0o600)
    with pytest.raises(UnusableKey) as refused:
        signing_key.load_or_create(path)
    assert refused.value.why == "garbage"
    assert path.read_bytes() == GARBAGE[what]


@pytest.mark.parametrize(
    ("mode", "why"),
    [(0o600, None), (0o400, None), (0o440, None), (0o604, "open"), (0o620, "open"), (0o644, "open")],
)
def test_only_a_file_that_others_cannot_read_is_used(path: Path, mode: int, why: str | None) -> None:
    """A group may read it, as secrets are mounted; everybody may not, and nobody else may write."""
    key = signing_key.create(path)
    path.chmod(mode)
    if why is None:
        assert signing_key.load(path).public == key.public
        return
    with pytest.raises(UnusableKey) as refused:
        signing_key.load(path)
    assert (refused.value.why, refused.value.detail) == (why, f"{mode:04o}")


def test_a_missing_or_unreadable_file_is_told_apart(path: Path) -> None:
    """No file is ``missing``; something that cannot be read as one is ``unreadable``, with the system's word."""
    with pytest.raises(UnusableKey) as missing:
        signing_key.load(path)
    path.mkdir()
    with pytest.raises(UnusableKey) as unreadable:
        signing_key.load(path)
    assert (missing.value.why, unreadable.value.why) == ("missing", "unreadable")
    assert "directory" in unreadable.value.detail


def test_a_key_that_cannot_be_written_says_so_at_once(tmp_path: Path) -> None:
    """The first thing that went wrong is what is raised: tidying up fails at nothing more."""
    with pytest.raises(FileNotFoundError) as caught:
        signing_key.create(tmp_path / "nowhere" / "audit.key")
    assert caught.value.__context__ is None


def test_an_unusable_key_says_why_in_logs() -> None:
    """The reason alone, or with what it was about."""
    assert str(UnusableKey("missing")) == "missing"
    assert str(UnusableKey("open", "0644")) == "open: 0644"


def test_a_keyed_hash_is_made_and_known_by_holders_alone(path: Path) -> None:
    """The same from the file that was read back; another key, another message or something else is none."""
    key = signing_key.create(path)
    other = signing_key.create(path.with_name("other"))
    mac = key.mac(b"click")
    assert signing_key.load(path).made(mac, b"click")
    assert not key.made(mac, b"clock")
    assert not other.made(mac, b"click")
    assert [key.made(nothing, b"click") for nothing in (None, b"", 1, "", mac[:-1])] == [False] * 5


def test_a_key_is_on_the_disk_before_it_has_its_name(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut leaves a whole key or none, never an empty file under its name."""
    synced, sync = [], os.fsync

    def seen(file: int) -> None:
        synced.append((os.fstat(file).st_size, path.exists()))
        sync(file)

    monkeypatch.setattr(os, "fsync", seen)
    signing_key.create(path)
    assert synced == [(path.stat().st_size, False)]
