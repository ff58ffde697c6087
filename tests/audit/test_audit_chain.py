"""The audit's chain: whatever is done to it is found."""

from __future__ import annotations

from typing import Any

import pytest

from bot.audit.anchor import Anchors
from bot.audit.chain import GENESIS, Event, Head, chain, entry
from bot.audit.merkle import Tree, leaf_hash
from bot.audit.verification import Verdict, Verification, verify


def a_chain(count: int, *events: str) -> list[dict[str, Any]]:
    """Return rows of the given events, and of requests where none is given."""
    head, rows = Head(), []
    for number in range(count):
        name = (*events, *["requested"] * count)[number]
        fields = Event(at=number, event=name, reason=f"row {number} 🚀").fields()
        seq, digest = chain(head, fields)
        rows.append({"seq": seq, **fields, "prev_hash": head.hash, "hash": digest})
        head = Head(seq, digest)
    return rows


def anchors(rows: list[dict[str, Any]]) -> Anchors:
    return Anchors({row["seq"]: row["hash"] for row in rows})


def roots(rows: list[dict[str, Any]]) -> list[bytes]:
    """Return the root at every size, from 0."""
    tree, found = Tree(), []
    for row in rows:
        found.append(tree.root())
        fields = {key: value for key, value in row.items() if key != "hash"}
        tree.append(leaf_hash(entry(Head(row["seq"] - 1, row["prev_hash"]), fields)))
    return [*found, tree.root()]


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


OTHER = b"r" * 32


@pytest.mark.parametrize(("size", "rows_read", "bad"), [(0, 0, 1), (1, 1, 1), (3, 3, 3), (5, 5, 5)])
@pytest.mark.parametrize("also", [False, True], ids=["alone", "beside the right one"])
def test_a_checkpoint_of_another_history_is_found(size: int, rows_read: int, bad: int, *, also: bool) -> None:
    """From the empty log on; a second root of the same size contradicts the first, whichever is right."""
    rows = a_chain(5)
    known = Anchors(roots={size: {OTHER, roots(rows)[size]} if also else {OTHER}}, signed={size})
    verdict = verify(rows, known)
    assert (verdict.rows, verdict.bad_seq, verdict.signed, verdict.tail_at) == (rows_read, bad, None, None)
    assert verdict.reason == f"a checkpoint over {size} rows has another root: the history was rewritten"


@pytest.mark.parametrize("known", [{}, {0: {OTHER}}], ids=["alone", "before a rewritten history"])
def test_a_forged_checkpoint_ends_the_check_at_once(known: dict[int, set[bytes]]) -> None:
    """The first of several is named, and no row is read."""
    verdict = verify(a_chain(5), Anchors(forged=[4, 2], roots=known, signed={0}))
    assert (verdict.rows, verdict.bad_seq, verdict.signed) == (0, 1, None)
    assert verdict.reason == "a checkpoint over 4 rows bears a false signature"


@pytest.mark.parametrize(
    ("sizes", "signed", "anchored", "tail_at"),
    [((), None, 0, 0), ((0,), 0, 0, 0), ((3,), 3, 3, 3), ((0, 2, 4), 4, 4, 4), ((5,), 5, 5, None)],
)
def test_a_checkpoint_vouches_for_the_rows_under_it(
    sizes: tuple[int, ...], signed: int | None, anchored: int, tail_at: int | None
) -> None:
    """The highest that was signed, and when the first row after it happened."""
    rows = a_chain(5)
    every = roots(rows)
    verdict = verify(rows, Anchors(roots={size: {every[size]} for size in sizes}, signed=set(sizes)))
    assert (verdict.ok, verdict.rows) == (True, 5)
    assert (verdict.signed, verdict.anchored, verdict.tail_at, verdict.first_at) == (
        signed,
        anchored,
        tail_at,
        0,
    )
    unsigned = verify(rows, Anchors(roots={size: {every[size]} for size in sizes}))
    assert (unsigned.signed, unsigned.anchored) == (None, anchored)


def test_a_checkpoint_over_more_rows_than_there_are_finds_the_cut() -> None:
    """As a head would."""
    rows = a_chain(5)
    reason = "the anchor knows of 6 rows: the end was cut off"
    assert verify(rows, Anchors(roots={6: {OTHER}})) == Verdict(5, Head(5, rows[4]["hash"]), 6, reason, 0)


@pytest.mark.parametrize(
    ("events", "begun"),
    [
        ((), None),
        (("requested", "origin_begun"), "row 1 🚀"),
        (("origin_begun", "voted", "origin_begun"), "row 2 🚀"),
    ],
)
def test_a_new_origin_is_told_with_its_reason(events: tuple[str, ...], begun: str | None) -> None:
    """That of the last one; no other row has a say in it."""
    assert verify(a_chain(4, *events), Anchors()).begun == begun


def test_the_first_problem_stays() -> None:
    """Rows after it are not read, whatever they are."""
    rows = a_chain(3)
    checking = Verification(Anchors())
    assert checking.add(rows[0]) is None
    assert [checking.add(row) for row in (rows[2], rows[1], rows[2])] == [MISSING.format(2)] * 3
    assert checking.verdict().rows == 2


@pytest.mark.parametrize(
    ("verdict", "age", "why"),
    [
        (Verdict(0, Head(), None, None, 0), 0, "no checkpoint vouches for an audit without rows"),
        (Verdict(0, Head(), None, None, 0, signed=0), 0, None),
        (Verdict(1, Head(), None, None, 1), 0, None),
        (Verdict(1, Head(), None, None, 0, tail_at=7_000_000), 0, "no anchor vouches for any row"),
        (Verdict(1, Head(), None, None, 0, tail_at=7_000_000, signed=0), 0, "no anchor vouches for any row"),
        (Verdict(2, Head(), None, None, 1, tail_at=7_000_000), 59_999, None),
        (
            Verdict(2, Head(), None, None, 1, tail_at=7_000_000),
            60_000,
            "no anchor vouches for the rows after 1",
        ),
        (
            Verdict(2, Head(), None, None, 1, tail_at=7_000_000),
            -60_000,
            "no anchor vouches for the rows after 1",
        ),
    ],
)
def test_what_nothing_vouches_for_is_not_proven(verdict: Verdict, age: int, why: str | None) -> None:
    """A chain that holds together proves nothing by itself; the youngest rows may wait a minute."""
    assert verdict.unproven(7_000_000 + age) == why


def test_nothing_is_read_after_the_first_bad_row() -> None:
    """However many rows follow."""
    rows = iter([a_chain(2)[1], *a_chain(3)])
    assert verify(rows, Anchors()).reason == MISSING.format(1)
    assert list(rows) == a_chain(3)


def test_a_row_without_its_time_is_none() -> None:
    """It is told in the same words as other garbage."""
    (row,) = a_chain(1)
    for garbage in ({**row, "at": "now"}, {**row, "at": None}, {"seq": 1}, [], None):
        assert verify([garbage], Anchors()).reason == "it is no audit row"
