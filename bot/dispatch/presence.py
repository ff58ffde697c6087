"""Which replicas are alive, according to PostgreSQL.

Each replica holds a session lock on its own connection. When its process dies, the operating system closes the
connection, the server drops the lock, and what the replica had claimed need not wait for its leases to end. A frozen
replica keeps its lock; leases cover that. The connection must reach the server itself, not a transaction pooler.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from sqlalchemy import text

from bot.errors import StoreError
from bot.store.database import trouble

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from bot.store import Database

_CLASS = 7350013
_TAKE = text("SELECT pg_try_advisory_lock(:class, :owner)")
_STILL = text(
    "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = :class AND objid = :owner"
    " AND pid = pg_backend_pid() AND granted"
)
_PRESENT = text(
    "SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND classid = :class AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


class Presence:
    """One replica's session lock; ``owner`` is the replica as in ``claimed_by``."""

    def __init__(self, database: Database, owner: str) -> None:
        self._database = database
        self._owner = {"class": _CLASS, "owner": _number(owner)}
        self._connection: Connection | None = None

    def keep(self) -> None:
        """Hold the lock, taking it again after the connection was lost.

        Raises:
            StoreError: The database cannot be reached.
        """
        try:
            with trouble():
                if self._connection is None:
                    self._connection = self._database.engine.connect().execution_options(
                        isolation_level="AUTOCOMMIT"
                    )
                if self._connection.execute(_STILL, self._owner).scalar() is None:
                    self._connection.execute(_TAKE, self._owner)
        except StoreError:
            self.leave()
            raise

    def leave(self) -> None:
        """Give up the lock; the connection is closed, since its session holds it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()


def absent(connection: Connection, owners: set[str]) -> set[str]:
    """Return which of these replicas are not alive."""
    if not owners:
        return set()
    present = set(connection.execute(_PRESENT, {"class": _CLASS}).scalars())
    return {owner for owner in owners if _number(owner) not in present}


def _number(owner: str) -> int:
    """Return a replica's lock number: 31 bits, so that it is the same signed or unsigned."""
    return zlib.crc32(owner.encode()) & 0x7FFFFFFF
