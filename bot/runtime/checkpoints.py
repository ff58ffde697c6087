"""Signs the audit: a checkpoint a minute while rows are added, and one at stop."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from bot.audit import anchor, checkpoint, origin
from bot.audit.anchor import Anchors
from bot.audit.chain import Event
from bot.audit.verification import ORIGIN_BEGUN, Verification

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bot.audit.checkpoint import Checkpoint
    from bot.audit.origin import Origin
    from bot.audit.signing_key import SigningKey
    from bot.store import Store

log = logging.getLogger(__name__)

STOP_WAIT_S = 2.0
NOTE = "origin"
"""The key of the note with the log's name, for all replicas."""


class Checkpoints:
    """Follows the audit's rows and signs the root of their tree.

    It never contradicts what was signed: rows that do not continue what this process has seen are not signed, and rows
    that contradict the anchor at a start begin a new origin.

    Args:
        store: The rows, and the anchor that checkpoints are appended to.
        new_origin: Returns a name that no log has.
    """

    def __init__(self, store: Store, key: SigningKey, new_origin: Callable[[], str]) -> None:
        self.latest: Checkpoint | None = None
        self.trouble: str | None = None
        self._store = store
        self._key = key
        self._new_origin = new_origin
        self._rows: Verification | None = None
        self._origin = ""
        self._lock = threading.Lock()

    def sign(self) -> None:
        """Sign the rows since the last checkpoint, if there are any.

        Raises:
            StoreError: The rows cannot be read.
        """
        with self._lock:
            self._sign()

    def sign_last(self) -> None:
        """Sign at stop, unless the rows of a large audit are still being read.

        Raises:
            StoreError: The rows cannot be read.
        """
        if self._lock.acquire(timeout=STOP_WAIT_S):
            try:
                self._sign()
            finally:
                self._lock.release()

    def _sign(self) -> None:
        if self._store.anchor is None:
            return
        try:
            rows = self._rows or self._open(self._store.anchor.path)
            self._follow(rows)
            if (problem := rows.verdict().reason) is not None:
                self._tell(f"the audit was changed: row {rows.head.seq + 1}: {problem}")
                return
            signed, size = self.latest, rows.tree.size
            if signed is None or (signed.origin, signed.size) != (self._origin, size):
                self.latest = checkpoint.sign(self._origin, size, rows.tree.root(), self._key)
                self._store.anchor.note_checkpoint(self.latest)
        except OSError as error:  # the store reports it to ``/readyz``
            if self.latest is not None or self._rows is None:
                facts = {"file": str(self._store.anchor.path), "error": error.strerror}
                log.warning("the checkpoint could not be written", extra={"facts": facts})
            self.latest = None
            return
        self.trouble = None

    def _tell(self, trouble: str) -> None:
        """Keep what is wrong, for ``/readyz``, and log it once."""
        if trouble != self.trouble:
            log.error("the audit cannot be signed", extra={"facts": {"why": trouble}})
        self.trouble = trouble

    def _open(self, path: Path) -> Verification:
        """Read every row, and find the origin that they are signed under."""
        known = anchor.read_current(path)
        rows = Verification(known)
        self._follow(rows)
        contradiction = rows.verdict().reason
        if contradiction is not None:
            rows = Verification(Anchors())
            self._follow(rows)
            if rows.problem is not None:
                self._rows = rows  # the chain itself is broken, so it is signed under no origin
                return rows
        with self._store.read() as tx:
            noted = tx.noted(NOTE)
        shared = not self._store.database.is_sqlite
        chosen = origin.choose(noted, known.last, contradiction, self._new_origin(), shared=shared)
        self._origin = self._begun(chosen, noted) if chosen.fresh else chosen.name
        if contradiction is None and known.last is not None and known.last.origin == self._origin:
            self.latest = known.last
        self._rows = rows
        return rows

    def _begun(self, chosen: Origin, noted: str | None) -> str:
        """Announce a new origin to all replicas and audit why there is one; the first replica wins."""
        with self._store.write() as tx:
            if not tx.replace_note(NOTE, noted, chosen.name):
                return str(tx.noted(NOTE))
            if chosen.why is not None:
                reason = f"{chosen.name}: {chosen.why}"
                log.warning("the audit begins a new origin", extra={"facts": {"why": reason}})
                tx.audit_log.append(Event(tx.now, ORIGIN_BEGUN, reason=reason))
        return chosen.name

    def _follow(self, rows: Verification) -> None:
        """Read the rows after those already seen; fewer rows than seen means that the end was cut off."""
        with self._store.read() as tx:
            for row in tx.audit_log.rows(after=rows.head.seq):
                if rows.add(row) is not None:
                    return
            if tx.audit_log.head().seq < rows.head.seq:
                rows.problem = "the end was cut off"
