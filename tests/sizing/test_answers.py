"""The table of answers."""

import json

import pytest

from tests.sizing.answers import answer, rows


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["text"][:40])
def test_each_text_is_told_this(row):
    """A refusal: code, words, mark, way out. A success: every number, assumption, warning and advice."""
    told = json.loads(json.dumps(answer(row)))
    assert told == row["answer"], "meant? then: python -m tests.sizing.answers"
