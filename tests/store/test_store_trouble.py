"""A database in trouble: a word for it, nothing stored, and all well again afterwards."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError

from bot.errors import StoreError
from bot.store import Database, Store
from bot.store import database as databases
from tests.support.relay import Relay
from tests.support.rows import Clock, event, request, stored

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def relay(postgresql_url: str) -> Iterator[Relay]:
    relay = Relay(postgresql_url)
    yield relay
    relay.close()


@pytest.fixture
def far(relay: Relay, clock: Clock) -> Iterator[Store]:
    """A store on PostgreSQL behind a network that can be cut."""
    database = Database(relay.url)
    yield Store(database, clock)
    database.close()


def said(store: Store, number: int = 1) -> str:
    """Try to store a request and return the trouble's word."""
    with pytest.raises(StoreError) as caught:
        stored(store, number)
    return caught.value.what


def count(store: Store) -> int:
    with store.read() as tx:
        return len(tx.requests.listed(limit=None))


def test_a_full_disk_stores_nothing_and_is_over_when_there_is_room(sqlite: Store) -> None:
    """``full``; reading goes on; with room again writing does too."""
    stored(sqlite, 1)
    with sqlite.database.writing.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    def fill() -> None:
        for number in range(2, 1000):
            stored(sqlite, number, canonical="x" * 3000)

    with pytest.raises(StoreError, match="full"):
        fill()
    kept = count(sqlite)
    with pytest.raises(StoreError, match="full"):
        stored(sqlite, 1999, canonical="x" * 90_000)
    assert count(sqlite) == kept
    with sqlite.database.writing.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    stored(sqlite, 2000, canonical="x" * 9000)
    with sqlite.read() as tx:
        assert sum(1 for _ in tx.audit_log.rows()) == count(sqlite)


def test_a_read_only_file_is_named(sqlite: Store, clock: Clock) -> None:
    """``read-only``; what is there can be read."""
    stored(sqlite, 1)
    path = sqlite.database.engine.url.database
    database = Database(f"sqlite:///file:{path}?mode=ro&uri=true")
    store = Store(database, clock)
    assert said(store, 2) == "read-only"
    assert count(store) == 1
    database.close()


@pytest.mark.postgres
def test_a_read_only_postgresql_is_named_and_gets_over_it(postgresql_url: str, clock: Clock) -> None:
    """A standby, or a database set read-only, is ``read-only`` until it is not."""
    database = Database(postgresql_url, pool_size=1)
    store = Store(database, clock)
    with database.read() as connection:
        connection.exec_driver_sql("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
        connection.commit()
    assert said(store) == "read-only"
    assert count(store) == 0
    with database.read() as connection:
        connection.exec_driver_sql("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE")
        connection.commit()
    stored(store)
    database.close()


def test_a_file_that_is_no_database_or_not_there_is_away(tmp_path: Path, clock: Clock) -> None:
    """Garbage and a missing folder are trouble with a word, not a traceback."""
    (tmp_path / "garbage.db").write_bytes(b"no database at all" * 100)
    for path in (tmp_path / "garbage.db", tmp_path / "none" / "peftsize.db"):
        database = Database(f"sqlite:///{path}")
        assert said(Store(database, clock)) == "away"
        database.close()


def test_another_process_that_writes_for_long_is_busy(sqlite: Store) -> None:
    """A locked SQLite file is waited for, then it is ``busy``; afterwards all is well."""
    with sqlite.database.read() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 50")
    other = Database(str(sqlite.database.engine.url))
    with other.write():
        assert said(sqlite) == "busy"
    other.close()
    stored(sqlite)


@pytest.mark.postgres
def test_a_lost_postgresql_is_away_and_back_at_once(far: Store, relay: Relay) -> None:
    """While it is away every try says so quickly; when it is back the first try works."""
    stored(far, 1)
    with far.read(), far.read():
        pass  # several connections in the pool, all of which die
    relay.cut()
    for _ in range(3):
        began = time.monotonic()
        assert said(far, 2) == "away"
        assert time.monotonic() - began < 2
        with pytest.raises(StoreError, match="away"), far.read():
            pass
    relay.mend()
    stored(far, 2)
    assert count(far) == 2


@pytest.mark.postgres
def test_a_connection_killed_while_idle_costs_nobody_a_click(postgresql_url: str, clock: Clock) -> None:
    """The server ends all sessions, as a restart does: the next transactions work."""
    store, killer = Store(Database(postgresql_url), clock), Database(postgresql_url)
    with store.read(), store.read(), store.read():
        pass
    with killer.write() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    with store.read(), store.read():
        stored(store)
    store.close()
    killer.close()


@pytest.mark.postgres
def test_a_connection_killed_in_the_middle_stores_nothing(postgresql_url: str, clock: Clock) -> None:
    """``away``, and neither row nor event is there."""
    store = Store(Database(postgresql_url), clock)

    def dies() -> None:
        with store.write() as tx:
            tx.requests.insert(request(1), due_at=None)
            tx.audit_log.append(event())
            tx.connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(StoreError, match="away"):
        dies()
    assert count(store) == 0
    stored(store)
    store.close()


@pytest.mark.postgres
def test_no_free_connection_is_busy(postgresql_url: str, clock: Clock) -> None:
    """A transaction waits for a connection, not forever."""
    database = Database(postgresql_url, pool_size=1)
    database.engine.pool._timeout = 0.1  # type: ignore[attr-defined] # five seconds in the product
    store = Store(database, clock)
    with database.read(), database.read():
        assert said(store) == "busy"
    stored(store)
    store.close()


@pytest.mark.postgres
def test_a_statement_that_takes_too_long_is_busy(postgresql_url: str) -> None:
    """The server stops it after the time-out."""
    database = Database(postgresql_url)
    with pytest.raises(StoreError, match="busy"), database.read() as connection:
        connection.exec_driver_sql("SET LOCAL statement_timeout = 50; SELECT pg_sleep(5)")
    database.close()


def test_an_error_of_ours_is_not_dressed_up(database: Database) -> None:
    """Wrong SQL and a broken reference are bugs: they keep their own error."""
    with pytest.raises(DBAPIError), database.write() as connection:
        connection.exec_driver_sql("SELECT full_disk_locked FROM requests")
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO cards (channel_id, message_ts, request_id) VALUES ('full', 'locked', 'readonly')"
        )


def test_without_the_drivers_the_setting_and_the_remedy_are_named() -> None:
    """PostgreSQL without its packages is a sentence, not a traceback."""
    for module in ("psycopg", "procrastinate"):
        script = (
            f"import sys; sys.modules[{module!r}] = None\n"
            "from bot.errors import SettingsError\n"
            "from bot.store import Database\n"
            "try:\n"
            "    database = Database('postgresql://u:hidden@127.0.0.1:1/x')\n"
            "    from bot.dispatch.postgres import ProcrastinateDispatcher\n"
            "    class Worker: store, owner = None, 'me'\n"
            "    ProcrastinateDispatcher(database, Worker(), None)\n"
            "except SettingsError as error: print(error)\n"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == databases.NEEDS_EXTRA
