"""Which replicas are alive, as PostgreSQL sees it.

Each replica holds a lock of its session on a connection of its own. When the process dies, the
operating system closes the connection, the server drops the lock, and what the dead one had
claimed need not wait for the end of its leases. A frozen replica keeps its lock; the leases
are for that. The connection must reach the server itself, not a pool of transactions.
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
    """One replica's sign of life.

    Args:
        database: PostgreSQL.
        owner: The replica, as in ``claimed_by``.
    """

    def __init__(self, database: Database, owner: str) -> None:
        self._database = database
        self._owner = {"class": _CLASS, "owner": _number(owner)}
        self._connection: Connection | None = None

    def keep(self) -> None:
        """Show that we are alive, again after the connection was lost.

        Raises:
            StoreError: The database is away.
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
        """Give the sign up; the connection is closed, since its session holds the lock."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()


def absent(connection: Connection, owners: set[str]) -> set[str]:
    """Return those of some replicas that give no sign of life."""
    if not owners:
        return set()
    present = set(connection.execute(_PRESENT, {"class": _CLASS}).scalars())
    return {owner for owner in owners if _number(owner) not in present}


def _number(owner: str) -> int:
    """Return a lock's number for a replica: 31 bits, so that it is the same signed or not."""
    return zlib.crc32(owner.encode()) & 0x7FFFFFFF
