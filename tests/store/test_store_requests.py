"""Requests, revisions, votes, cards and attempts: the same on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, insert, literal, select

from bot.approvals.request import Kind, State, Vote
from bot.approvals.state_machine import Action
from bot.errors import StoreError
from bot.store.attempts import Attempt
from bot.store.requests import Copy
from bot.store.tables import requests, revisions
from tests.support.rows import APPROVE, REJECT, T0, request, stored, transition, vote

if TYPE_CHECKING:
    from bot.store import Store


def test_a_request_is_read_back_as_it_was_written(store: Store) -> None:
    """Nothing of a request is lost or changed by storing it."""
    row = request(7, existing=("spec-9", "big"), execution_id="Fx1", use_gpus=4, requester_name="Zoë 🦙")
    with store.write() as tx:
        assert tx.requests.insert(row, due_at=T0)
    with store.read() as tx:
        assert tx.requests.get(row.id) == row
        assert tx.requests.get("R0000000") is None


def test_a_live_name_is_reserved_once(store: Store) -> None:
    """A second request of the same name, kind and space writes nothing; another space is free."""
    first = stored(store, 1)
    with store.write() as tx:
        assert not tx.requests.insert(request(2, name=first.name), due_at=None)
        assert tx.requests.insert(request(3, name=first.name, space_id="space-2"), due_at=None)
        assert tx.requests.insert(request(4, name=first.name, kind=Kind.DELETE), due_at=None)
    with store.read() as tx:
        assert tx.requests.get("R0000002") is None
        assert tx.requests.holder("space-1", Kind.CREATE, first.name) == first


def test_a_freed_name_may_be_used_again(store: Store) -> None:
    """A rejection gives the name back."""
    first = stored(store, 1)
    with store.write() as tx:
        moved = tx.requests.move(first, REJECT, T0)
        assert moved is not None
        assert not moved.reserved
        assert tx.requests.insert(request(2, name=first.name), due_at=None)
        holder = tx.requests.holder("space-1", Kind.CREATE, first.name)
    assert holder is not None
    assert holder.id == "R0000002"


def test_a_move_writes_state_version_vote_and_further_columns(store: Store) -> None:
    """The compare-and-set writes all of a transition and lets the claim go."""
    first = stored(store, 1)
    with store.write() as tx:
        after = tx.requests.move(first, APPROVE, T0 + 5, due_at=T0 + 9, error="waits")
    assert after is not None
    assert (after.state, after.version, after.updated_at) == (State.APPROVED, 2, T0 + 5)
    assert after.votes == (vote(),)
    assert after.error == "waits"


def test_a_move_from_an_old_version_does_nothing(store: Store) -> None:
    """Whoever read the row before somebody else's change gets None, and no vote is written."""
    first = stored(store, 1)
    with store.write() as tx:
        assert tx.requests.move(first, transition(Action.WITHDRAW, State.PENDING), T0) is not None
    with store.write() as tx:
        assert tx.requests.move(first, APPROVE, T0) is None
    with store.read() as tx:
        now = tx.requests.get(first.id)
    assert now is not None
    assert (now.state, now.votes) == (State.PENDING, ())


def test_a_new_revision_has_no_votes_and_its_own_text(store: Store) -> None:
    """Votes belong to a revision; taking one back leaves the others."""
    first = stored(store, 1)
    one = transition(Action.APPROVE, State.PENDING, vote=vote("U2"))
    two = transition(Action.APPROVE, State.PENDING, vote=vote("U3", T0 + 1))
    with store.write() as tx:
        row = tx.requests.move(first, one, T0)
        assert row is not None
        row = tx.requests.move(row, two, T0)
        assert row is not None
        assert [v.user_id for v in row.votes] == ["U2", "U3"]
        tx.requests.unvote(row, "U2")
    with store.write() as tx:
        read = tx.requests.get(first.id)
        assert read is not None
        assert [v.user_id for v in read.votes] == ["U3"]
        edited = replace(read, revision=2, text="2b none lora", payload="{}", digest="b" * 64)
        tx.requests.revise(edited, T0)
        after = tx.requests.move(read, transition(Action.EDIT, State.PENDING), T0, revision=2)
    assert after is not None
    assert (after.revision, after.text, after.votes) == (2, "2b none lora", ())


def test_copies_of_the_card_are_kept_once_channel_first(store: Store) -> None:
    """The same message is remembered once, and forgotten when it is gone."""
    row = stored(store, 1)
    dm, card = Copy("D1", "1.1", "U9"), Copy("C1", "2.2")
    with store.write() as tx:
        for copy in (dm, card, card):
            tx.requests.add_copy(row.id, copy)
        assert tx.requests.copies(row.id) == (card, dm)
        tx.requests.drop_copy(dm)
        assert tx.requests.copies(row.id) == (card,)


def test_the_list_filters_and_searches(store: Store) -> None:
    """Newest first; percent and underscore are letters, not wildcards."""
    for number in (1, 2, 3):
        stored(store, number, requester_name="50%_x" if number == 2 else "Ann", state=State.CREATED)
    with store.read() as tx:
        assert [row.id for row in tx.requests.listed()] == ["R0000003", "R0000002", "R0000001"]
        assert [row.id for row in tx.requests.listed(text="%_X")] == ["R0000002"]
        assert tx.requests.listed(states=(State.PENDING,)) == []
        assert len(tx.requests.listed(states=(State.CREATED,), requester=("T1", "U1"), limit=None)) == 3


@pytest.mark.parametrize("outcome", [None, "unknown", "created"])
def test_an_attempt_that_may_have_landed_bars_another(store: Store, outcome: str | None) -> None:
    """The database itself refuses a second POST, whatever the code believes."""
    row = stored(store, 1)
    with store.write() as tx:
        tx.attempts.begin(Attempt("a1", row.id, 1, row.digest, T0, T0 + 20))
        if outcome:
            tx.attempts.end("a1", outcome, T0 + 1)
    with pytest.raises(StoreError, match="conflict"), store.write() as tx:
        tx.attempts.begin(Attempt("a2", row.id, 1, row.digest, T0 + 2, T0 + 22))


@pytest.mark.parametrize("outcome", ["unsent", "failed", "abandoned"])
def test_an_attempt_that_did_not_land_bars_nothing(store: Store, outcome: str) -> None:
    """After a definite end another attempt may begin, and is the latest."""
    row = stored(store, 1)
    with store.write() as tx:
        tx.attempts.begin(Attempt("a1", row.id, 1, row.digest, T0, T0 + 20))
        tx.attempts.count_lookup("a1")
        tx.attempts.end("a1", outcome, T0 + 1, status=503, trace="t-1")
        tx.attempts.begin(Attempt("a2", row.id, 1, row.digest, T0 + 2, T0 + 22))
        tx.attempts.count_lookup("a2")
        latest = tx.attempts.latest(row.id)
    assert latest == Attempt("a2", row.id, 1, row.digest, T0 + 2, T0 + 22, None, 1)


def test_of_two_who_decide_at_once_one_wins(store: Store) -> None:
    """Two hundred times two threads move the same row from the same state: exactly one does."""
    wins: list[str] = []
    turn = threading.Barrier(2)

    def decide(row_ids: list[str], name: str, move: object) -> None:
        for row_id in row_ids:
            with store.read() as tx:
                row = tx.requests.get(row_id)
            assert row is not None
            turn.wait(20)
            with store.write() as tx:
                if tx.requests.move(row, move, T0) is not None:  # type: ignore[arg-type] # both are transitions
                    wins.append(f"{row_id} {name}")

    ids = [stored(store, number).id for number in range(1, 201)]
    both = [
        threading.Thread(target=decide, args=(ids, name, move))
        for name, move in (("a", APPROVE), ("r", REJECT))
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert sorted(win.split()[0] for win in wins) == ids
    with store.read() as tx:
        for row in tx.requests.listed(limit=None):
            won_by_approval = f"{row.id} a" in wins
            assert row.state is (State.APPROVED if won_by_approval else State.REJECTED)
            assert row.version == 2
            assert len(row.votes) == (1 if won_by_approval else 0)


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    """Row, audit event and message are committed together or not at all."""

    def breaks() -> None:
        with store.write() as tx:
            tx.requests.insert(request(1), due_at=None)
            tx.queues.put("card:R0000001", "card")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        breaks()
    with store.read() as tx:
        assert tx.requests.get("R0000001") is None
        assert tx.queues.message("card:R0000001") is None


def test_notes_are_replaced_and_counts_are_told(store: Store) -> None:
    """A small fact is overwritten by the next one; counts are by state and outcome."""
    with store.write() as tx:
        tx.note("bot", {"id": 1})
        tx.note("bot", {"id": 2})
        assert tx.noted("bot") == {"id": 2}
        assert tx.noted("other") is None
    row = stored(store, 1)
    with store.write() as tx:
        tx.attempts.begin(Attempt("a1", row.id, 1, row.digest, T0, T0 + 20))
    with store.read() as tx:
        assert tx.counts() == {"requests": {"pending": 1}, "attempts": {"under way": 1}}


def test_a_page_of_rows_asks_for_its_votes_once(store: Store) -> None:
    """However many rows a list has, their votes are one query more; each row gets its own."""
    rows = [request(number, votes=()) for number in range(1, 13)]
    with store.write() as tx:
        for row in rows:
            assert tx.requests.insert(row, due_at=None)
            tx.requests.move(row, replace(APPROVE, vote=Vote("T1", f"U{row.id}", "Ada", T0, ("anyone",))), T0)
    asked: list[str] = []
    with store.read() as tx:
        event.listen(tx.connection, "before_cursor_execute", lambda *args: asked.append(args[2]))
        listed = tx.requests.listed(limit=12)
    assert [vote.user_id for row in listed for vote in row.votes] == [f"U{row.id}" for row in listed]
    assert len(asked) == 2


def test_a_request_is_admitted_once_or_discarded(store: Store) -> None:
    """Until then only its requester finds it; it is admitted or gone for good, whoever comes second."""
    waits, refused = request(1, admitted=False), request(2, admitted=False)
    with store.write() as tx:
        assert tx.requests.insert(waits, due_at=None)
        assert tx.requests.insert(refused, due_at=None)
        assert (tx.requests.listed(), tx.requests.listed(text="lora")) == ([], [])
        mine = tx.requests.listed(requester=(waits.team_id, waits.requester_id))
        assert {row.id for row in mine} == {waits.id, refused.id}
        assert [row.id for row in mine if row.admitted] == []
    with store.write() as tx:
        assert tx.requests.admit(waits, T0)
        assert not tx.requests.admit(waits, T0)
        assert not tx.requests.discard(waits)
        assert tx.requests.discard(refused)
        assert not tx.requests.discard(refused)
        assert not tx.requests.admit(refused, T0)
    with store.read() as tx:
        assert tx.requests.get(waits.id) == replace(waits, admitted=True)
        assert [row.id for row in tx.requests.listed()] == [waits.id]
        assert [row.id for row in tx.requests.listed(text=waits.canonical)] == [waits.id]
        assert tx.requests.get(refused.id) is None
        assert tx.queues.due_at("requests", waits.id) == T0
    with store.write() as tx:
        assert tx.requests.insert(request(3, name=refused.name), due_at=None)


def test_what_a_release_before_writes_is_admitted(store: Store) -> None:
    """It does not know the column, and asked nobody."""
    row = stored(store, 1)
    kept = [column for column in requests.columns if column.name not in {"admitted", "id", "name"}]
    copied = select(literal("R0000009"), literal("other"), *kept)
    with store.write() as tx:
        tx.connection.execute(
            insert(requests).from_select(["id", "name", *kept], copied, include_defaults=False)
        )
        again = select(literal("R0000009"), *[one for one in revisions.columns if one.name != "request_id"])
        names = ["request_id", *(one.name for one in revisions.columns if one.name != "request_id")]
        tx.connection.execute(insert(revisions).from_select(names, again))
    with store.read() as tx:
        assert {one.id for one in tx.requests.listed()} == {row.id, "R0000009"}


def test_a_stored_ask_keeps_no_response_url_and_holds_nothing_up(store: Store) -> None:
    """Slack takes nothing there after half an hour; and no request waits to expire until an ask is looked up."""
    with store.write() as tx:
        tx.queues.receive(
            "ask", {"action": "admit", "response_url": "https://hooks.example/secret", "at": T0}
        )
        assert not tx.queues.undecided(tx.now + 1)
        tx.queues.receive("click", {"action": "approve"})
        assert tx.queues.undecided(tx.now + 1)
        tx.queues.scrub(tx.now + 1)
        found = tx.queues.received("ask")
    assert found is not None
    assert found[0] == {"action": "admit", "at": T0}
