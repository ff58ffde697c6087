"""``peftsize manifest``, ``doctor`` and ``database``."""

from __future__ import annotations

from bot.cli.output import say, say_json
from bot.errors import SettingsError
from bot.runtime import settings as configuration
from bot.runtime.doctor import examine
from bot.runtime.wiring import open_database
from bot.store import schema

MARKS = {"ok": "ok  ", "warning": "note", "failed": "FAIL"}


def print_manifest(url: str | None) -> None:
    """Print the manifest for Socket Mode, or for HTTP mode at an address."""
    from bot.slack.manifest import manifest

    try:
        say(manifest(url).rstrip("\n"))
    except ValueError as error:
        raise SettingsError((f"--url: {error}.",)) from None


def run_doctor(*, as_json: bool) -> int:
    """Print every check with its fix; return 1 when something would fail in use."""
    checks = examine()
    if as_json:
        say_json([{"check": c.name, "status": c.status, "found": c.found, "fix": c.fix} for c in checks])
    else:
        for check in checks:
            say(f"{MARKS[check.status]}  {check.name:<20} {check.found}")
            if check.fix:
                say(f"      {'':<20} → {check.fix}")
    return 1 if any(check.status == "failed" for check in checks) else 0


def migrate(to: str) -> None:
    """Bring the database to a schema."""
    wanted = schema.HEAD if to == "head" else to
    if wanted not in {*schema.REVISIONS, "base"}:
        raise SettingsError((f"The schema must be one of {', '.join(schema.REVISIONS)}, or base.",))
    database = open_database(configuration.load())
    try:
        done = schema.migrate(database, wanted)
    finally:
        database.close()
    say(f"The database is at schema {wanted}{'' if done else ' already'}.")
