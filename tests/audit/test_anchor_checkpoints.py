"""Checkpoints in anchor files: what is written, and what several files know together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bot.audit import anchor, checkpoint
from bot.audit.anchor import AnchorFile
from bot.audit.chain import Head
from bot.audit.checkpoint import VerifierKey
from bot.audit.signing_key import SigningKey

if TYPE_CHECKING:
    from pathlib import Path

    from bot.audit.checkpoint import Checkpoint

KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
TRUSTED = [VerifierKey(KEY.public)]


def signed(size: int) -> Checkpoint:
    return checkpoint.sign("peftsize/0123456789abcdef", size, bytes([size]) * 32, KEY)


def test_a_checkpoint_is_written_between_the_heads(tmp_path: Path) -> None:
    """Its text follows what was there, and it reads back as it was signed."""
    file = AnchorFile(tmp_path / "anchor")
    file.note(Head(1, "a" * 64))
    file.note_checkpoint(signed(1))
    file.note(Head(2, "b" * 64))
    assert file.path.read_text() == f"1 {'a' * 64}\n{signed(1).text}2 {'b' * 64}\n"
    found = anchor.read(file.path, TRUSTED)
    assert (found.last, found.signed, found.roots) == (signed(1), {1}, {1: {bytes([1]) * 32}})
    assert found.heads == {1: "a" * 64, 2: "b" * 64}


@pytest.mark.parametrize("sizes", [(1, 3), (3, 1), (3, 3)])
def test_of_several_files_the_largest_checkpoint_is_the_last(tmp_path: Path, sizes: tuple[int, int]) -> None:
    """Whichever file it stands in: a replica that lags behind takes nothing back."""
    files = [AnchorFile(tmp_path / f"anchor-{number}") for number in (1, 2)]
    for file, size in zip(files, sizes, strict=True):
        file.note_checkpoint(signed(size))
    found = anchor.read_all([file.path for file in files], TRUSTED)
    assert (found.last, found.signed, found.most_rows) == (signed(3), set(sizes), 3)
