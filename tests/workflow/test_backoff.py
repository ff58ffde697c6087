"""How long something waits before it is tried again, and how often one person may press."""

from __future__ import annotations

import pytest

from bot.workflow.backoff import wait_ms
from bot.workflow.click_limit import ClickLimit
from tests.support.rows import Clock


@pytest.mark.parametrize(
    ("failures", "ms"),
    [
        (1, 1_000),
        (2, 2_000),
        (3, 5_000),
        (4, 10_000),
        (5, 30_000),
        (6, 60_000),
        (7, 300_000),
        (8, 300_000),
        (99, 300_000),
    ],
)
def test_each_failure_waits_longer(failures: int, ms: int) -> None:
    """Up to five minutes, or less where the caller says so."""
    assert wait_ms(failures) == ms
    assert wait_ms(failures, most_ms=7_000) == min(ms, 7_000)


@pytest.mark.parametrize(
    ("asked_s", "ms"), [(0, 1_000), (0.999, 1_000), (1.5, 1_500), (2.0, 2_000), (900, 900_000)]
)
def test_what_the_service_asks_for_counts_instead(asked_s: float, ms: int) -> None:
    """At least a second, and as long as it says."""
    assert wait_ms(3, asked_s, most_ms=7_000) == ms


def test_ten_presses_a_minute() -> None:
    """By one person on one request; a minute after the first of them they may press again."""
    clock = Clock()
    limit = ClickLimit(clock)
    for _ in range(2):
        assert [limit.exceeded("U1", "R1") for _ in range(12)] == [False] * 10 + [True] * 2
        assert not limit.exceeded("U1", "R2")
        assert not limit.exceeded("U2", "R1")
        clock.ms += 59_999
        assert limit.exceeded("U1", "R1")
        clock.ms += 1


def test_a_clock_that_is_set_back_keeps_nobody_out() -> None:
    """A first press from the future is as old as it is far."""
    clock = Clock()
    limit = ClickLimit(clock)
    assert [limit.exceeded("U1", "R1") for _ in range(11)][-1]
    clock.ms -= 3_600_000
    assert not limit.exceeded("U1", "R1")


def test_what_is_counted_is_bounded() -> None:
    """Above ten thousand counts all others are forgotten: whoever fills the memory gives everybody ten presses."""
    limit = ClickLimit(Clock())
    for _ in range(10):
        assert not limit.exceeded("U1", "R1")
        assert not limit.exceeded("U2", "R1")
    for number in range(9_999):
        limit.exceeded("U3", f"R{number}")
    assert limit.exceeded("U1", "R1")
    assert not limit.exceeded("U2", "R1")
