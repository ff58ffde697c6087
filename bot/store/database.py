"""Connections and transactions on SQLite and PostgreSQL; nothing about the rows.

SQLite: WAL, ``synchronous=FULL``, ``BEGIN IMMEDIATE`` for writes, behind a first-come, first-served lock in the process
(SQLite's own busy handler lets waiters starve). PostgreSQL: psycopg.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bot.errors import SettingsError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKPOINT_PAGES = 4_000
"""16 MB of log between two checkpoints: a burst of commands writes a thousand pages at once."""
BUSY_TIMEOUT_S = 10
"""How long a write waits for another process on the same SQLite file."""

POOL_TIMEOUT_S = 5
"""How long a transaction waits for a free connection to PostgreSQL."""
IDLE_S = 5
"""How long a write on PostgreSQL may be idle, since the locks of a frozen process block the others."""
NEEDS_EXTRA = "PEFTSIZE_DATABASE_URL: PostgreSQL needs more packages: pip install 'peftsize[postgres]'."

_READ, _SYNC = "peftsize_read_only", "peftsize_synchronous"
_NOT_SILENT = f"SET LOCAL idle_in_transaction_session_timeout = '{IDLE_S}s'"
_SQLITE_TROUBLE = (
    ("SQLITE_CONSTRAINT_UNIQUE", "conflict"),
    ("SQLITE_CONSTRAINT_PRIMARYKEY", "conflict"),
    ("SQLITE_FULL", "full"),
    ("SQLITE_IOERR_SHMSIZE", "full"),
    ("SQLITE_READONLY", "read-only"),
    ("SQLITE_BUSY", "busy"),
    ("SQLITE_LOCKED", "busy"),
    ("SQLITE_IOERR", "away"),
    ("SQLITE_CANTOPEN", "away"),
    ("SQLITE_CORRUPT", "away"),
    ("SQLITE_NOTADB", "away"),
)
_SQLSTATE_TROUBLE = (
    ("23505", "conflict"),  # unique violation: another transaction was first
    ("40", "conflict"),  # serialization failure, deadlock
    ("53100", "full"),
    ("25006", "read-only"),
    ("42501", "forbidden"),  # the role lacks a privilege
    ("25P03", "away"),  # idle for too long in a transaction, which was rolled back
    ("55P03", "busy"),  # lock time-out
    ("57014", "busy"),  # statement time-out
    ("53", "busy"),  # no memory, too many connections
    ("08", "away"),
    ("57", "away"),  # shutting down, starting up, crashed
    ("58", "away"),  # its disk
)


class FairLock:
    """A lock that is granted in the order of waiting."""

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
    """One engine, its write lock, and transactions that raise only ``StoreError`` for database failures.

    Args:
        url: ``sqlite:///file`` or ``postgresql://…``.
        pool_size: Connections kept; at least the number of threads that write.
    """

    def __init__(self, url: str, *, pool_size: int = 20) -> None:
        self.is_sqlite = url.startswith("sqlite")
        self.engine = _sqlite(url, pool_size) if self.is_sqlite else _postgresql(url, pool_size)
        self._reading = self.engine.execution_options(**{_READ: True})
        # one connection does all writing on SQLite, so that its page cache never becomes stale
        self.writing = _sqlite(url, 1) if self.is_sqlite else self.engine
        self._unsynced = self.writing.execution_options(**{_SYNC: "NORMAL"})
        self._lock = FairLock()
        self._gate = threading.Lock()
        self._in_use = 0
        self._closed = False

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Connection]:
        """Open a transaction that commits at the end of the block.

        Args:
            durable: Whether the commit must survive a power failure. Without it, SQLite does not sync the disk; a later
                durable commit syncs this one too. PostgreSQL ignores it.

        Raises:
            StoreError: The database failed or is closed; nothing was stored.
        """
        with trouble(), self._using():
            if not self.is_sqlite:
                with self.engine.begin() as connection:
                    connection.exec_driver_sql(_NOT_SILENT)
                    yield connection
                return
            with self._lock, (self.writing if durable else self._unsynced).begin() as connection:
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that reads one consistent state.

        Raises:
            StoreError: The database failed or is closed.
        """
        with (
            trouble(),
            self._using(),
            self._reading.begin() as connection,
        ):
            yield connection

    def now_ms(self, connection: Connection, clock_ms: int) -> int:
        """Return the time that leases use: the server's on PostgreSQL, ours on SQLite."""
        if self.is_sqlite:
            return clock_ms
        server = connection.exec_driver_sql("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
        return int(server.scalar_one())

    def close(self) -> None:
        """Refuse new transactions, and close the connections when the last one in progress ends.

        SQLite crashes the process if a connection is closed while another thread uses it.
        """
        with self._gate:
            self._closed = True
        self._dispose_if_unused()

    @contextmanager
    def _using(self) -> Iterator[None]:
        """Keep the connections open for one transaction."""
        with self._gate:
            if self._closed:
                raise StoreError("away")
            self._in_use += 1
        try:
            yield
        finally:
            with self._gate:
                self._in_use -= 1
            self._dispose_if_unused()

    def _dispose_if_unused(self) -> None:
        if self._closed and not self._in_use:
            self.engine.dispose()
            self.writing.dispose()


@contextmanager
def trouble() -> Iterator[None]:
    """Turn the driver's errors about the database itself into ``StoreError``."""
    try:
        yield
    except PoolTimeout as error:
        raise StoreError("busy") from error
    except DBAPIError as error:
        reason = what(error.orig) or ("away" if error.connection_invalidated else None)
        if reason is None:
            raise
        raise StoreError(reason) from error
    except sqlite3.Error as error:  # of a prepared statement
        if (reason := what(error)) is None:
            raise
        raise StoreError(reason) from error


def what(error: object) -> str | None:
    """Return the ``StoreError`` reason of a driver's error, or None for an error in our own SQL.

    Source: https://www.sqlite.org/rescode.html and
    https://www.postgresql.org/docs/current/errcodes-appendix.html
    """
    name = getattr(error, "sqlite_errorname", None)
    if name is not None:
        return next((trouble for start, trouble in _SQLITE_TROUBLE if name.startswith(start)), None)
    code = getattr(error, "sqlstate", None)
    if code is not None:
        return next((trouble for start, trouble in _SQLSTATE_TROUBLE if code.startswith(start)), None)
    # psycopg gives no code if it cannot reach the server, or lost it
    return "away" if type(error).__name__ in {"OperationalError", "ConnectionTimeout"} else None


def _sqlite(url: str, pool_size: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_use_lifo=True,  # keeps a few connections warm
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
        query_cache_size=500,
    )

    @event.listens_for(engine, "connect")
    def _open(connection: Any, _record: object) -> None:
        if engine.url.database:
            _own(Path(engine.url.database))
        connection.isolation_level = None  # we send BEGIN; pysqlite's own would skip DDL and come late
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            f"wal_autocheckpoint={CHECKPOINT_PAGES}",
            f"cache_size=-{2000 if pool_size == 1 else 500}",  # KB; the writer profits more than a reader
            "foreign_keys=ON",
            "secure_delete=ON",  # a response URL must not outlive its row in a free page
            f"busy_timeout={BUSY_TIMEOUT_S * 1000}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        driver: Any = connection.connection.driver_connection
        if options.get(_READ):
            driver.execute("BEGIN")
        else:
            driver.execute(f"PRAGMA synchronous={options.get(_SYNC, 'FULL')}")
            driver.execute("BEGIN IMMEDIATE")

    return engine


def _own(path: Path) -> None:
    """Let only the owner read the database; SQLite creates its log and index with the same mode."""
    with suppress(OSError):  # another user's file, or a read-only disk: SQLite will report it
        path.touch(mode=0o600)
    for file in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        with suppress(OSError):
            if file.stat().st_mode & 0o077:
                file.chmod(0o600)


def _postgresql(url: str, pool_size: int) -> Engine:
    _, _, rest = url.partition("://")
    try:
        return create_engine(
            f"postgresql+psycopg://{rest}",
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=POOL_TIMEOUT_S,
            pool_pre_ping=True,  # otherwise each dead connection in the pool fails somebody's click
            connect_args={
                "connect_timeout": 5,
                "options": "-c statement_timeout=30000 -c lock_timeout=10000",
            },
        )
    except ModuleNotFoundError as error:
        raise SettingsError((NEEDS_EXTRA,)) from error
