"""The audit's chain: whatever is done to it is found."""

from __future__ import annotations

from typing import Any

import pytest

from bot.audit.anchor import Anchors
from bot.audit.chain import GENESIS, Event, Head, chain
from bot.audit.verification import Verdict, verify


def a_chain(count: int) -> list[dict[str, Any]]:
    head, rows = Head(), []
    for number in range(count):
        fields = Event(at=number, event="requested", reason=f"row {number} 🚀").fields()
        seq, digest = chain(head, fields)
        rows.append({"seq": seq, **fields, "prev_hash": head.hash, "hash": digest})
        head = Head(seq, digest)
    return rows


def anchors(rows: list[dict[str, Any]]) -> Anchors:
    return Anchors({row["seq"]: row["hash"] for row in rows})


def test_a_whole_chain_verifies() -> None:
    """Nothing done, nothing found; every anchored row is vouched for."""
    rows = a_chain(5)
    verdict = verify(rows, anchors(rows))
    assert (verdict.ok, verdict.rows, verdict.anchored) == (True, 5, 5)


def test_an_empty_chain_verifies() -> None:
    """A new database has nothing to hide."""
    assert verify([], Anchors()).ok


def test_an_empty_chain_with_an_anchor_was_cut_off() -> None:
    """A table emptied from its first row on is found as well."""
    assert verify([], Anchors({1: "a" * 64})) == Verdict(
        0, Head(0, GENESIS), 1, "the anchor knows of 1 rows: the end was cut off", 0
    )


MISSING = "row {} is missing or out of order"
CHANGED = "its content was changed"


@pytest.mark.parametrize(
    ("what", "rows_read", "reason"),
    [
        (lambda rows: rows[2].update(reason="other"), 3, CHANGED),
        (lambda rows: rows[2]["actor"].update(user_id="U1"), 3, CHANGED),
        (lambda rows: rows[2].update(extra=None), 3, CHANGED),
        (lambda rows: rows[2].update(hash="0" * 64), 3, CHANGED),
        (lambda rows: rows[2].update(prev_hash="0" * 64), 3, "it does not follow the row before it"),
        (lambda rows: rows[2].update(seq=2), 3, MISSING.format(3)),
        (lambda rows: rows.pop(1), 2, MISSING.format(2)),
        (lambda rows: rows.insert(1, rows.pop(3)), 2, MISSING.format(2)),
        (lambda rows: rows.pop(0), 1, MISSING.format(1)),
        (lambda rows: rows.insert(2, rows[1]), 3, MISSING.format(3)),
    ],
    ids=[
        "changed",
        "changed inside",
        "field added",
        "hash changed",
        "link changed",
        "renumbered",
        "removed",
        "reordered",
        "first removed",
        "repeated",
    ],
)
def test_tampering_is_found_without_an_anchor(what: Any, rows_read: int, reason: str) -> None:
    """The chain alone finds changes, holes and swaps: which row, why, and the last good row before it."""
    rows, whole = a_chain(5), a_chain(5)
    what(rows)
    last_good = Head(rows_read - 1, whole[rows_read - 2]["hash"] if rows_read > 1 else GENESIS)
    verdict = verify(rows, Anchors())
    assert verdict == Verdict(rows_read, last_good, rows_read, reason, 0)
    assert not verdict.ok


def test_what_was_vouched_for_before_the_damage_is_told() -> None:
    """The highest anchored row before the first bad one; anchors of later rows vouch for nothing."""
    rows = a_chain(5)
    known = Anchors({number: rows[number - 1]["hash"] for number in (1, 2, 5)})
    rows[3].update(reason="other")
    assert verify(rows, known) == Verdict(4, Head(3, rows[2]["hash"]), 4, CHANGED, 2)


def test_rows_after_the_last_anchor_are_whole_and_not_vouched_for() -> None:
    """An anchor that is behind the table is no damage."""
    rows = a_chain(5)
    tail_at = rows[2]["at"]
    assert verify(rows, Anchors({2: rows[1]["hash"]})) == Verdict(
        5, Head(5, rows[4]["hash"]), None, None, 2, tail_at
    )


def test_a_cut_off_end_is_found_by_the_anchor() -> None:
    """The last row cannot be deleted unseen."""
    rows = a_chain(5)
    known = anchors(rows)
    reason = "the anchor knows of 5 rows: the end was cut off"
    assert verify(rows[:4], known) == Verdict(4, Head(4, rows[3]["hash"]), 5, reason, 4)
    assert verify(rows[:4], Anchors()).ok


def test_a_fork_is_found_by_the_anchor() -> None:
    """A second history of the same length and more does not pass for the first."""
    rows, known = a_chain(5), anchors(a_chain(5))
    head, forked = Head(), []
    for row in [*rows[:3], {**rows[3], "reason": "rewritten"}, *a_chain(7)[4:]]:
        fields = {key: value for key, value in row.items() if key not in {"seq", "prev_hash", "hash"}}
        seq, digest = chain(head, fields)
        forked.append({"seq": seq, **fields, "prev_hash": head.hash, "hash": digest})
        head = Head(seq, digest)
    assert verify(forked, Anchors()).ok
    reason = "the anchor noted another row here: the history was forked"
    assert verify(forked, known) == Verdict(4, Head(3, rows[2]["hash"]), 4, reason, 3)
