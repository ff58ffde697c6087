"""Verifies the audit: each row against the one before, and all of them against what was noted outside.

A changed, removed or reordered row breaks the chain. A truncated or second history is consistent in itself; the heads
and checkpoints noted outside the table (``bot.audit.anchor``) reveal it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bot.audit.chain import Head, entry
from bot.audit.merkle import Tree, leaf_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bot.audit.anchor import Anchors
    from bot.audit.meaning import Meaning

FRESH_MS = 60_000
"""How long a row may lack its anchor, which is written right after the commit."""
NOT_A_ROW = "it is no audit row"
ORIGIN_BEGUN = "origin_begun"
"""The event of a new origin."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a verification.

    Args:
        rows: Rows read.
        head: The last row.
        bad_seq: The first bad row, or None.
        reason: What is wrong with it, or with the end of the chain.
        anchored: The highest row that an anchor vouches for, 0 if none.
        tail_at: When the first row after that one happened, None if there is none.
        signed: The highest row under a checkpoint with a verified signature, None if there is none.
        begun: Why the log has a new origin, according to its audit row; None if it has not.
        first_at: When the first row happened, None without rows.
    """

    rows: int
    head: Head
    bad_seq: int | None
    reason: str | None
    anchored: int
    tail_at: int | None = None
    signed: int | None = None
    begun: str | None = None
    first_at: int | None = field(default=None, compare=False)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.reason is None

    def unsigned(self, now: int) -> str | None:
        """Say that no trusted checkpoint covers any row, if the bot had time to sign one by ``now``."""
        if self.signed is not None or (self.first_at is not None and abs(now - self.first_at) < FRESH_MS):
            return None
        return "no checkpoint is signed with the key"

    def unproven(self, now: int) -> str | None:
        """Return why a consistent chain proves nothing, or None if an anchor vouches for it.

        Args:
            now: UTC epoch milliseconds; rows younger than ``FRESH_MS`` may still lack their anchor.
        """
        if self.rows == 0 and self.signed is None:
            return "no checkpoint vouches for an audit without rows"
        if self.tail_at is None or (self.anchored and abs(now - self.tail_at) < FRESH_MS):
            return None
        if not self.anchored:
            return "no anchor vouches for any row"
        return f"no anchor vouches for the rows after {self.anchored}"


class Verification:
    """Verifies rows as they come, in constant memory.

    Args:
        anchors: What was noted outside the table.
        meaning: Also checks what the rows say, if given.
    """

    def __init__(self, anchors: Anchors, meaning: Meaning | None = None) -> None:
        self._meaning = meaning
        self._anchors = anchors
        self.head = Head()
        self.tree = Tree()
        self.rows = 0
        self.anchored = 0
        self.tail_at: int | None = None
        self.begun: str | None = None
        self.first_at: int | None = None
        self.problem = self._forged() or self._compared()
        self.signed = 0 if 0 in anchors.signed and self.problem is None else None

    def add(self, row: Mapping[str, Any], path: list[bytes] | None = None) -> str | None:
        """Verify the next row; return the first problem so far, after which nothing more is checked.

        Args:
            row: The export's object.
            path: A list for the row's inclusion proof, as for ``Tree.append``.
        """
        if self.problem is None:
            self.rows += 1
            self.problem = self._added(row, path)
        return self.problem

    def _added(self, row: Mapping[str, Any], path: list[bytes] | None) -> str | None:
        seq = self.head.seq + 1
        try:
            text = entry(self.head, {key: row[key] for key in row if key != "hash"})
            digest, at = hashlib.sha256(text).hexdigest(), int(row["at"])
            problem = self._broken(row, digest)
            if problem is None and self._meaning is not None:
                problem = self._meaning.add(row)
        except (AttributeError, KeyError, TypeError, ValueError):
            return NOT_A_ROW
        if problem is not None:
            return problem
        self.tree.append(leaf_hash(text), path)
        if (contradiction := self._compared()) is not None:
            return contradiction
        self.head = Head(seq, digest)
        if self.first_at is None:
            self.first_at = at
        if seq in self._anchors.signed:
            self.signed = seq
        if seq in self._anchors.heads or seq in self._anchors.roots:
            self.anchored, self.tail_at = seq, None
        elif self.tail_at is None:
            self.tail_at = at
        if row.get("event") == ORIGIN_BEGUN:
            self.begun = row.get("reason")
        return None

    def _broken(self, row: Mapping[str, Any], digest: str) -> str | None:
        """Return how a row breaks the chain, or contradicts a head."""
        seq = self.head.seq + 1
        if row["seq"] != seq:
            return f"row {seq} is missing or out of order"
        if row["prev_hash"] != self.head.hash:
            return "it does not follow the row before it"
        if row["hash"] != digest:
            return "its content was changed"
        if self._anchors.heads.get(seq, digest) != digest:
            return "the anchor noted another row here: the history was forked"
        return None

    def _forged(self) -> str | None:
        if not self._anchors.forged:
            return None
        return f"a checkpoint over {self._anchors.forged[0]} rows bears a false signature"

    def _compared(self) -> str | None:
        """Compare the tree with the checkpoints of its size."""
        roots = self._anchors.roots.get(self.tree.size)
        if roots and roots != {self.tree.root()}:
            return f"a checkpoint over {self.tree.size} rows has another root: the history was rewritten"
        return None

    def verdict(self) -> Verdict:
        """Return the verdict, once every row was added."""
        bad = None if self.problem is None else self.head.seq + 1
        reason, most = self.problem, self._anchors.most_rows
        if reason is None and most > self.head.seq:
            bad, reason = self.head.seq + 1, f"the anchor knows of {most} rows: the end was cut off"
        tail_at = None if reason else self.tail_at
        return Verdict(
            self.rows, self.head, bad, reason, self.anchored, tail_at, self.signed, self.begun, self.first_at
        )


def verify(rows: Iterable[Mapping[str, Any]], anchors: Anchors) -> Verdict:
    """Verify the audit's rows (the export's objects, in order) against each other and against the anchors.

    Returns:
        The verdict, with the first bad row.
    """
    checking = Verification(anchors)
    for row in rows:
        if checking.add(row) is not None:
            break
    return checking.verdict()
