"""The tables of what is said; ``python -m tests.sizing.answers`` writes them anew after a change that is meant."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sizing.answers import answer, estimate, rows


@pytest.mark.parametrize(
    "row", [*rows("answers.jsonl"), *rows("spellings.jsonl")], ids=lambda row: row["text"][:40]
)
def test_each_text_is_told_this(row: dict[str, Any]) -> None:
    """A refusal: code, words, mark, way out. A success: every number, assumption, warning and advice."""
    assert answer(row) == row["said"], "meant? then: python -m tests.sizing.answers"


@pytest.mark.parametrize("row", rows("estimates.jsonl"), ids=lambda row: row["text"][:40])
def test_each_server_is_told_this(row: dict[str, Any]) -> None:
    """Verdict, ranges, options, reasons and flags of the second opinion."""
    assert estimate(row) == row["said"], "meant? then: python -m tests.sizing.answers"
