"""Teams at work, each with a fresh database."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.scenarios.team import POLICY, Team

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def new_team(migrated: Path, tmp_path: Path) -> Iterator[Callable[..., Team]]:
    """Opens teams with a policy and settings of their own."""
    with ExitStack() as stack:
        teams = 0

        def make(**how: Any) -> Team:
            nonlocal teams
            teams += 1
            folder = tmp_path / f"team{teams}"
            folder.mkdir()
            shutil.copy(migrated, folder / "team.db")
            team = Team(folder, **{"policy": POLICY} | how)
            stack.callback(team.close)
            return team.open()

        yield make


@pytest.fixture
def team(new_team: Callable[..., Team]) -> Team:
    """Rosa asks; Ada and Ben approve, and Rosa too, but not her own; Ines is an admin."""
    return new_team()
