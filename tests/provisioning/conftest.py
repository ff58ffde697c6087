"""Test benches, each with a fresh database."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from tests.provisioning.bench import Bench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def new_bench(migrated: Path, tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """Opens benches with a policy, settings and a database of their own."""
    numbers = count(1)
    with ExitStack() as stack:

        def make(**how: Any) -> Bench:
            folder = tmp_path / f"bench{next(numbers)}"
            folder.mkdir()
            shutil.copy(migrated, folder / "team.db")
            bench = Bench(folder, **how)
            stack.callback(bench.close)
            return bench.open()

        yield make


@pytest.fixture
def bench(new_bench: Callable[..., Bench]) -> Bench:
    """On SQLite."""
    return new_bench()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def either_bench(request: pytest.FixtureRequest, new_bench: Callable[..., Bench]) -> Bench:
    """On SQLite, and again on PostgreSQL."""
    url = request.getfixturevalue("postgresql_url") if request.param == "postgresql" else None
    return new_bench(url=url)
