"""What 100,000 finished requests cost those who come after: each step beside the same on an empty store.

Rounds of both stores are interleaved; medians. The store under test has every table filled as the
product fills it, with a whole audit chain. SQLite, and PostgreSQL where one is found.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert, update

from benchmarks.table import Row
from bot.approvals.draft import Site
from bot.approvals.policy import Person
from bot.approvals.policy_file import Policy
from bot.approvals.request import State
from bot.approvals.state_machine import TERMINAL
from bot.audit import chain
from bot.audit.chain import GENESIS, Event, Head, Who
from bot.audit.signing_key import SigningKey
from bot.store import Database, Store, schema, search, tables
from bot.workflow.ports import Ask, Click, Source
from bot.workflow.service import RequestService
from tests.support.databases import shared_server

FINISHED, FEW = 100_000, 20_000
WAITING = 10_000
AIM = 4 / 3
RECENT_DELIVERIES = 5_000
PEOPLE = 400
DAY_MS = 86_400_000
LEASE_MS = 25_000
EVENTS = ("requested", "approved", "started", "created")
STATES = ("pending", "approved", "creating", "created")
SITE = Site("https://cpd.example.com", "0a1b2c3d-0000-4000-8000-123456789abc")
DECIDER = Who(None, "T1", "UADA", "Ada")
AS_STORED = {key: json.dumps(Event(0, "", actor=DECIDER).fields()[key]) for key in ("actor", "slack", "rest")}
"""What all events have alike."""
ROSA, ADA = Person("T1", "UROSA", "Rosa"), Person("T1", "UADA", "Ada")
if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

Steps = dict[str, Callable[[], object]]


def rows(*, quick: bool = False) -> list[Row]:
    """Measure on both databases; ``quick`` takes fewer requests and rounds."""
    finished, rounds = (FEW, 60) if quick else (FINISHED, 200)

    def filled(store: Store) -> None:
        fill(store, finished)

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        urls = [f"sqlite:///{folder / n}.db" for n in "ab"]
        found = _measured(f"SQLite, {finished:,}", urls, filled, steps, rounds, AIM)
        with shared_server(folder) as server:
            if server is not None:
                urls = [server.create(), server.create()]
                found += _measured(f"PostgreSQL, {finished:,}", urls, filled, steps, rounds, AIM)
    return found


def crowded(*, quick: bool = False) -> list[Row]:
    """Measure steps and lists with 10,000 open requests in one channel, beside none, on SQLite."""
    number, rounds = (500, 5) if quick else (WAITING, 60)

    def filled(store: Store) -> None:
        fill(store, number)
        waiting = {"state": "pending", "spec_id": None, "channel_id": "C1", "due_at": store.clock() + DAY_MS}
        with store.database.write() as connection:
            connection.execute(update(tables.requests).values(waiting))

    def both(store: Store) -> Steps:
        return steps(store) | reads(store)

    with tempfile.TemporaryDirectory() as place:
        urls = [f"sqlite:///{place}/{n}.db" for n in "ab"]
        return _measured(f"{number:,} open", urls, filled, both, rounds)


def _measured(
    title: str,
    urls: list[str],
    filled: Callable[[Store], None],
    of: Callable[[Store], Steps],
    rounds: int,
    aim: float | None = None,
) -> list[Row]:
    """Return the medians of every step on a store that was filled, beside those on an empty one."""
    with opened(urls[0]) as empty, opened(urls[1]) as full:
        filled(full)
        sides = (of(empty), of(full))
        taken: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in sides[0]}
        for number in range(rounds):
            for name in taken:
                for side in ((0, 1), (1, 0))[number % 2]:
                    began = time.perf_counter_ns()
                    sides[side][name]()
                    taken[name][side].append((time.perf_counter_ns() - began) / 1e6)
    return [
        Row(f"{title}: {name}", statistics.median(after), statistics.median(before), "ms", aim=aim)
        for name, (before, after) in taken.items()
    ]


@contextmanager
def opened(url: str) -> Iterator[Store]:
    """Open a migrated store until the end of the block."""
    database = Database(url)
    schema.migrate(database)
    yield Store(database, lambda: time.time_ns() // 1_000_000)
    database.close()


def steps(store: Store) -> Steps:
    """Return what is measured on one store: each a whole transaction or several, as the product has them."""
    numbers, waiting = count(1), []
    service = RequestService(
        key=SigningKey(Ed25519PrivateKey.generate()),
        store=store,
        people=_People(),
        site=SITE,
        rules=Policy.model_validate({"defaults": {"approvers": ["UADA"], "cli_decisions": "allow"}}),
        clock=store.clock,
        new_id=lambda: f"N{next(numbers):08d}",
    )

    def persist() -> None:
        number = next(numbers)
        text = f"{number}m 2x128MB qlora4 name=new-{number}"
        waiting.append(service.submit(Ask(f"a{number}", text, ROSA, "C1", "slack-http")).request)

    def decide() -> None:
        request = waiting.pop()
        key = f"c{request.id}"
        at = store.clock()
        service.receive(
            Click(key, "approve", request.id, 1, "T1", "UADA", "Ada", at, "slack-http", source=Source.CLI)
        )
        outcome = service.handle(key)
        assert outcome is not None
        assert outcome.code == "done"

    def sweep() -> None:
        with store.write() as tx:
            tx.queues.holders(LEASE_MS)
            tx.queues.due(overdue_ms=DAY_MS)

    def claim() -> None:
        with store.write() as tx:
            for _ in range(8):
                key = tx.queues.first_due("outbox")
                if key is not None and tx.queues.claim("outbox", "me", LEASE_MS, key):
                    tx.connection.execute(tables.outbox.delete().where(tables.outbox.c.key == key))
                key = tx.queues.first_due("requests")
                if key is not None and tx.queues.claim("requests", "me", LEASE_MS, key):
                    tx.queues.postpone("requests", key, tx.now + 30 * DAY_MS)

    def forget() -> None:
        with store.write() as tx:
            tx.queues.forget(tx.now - DAY_MS)

    return {
        "persist a command": persist,
        "decide a click": decide,
        "claim due work": claim,
        "sweep": sweep,
        "forget old deliveries": forget,
    }


def reads(store: Store) -> Steps:
    """Return the lists and searches that people ask for."""

    def listed(**how: Any) -> Callable[[], object]:
        def read() -> object:
            with store.read() as tx:
                return tx.requests.listed(**how)

        return read

    open_ = tuple(state for state in State if state not in TERMINAL)
    return {
        "`list`: open requests": listed(states=open_, limit=100),
        "`mine`": listed(requester=("T1", "U7"), limit=100),
        "`history`": listed(limit=100),
        "`history` of a text that many hold": listed(text="old-", limit=100),
        "`history` of a request's id": listed(text="F00000077", limit=100),
        "`history` of a spec's id": listed(text="spec-00000077", limit=100),
        "`history` of a person's name": listed(text="Person 399", limit=100),
        "`history` of a text that none holds": listed(text="nowhere", limit=100),
        "`history` of a text that the oldest tenth hold": listed(text="long ago", limit=100),
        "`history` of two letters that none holds": listed(text="qz", limit=100),
        "ended requests with a text that many hold": listed(states=tuple(TERMINAL), text="old-", limit=20),
    }


class _People:
    """Knows everybody."""

    def look_up(self, *_: object, **__: object) -> Person:
        return ADA

    asker = known = look_up

    def members(self, *_: object, **__: object) -> None:
        return None


def fill(store: Store, finished: int) -> None:
    """Write finished requests with all that belongs to them, a thousand at a time."""
    start = store.clock() - 60 * DAY_MS
    head = Head(0, GENESIS)
    for first in range(0, finished, 1000):
        made: dict[Table, list[dict[str, Any]]] = {}
        for number in range(first, min(first + 1000, finished)):
            who = "Long Ago" if number < finished / 10 else f"Person {number % PEOPLE}"
            head = _finished(made, number, start + number * 59 * DAY_MS // finished, head, who)
        with store.database.write() as connection:
            for table, rows_of_it in made.items():
                _insert(connection, table, rows_of_it)
    now = store.clock()
    seen = [{"key": f"seen-{number}", "received_at": now, "tries": 0} for number in range(RECENT_DELIVERIES)]
    with store.database.write() as connection:
        connection.execute(insert(tables.inbox), seen)
    if not store.database.is_sqlite:  # as the server does by itself a minute later
        with store.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("SET statement_timeout = 0")
            connection.exec_driver_sql("VACUUM ANALYZE")
            connection.exec_driver_sql("RESET statement_timeout")


def _insert(connection: Connection, table: Table, rows_of_it: list[dict[str, Any]]) -> None:
    """Insert rows through the driver: Core takes longer for a row than the database does."""
    columns = list(rows_of_it[0])
    names, values = ", ".join(columns), [tuple([row[key] for key in columns]) for row in rows_of_it]
    cursor: Any = connection.connection.cursor()
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(columns))
        cursor.executemany(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", values)  # noqa: S608 - our tables
        return
    with cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
        for row in values:
            copy.write_row(row)


def _finished(made: dict[Table, list[dict[str, Any]]], number: int, at: int, head: Head, who: str) -> Head:
    """Add one created request and its history; return the audit's new head."""
    request_id, name = f"F{number:08d}", f"old-{number}"
    digest = f"{number:064x}"
    payload = json.dumps({"name": name, "nodes": {"cpu": {"units": "2"}, "mem": {"size": "8Gi"}}})
    same = {"name": name, "space_id": SITE.space_id, "canonical": "10b none lora", "created_at": at}
    request = same | {
        "id": request_id,
        "kind": "create",
        "state": "rejected" if number % 10 == 9 else "created",
        "version": 4,
        "revision": 1,
        "reserved": number % 10 != 9,
        "team_id": "T1",
        "requester_id": f"U{number % 50}",
        "requester_name": who,
        "channel_id": f"C{number % 20}",
        "message_ts": f"{number}.000100",
        "quorum": 1,
        "updated_at": at + 2000,
        "expires_at": at + DAY_MS,
        "spec_id": f"spec-{number:08}",
        "origin": "slack-http",
        "ended_at": at + 2000,
    }
    revision = same | {"request_id": request_id, "revision": 1, "text": "10b none lora", "payload": payload}
    revision |= {"digest": digest, "target": SITE.target, "author_id": "UROSA"}
    vote = {"request_id": request_id, "revision": 1, "team_id": "T1", "user_id": "UADA"}
    attempt = {"id": f"attempt-{number}", "request_id": request_id, "revision": 1, "digest": digest}
    attempt |= {"started_at": at, "deadline_at": at + 1000, "outcome": "created", "ended_at": at + 500}
    made.setdefault(tables.requests, []).append(request)
    made.setdefault(tables.revisions, []).append(revision)
    found_by = ("id", "canonical", "name", "requester_name", "requester_id", "spec_id")
    words = search.line(*(str(request[key]) for key in found_by))
    made.setdefault(tables.searched, []).append({"request_id": request_id, "text": words})
    made.setdefault(tables.votes, []).append(vote | {"name": "Ada", "at": at, "via": '["UADA"]'})
    made.setdefault(tables.attempts, []).append(attempt)
    card = {
        "channel_id": request["channel_id"],
        "message_ts": request["message_ts"],
        "request_id": request_id,
    }
    made.setdefault(tables.cards, []).append(card)
    for event, state in zip(EVENTS, STATES, strict=True):
        fields = Event(at, event, request_id, 1, DECIDER, to_state=state, digest=digest).fields()
        seq, hashed = chain.chain(head, fields)
        row = fields | AS_STORED
        made.setdefault(tables.audit, []).append({"seq": seq, **row, "prev_hash": head.hash, "hash": hashed})
        head = Head(seq, hashed)
    return head


def main() -> None:
    """Print the table."""
    from benchmarks.table import show

    show("A long history", rows())


if __name__ == "__main__":
    main()
