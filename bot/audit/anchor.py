"""The head of the audit chain, noted outside its table.

A plain file with one line a head, only ever appended to: whoever can change the database alone
cannot cut the end off the chain or fork it unseen.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from bot.audit.chain import Head

_HEAD = re.compile(rb"([0-9]+) ([0-9a-f]{64})")
_KEEP_LINES = 1000
_COMPACT_BYTES = 1_000_000


class AnchorFile:
    """Appends heads to a file.

    Args:
        path: The file; made when first needed, readable by its owner only.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def note(self, head: Head) -> None:
        """Append a head.

        Raises:
            OSError: If the file cannot be written.
        """
        self._append(f"{head.seq} {head.hash}\n".encode())

    def try_out(self) -> None:
        """Open the file as for a write, and write nothing.

        Raises:
            OSError: If the file cannot be written.
        """
        self._append(b"")

    def _append(self, lines: bytes) -> None:
        """Write lines at the end; opened for one write, so that processes may share the file."""
        with os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as file:
            file.write(lines)


def read(path: Path) -> dict[int, str]:
    """Return the hash by row number; a number noted with two hashes keeps the first.

    Args:
        path: The file; a missing one is empty. A line that a crash tore is passed over.
    """
    anchors: dict[int, str] = {}
    if path.exists():
        for line in path.read_bytes().splitlines():
            if head := _HEAD.fullmatch(line):
                anchors.setdefault(int(head[1]), head[2].decode())
    return anchors


def read_all(paths: Iterable[Path]) -> dict[int, str]:
    """Return the hash by row number from several files, such as one of each replica.

    A row that two files know differently gets a hash that no row has, so that the fork is found.
    """
    anchors: dict[int, str] = {}
    for path in paths:
        for seq, noted in read(path).items():
            if anchors.setdefault(seq, noted) != noted:
                anchors[seq] = ""
    return anchors


def compact(path: Path) -> None:
    """Keep only the last lines of a file that has grown long; done once, when the bot starts."""
    if not path.exists() or path.stat().st_size < _COMPACT_BYTES:
        return
    lines = path.read_bytes().splitlines(keepends=True)[-_KEEP_LINES:]
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(b"".join(lines))
    fresh.chmod(0o600)
    fresh.replace(path)
