"""The format of the audit's chain, pinned by values worked out by hand: a change would void every trail."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

from bot.audit.anchor import Anchors
from bot.audit.chain import Event, Head, chain
from bot.audit.verification import verify
from tests.audit.golden import EVENTS, GENESIS, HASHES, TEXTS


def test_three_rows_hash_to_the_values_worked_out_by_hand() -> None:
    """Genesis, separators, key order, non-ASCII letters and ``prev_hash`` are as they have always been."""
    head = Head()
    assert (head.seq, head.hash) == (0, GENESIS)
    for number, (event, text, expected) in enumerate(zip(EVENTS, TEXTS, HASHES, strict=True), start=1):
        assert hashlib.sha256(text.encode("utf-8")).hexdigest() == expected
        head = Head(*chain(head, event.fields()))
        assert (head.seq, head.hash) == (number, expected)


def test_the_exported_rows_verify_from_their_texts_alone() -> None:
    """An export of the three texts with their hashes is whole, and ends at the last of them."""
    rows = [{**json.loads(text), "hash": digest} for text, digest in zip(TEXTS, HASHES, strict=True)]
    verdict = verify(rows, Anchors({2: HASHES[1]}))
    assert (verdict.ok, verdict.rows, verdict.head, verdict.anchored) == (True, 3, Head(3, HASHES[2]), 2)


def test_half_a_letter_is_hashed_as_it_is() -> None:
    """A lone surrogate, as JSON may bring it, neither fails nor hashes like the letter put in its place."""
    broken = Event(at=1, event="asked", reason="\ud83d")
    text = TEXTS[0].replace('"at":1790000000000', '"at":1').replace('"started"', '"asked"')
    text = text.replace('"reason":null', '"reason":"\ud83d"')
    assert chain(Head(), broken.fields()) == (
        1,
        hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
    )
    assert chain(Head(), broken.fields()) != chain(Head(), replace(broken, reason="?").fields())
