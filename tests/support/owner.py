"""The owner of the database: writes whatever they like with SQL, and has neither the key nor the anchor."""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bot.audit.chain import Head, chain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_JSON = ("actor", "slack", "rest", "seal")
_LATER = ("policy", "seal", "purpose")


class Owner:
    """Somebody with their own connection to the SQLite file.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self.database() as database:
            for (name,) in database.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            ).fetchall():
                database.execute(f"DROP TRIGGER {name}")

    @contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        """Open a transaction."""
        database = sqlite3.connect(self.path, timeout=30)
        database.row_factory = sqlite3.Row
        try:
            with database:
                database.execute("PRAGMA foreign_keys = off")
                database.execute("BEGIN IMMEDIATE")
                yield database
        finally:
            database.close()

    def write(self, statement: str, *values: object) -> int:
        """Run a statement; return how many rows it changed."""
        with self.database() as database:
            return database.execute(statement, values).rowcount

    def rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """Read rows."""
        with self.database() as database:
            return [dict(row) for row in database.execute(statement, values)]

    def put(self, table: str, row: dict[str, Any]) -> None:
        """Write a row, over one that is there."""
        marks = ", ".join("?" * len(row))
        self.write(f"INSERT OR REPLACE INTO {table} ({', '.join(row)}) VALUES ({marks})", *row.values())  # noqa: S608

    def approve(self, request_id: str) -> None:
        """Set a request to approved, due now, with nothing that bars another attempt."""
        self.write("DELETE FROM attempts WHERE request_id = ?", request_id)
        self.write(
            "UPDATE requests SET state = 'approved', due_at = 1, claimed_by = NULL, spec_id = NULL, tries = 0, "
            "error = NULL, retired_by = NULL, reserved = 1 WHERE id = ?",
            request_id,
        )

    # --- the audit

    def append(self, copied: dict[str, Any], **changes: Any) -> None:
        """Append an audit row that follows the last one as it should, made of another row."""
        last = self.rows("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")[0]
        self.put("audit", _chained(Head(last["seq"], last["hash"]), copied | changes))

    def rewrite(self, first: int, *, without: int | None = None, **changes: Any) -> None:
        """Change a row, or leave one out, and make all that come after it follow again."""
        old = self.rows("SELECT * FROM audit WHERE seq >= ? ORDER BY seq", first - 1)
        head = Head(first - 1, old[0]["hash"] if first > 1 else "0" * 64)
        self.write("DELETE FROM audit WHERE seq >= ?", first)
        for row in old:
            if row["seq"] < first or row["seq"] == without:
                continue
            fresh = _chained(head, row | (changes if row["seq"] == first else {}))
            self.put("audit", fresh)
            head = Head(fresh["seq"], fresh["hash"])

    def story(self, request_id: str) -> list[dict[str, Any]]:
        """Return the audit rows of a request."""
        return self.rows("SELECT * FROM audit WHERE request_id = ? ORDER BY seq", request_id)


def _chained(head: Head, row: dict[str, Any]) -> dict[str, Any]:
    """Return an audit row with the number and the hashes that make it follow a head."""
    fields = {key: value for key, value in row.items() if key not in {"seq", "prev_hash", "hash"}}
    read = {key: json.loads(value) if key in _JSON and value else value for key, value in fields.items()}
    seq, digest = chain(
        head, {key: value for key, value in read.items() if value is not None or key not in _LATER}
    )
    return {**fields, "seq": seq, "prev_hash": head.hash, "hash": digest}
