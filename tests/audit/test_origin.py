"""Which origin the log goes by: table of what the database notes, what the anchor has, and who else signs."""

from __future__ import annotations

import pytest

from bot.audit import origin
from bot.audit.checkpoint import Checkpoint

LAST = Checkpoint("peftsize/last", 7, bytes(32), ())
CHANGED = "row 3: its content was changed"
GONE = "its anchor is gone; before it peftsize/noted"
CONTRADICTED = f"{CHANGED}; before it peftsize/last over 7 rows"


@pytest.mark.parametrize(
    ("noted", "last", "contradiction", "shared", "name", "fresh", "why"),
    [
        (None, None, None, False, "fresh", True, None),
        (None, None, None, True, "fresh", True, None),
        ("peftsize/noted", None, None, True, "peftsize/noted", False, None),
        ("peftsize/noted", None, None, False, "fresh", True, GONE),
        (None, LAST, None, False, "peftsize/last", False, None),
        (None, LAST, None, True, "peftsize/last", False, None),
        ("peftsize/noted", LAST, None, False, "peftsize/last", False, None),
        ("peftsize/noted", LAST, None, True, "peftsize/noted", False, None),
        (None, LAST, CHANGED, True, "fresh", True, CONTRADICTED),
        ("peftsize/last", LAST, CHANGED, True, "fresh", True, CONTRADICTED),
        ("peftsize/noted", LAST, CHANGED, True, "peftsize/noted", False, None),
        ("peftsize/noted", LAST, CHANGED, False, "fresh", True, CONTRADICTED),
    ],
)
def test_the_origin_that_rows_are_signed_under(
    noted: str | None,
    last: Checkpoint | None,
    contradiction: str | None,
    shared: bool,
    name: str,
    fresh: bool,
    why: str | None,
) -> None:
    """It goes on where it can; where the anchor is gone or contradicted it begins anew, and says why."""
    found = origin.choose(noted, last, contradiction, "fresh", shared=shared)
    assert (found.name, found.fresh, found.why) == (name, fresh, why)
