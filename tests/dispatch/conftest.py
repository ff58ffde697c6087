"""A replica on either database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.workers import Replica

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def replica(url: str) -> Iterator[Replica]:
    replica = Replica(url)
    yield replica
    replica.close()
