"""The same store on both databases, and rows to put into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.store import Database, Store
from tests.support.rows import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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


@pytest.fixture
def sqlite(migrated: Path, tmp_path: Path, clock: Clock) -> Iterator[Store]:
    path = tmp_path / "own.db"
    path.write_bytes(migrated.read_bytes())
    database = Database(f"sqlite:///{path}", pool_size=1)
    yield Store(database, clock)
    database.close()
