"""What is noted of the audit outside its table: the head of every commit, and a checkpoint a minute.

The file is append-only, with one line per head: whoever can change only the database cannot cut the chain short or
fork it unnoticed. Signed checkpoints (``bot.audit.checkpoint``) stand between the lines: whoever can change this file
too cannot forge those.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.audit import checkpoint as checkpoints
from bot.audit.chain import Head
from bot.audit.checkpoint import Checkpoint, MalformedNote, Standing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from bot.audit.checkpoint import VerifierKey

_HEAD = re.compile(rb"([0-9]{1,19}) ([0-9a-f]{64})")
_SIGNED = "— ".encode()
_KEEP_LINES = 1000
_COMPACT_BYTES = 1_000_000
FORKED = ""
"""The hash of a row on which two files disagree; no real row has it."""


class AnchorFile:
    """Appends heads and checkpoints to a file, created when first needed and readable by its owner only."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def note(self, head: Head) -> None:
        """Append a head.

        Raises:
            OSError: The file cannot be written.
        """
        self._append(f"{head.seq} {head.hash}\n".encode())

    def note_checkpoint(self, signed: Checkpoint) -> None:
        """Append a checkpoint, and shorten the file if it has grown long.

        Raises:
            OSError: The file cannot be written.
        """
        self._append(signed.text.encode())
        compact(self.path)

    def current(self) -> Anchors:
        """Return what was noted since the last new origin."""
        return read_current(self.path)

    def try_out(self) -> None:
        """Open the file for writing, and write nothing.

        Raises:
            OSError: The file cannot be written.
        """
        self._append(b"")

    def _append(self, lines: bytes) -> None:
        """Append lines; the file is opened for each write, so that processes may share it."""
        with os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as file:
            file.write(lines)


@dataclass(slots=True)
class Anchors:
    """The content of one or several files.

    Args:
        heads: Hash by row number; of two hashes for one row, the first.
        roots: Roots by size, of every checkpoint.
        signed: Sizes of the checkpoints signed by a trusted key.
        forged: Sizes of those with a false signature.
        origins: Every origin, in the order of the files.
        last: The last checkpoint.
        begun_at: Rows that an earlier origin signed, or might have, when the current one began; 0 for the first.
    """

    heads: dict[int, str] = field(default_factory=dict)
    roots: dict[int, set[bytes]] = field(default_factory=dict)
    signed: set[int] = field(default_factory=set)
    forged: list[int] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)
    last: Checkpoint | None = None
    begun_at: int = 0

    @property
    def most_rows(self) -> int:
        """The highest known row."""
        return max(max(self.heads, default=0), max(self.roots, default=0))

    def add(self, noted: Head | Checkpoint, keys: Collection[VerifierKey]) -> None:
        """Add a head or checkpoint from a file."""
        if isinstance(noted, Head):
            self.heads.setdefault(noted.seq, noted.hash)
            return
        standing = noted.standing(keys)
        if standing is Standing.FORGED:
            self.forged.append(noted.size)
            return
        if standing is Standing.SIGNED:
            self.signed.add(noted.size)
        self.roots.setdefault(noted.size, set()).add(noted.root)
        if noted.origin not in self.origins:
            self.origins.append(noted.origin)
        self.last = noted


def read(path: Path, keys: Collection[VerifierKey] = ()) -> Anchors:
    """Return the content of a file; a missing file is empty.

    Args:
        path: A line or checkpoint that a crash left incomplete is skipped.
        keys: Trusted keys.
    """
    anchors = Anchors()
    for noted in _noted(path):
        anchors.add(noted, keys)
    return anchors


def read_all(paths: Iterable[Path], keys: Collection[VerifierKey] = ()) -> Anchors:
    """Return the combined content of several files, such as one per replica.

    A row on which two files disagree gets a hash that no row has, so that the fork is anchors.
    """
    anchors = Anchors()
    for path in paths:
        own = read(path, keys)
        for seq, noted in own.heads.items():
            if anchors.heads.setdefault(seq, noted) != noted:
                anchors.heads[seq] = FORKED
        for size, roots in own.roots.items():
            anchors.roots.setdefault(size, set()).update(roots)
        anchors.signed |= own.signed
        anchors.forged += own.forged
        anchors.origins += [origin for origin in own.origins if origin not in anchors.origins]
        if own.last is not None and (anchors.last is None or own.last.size >= anchors.last.size):
            anchors.last = own.last
    return anchors


def read_current(path: Path) -> Anchors:
    """Return the content of a file since its last new origin, for whoever continues it."""
    anchors = Anchors()
    for noted in _noted(path):
        if isinstance(noted, Checkpoint) and anchors.origins and anchors.origins != [noted.origin]:
            anchors = Anchors(begun_at=noted.size)
        anchors.add(noted, ())
    return anchors


def compact(path: Path) -> None:
    """Shorten a long file to its last lines, and the last checkpoint of each origin."""
    if not path.exists() or path.stat().st_size < _COMPACT_BYTES:
        return
    last = {noted.origin: noted.text.encode() for noted in _noted(path) if isinstance(noted, Checkpoint)}
    lines = path.read_bytes().splitlines(keepends=True)[-_KEEP_LINES:]
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(b"".join([*last.values(), *lines]))
    fresh.chmod(0o600)
    fresh.replace(path)


def _noted(path: Path) -> Iterator[Head | Checkpoint]:
    """Yield heads and checkpoints in the order in which they were noted."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    for place, line in enumerate(lines):
        if head := _HEAD.fullmatch(line):
            yield Head(int(head[1]), head[2].decode())
        elif line == b"":  # a checkpoint has its body before a blank line, and signatures after it
            end = place + 1
            while end < len(lines) and lines[end].startswith(_SIGNED):
                end += 1
            text = b"\n".join(lines[place - checkpoints.BODY_LINES : end])
            with contextlib.suppress(MalformedNote, UnicodeDecodeError):
                yield checkpoints.parse(text.decode())
