"""Connections and transactions, on SQLite and on PostgreSQL, and nothing about the rows.

SQLite: WAL, ``synchronous=FULL``, ``BEGIN IMMEDIATE`` for writes, behind a first-come,
first-served lock in the process (its own busy handler lets waiters starve). PostgreSQL: psycopg.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bot.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

BUSY_TIMEOUT_S = 10
"""How long a write waits for another process on the same SQLite file."""

_READ = "peftsize_read_only"


class FairLock:
    """A lock that is handed over in the order of asking."""

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._held = False
        self._waiting: deque[threading.Lock] = deque()

    def __enter__(self) -> None:
        with self._gate:
            if not self._held:
                self._held = True
                return
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        mine.acquire()

    def __exit__(self, *_: object) -> None:
        with self._gate:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._held = False


class Database:
    """One engine, its write lock, and transactions that raise only ``StoreError`` for trouble.

    Args:
        url: ``sqlite:///file`` or ``postgresql://…``.
        pool_size: Connections kept; at least the number of threads that write.
    """

    def __init__(self, url: str, *, pool_size: int = 20) -> None:
        self.is_sqlite = url.startswith("sqlite")
        self.engine = _sqlite(url, pool_size) if self.is_sqlite else _postgresql(url, pool_size)
        self._lock = FairLock()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that commits at the end of the block.

        Raises:
            StoreError: The database did not take it; nothing was stored.
        """
        with trouble():
            if not self.is_sqlite:
                with self.engine.begin() as connection:
                    yield connection
                return
            with self._lock, self.engine.begin() as connection:
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction for reading one consistent state.

        Raises:
            StoreError: The database cannot be read.
        """
        with (
            trouble(),
            self.engine.connect().execution_options(**{_READ: True}) as connection,
            connection.begin(),
        ):
            yield connection

    def now_ms(self, connection: Connection, clock_ms: int) -> int:
        """Return the time that leases go by: the server's on PostgreSQL, ours on SQLite."""
        if self.is_sqlite:
            return clock_ms
        found = connection.exec_driver_sql("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
        return int(found.scalar_one())

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


@contextmanager
def trouble() -> Iterator[None]:
    """Turn the driver's errors about the database itself into ``StoreError``."""
    try:
        yield
    except PoolTimeout as error:
        raise StoreError("busy") from error
    except DBAPIError as error:
        if (what := _what(error)) is None:
            raise
        raise StoreError(what) from error


def _what(error: DBAPIError) -> str | None:
    """Name the trouble, or None for an error in our own SQL."""
    text = str(error.orig).lower()
    code = getattr(error.orig, "sqlstate", None) or ""
    if "readonly" in text or "read-only" in text or code == "25006":
        return "read-only"
    if "full" in text or code in {"53100", "53200"} or "disk i/o" in text:
        return "full"
    if "locked" in text or code in {"40001", "40P01", "55P03"}:
        return "busy"
    if isinstance(error, OperationalError) or error.connection_invalidated or code[:2] in {"08", "57", "53"}:
        return "away"
    return None


def _sqlite(url: str, pool_size: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
        query_cache_size=500,
    )

    @event.listens_for(engine, "connect")
    def _open(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN; pysqlite's own would miss DDL and be late
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={BUSY_TIMEOUT_S * 1000}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get(_READ)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _postgresql(url: str, pool_size: int) -> Engine:
    _, _, rest = url.partition("://")
    return create_engine(
        f"postgresql+psycopg://{rest}",
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=5,
        pool_pre_ping=False,
        connect_args={"connect_timeout": 5, "options": "-c statement_timeout=30000 -c lock_timeout=10000"},
    )
