"""The triggers that make the audit append-only, created again after every migration and at every start.

Alembic's batch mode drops SQLite's triggers silently, so they are not part of a migration; a test lists them after
each. ``INSERT OR REPLACE`` and ``TRUNCATE`` bypass triggers on UPDATE and DELETE, hence the other two. On PostgreSQL
the primary key refuses a second row with the same number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

_SQLITE = {
    name: f"CREATE TRIGGER {name} BEFORE {verb} ON audit{when} "
    "BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END"
    for name, verb, when in (
        ("audit_no_update", "UPDATE", ""),
        ("audit_no_delete", "DELETE", ""),
        ("audit_no_replace", "INSERT", " WHEN EXISTS (SELECT 1 FROM audit WHERE seq = NEW.seq)"),
    )
}
_BODY = " BEGIN RAISE EXCEPTION 'the audit is append-only'; END "
_FUNCTION = f"CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $${_BODY}$$"
_POSTGRESQL = {
    "audit_no_change": (
        "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit "
        "FOR EACH ROW EXECUTE FUNCTION audit_append_only()"
    ),
    "audit_no_truncate": (
        "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()"
    ),
}
_KINDS = {"audit_no_change": 27, "audit_no_truncate": 34}
"""``pg_trigger.tgtype``: row 1, before 2, delete 8, update 16, truncate 32.
Source: https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_trigger.h"""

_SQLITE_FOUND = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'"
_POSTGRESQL_FOUND = (
    "SELECT tgname, tgtype::int, prosrc FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid "
    "WHERE tgrelid = to_regclass('audit') AND NOT tgisinternal AND tgenabled IN ('O', 'A') AND tgqual IS NULL"
)


def missing(connection: Connection) -> list[str]:
    """Return the names of triggers that are missing, disabled or rewritten."""
    if connection.dialect.name == "sqlite":
        expected: list[tuple[object, ...]] = list(_SQLITE.items())
        rows = connection.exec_driver_sql(_SQLITE_FOUND)
    else:
        expected = [(name, kind, _BODY) for name, kind in _KINDS.items()]
        rows = connection.exec_driver_sql(_POSTGRESQL_FOUND)
    there = {tuple(row) for row in rows}
    return [str(one[0]) for one in expected if one not in there]


def role_may_change(connection: Connection) -> bool:
    """Return whether the role of a PostgreSQL connection may change audit rows, or remove the triggers."""
    may = connection.exec_driver_sql(
        "SELECT has_table_privilege(oid, 'UPDATE, DELETE, TRUNCATE') OR pg_has_role(relowner, 'MEMBER') "
        "FROM pg_class WHERE oid = to_regclass('audit')"
    )
    return bool(may.scalar())


def create(connection: Connection) -> None:
    """Create every trigger, replacing those with the same name."""
    drop(connection)
    sqlite = connection.dialect.name == "sqlite"
    for statement in _SQLITE.values() if sqlite else (_FUNCTION, *_POSTGRESQL.values()):
        connection.exec_driver_sql(statement)


def drop(connection: Connection) -> None:
    """Drop every trigger."""
    if connection.dialect.name == "sqlite":
        for name in _SQLITE:
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
        return
    for name in _POSTGRESQL:
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name} ON audit")
    connection.exec_driver_sql("DROP FUNCTION IF EXISTS audit_append_only() CASCADE")
