"""Searching: an index may only make it faster, never change what is found."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import event

from bot.approvals.request import State
from bot.approvals.state_machine import Action
from bot.store import Store, schema, search
from tests.support.rows import T0, request, stored, transition

if TYPE_CHECKING:
    from bot.approvals.request import Request
    from bot.store import Tx

MANY = search.LOOKED_AT + 300
NAMES = ("Åsa Öberg", "ada", "Jürgen GROẞ", "李 东京", "50%_x", 'O\'Brien "the" /cat\\', "🦙 llama", "İpek")
PURPOSES = (
    None,
    "quarterly eval, ABC-123",
    "ÉVALUATION 🚀🚀",
    'a-b-c OR NOT (NEAR*) ^"',
    "東京都 で",
    "x" * 400,
)
WORDS = ("10b none lora", "7b 4x64MB qlora4", "meta-llama/Llama-3.1-8B 4xr16 lora", "70b 10x1GB qlora8")
STATES = (State.CREATED, State.REJECTED, State.PENDING)
HOSTILE = (
    *'"%_\\/*-\x00\x1f🚀',
    *('""', "^abc", "abc*", 'a" OR "b', "NEAR(a b)", "text:lora", "a\0b", "--", "{}", "\ud800", "( )"),
    *("lora AND", "GROSS", "i̇pek", "lora\x1fpeft", "x" * 300, "x" * 3000),
)
SEARCHED = "0009"
EDIT = transition(Action.EDIT, State.PENDING)
FINISH = transition(Action.FINISH, State.CREATED)


def made(number: int, chance: random.Random) -> Request:
    """A request of a busy year; what few have, the oldest have."""
    few = number if number < 20 else 0
    return request(
        number,
        canonical=chance.choice(WORDS),
        name=f"peft-{few or ''}-{chance.getrandbits(32):08x}",
        requester_id=f"U{chance.randrange(5)}",
        requester_name=f"Only Once {few}" if few else chance.choice(NAMES),
        purpose=chance.choice(PURPOSES),
        state=STATES[number % 3] if number % 100 else State.UNKNOWN,
        spec_id=f"{chance.getrandbits(64):016x}" if number % 3 == 0 else None,
        reserved=False,
    )


def edited(tx: Tx, row: Request) -> None:
    """Give a request another text, name and purpose."""
    revised = replace(row, revision=2, canonical="1t none lora", name="edited", purpose="Edited ÄGAIN")
    tx.requests.revise(revised, T0)
    assert tx.requests.move(row, EDIT, T0, revision=2, canonical=revised.canonical, name=revised.name)


def holds(row: Request, words: str) -> bool:
    """Say by the plainest means whether a request holds a text."""
    parts = (row.canonical, row.purpose, row.name, row.id, row.spec_id, row.requester_name, row.requester_id)
    sought = words.casefold().replace("\0", "").replace("\x1f", "").encode("utf-8", "ignore").decode()
    return any(sought in part.casefold() for part in parts if part)


def found(store: Store, words: str, **how: Any) -> list[str]:
    with store.read() as tx:
        return [row.id for row in tx.requests.listed(text=words, **how)]


def test_what_is_found_is_what_a_plain_filter_finds(store: Store) -> None:
    """Any text, in any list, after edits and creations: the same requests in the same order."""
    chance = random.Random(17)  # noqa: S311 - no secret
    rows = [made(number, chance) for number in range(1, MANY + 1)]
    with store.write() as tx:
        assert sum(tx.requests.insert(row, due_at=None) for row in rows) == MANY
        for row in chance.sample(rows, 150):
            edited(tx, row)
        for row in tx.requests.listed(states=(State.PENDING,), limit=100):
            assert tx.requests.move(row, FINISH, T0, spec_id=f"spec-of-{row.id}")
        every = tx.requests.listed(limit=None)
    parts = [part for row in every for part in (row.id, row.name, row.requester_name, row.spec_id) if part]
    sought = [*HOSTILE, "Only Once 7", "only once", "edited", "spec-of-", "R0000003", "nowhere"]
    for _ in range(100):
        part = chance.choice(parts)
        start = chance.randrange(len(part))
        sought.append(chance.choice((str.upper, str.lower))(part[start : start + chance.randint(1, 12)]))
    for words in sought:
        for states in ((), (State.UNKNOWN,), STATES):
            limit = chance.choice((3, 10, 100, None))
            expected = [row.id for row in every if holds(row, words) and (not states or row.state in states)]
            assert found(store, words, states=states, limit=limit) == expected[:limit], (words, states, limit)
    mine = [row.id for row in every if row.requester_id == "U3" and holds(row, "lora")]
    assert found(store, "lora", requester=("T1", "U3"), limit=20) == mine[:20]


def test_a_rare_text_is_found_by_the_index(store: Store) -> None:
    """The index is asked for the parts that few requests hold; without it the database still answers."""
    with store.write() as tx:
        for number in range(1, search.LOOKED_AT + 2):
            tx.requests.insert(
                request(number, requester_name="Åsa First" if number == 1 else "Åsa"), due_at=None
            )
        tx.requests.insert(request(number + 1, requester_name="Åsa First", admitted=False), due_at=None)
    asked: list[tuple[str, Any]] = []
    with store.read() as tx:
        event.listen(tx.connection, "before_cursor_execute", lambda *told: asked.append((told[2], told[3])))
        assert [row.id for row in tx.requests.listed(text="Åsa fIRST", limit=10)] == ["R0000001"]
        statement, values = next(one for one in asked if "searched.number" in one[0])
        trigrams = str(values).replace("åsa first", "")
        assert " fi" in trigrams
        assert "åsa" not in trigrams
        if store.database.is_sqlite:
            plan = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
            assert "searched_trigrams VIRTUAL TABLE INDEX" in plan[0].detail
            assert "TEMP B-TREE" not in str(plan)
            return
        tx.connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        tx.connection.exec_driver_sql("SET LOCAL enable_indexscan = off")
        plan = tx.connection.exec_driver_sql(f"EXPLAIN {statement}", values).all()
        assert "Bitmap Index Scan on searched_trigrams" in str(plan)
    with store.write() as tx:
        tx.connection.exec_driver_sql("DROP INDEX searched_trigrams")
    assert found(store, "fIRST", limit=10) == ["R0000001"]


def test_a_request_that_was_not_stored_is_not_found(store: Store) -> None:
    """Where one of several writers that share a commit fails, the index is that of the others."""
    store.run(lambda tx: tx.requests.insert(request(1, requester_name="First"), due_at=None))
    started = threading.Barrier(9)
    wrong: list[Exception] = []

    def insert(number: int) -> None:
        def once(tx: Tx) -> None:
            assert tx.requests.insert(
                request(number, requester_name=f"Writer {number}", reserved=False), due_at=None
            )
            edited(tx, request(number, reserved=False))
            if number % 2:
                raise LookupError

        started.wait(20)
        try:
            store.run(once)
        except LookupError as error:
            wrong.append(error)

    threads = [threading.Thread(target=insert, args=(number,)) for number in range(2, 10)]
    for thread in threads:
        thread.start()
    started.wait(20)
    for thread in threads:
        thread.join()
    assert len(wrong) == 4
    assert found(store, "writer") == found(store, "edited") == [f"R000000{number}" for number in (8, 6, 4, 2)]
    if not store.database.is_sqlite:
        return
    with store.write() as tx:
        check = "INSERT INTO searched_trigrams(searched_trigrams, rank) VALUES ('integrity-check', 1)"
        tx.connection.exec_driver_sql(check)


def test_what_was_stored_before_the_index_is_found(store: Store) -> None:
    """A database of the schema before is filled when it is upgraded, and again after a way back."""
    row = stored(store, 1, requester_name="Zoë 🦙", purpose="ÄLTER")
    with store.write() as tx:
        edited(tx, row)
    before = schema.REVISIONS[schema.REVISIONS.index(SEARCHED) - 1]
    for _ in range(2):
        schema.migrate(store.database, before)
        schema.migrate(store.database)
        assert found(store, "zoË 🦙") == found(store, "äGAIN") == [row.id]
        assert found(store, "älter") == []
    stored(store, 2, requester_name="Zoë")
    assert found(store, "zoë") == ["R0000002", "R0000001"]
