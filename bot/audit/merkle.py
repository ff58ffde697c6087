"""The Merkle tree over the audit's rows: its roots, and paths that prove a row is in it.

Source: https://www.rfc-editor.org/rfc/rfc6962#section-2.1
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


HASH_BYTES = 32


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf, 32 bytes."""
    return hashlib.sha256(b"\x00" + entry).digest()


def _node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class _Subtree:
    """A complete subtree: its root, and the paths being collected in it."""

    root: bytes
    paths: list[list[bytes]]


class Tree:
    """Grows leaf by leaf, keeping only the roots of its complete subtrees: one for each bit of its size."""

    def __init__(self) -> None:
        self.size = 0
        self._subtrees: list[_Subtree] = []

    def append(self, leaf: bytes, path: list[bytes] | None = None) -> None:
        """Add a leaf.

        Args:
            leaf: Its hash.
            path: A list that receives its inclusion proof, complete after ``finish``.
        """
        fresh, size = _Subtree(leaf, [] if path is None else [path]), self.size
        while size % 2:  # a subtree for each bit: those of the lowest ones are full
            fresh, size = _join(self._subtrees.pop(), fresh), size // 2
        self._subtrees.append(fresh)
        self.size += 1

    def root(self) -> bytes:
        """Return the root over the leaves so far, 32 bytes."""
        if not self._subtrees:
            return hashlib.sha256().digest()
        root = self._subtrees[-1].root
        for left in reversed(self._subtrees[:-1]):
            root = _node_hash(left.root, root)
        return root

    def finish(self) -> bytes:
        """Return the root and complete the paths; nothing can be added afterwards."""
        while len(self._subtrees) > 1:
            right = self._subtrees.pop()
            self._subtrees.append(_join(self._subtrees.pop(), right))
        return self.root()


def _join(left: _Subtree, right: _Subtree) -> _Subtree:
    for path in left.paths:
        path.append(right.root)
    for path in right.paths:
        path.append(left.root)
    return _Subtree(_node_hash(left.root, right.root), left.paths + right.paths)


def root_of(leaf: bytes, index: int, size: int, path: Iterable[bytes]) -> bytes | None:
    """Return the root that an inclusion proof leads to, or None for a path of the wrong length.

    Args:
        leaf: The hash of the leaf.
        index: Its place, from 0.
        size: Number of leaves of the tree.
        path: From the leaf's sibling up to the root's child.

    Source: https://www.rfc-editor.org/rfc/rfc9162#section-2.1.3.2
    """
    if not 0 <= index < size:
        return None
    place, last, root = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if place % 2 or place == last:
            root = _node_hash(sibling, root)
            while place and not place % 2:
                place, last = place >> 1, last >> 1
        else:
            root = _node_hash(root, sibling)
        place, last = place >> 1, last >> 1
    return root if last == 0 else None
