"""Teams at work, each with a fresh database."""

from __future__ import annotations

from tests.support.fixtures import bench, either_bench, new_bench, new_folder, new_team, team

__all__ = ["bench", "either_bench", "new_bench", "new_folder", "new_team", "team"]
