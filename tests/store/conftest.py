"""The same store on both databases, and rows to put into it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from bot.store import Database, Store
from tests.store_rows import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh, migrated database."""
    if request.param == "postgresql":
        found: str = request.getfixturevalue("postgresql_url")
        return found
    path = tmp_path / "peftsize.db"
    shutil.copy(request.getfixturevalue("migrated"), path)
    return f"sqlite:///{path}"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(database: Database, clock: Clock) -> Store:
    return Store(database, clock)
