"""Offices with a fresh, migrated database."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.office import RULES, Office

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bot.approvals.policy_file import Policy


@pytest.fixture
def new_office(migrated: Path, tmp_path: Path) -> Iterator[Callable[..., Office]]:
    """Opens offices with a policy of their own."""
    numbers = count(1)
    with ExitStack() as stack:

        def make(rules: Policy = RULES, approval_channel: str | None = None, **more: Any) -> Office:
            path = tmp_path / f"office{next(numbers)}.db"
            shutil.copy(migrated, path)
            return stack.enter_context(Office(path, rules, approval_channel, **more).open())

        yield make


@pytest.fixture
def office(new_office: Callable[..., Office]) -> Office:
    """An office where a group approves."""
    return new_office()
