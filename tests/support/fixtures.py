"""Fixtures for the tests that need the whole product; a room's ``conftest.py`` imports those that it uses."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.bench import Bench
from tests.support.desk import Desk
from tests.support.team import POLICY, Team

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def new_folder(migrated: Path, tmp_path: Path) -> Callable[[], Path]:
    """Makes folders, each with an empty, migrated database."""
    numbers = count(1)

    def make() -> Path:
        folder = tmp_path / f"product{next(numbers)}"
        folder.mkdir()
        shutil.copy(migrated, folder / "team.db")
        return folder

    return make


@pytest.fixture
def new_desk(new_folder: Callable[[], Path]) -> Iterator[Callable[..., Desk]]:
    """Opens desks with a policy, a site and a database of their own."""
    with ExitStack() as stack:

        def make(**how: Any) -> Desk:
            desk = Desk(f"sqlite:///{new_folder() / 'team.db'}", **how)
            stack.callback(desk.store.close)
            return desk

        yield make


@pytest.fixture
def desk(new_desk: Callable[..., Desk]) -> Desk:
    """Ada approves."""
    return new_desk()


@pytest.fixture
def new_team(new_folder: Callable[[], Path]) -> Iterator[Callable[..., Team]]:
    """Opens teams with a policy and settings of their own."""
    with ExitStack() as stack:

        def make(**how: Any) -> Team:
            team = Team(new_folder(), **{"policy": POLICY} | how)
            stack.callback(team.close)
            return team.open()

        yield make


@pytest.fixture
def team(new_team: Callable[..., Team]) -> Team:
    """Rosa asks; Ada and Ben approve, and Rosa too, but not her own; Ines is an admin."""
    return new_team()


@pytest.fixture
def new_bench(new_folder: Callable[[], Path]) -> Iterator[Callable[..., Bench]]:
    """Opens benches with a policy, settings and a database of their own."""
    with ExitStack() as stack:

        def make(**how: Any) -> Bench:
            bench = Bench(new_folder(), **how)
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
