"""The team at work, for attacks on it."""

from __future__ import annotations

import threading

import pytest

from tests.support.fixtures import new_folder, new_team, team

__all__ = ["new_folder", "new_team", "team"]


@pytest.fixture
def stopping() -> threading.Event:
    """Set once the product should stop."""
    return threading.Event()
