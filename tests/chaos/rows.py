"""What stands in the database, read from outside with plain SQL and none of the product's code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import NullPool, create_engine, text

if TYPE_CHECKING:
    from collections.abc import Sequence

_LANES = (("inbox", "key"), ("requests", "id"), ("outbox", "key"))


class Rows:
    """Reads a database that others write.

    Args:
        url: As the product's ``PEFTSIZE_DATABASE_URL``.
    """

    def __init__(self, url: str) -> None:
        # on SQLite nothing of ours stays open, so that every start finds the file as the dead process left it
        pool = {"poolclass": NullPool} if url.startswith("sqlite") else {}
        address = url.replace("postgresql://", "postgresql+psycopg://")
        self._engine = create_engine(address, isolation_level="AUTOCOMMIT", **pool)

    def all(self, query: str, **values: Any) -> list[dict[str, Any]]:
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(query), values).mappings()]

    def requests(self, *states: str) -> list[dict[str, Any]]:
        """Return the requests, newest last; only those in some states if any are given."""
        chosen = ", ".join(f"'{state}'" for state in states)
        where = f"WHERE state IN ({chosen})" if states else ""
        return self.all(f"SELECT * FROM requests {where} ORDER BY created_at")  # noqa: S608 - our own words

    def request(self, name: str) -> dict[str, Any] | None:
        """Return the newest request for a spec name."""
        found = self.all("SELECT * FROM requests WHERE name = :n ORDER BY created_at DESC LIMIT 1", n=name)
        return found[0] if found else None

    def attempts(self) -> list[dict[str, Any]]:
        return self.all("SELECT * FROM attempts ORDER BY started_at")

    def audit(self) -> list[dict[str, Any]]:
        rows = self.all("SELECT * FROM audit ORDER BY seq")
        for row in rows:
            row |= {key: json.loads(row[key]) for key in ("actor", "slack", "rest", "seal") if row[key]}
        return rows

    def outbox_messages(self) -> list[dict[str, Any]]:
        return self.all("SELECT * FROM outbox ORDER BY due_at")

    def undecided(self) -> list[dict[str, Any]]:
        return self.all("SELECT * FROM inbox WHERE body IS NOT NULL")

    def left_by(self, pids: Sequence[int], at_ms: int) -> list[str]:
        """Return what a process that died at ``at_ms`` (UTC epoch ms) left and nobody has taken up.

        That is: rows it still holds, rows that were due at its death, and creates that were under way.
        """
        found = []
        for lane, key in _LANES:
            query = (
                f"SELECT {key} AS key, claimed_by FROM {lane} WHERE claimed_by IS NOT NULL OR due_at <= :at"  # noqa: S608 - our own words
            )
            for row in self.all(query, at=at_ms):
                holder = str(row["claimed_by"] or "")
                if not holder or any(holder.startswith(f"{pid}-") for pid in pids):
                    found.append(f"{lane} {row['key']} {holder}".strip())
        under_way = self.all(
            "SELECT r.id FROM requests r JOIN attempts a ON a.request_id = r.id"
            " WHERE r.state = 'creating' AND a.outcome IS NULL AND a.started_at <= :at",
            at=at_ms,
        )
        return found + [f"creating {row['id']}" for row in under_way]

    def close(self) -> None:
        self._engine.dispose()
