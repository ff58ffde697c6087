"""The head of the audit chain, noted outside its table.

A plain file with one line a head, only ever appended to: whoever can change the database alone
cannot cut the end off the chain or fork it unseen.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from bot.audit.chain import Head

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
        """Append a head; opened anew for one write, so that processes may share the file.

        Raises:
            OSError: If the file cannot be written.
        """
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(fd, f"{head.seq} {head.hash}\n".encode())
        finally:
            os.close(fd)


def read(path: Path) -> dict[int, str]:
    """Return the hash by row number; a number noted with two hashes keeps the first.

    Args:
        path: The file; a missing one is empty.
    """
    anchors: dict[int, str] = {}
    if path.exists():
        for line in path.read_text(encoding="ascii", errors="replace").splitlines():
            seq, _, digest = line.partition(" ")
            if seq.isdecimal() and digest:
                anchors.setdefault(int(seq), digest)
    return anchors


def compact(path: Path) -> None:
    """Keep only the last lines of a file that has grown long; done once, when the bot starts."""
    if not path.exists() or path.stat().st_size < _COMPACT_BYTES:
        return
    lines = path.read_text(encoding="ascii").splitlines(keepends=True)[-_KEEP_LINES:]
    fresh = path.with_name(path.name + ".new")
    fresh.write_text("".join(lines), encoding="ascii")
    fresh.chmod(0o600)
    fresh.replace(path)
