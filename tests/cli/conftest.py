"""A team at work, whose database the commands look at."""

from __future__ import annotations

from tests.support.fixtures import new_folder, new_team, team

__all__ = ["new_folder", "new_team", "team"]
