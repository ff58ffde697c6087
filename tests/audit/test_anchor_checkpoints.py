"""Checkpoints in anchor files: what is written, and what several files know together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bot.audit import anchor, checkpoint
from bot.audit.anchor import AnchorFile
from bot.audit.chain import Head
from bot.audit.checkpoint import Checkpoint, VerifierKey
from bot.audit.signing_key import SigningKey

if TYPE_CHECKING:
    from pathlib import Path

KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
TRUSTED = [VerifierKey(KEY.public)]
ORIGIN, NEXT = "peftsize/0123456789abcdef", "peftsize/fedcba9876543210"
FALSE = "f" * 64


def signed(size: int, origin: str = ORIGIN) -> Checkpoint:
    return checkpoint.sign(origin, size, root(size), KEY)


def root(size: int) -> bytes:
    return bytes([size]) * 32


def head(seq: int) -> Head:
    return Head(seq, f"{seq:x}" * 64)


def forged(size: int) -> Checkpoint:
    """Return a checkpoint that bears the signature of a smaller one."""
    return replace(signed(size), signatures=signed(size - 1).signatures)


def noted(path: Path, *what: Head | Checkpoint) -> Path:
    """Write a file as the bot would."""
    file = AnchorFile(path)
    for one in what:
        if isinstance(one, Head):
            file.note(one)
        else:
            file.note_checkpoint(one)
    return path


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


def test_trying_a_file_out_writes_nothing(tmp_path: Path) -> None:
    """It is made if it can be, and keeps what it holds; where it cannot be written that is an error."""
    file = AnchorFile(tmp_path / "anchor")
    file.try_out()
    assert file.path.read_bytes() == b""
    file.note(head(1))
    file.try_out()
    assert anchor.read(file.path).heads == {1: head(1).hash}
    with pytest.raises(FileNotFoundError):
        AnchorFile(tmp_path / "none" / "anchor").try_out()


def test_what_one_file_knows(tmp_path: Path) -> None:
    """Roots of every checkpoint but the forged ones; signed are those by a key that is trusted; origins in order."""
    path = noted(tmp_path / "anchor", head(1), signed(1), head(2), forged(2), signed(3), signed(4, NEXT))
    found = anchor.read(path, TRUSTED)
    assert (found.heads, found.roots) == (
        {1: head(1).hash, 2: head(2).hash},
        {1: {root(1)}, 3: {root(3)}, 4: {root(4)}},
    )
    assert (found.signed, found.forged) == ({1, 3, 4}, [2])
    assert (found.origins, found.last, found.most_rows) == ([ORIGIN, NEXT], signed(4, NEXT), 4)
    nobody = anchor.read(path)
    assert (nobody.signed, nobody.forged, set(nobody.roots)) == (set(), [], {1, 2, 3, 4})


def test_the_last_checkpoint_is_no_forged_one(tmp_path: Path) -> None:
    """Nor does a forged one name an origin."""
    found = anchor.read(noted(tmp_path / "anchor", forged(9)), TRUSTED)
    assert (found.last, found.origins, found.roots, found.forged) == (None, [], {}, [9])
    assert found.most_rows == 0


@pytest.mark.parametrize(
    ("what", "most"), [((), 0), ((head(3),), 3), ((head(3), signed(2)), 3), ((head(1), signed(2)), 2)]
)
def test_the_highest_row_that_is_known(
    tmp_path: Path, what: tuple[Head | Checkpoint, ...], most: int
) -> None:
    """By a head or by a checkpoint."""
    assert anchor.read(noted(tmp_path / "anchor", *what)).most_rows == most


def test_several_files_know_together(tmp_path: Path) -> None:
    """Each adds what the others lack; a row or a size that they know differently is kept as a contradiction."""
    other = checkpoint.sign(ORIGIN, 3, root(9), KEY)
    files = [
        noted(tmp_path / "one", head(1), Head(2, FALSE), signed(3), forged(7)),
        noted(tmp_path / "two", head(1), head(2), head(3), other, signed(4, NEXT), forged(8)),
        tmp_path / "three",
    ]
    found = anchor.read_all(files, TRUSTED)
    assert (found.heads[1], found.heads[3]) == (head(1).hash, head(3).hash)
    assert found.heads[2] not in {head(2).hash, FALSE}
    assert found.roots == {3: {root(3), root(9)}, 4: {root(4)}}
    assert (found.signed, found.forged, found.origins) == ({3, 4}, [7, 8], [ORIGIN, NEXT])
    again = anchor.read_all([files[0], files[0]], TRUSTED)
    assert (again.heads, again.origins) == ({1: head(1).hash, 2: FALSE}, [ORIGIN])


def test_of_checkpoints_of_one_size_the_later_file_has_the_last(tmp_path: Path) -> None:
    """A file without any takes nothing away."""
    files = [noted(tmp_path / "one", signed(3)), noted(tmp_path / "two", signed(3, NEXT)), tmp_path / "three"]
    assert anchor.read_all(files).last == signed(3, NEXT)
    assert anchor.read_all(files[::-1]).last == signed(3)


@pytest.mark.parametrize(
    ("what", "heads", "origins", "begun_at"),
    [
        ((head(1), signed(1), head(2), signed(2)), {1, 2}, [ORIGIN], 0),
        ((head(1), head(2), signed(2), signed(3, NEXT), head(4)), {4}, [NEXT], 3),
        (
            (head(1), signed(2, NEXT), signed(3), head(4), signed(5), signed(6, "x/y"), head(7)),
            {7},
            ["x/y"],
            6,
        ),
        ((), set(), [], 0),
    ],
)
def test_whoever_goes_on_writing_reads_the_last_origin(
    tmp_path: Path,
    what: tuple[Head | Checkpoint, ...],
    heads: set[int],
    origins: list[str],
    begun_at: int,
) -> None:
    """Its first checkpoint says how many rows the origin before it may have signed; what that noted is past."""
    found = AnchorFile(noted(tmp_path / "anchor", *what)).current()
    assert (set(found.heads), found.origins, found.begun_at) == (heads, origins, begun_at)
    checkpoints = [one for one in what if isinstance(one, Checkpoint)]
    assert found.last == (checkpoints[-1] if checkpoints else None)


def test_a_long_file_keeps_the_last_checkpoint_of_each_origin(tmp_path: Path) -> None:
    """It is shortened when the next checkpoint is noted: those first, then the last thousand lines."""
    path = noted(tmp_path / "anchor", signed(1), signed(2), signed(3, NEXT))
    lines = "".join(f"{number} {FALSE}\n" for number in range(10_000, 25_000))
    path.write_text(path.read_text() + lines)
    noted(path, signed(4, NEXT))
    kept = (lines + signed(4, NEXT).text).splitlines(keepends=True)[-1000:]
    assert path.read_text() == signed(2).text + signed(4, NEXT).text + "".join(kept)


BODY = signed(3).text.partition("— ")[0]
SIGNATURE = signed(3).text.removeprefix(BODY)


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        (signed(3).text, [3]),
        (signed(3).text + signed(4).text, [3, 4]),
        (signed(3).text.rstrip("\n"), [3]),
        (BODY + SIGNATURE * 2, [3]),
        (BODY, []),
        (SIGNATURE, []),
        (BODY.partition("\n")[2] + SIGNATURE, []),
        (BODY + SIGNATURE[:-9] + "\n" + signed(4).text, [4]),
        (BODY.replace("3", "x") + SIGNATURE + signed(4).text, [4]),
        (signed(3).text.replace("peftsize", "\ufffd") + signed(4).text, [3, 4]),
        (f"1 {FALSE}\n{signed(3).text}2 {FALSE}\n", [3]),
    ],
)
def test_half_a_checkpoint_is_none(tmp_path: Path, text: str, sizes: list[int]) -> None:
    """What a crash tore off says nothing; the checkpoints around it count."""
    path = tmp_path / "anchor"
    path.write_text(text)
    assert sorted(anchor.read(path, TRUSTED).roots) == sizes


def test_a_checkpoint_has_all_its_signatures(tmp_path: Path) -> None:
    """Those of witnesses follow our own."""
    path = tmp_path / "anchor"
    path.write_text(BODY + SIGNATURE + SIGNATURE.replace(ORIGIN, "witness") + f"4 {FALSE}\n")
    last = anchor.read(path).last
    assert last is not None
    assert [name for name, _, _ in last.signatures] == [ORIGIN, "witness"]


def test_what_is_no_text_is_no_checkpoint(tmp_path: Path) -> None:
    """Bytes of a damaged disk are passed over like any other damage."""
    path = tmp_path / "anchor"
    path.write_bytes(b"\xff" + (signed(3).text + signed(4).text).encode())
    assert sorted(anchor.read(path).roots) == [4]
