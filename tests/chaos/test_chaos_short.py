"""The harness of ``make chaos`` in short: every count must be zero, and the control must not be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chaos.control import run_control
from tests.chaos.run import run
from tests.chaos.table import table

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos.run import Result
    from tests.support.databases import Server

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]


def as_promised(result: Result, kills: int) -> None:
    assert result.counts["kills"] == kills
    assert result.counts["requests acknowledged"] >= kills, "too little was going on to prove anything"
    assert result.findings.clean, f"{result.findings.kinds}\n{table([result])}"
    assert not result.slow, result.slow


def test_one_process_on_sqlite(tmp_path: Path) -> None:
    """Killed, frozen and started again: nothing lost, nothing twice, all taken up 5 s after the next is ready."""
    as_promised(run(tmp_path, f"sqlite:///{tmp_path / 'peftsize.db'}", kills=9, seed=7), 9)


@pytest.mark.postgres
def test_two_replicas_on_postgresql(tmp_path: Path, postgresql: Server) -> None:
    """One is killed at a time and the other takes over within 30 s: nothing lost, nothing twice."""
    url = postgresql.create(empty=True)
    as_promised(run(tmp_path, url, kills=5, seed=7), 5)
    postgresql.drop(url)


def test_the_harness_sees_duplicates(tmp_path: Path) -> None:
    """An executor that repeats by itself, without a settle time, makes duplicates under the same fire."""
    assert run_control(tmp_path, kills=8)["duplicate specs"] > 0
