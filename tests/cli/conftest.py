"""A team at work, whose database the commands look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scenarios.team import POLICY, Team

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    """Rosa asks; Ada and Ben approve; Ines is an admin."""
    team = Team(tmp_path, policy=POLICY)
    try:
        yield team.open()
    finally:
        team.close()
