"""Every section of ``make bench`` that starts servers of its own or fills a store runs to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import growth, history, peers, scale, socket_mode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.table import Row


@pytest.mark.parametrize(
    "measure",
    [
        pytest.param(socket_mode.rows, id="socket"),
        pytest.param(peers.rows, id="peers"),
        pytest.param(scale.channels, id="channels"),
        pytest.param(scale.hour, id="hour"),
        pytest.param(scale.replicas, id="replicas", marks=pytest.mark.postgres),
        pytest.param(history.crowded, id="crowded"),
    ],
)
def test_a_section_measures(measure: Callable[..., list[Row]]) -> None:
    """In its short form each row has a number, and what is compared has a base."""
    rows = measure(quick=True)
    assert all(row.value > 0 for row in rows)
    assert all(row.base > 0 for row in rows)


def test_growth_measures(tmp_path: Path) -> None:
    """Lists, steps, verification, export and disk, with as many finished requests as one asks for."""
    found = growth.measure(f"sqlite:///{tmp_path / 'growth.db'}", 60)
    assert found["disk"].endswith(" MB")
    assert set(found) > {"sweep", "`mine`", "`audit verify`", "`audit export`"}
