"""Desks and test benches, each with a fresh database."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.desk import Desk
from tests.support.fixtures import either_bench, new_bench, new_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["desk", "either_bench", "new_bench", "new_desk", "new_folder"]


@pytest.fixture
def new_desk(migrated: Path, tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """Opens desks with a policy, a site and a database of their own."""
    made: list[Desk] = []

    def make(**how: Any) -> Desk:
        path = tmp_path / f"desk-{len(made)}.db"
        shutil.copy(migrated, path)
        made.append(Desk(f"sqlite:///{path}", **how))
        return made[-1]

    yield make
    for desk in made:
        desk.store.close()


@pytest.fixture
def desk(new_desk: Callable[..., Desk]) -> Desk:
    """Ada approves."""
    return new_desk()
