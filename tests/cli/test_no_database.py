"""Reading never writes: a command that looks at a database neither creates one nor changes the one there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.audit import signing_key
from tests.support.command_line import NOBODY_THERE, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.databases import Server

READING = [
    ("requests", "list"),
    ("requests", "show", "R7K3M9QX"),
    ("audit", "export"),
    ("audit", "verify"),
    ("specs", "drift"),
]
ACTING = [
    ("requests", "approve", "R7K3M9QX", "--as", "U0ADA0001"),
    ("specs", "delete", "x", "--as", "U0ADA0001"),
]


def name(words: tuple[str, ...]) -> str:
    return " ".join(words[:2])


@pytest.mark.parametrize("words", READING + ACTING, ids=name)
def test_without_a_database_nothing_is_created(tmp_path: Path, words: tuple[str, ...]) -> None:
    """An empty folder stays empty: what is missing, what to do, exit code 2."""
    ran = run(*words, folder=tmp_path, environment=NOBODY_THERE)
    assert (ran.code, ran.out) == (2, "")
    assert f"No database here: {tmp_path / 'peftsize.db'} does not exist." in ran.err
    assert "PEFTSIZE_DATABASE_URL" in ran.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", READING, ids=name)
def test_reading_needs_no_other_setting_to_say_so(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Without any setting the same is said, not that others are missing."""
    assert "No database here" in run(*words, folder=tmp_path).err


@pytest.mark.parametrize("words", READING + ACTING, ids=name)
def test_an_empty_file_is_no_database(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Such as a touched one: it stays empty."""
    (tmp_path / "peftsize.db").touch()
    ran = run(*words, folder=tmp_path, environment=NOBODY_THERE)
    assert (ran.code, "No database here" in ran.err) == (2, True)
    assert [(path.name, path.stat().st_size) for path in tmp_path.iterdir()] == [("peftsize.db", 0)]


@pytest.mark.parametrize("words", READING[:4], ids=name)
def test_reading_leaves_a_database_as_it_is(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Not a byte of the file changes, and nothing stays beside it."""
    assert run("database", "upgrade", folder=tmp_path).code == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    ran = run(*words, folder=tmp_path)
    assert ran.code == (1 if words[1] in {"show", "verify"} else 0), ran.err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("words", READING + ACTING, ids=name)
def test_a_schema_that_was_taken_back_is_not_brought_up(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Tables are created by ``serve`` and ``database upgrade`` alone."""
    assert run("database", "upgrade", folder=tmp_path).code == 0
    assert run("database", "downgrade", "base", folder=tmp_path).code == 0
    ran = run(*words, folder=tmp_path, environment=NOBODY_THERE)
    assert (ran.code, "No database here: it has no tables." in ran.err) == (2, True)


def test_an_anchor_that_is_missing_is_named(tmp_path: Path) -> None:
    """``audit verify --anchor`` with a file that is not there compares with nothing: refused."""
    assert run("database", "upgrade", folder=tmp_path).code == 0
    ran = run("audit", "verify", "--anchor", "nowhere", folder=tmp_path)
    assert (ran.code, "--anchor: there is no such file." in ran.err) == (2, True)


@pytest.mark.postgres
@pytest.mark.parametrize("words", READING + ACTING, ids=name)
def test_a_server_s_empty_database_stays_empty(
    postgresql: Server, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """PostgreSQL without our tables is no database either, and gets none by being looked at."""
    url = postgresql.create(empty=True)
    key = tmp_path / "signing.key"
    signing_key.create(key)
    ours = {"PEFTSIZE_DATABASE_URL": url, "PEFTSIZE_SIGNING_KEY_FILE": str(key)}
    try:
        for _ in range(2):
            ran = run(*words, folder=tmp_path, environment=NOBODY_THERE | ours)
            assert (ran.code, "No database here: it has no tables." in ran.err) == (2, True)
    finally:
        postgresql.drop(url)
