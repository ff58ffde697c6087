"""The team at work, as in ``tests/scenarios``, for attacks on it."""

from __future__ import annotations

from tests.scenarios.conftest import new_team, team

__all__ = ["new_team", "team"]
