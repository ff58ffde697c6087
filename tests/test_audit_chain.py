"""The audit's chain: whatever is done to it is found."""

from __future__ import annotations

from typing import Any

import pytest

from bot.audit import chain
from bot.audit.chain import Event, Head, verify


def a_chain(count: int) -> list[dict[str, Any]]:
    head, rows = Head(), []
    for number in range(count):
        fields = Event(at=number, event="requested", reason=f"row {number} 🚀").fields()
        seq, digest = chain(head, fields)
        rows.append({"seq": seq, **fields, "prev_hash": head.hash, "hash": digest})
        head = Head(seq, digest)
    return rows


def anchors(rows: list[dict[str, Any]]) -> dict[int, str]:
    return {row["seq"]: row["hash"] for row in rows}


def test_a_whole_chain_verifies() -> None:
    """Nothing done, nothing found; every anchored row is vouched for."""
    rows = a_chain(5)
    verdict = verify(rows, anchors(rows))
    assert (verdict.ok, verdict.rows, verdict.anchored) == (True, 5, 5)


def test_an_empty_chain_verifies() -> None:
    """A new database has nothing to hide."""
    assert verify([], {}).ok


@pytest.mark.parametrize(
    ("what", "bad"),
    [
        (lambda rows: rows[2].update(reason="other"), 3),
        (lambda rows: rows[2]["actor"].update(user_id="U1"), 3),
        (lambda rows: rows.pop(1), 2),
        (lambda rows: rows.insert(1, rows.pop(3)), 2),
        (lambda rows: rows.pop(0), 1),
    ],
    ids=["changed", "changed inside", "removed", "reordered", "first removed"],
)
def test_tampering_is_found_without_an_anchor(what: Any, bad: int) -> None:
    """The chain alone finds changes, holes and swaps, and names the first bad row."""
    rows = a_chain(5)
    what(rows)
    assert verify(rows, {}).bad_seq == bad


def test_a_cut_off_end_is_found_by_the_anchor() -> None:
    """The last row cannot be deleted unseen."""
    rows = a_chain(5)
    known = anchors(rows)
    verdict = verify(rows[:4], known)
    assert (verdict.ok, verdict.bad_seq) == (False, 5)
    assert verify(rows[:4], {}).ok


def test_a_fork_is_found_by_the_anchor() -> None:
    """A second history of the same length and more does not pass for the first."""
    rows, known = a_chain(5), anchors(a_chain(5))
    head, forked = Head(), []
    for row in [*rows[:3], {**rows[3], "reason": "rewritten"}, *a_chain(7)[4:]]:
        fields = {key: value for key, value in row.items() if key not in {"seq", "prev_hash", "hash"}}
        seq, digest = chain(head, fields)
        forked.append({"seq": seq, **fields, "prev_hash": head.hash, "hash": digest})
        head = Head(seq, digest)
    assert verify(forked, {}).ok
    assert verify(forked, known).bad_seq == 4
