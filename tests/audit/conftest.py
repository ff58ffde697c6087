"""The team at work, whose audit is checked."""

from __future__ import annotations

from tests.support.fixtures import new_folder, new_team, team

__all__ = ["new_folder", "new_team", "team"]
