"""The bot's role on PostgreSQL owns nothing (docs/postgresql.md): it works, and cannot change the audit."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg
import pytest

from bot.approvals.request import State
from bot.errors import StoreError
from tests.support.command_line import run
from tests.threats.claims import Threat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.databases import Server
    from tests.support.team import Team

THREAT = Threat(
    what="The password of the bot's role on PostgreSQL, where the audit is another role's",
    can={"do what the bot does, and add audit rows": "test_a_role_that_owns_nothing_runs_the_bot"},
    cannot={
        "change, delete or truncate audit rows, or lift what forbids it": "test_the_bots_role_cannot_change_the_audit",
    },
    do="give the role a new password; run `peftsize audit verify`.",
)
PAGE = Path(__file__).parents[2] / "docs/postgresql.md"
OWNER, APP = ("peftsize_owner", "choose-one"), ("peftsize_app", "choose-another")


@pytest.fixture
def urls(postgresql: Server) -> Iterator[tuple[str, str]]:
    """The addresses of the owner and of the bot, on a database made by the page's own statements."""
    name = f"peftsize_{secrets.token_hex(6)}"
    make, allow, _ = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    place = urlsplit(postgresql.url)

    def named(statements: str) -> str:
        mine = statements.replace("peftsize_owner", f"{name}_owner").replace("peftsize_app", f"{name}_app")
        return mine.replace("DATABASE peftsize ", f"DATABASE {name} ")

    def url(role: tuple[str, str]) -> str:
        login = f"{named(role[0])}:{role[1]}"
        return place._replace(netloc=f"{login}@{place.netloc.rpartition('@')[2]}", path=f"/{name}").geturl()

    def say(address: str, statements: str) -> None:
        with psycopg.connect(address, autocommit=True) as connection:
            for one in filter(str.strip, statements.split(";")):
                connection.execute(one)  # type: ignore[call-overload] # the page's own statements

    say(postgresql.url, named(make))
    try:
        ran = run("database", "upgrade", folder=Path(), environment={"PEFTSIZE_DATABASE_URL": url(OWNER)})
        assert ran.code == 0, ran.err
        say(url(OWNER), named(allow))
        yield url(OWNER), url(APP)
    finally:
        say(postgresql.url, f"DROP DATABASE {name} WITH (FORCE)")
        say(postgresql.url, f"DROP ROLE {name}_owner; DROP ROLE {name}_app")


@pytest.mark.postgres
def test_a_role_that_owns_nothing_runs_the_bot(
    new_team: Callable[..., Team], urls: tuple[str, str], tmp_path: Path
) -> None:
    """Ask, approve, create and restart work; nothing is missing, and doctor says what the role cannot do."""
    team = new_team(peftsize_database_url=urls[1], peftsize_anchor_file=str(tmp_path / "one.anchor"))
    assert team.approve("ada", team.ask()).state is State.CREATED
    team.restart()
    assert team.get("/readyz")[0] == 200
    assert team.approve("ada", team.ask("7b none qlora4")).state is State.CREATED
    checks = run("doctor", "--json", folder=team.folder, environment=team.environment).json
    (role,) = [one for one in checks if one["check"] == "database role"]
    assert (role["status"], role["found"]) == ("ok", "the bot's role cannot change or delete audit rows")
    team.stop()
    assert run("audit", "verify", folder=team.folder, environment=team.environment).code == 0


FORBIDDEN = (
    "UPDATE audit SET reason = 'other'",
    "DELETE FROM audit",
    "TRUNCATE audit",
    "DROP TRIGGER audit_no_change ON audit",
    "ALTER TABLE audit DISABLE TRIGGER ALL",
    "DROP TABLE audit",
    "UPDATE alembic_version SET version_num = '0001'",
)


@pytest.mark.postgres
def test_the_bots_role_cannot_change_the_audit(urls: tuple[str, str]) -> None:
    """Refused for want of rights, not by a trigger."""
    with psycopg.connect(urls[1], autocommit=True) as connection:
        for statement in FORBIDDEN:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)  # type: ignore[call-overload] # a constant of this file


@pytest.mark.postgres
def test_triggers_that_the_role_cannot_put_back_are_told(
    new_team: Callable[..., Team], urls: tuple[str, str], tmp_path: Path
) -> None:
    """It starts all the same, is not ready, and the owner's ``database upgrade`` mends it."""
    with psycopg.connect(urls[0], autocommit=True) as connection:
        connection.execute("DROP TRIGGER audit_no_change ON audit")
    team = new_team(peftsize_database_url=urls[1], peftsize_anchor_file=str(tmp_path / "one.anchor"))
    assert "triggers are missing (audit_no_change)" in team.get("/readyz")[1]
    with pytest.raises(StoreError, match="forbidden"):
        team.product.store.restore_triggers()
    ran = run("database", "upgrade", folder=tmp_path, environment={"PEFTSIZE_DATABASE_URL": urls[0]})
    assert (ran.code, "missing triggers of the audit: audit_no_change" in ran.out) == (0, True)
    assert team.get("/readyz")[0] == 200


@pytest.mark.postgres
def test_doctor_nags_nobody_who_has_one_role(
    new_team: Callable[..., Team], postgresql_url: str, tmp_path: Path
) -> None:
    """The role that owns its tables passes, and is told where the other way is written."""
    team = new_team(peftsize_database_url=postgresql_url, peftsize_anchor_file=str(tmp_path / "one.anchor"))
    checks = run("doctor", "--json", folder=team.folder, environment=team.environment).json
    (role,) = [one for one in checks if one["check"] == "database role"]
    assert (role["status"], "docs/postgresql.md" in role["found"]) == ("ok", True)
