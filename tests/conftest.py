"""PostgreSQL for whoever asks, and what is said where there is none."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from bot.store import Database, schema
from tests.support.databases import NOT_FOUND, Server, shared_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("migrated") / "empty.db"
    database = Database(f"sqlite:///{path}")
    schema.migrate(database)
    database.close()
    return path


settings.register_profile("peftsize", deadline=None)  # how long an example takes depends on the machine
settings.load_profile("peftsize")


@pytest.fixture(scope="session")
def postgresql_or_none(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server | None]:
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent
    with shared_server(place) as server:
        yield server


@pytest.fixture
def postgresql(postgresql_or_none: Server | None) -> Server:
    """A server to make databases on; without one a test fails in CI and is reported NOT RUN elsewhere."""
    if postgresql_or_none is None:
        if os.environ.get("CI"):
            pytest.fail(NOT_FOUND)
        pytest.skip(f"NOT RUN: {NOT_FOUND}")
    return postgresql_or_none


@pytest.fixture
def postgresql_url(postgresql: Server) -> Iterator[str]:
    """A fresh, migrated database."""
    url = postgresql.create()
    yield url
    postgresql.drop(url)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh, migrated database: on SQLite, and again on PostgreSQL."""
    if request.param == "postgresql":
        found: str = request.getfixturevalue("postgresql_url")
        return found
    path = tmp_path / "peftsize.db"
    shutil.copy(request.getfixturevalue("migrated"), path)
    return f"sqlite:///{path}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what was not run and why: a skip must not read as passed."""
    reasons = Counter(
        str(report.longrepr).rpartition("NOT RUN: ")[2].rstrip("')")
        for report in terminalreporter.stats.get("skipped", [])
        if "NOT RUN" in str(report.longrepr)
    )
    if reasons:
        terminalreporter.section("NOT RUN", sep="!", red=True, bold=True)
        for reason, count in reasons.items():
            terminalreporter.line(f"{count} tests were NOT RUN: {reason}", red=True, bold=True)
