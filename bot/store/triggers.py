"""The triggers that make the audit append-only, created again after every migration.

Alembic's batch mode drops SQLite's triggers silently, so they are no part of any migration; a
test lists them after each. ``INSERT OR REPLACE`` and ``TRUNCATE`` pass the triggers on UPDATE and
DELETE, hence the other two.
"""

from __future__ import annotations

_SQLITE = {
    "audit_no_update": ("UPDATE", ""),
    "audit_no_delete": ("DELETE", ""),
    "audit_no_replace": ("INSERT", " WHEN EXISTS (SELECT 1 FROM audit WHERE seq = NEW.seq)"),
}

TRIGGERS: dict[str, tuple[str, ...]] = {
    "sqlite": tuple(
        f"CREATE TRIGGER {name} BEFORE {verb} ON audit{when} "
        "BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END"
        for name, (verb, when) in _SQLITE.items()
    ),
    "postgresql": (
        (
            "CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$"
        ),
        (
            "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit "
            "FOR EACH ROW EXECUTE FUNCTION audit_append_only()"
        ),
        (
            "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()"
        ),
    ),
}
"""On PostgreSQL the primary key refuses a second row of the same number."""

DROP_TRIGGERS: dict[str, tuple[str, ...]] = {
    "sqlite": tuple(f"DROP TRIGGER IF EXISTS {name}" for name in _SQLITE),
    "postgresql": ("DROP FUNCTION IF EXISTS audit_append_only() CASCADE",),
}
