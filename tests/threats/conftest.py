"""The team at work, as in ``tests/scenarios``, for attacks on it."""

from __future__ import annotations

from tests.scenarios.conftest import migrated, new_team, team

__all__ = ["migrated", "new_team", "team"]
