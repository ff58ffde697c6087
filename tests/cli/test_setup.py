"""``peftsize manifest``, ``doctor`` as text, ``database``, and the tables of ``requests`` and ``specs``."""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING

import pytest
import yaml

from bot.sandbox.watsonx.fake_watsonx import FakeCluster
from bot.store import schema
from tests.support.command_line import on_terminal, run

if TYPE_CHECKING:
    from pathlib import Path


def test_the_manifest_is_printed_for_both_modes(tmp_path: Path) -> None:
    """For Socket Mode with its comments, for HTTP with the address; both can be pasted."""
    socket = run("manifest", folder=tmp_path)
    assert (socket.code, yaml.safe_load(socket.out)["settings"]["socket_mode_enabled"]) == (0, True)
    assert " # " in socket.out
    http = yaml.safe_load(run("manifest", "--url", "https://bot.example.com", folder=tmp_path).out)
    assert http["settings"]["event_subscriptions"]["request_url"] == "https://bot.example.com/slack/events"


def test_an_address_that_slack_would_not_take_is_refused(tmp_path: Path) -> None:
    """The option is named, with an address that would do; exit code 2."""
    ran = run("manifest", "--url", "http://bot.example.com", folder=tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert "--url: the address must look like https://bot.example.com" in ran.err


def test_the_database_is_brought_up_and_back(tmp_path: Path) -> None:
    """Up, up again, and down to nothing; each time it says where the database is."""
    assert run("database", "upgrade", folder=tmp_path).out == f"The database is at schema {schema.HEAD}.\n"
    assert (
        run("database", "upgrade", folder=tmp_path).out
        == f"The database is at schema {schema.HEAD} already.\n"
    )
    assert run("database", "downgrade", "base", folder=tmp_path).out == "The database is at schema base.\n"
    with sqlite3.connect(tmp_path / "peftsize.db") as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    connection.close()
    assert {name for (name,) in tables} <= {"alembic_version", "sqlite_sequence"}


def test_a_schema_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """Those that exist are named; nothing is created."""
    ran = run("database", "downgrade", "0815", folder=tmp_path)
    assert (ran.code, f", {schema.HEAD}, or base" in ran.err) == (2, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("columns", [40, 100])
def test_doctor_says_the_result_first(tmp_path: Path, columns: int) -> None:
    """How many checks failed, then each with its mark and its fix; colours on a terminal, no line too long."""
    shown = on_terminal("doctor", folder=tmp_path, columns=columns)
    plain = re.sub(r"\x1b\[\d+m", "", shown)
    head, gap, *lines = plain.splitlines()
    assert re.fullmatch(r"\d+ of \d+ checks failed\.", head)
    assert gap == ""
    assert {line[:6] for line in lines} == {"FAIL  ", "ok    ", " " * 6}
    assert "\x1b[31mFAIL\x1b[0m" in shown
    assert "\x1b[32mok\x1b[0m" in shown
    assert max(map(len, lines)) <= columns
    assert plain.split() == run("doctor", folder=tmp_path).out.split()


def test_a_table_is_for_people_on_a_terminal_and_for_programs_in_a_pipe(tmp_path: Path) -> None:
    """Columns with a head where there is room, a cell a line where there is none, tabs in a pipe."""
    with FakeCluster() as cluster:
        words, settings = ("specs", "list"), cluster.settings()
        piped = run(*words, folder=tmp_path, environment=settings).out
        wide = on_terminal(*words, folder=tmp_path, columns=160, environment=settings | {"NO_COLOR": "1"})
        narrow = on_terminal(*words, folder=tmp_path, columns=40, environment=settings | {"NO_COLOR": "1"})
    rows = [line.split("\t") for line in piped.splitlines()]
    assert {len(row) for row in rows} == {10}
    assert wide.split("\n")[0].split() == [
        "id", "name", "GPUs", "CPUs", "memory", "from", "owner", "purpose", "age", "in", "use", "by",
    ]  # fmt: skip
    assert [line.split() for line in wide.splitlines()[1:]] == [" ".join(row).split() for row in rows]
    assert all(f"\n    name {row[1]}\n" in narrow for row in rows)
    assert all(cell in narrow for row in rows for cell in row)
