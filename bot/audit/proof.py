"""Proofs that rows of the audit are in its log, checked without the database.

A bundle is a JSON object with a proof for each row of one request. It holds each row as the exact text that is hashed,
so that a verifier needs no canonical form of ours.
Source: https://c2sp.org/tlog-proof
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.audit import checkpoint as checkpoints
from bot.audit import merkle
from bot.audit.checkpoint import Checkpoint, MalformedNote, Standing, decode, encode

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from bot.audit.checkpoint import VerifierKey

FORMAT = "c2sp.org/tlog-proof@v1"
LONGEST_PATH = 63
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")
_UNSIGNED = {
    Standing.UNKNOWN: "the checkpoint is signed by another key",
    Standing.FORGED: "the checkpoint bears a false signature",
}


@dataclass(frozen=True, slots=True)
class Proof:
    """Proves that a row is in the log.

    Args:
        index: The row's place, from 0.
        path: From its sibling up to the root's child.
        checkpoint: Over at least this row.
    """

    index: int
    path: tuple[bytes, ...]
    checkpoint: Checkpoint

    @property
    def text(self) -> str:
        """The proof in its file format."""
        lines = [FORMAT, f"index {self.index}", *map(encode, self.path)]
        return "\n".join(lines) + f"\n\n{self.checkpoint.text}"

    def fault(self, entry: bytes, keys: Iterable[VerifierKey]) -> str | None:
        """Return why this does not prove that a row is in the log, or None if it does."""
        if (why := _UNSIGNED.get(self.checkpoint.standing(keys))) is not None:
            return why
        leaf = merkle.leaf_hash(entry)
        if merkle.root_of(leaf, self.index, self.checkpoint.size, self.path) != self.checkpoint.root:
            return "the row is not in the log at this place"
        return None


def parse(text: str) -> Proof:
    """Parse a proof.

    Raises:
        MalformedNote: It is not a proof; the text says why.
    """
    head, blank, note = text.partition("\n\n")
    lines = head.split("\n")
    match = _INDEX.fullmatch(lines[1]) if len(lines) > 1 else None
    if not blank or lines[0] != FORMAT or match is None or len(lines) > 2 + LONGEST_PATH:
        raise MalformedNote(f"a proof begins with {FORMAT} and an index")
    path = tuple(decode(line, merkle.HASH_BYTES) for line in lines[2:])
    return Proof(int(match[1]), path, checkpoints.parse(note))


def bundle(request_id: str, rows: Iterable[tuple[bytes, Proof]], key: str | None = None) -> dict[str, Any]:
    """Return the proofs of a request's rows as one JSON object.

    Args:
        rows: The hashed text and the proof of each.
        key: The verifier key, as a hint for other programs: a verifier must get it from elsewhere.
    """
    proofs = [{"entry": entry.decode("utf-8", "surrogatepass"), "proof": proof.text} for entry, proof in rows]
    return {"request_id": request_id, "key": key, "proofs": proofs}


def faults(found: Any, keys: Collection[VerifierKey]) -> list[str]:
    """Return what is wrong with a bundle (a JSON value), one sentence each; empty if every row is proven."""
    try:
        request_id, proofs = found["request_id"], found["proofs"]
        rows = [(one["entry"].encode("utf-8", "surrogatepass"), one["proof"]) for one in proofs]
    except (AttributeError, KeyError, TypeError):
        return ["this is no bundle of proofs"]
    if not rows:
        return ["it proves nothing: it holds no row"]
    problems = []
    for number, (entry, text) in enumerate(rows, start=1):
        try:
            proof = parse(text)
            row = json.loads(entry.decode("utf-8", "surrogatepass"))
            about, place = row["request_id"], row["seq"]
        except (MalformedNote, AttributeError, KeyError, TypeError, ValueError) as error:
            why = str(error) if isinstance(error, MalformedNote) else "it cannot be read"
            problems.append(f"proof {number}: {why}")
            continue
        fault = proof.fault(entry, keys)
        if fault is None and (about != request_id or place != proof.index + 1):
            fault = "the row is about another request or place"
        if fault is not None:
            problems.append(f"proof {number} (row {place}): {fault}")
    return problems
