"""The anchor file: what is noted, what is read back, and what a crash leaves."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from bot.audit import anchor
from bot.audit.anchor import AnchorFile
from bot.audit.chain import Head

if TYPE_CHECKING:
    from pathlib import Path

A, B, C = "a" * 64, "b" * 64, "c" * 64
LINE = len(f"10000 {A}\n")
"""71 bytes: of five-digit numbers 14,085 lines are the first that make a file of a million bytes."""


def test_heads_are_appended_in_plain_lines(tmp_path: Path) -> None:
    """One line a head, number and hash, in a file that its owner alone can read."""
    path = tmp_path / "anchor"
    file = AnchorFile(path)
    file.note(Head(1, A))
    AnchorFile(path).note(Head(2, B))
    file.note(Head(3, C))
    assert path.read_bytes() == f"1 {A}\n2 {B}\n3 {C}\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert anchor.read(path).heads == {1: A, 2: B, 3: C}


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """The caller decides what a head that was not noted means."""
    with pytest.raises(FileNotFoundError):
        AnchorFile(tmp_path / "none" / "anchor").note(Head(1, A))


def test_the_first_hash_of_a_number_stays(tmp_path: Path) -> None:
    """Noting another hash for a row that was noted before cannot hide a fork."""
    path = tmp_path / "anchor"
    path.write_text(f"1 {A}\n1 {B}\n2 {C}\n")
    assert anchor.read(path).heads == {1: A, 2: C}


@pytest.mark.parametrize(
    "torn",
    [
        b"2",
        b"2 ",
        b"2 bbbb",
        b"",
        b" " + B.encode(),
        b"x " + B.encode(),
        b"2 bbbb3 " + C.encode(),
        b"\xff\xfe",
    ],
)
def test_half_a_line_is_no_head(tmp_path: Path, torn: bytes) -> None:
    """What a crash or a full disk tore off vouches for nothing and accuses nobody; the lines around it count."""
    path = tmp_path / "anchor"
    path.write_bytes(f"1 {A}\n".encode() + torn + f"\n4 {C}\n".encode())
    assert anchor.read(path).heads == {1: A, 4: C}


def test_a_file_that_has_grown_long_keeps_its_last_thousand_lines(tmp_path: Path) -> None:
    """From a million bytes on; what is kept is as it was, damage included, and still private."""
    path = tmp_path / "anchor"
    lines = [f"{number} {A}\n".encode() for number in range(10_000, 24_085)]
    lines[-1] = b"\xff" * (1_000_000 - LINE * 14_084 - 1) + b"\n"
    path.write_bytes(b"".join(lines)[:-2] + b"\n")
    assert path.stat().st_size == 999_999
    anchor.compact(path)
    assert path.stat().st_size == 999_999
    path.write_bytes(b"".join(lines))
    path.chmod(0o644)
    assert path.stat().st_size == 1_000_000
    anchor.compact(path)
    assert path.read_bytes() == b"".join(lines[-1000:])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["anchor"]


def test_no_file_is_nothing_noted(tmp_path: Path) -> None:
    """Before the first head there is nothing to read or to shorten, and neither makes the file."""
    path = tmp_path / "anchor"
    assert anchor.read(path).heads == {}
    anchor.compact(path)
    assert not path.exists()
