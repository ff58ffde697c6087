"""The audit rows: appended by one transaction at a time, read in order, never changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, select, text

from bot.audit.chain import GENESIS, Event, Head, chain
from bot.store import triggers
from bot.store.prepared import Prepared, every
from bot.store.tables import audit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Row

_HEAD = Prepared(select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1))
_APPEND = Prepared(insert(audit).values(every(audit.columns)))
_ONE_APPENDER = text("SELECT pg_advisory_xact_lock(7350012)")
_AFTER = select(audit).where(audit.c.seq > bindparam("after")).order_by(audit.c.seq).limit(bindparam("page"))
_STORY = select(audit).where(audit.c.request_id == bindparam("id")).order_by(audit.c.seq)
_FIRST = (
    select(audit.c.seq, audit.c.hash)
    .where(audit.c.request_id == bindparam("id"))
    .order_by(audit.c.seq)
    .limit(1)
)
_PAGE = 1000
_COLUMNS = tuple(audit.columns.keys())
_JSON = ("actor", "slack", "rest", "seal")
_LATER = ("policy", "seal", "purpose")
"""Columns of later releases: hashed only if they have a value, so that older rows still verify."""


class AuditLog:
    """The audit table within one transaction. Events are written by ``flush``.

    Args:
        names: Whether to keep display names, or only ids.
        policy: Digest of the current policy, for every row.
    """

    def __init__(self, connection: Connection, *, names: bool = True, policy: str | None = None) -> None:
        self._connection = connection
        self._names = names
        self._policy = policy
        self._events: list[Event] = []
        self._written: Head | None = None

    def append(self, event: Event) -> None:
        """Add an event to this transaction."""
        self._events.append(event)

    def flush(self) -> Head | None:
        """Write the events; return the last row written, or None. The lock for appending is held until the commit."""
        if not self._events:
            return self._written
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(_ONE_APPENDER)
        head = self._written or self.head()
        rows = []
        for event in self._events:
            fields = event.fields()
            if not self._names:
                fields["actor"]["name"] = None
            if self._policy is not None:
                fields["policy"] = self._policy
            seq, digest = chain(head, fields)
            for key in _JSON:
                if key in fields:
                    fields[key] = json.dumps(fields[key])
            rows.append(
                {**dict.fromkeys(_LATER), "seq": seq, **fields, "prev_hash": head.hash, "hash": digest}
            )
            head = Head(seq, digest)
        for row in rows:
            _APPEND(self._connection, row)
        self._events.clear()
        self._written = head
        return head

    def head(self) -> Head:
        """Return the last row's number and hash."""
        rows = _HEAD(self._connection, {})
        return Head(rows[0]["seq"], rows[0]["hash"]) if rows else Head(0, GENESIS)

    def missing_triggers(self) -> list[str]:
        """Return the names of missing triggers, without which the table is not append-only."""
        return triggers.missing(self._connection)

    def story(self, request_id: str) -> list[dict[str, Any]]:
        """Return the events of one request, oldest first."""
        return [_object(row) for row in self._connection.execute(_STORY, {"id": request_id})]

    def first(self, request_id: str) -> Head:
        """Return the number and hash of a request's first row; row 0 if it has none."""
        row = self._connection.execute(_FIRST, {"id": request_id}).one_or_none()
        return Head(row.seq, row.hash) if row else Head()

    def rows(self, *, since_ms: int | None = None, after: int = 0) -> Iterator[dict[str, Any]]:
        """Yield the events as the JSON objects of the export, oldest first.

        Args:
            since_ms: Skip events before this, in UTC epoch milliseconds.
            after: Skip rows up to this number.
        """
        while True:
            page = self._connection.execute(_AFTER, {"after": after, "page": _PAGE}).all()
            for row in page:
                if since_ms is not None and row.at < since_ms:
                    continue
                yield _object(row)
            if len(page) < _PAGE:
                return
            after = page[-1].seq


def _object(row: Row[Any]) -> dict[str, Any]:
    columns = zip(_COLUMNS, row, strict=True)
    fields = {key: value for key, value in columns if value is not None or key not in _LATER}
    for key in _JSON:
        try:
            if key in fields:
                fields[key] = json.loads(fields[key])
        except (TypeError, ValueError):
            continue  # a tampered row must still be exported and verified
    return fields
