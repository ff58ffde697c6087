"""Migrations: safe from all replicas at once, in both directions, equal to the tables."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from bot.errors import SettingsError
from bot.store import Database, Store, jobs, schema
from bot.store.indexes import metadata
from tests.support.rows import Clock, event

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection

    from tests.support.databases import Server

SQLITE = {"audit_no_delete", "audit_no_replace", "audit_no_update"}
POSTGRESQL = {"audit_no_change", "audit_no_truncate"}
MIGRATE = """
import sys
from bot.store import Database, schema
database = Database(sys.argv[1])
sys.stdin.readline()
print(schema.migrate(database), flush=True)
database.close()
"""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: Server = request.getfixturevalue("postgresql")
    url = server.create(empty=True)
    yield url
    server.drop(url)


@pytest.fixture
def empty(empty_url: str) -> Iterator[Database]:
    database = Database(empty_url)
    yield database
    database.close()


def triggers(connection: Connection) -> set[str]:
    if connection.dialect.name == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'"
    else:
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = to_regclass('audit')"
    return set(connection.exec_driver_sql(query).scalars())


def leftovers(connection: Connection) -> set[str]:
    """Return tables, functions and types in a database, but for Alembic's own table and what extensions made."""
    if connection.dialect.name == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
    else:
        query = " UNION ".join(
            f"SELECT {name}::text FROM {kind} WHERE {space} = 'public'::regnamespace AND NOT EXISTS "  # noqa: S608 - constants
            f"(SELECT FROM pg_depend WHERE objid = {kind}.oid AND deptype = 'e')"
            for kind, name, space in (
                ("pg_class", "relname", "relnamespace"),
                ("pg_proc", "proname", "pronamespace"),
                ("pg_type", "typname", "typnamespace"),
            )
        )
    found = set(connection.exec_driver_sql(query).scalars())
    return {
        name for name in found if "alembic_version" not in name and name != "_gtrgm"
    }  # an array of such a type


def test_every_migration_keeps_the_triggers_up_and_down(empty: Database) -> None:
    """After each step in either direction the audit is append-only."""
    expected = SQLITE if empty.is_sqlite else POSTGRESQL
    for step in (*schema.REVISIONS, *reversed(schema.REVISIONS[:-1]), schema.HEAD):
        schema.migrate(empty, step)
        with empty.read() as connection:
            assert schema.current(connection) == step
            assert triggers(connection) == expected


def test_down_to_nothing_and_up_again(empty: Database, clock: Clock) -> None:
    """``base`` removes everything that was made, and the way up works anew."""
    assert schema.migrate(empty, "base") is False
    assert schema.migrate(empty) is True
    assert schema.migrate(empty) is False
    assert schema.migrate(empty, "base") is True
    with empty.read() as connection:
        assert leftovers(connection) == set()
    assert schema.migrate(empty) is True
    with Store(empty, clock).write() as tx:
        tx.audit_log.append(event())


def test_four_processes_migrate_an_empty_database_at_once(empty_url: str) -> None:
    """Each succeeds, one does the work, and the schema is whole."""
    command = [sys.executable, "-c", MIGRATE, empty_url]
    pipe = subprocess.PIPE
    running = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(4)]
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    ended = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0] * 4, ended
    assert sorted(out.strip() for out, _ in ended) == ["False", "False", "False", "True"]
    database = Database(empty_url)
    with database.read() as connection:
        assert schema.current(connection) == schema.HEAD
        assert triggers(connection) == (SQLITE if database.is_sqlite else POSTGRESQL)
    database.close()


def test_a_failed_migration_leaves_the_database_as_it_was(empty: Database) -> None:
    """Half a schema is never committed: tables made before the failure are gone."""
    with empty.write() as connection:
        connection.exec_driver_sql("CREATE TABLE votes (n INTEGER)")  # the migration will trip over it
    with pytest.raises(Exception, match="votes"):
        schema.migrate(empty)
    with empty.read() as connection:
        assert leftovers(connection) == {"votes", "_votes"} - ({"_votes"} if empty.is_sqlite else set())
        assert schema.current(connection) is None


def test_a_newer_schema_is_refused_with_what_to_do(database: Database) -> None:
    """An older program does not touch a newer database, and says which is which."""
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SettingsError, match=r"at schema 9999, newer than this program's .*back-up"):
        schema.migrate(database)


def test_tables_and_migrations_agree(database: Database) -> None:
    """Autogeneration finds nothing to do."""
    with database.read() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "compare_server_default": False,
                "include_name": lambda name, kind, _: (
                    kind not in {"table", "index"}
                    or not name.startswith(("procrastinate_", "searched_trigrams"))
                ),
            },
        )
        assert compare_metadata(context, metadata) == []


def test_the_head_is_the_newest_file() -> None:
    """The constants that serving relies on, without importing Alembic, are those of the folder."""
    folder = ScriptDirectory(str(schema._MIGRATIONS))
    assert folder.get_current_head() == schema.HEAD
    assert tuple(script.revision for script in folder.walk_revisions())[::-1] == schema.REVISIONS


@pytest.mark.postgres
def test_procrastinate_is_brought_up_script_by_script(postgresql_url: str) -> None:
    """A database that lacks a later script of procrastinate's gets just that one."""
    database = Database(postgresql_url)
    with database.write() as connection:
        assert jobs.pending(connection) == []
        names = [path.name for path in jobs._scripts()]
        last = names[-1]
        connection.exec_driver_sql(
            "UPDATE notes SET value = replace(value, %s, '') WHERE key = %s", (f', "{last}"', jobs.NOTE)
        )
        assert jobs.pending(connection) == [last]
    assert schema.migrate(database) is True
    assert schema.migrate(database) is False
    database.close()


def test_serving_a_migrated_database_does_not_import_alembic(url: str) -> None:
    """Alembic costs memory and start-up time, so a check of the schema does without it."""
    script = (
        "import sys; from bot.store import Database, schema; "
        "database = Database(sys.argv[1]); schema.migrate(database); database.close(); "
        "print('alembic' in sys.modules, 'procrastinate' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script, url], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"
