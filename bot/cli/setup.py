"""``peftsize manifest``, ``doctor`` and ``database``."""

from __future__ import annotations

from bot.cli.output import GREEN, RED, YELLOW, paint, prose, say, say_json, wrapped
from bot.errors import SettingsError
from bot.runtime import settings as configuration
from bot.runtime.doctor import examine
from bot.runtime.wiring import make_store, open_database
from bot.store import schema

MARKS = {"ok": ("ok", GREEN), "warning": ("note", YELLOW), "failed": ("FAIL", RED)}
INDENT = " " * 6


def print_manifest(url: str | None) -> None:
    """Print the manifest for Socket Mode, or for HTTP mode at an address."""
    from bot.slack.manifest import manifest

    try:
        say(manifest(url).rstrip("\n"))
    except ValueError as error:
        raise SettingsError((f"--url: {error}.",)) from None


def run_doctor(*, as_json: bool) -> int:
    """Print the number of failed checks, then each check with its fix; return 1 if any failed."""
    checks = examine()
    failed = sum(check.status == "failed" for check in checks)
    if as_json:
        say_json([{"check": c.name, "status": c.status, "found": c.found, "fix": c.fix} for c in checks])
        return 1 if failed else 0
    result = f"{failed} of {len(checks)} checks failed." if failed else f"All {len(checks)} checks passed."
    say(paint(result, RED if failed else GREEN) + "\n")
    for check in checks:
        mark, colour = MARKS[check.status]
        first, *more = wrapped(f"{check.name}: {check.found}", INDENT, INDENT)
        say(paint(mark, colour) + first[len(mark) :])
        for line in more:
            say(line)
        if check.fix:
            prose(f"→ {check.fix}", indent=INDENT)
    return 1 if failed else 0


def migrate(to: str) -> None:
    """Migrate the database to a schema."""
    wanted = schema.HEAD if to == "head" else to
    if wanted not in {*schema.REVISIONS, "base"}:
        raise SettingsError((f"The schema must be one of {', '.join(schema.REVISIONS)}, or base.",))
    settings = configuration.load()
    database = open_database(settings)
    try:
        done = schema.migrate(database, wanted)
        restored = make_store(settings, database).restore_triggers() if wanted == schema.HEAD else []
    finally:
        database.close()
    say(f"The database is at schema {wanted}{'' if done else ' already'}.")
    if restored:
        say(f"Restored missing triggers of the audit: {', '.join(restored)}.")
