"""Creates and upgrades the tables of procrastinate, which distributes jobs on PostgreSQL.

Its package contains the whole schema for an empty database, and a script for each later change. ``notes`` records
which scripts a database has had; the caller holds the migration lock.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select, text

from bot.errors import SettingsError
from bot.store.database import NEEDS_EXTRA
from bot.store.tables import notes

if TYPE_CHECKING:
    from sqlalchemy import Connection

NOTE = "schema:procrastinate"
_EXISTS = text("SELECT to_regclass('procrastinate_jobs') IS NOT NULL")
_DROP = """
DO $$
DECLARE what text;
BEGIN
    DROP TABLE IF EXISTS
        procrastinate_periodic_defers, procrastinate_events, procrastinate_jobs, procrastinate_workers CASCADE;
    FOR what IN SELECT oid::regprocedure::text FROM pg_proc
        WHERE proname LIKE 'procrastinate\\_%' AND pronamespace = current_schema()::regnamespace
    LOOP EXECUTE 'DROP FUNCTION IF EXISTS ' || what || ' CASCADE'; END LOOP;
    FOR what IN SELECT oid::regtype::text FROM pg_type
        WHERE typname LIKE 'procrastinate\\_%' AND typtype IN ('c', 'e')
            AND typnamespace = current_schema()::regnamespace
    LOOP EXECUTE 'DROP TYPE IF EXISTS ' || what || ' CASCADE'; END LOOP;
END $$
"""


def pending(connection: Connection) -> list[str]:
    """Return the scripts of the installed procrastinate that the database has not had.

    Raises:
        SettingsError: procrastinate is not installed.
    """
    known = connection.execute(select(notes.c.value).where(notes.c.key == NOTE)).scalar()
    had = set(json.loads(known)) if known else set()
    return [path.name for path in _scripts() if path.name not in had]


def upgrade(connection: Connection) -> None:
    """Apply what is pending: the whole schema to an empty database, else script by script."""
    from sqlalchemy.dialects.postgresql import insert  # see ``Prepared``

    missing = pending(connection)
    if not missing:
        return
    folder = _folder()
    if connection.execute(_EXISTS).scalar_one():
        for name in missing:
            _run(connection, (folder / "migrations" / name).read_text(encoding="utf-8"))
    else:
        _run(connection, (folder / "schema.sql").read_text(encoding="utf-8"))
    row = {"key": NOTE, "value": json.dumps([path.name for path in _scripts()]), "at": 0}
    fresh = insert(notes).values(row)
    connection.execute(
        fresh.on_conflict_do_update(index_elements=[notes.c.key], set_={"value": fresh.excluded.value})
    )


def drop(connection: Connection) -> None:
    """Remove all of procrastinate's objects."""
    _run(connection, _DROP)


def _run(connection: Connection, script: str) -> None:
    """Run a script as it stands; without parameters, percent signs are not placeholders."""
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101 - for the type checker: a live connection has one
    driver.execute(script)


def _scripts() -> list[Path]:
    return sorted((_folder() / "migrations").glob("*.sql"))


def _folder() -> Path:
    spec = find_spec("procrastinate")
    if spec is None or spec.origin is None:
        raise SettingsError((NEEDS_EXTRA,))
    return Path(spec.origin).parent / "sql"
