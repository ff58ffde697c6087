"""Migrates a database to this code's schema, safely from several replicas at once.

Alembic is imported only if there is something to migrate, since it costs memory and start-up time.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text

from bot.errors import NoDatabase, SettingsError
from bot.store import jobs, triggers

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from bot.store.database import Database

HEAD = "0011"
"""The newest migration; a test compares it with the folder."""

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010", "0011")
_MIGRATIONS = Path(__file__).parent / "migrations"
ONE_MIGRATOR = text("SELECT pg_advisory_xact_lock(7350011)")


def current(connection: Connection) -> str | None:
    """Return the database's migration, or None if it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def migrate(database: Database, to: str = HEAD) -> bool:
    """Migrate the database; one process at a time does it, the others find it done.

    Args:
        to: A migration's number, or ``base``.

    Returns:
        Whether anything was done.

    Raises:
        SettingsError: The schema is newer than this code.
        StoreError: The database failed.
    """
    with database.read() as connection:
        if _done(connection, to):
            return False
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(ONE_MIGRATOR)
        if _done(connection, to):
            return False
        at = current(connection)
        if at != to:
            _run(connection, at, to)
        if not database.is_sqlite:
            jobs.drop(connection) if to == "base" else jobs.upgrade(connection)
    return True


def require(database: Database) -> None:
    """Refuse a database whose schema this code cannot use; change nothing.

    Raises:
        NoDatabase: It is empty.
        SettingsError: The schema is older or newer than this code.
    """
    with database.read() as connection:
        at = current(connection)
    check(at)
    if at is None:
        raise NoDatabase
    if at != HEAD:
        raise SettingsError(
            (
                (
                    f"PEFTSIZE_DATABASE_URL: the database is at schema {at}, this program's is {HEAD}; "
                    "start the new peftsize serve, or run: peftsize database upgrade"
                ),
            )
        )


def _done(connection: Connection, to: str) -> bool:
    at = current(connection)
    check(at)
    if at != (None if to == "base" else to):
        return False
    return connection.dialect.name == "sqlite" or at is None or not jobs.pending(connection)


def check(at: str | None) -> None:
    """Refuse a schema that this code does not know.

    Raises:
        SettingsError: With what to do.
    """
    if at is not None and at not in REVISIONS:
        raise SettingsError(
            (
                (
                    f"PEFTSIZE_DATABASE_URL: the database is at schema {at}, newer than this program's {HEAD}; "
                    "start the newer peftsize, or restore the back-up from before its upgrade."
                ),
            )
        )


def _run(connection: Connection, at: str | None, to: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    down = to == "base" or (at is not None and to < at)
    if down:
        triggers.drop(connection)
    (command.downgrade if down else command.upgrade)(config, to)
    if to != "base":
        triggers.create(connection)
