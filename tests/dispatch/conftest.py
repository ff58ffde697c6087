"""A replica on either database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.store import Database, schema
from tests.dispatch_parts import Replica

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        found: str = request.getfixturevalue("postgresql_url")
        return found
    address = f"sqlite:///{tmp_path / 'peftsize.db'}"
    database = Database(address)
    schema.migrate(database)
    database.close()
    return address


@pytest.fixture
def replica(url: str) -> Iterator[Replica]:
    replica = Replica(url)
    yield replica
    replica.close()
