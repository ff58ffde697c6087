"""The use bar."""

from __future__ import annotations

import pytest

from bot.slack.blocks.breakdown import bar


@pytest.mark.parametrize(
    ("percent", "full"), [(0.01, 1), (9.84, 2), (50, 10), (99.99, 19), (100, 20)], ids=str
)
def test_the_bar_is_only_full_when_it_is(percent: float, full: int) -> None:
    """Any use shows at least one cell, and only a full GPU all of them."""
    assert bar(percent) == "█" * full + "░" * (20 - full)
