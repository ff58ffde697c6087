"""Rows that wait for a worker: clicks to decide (inbox), messages to deliver (outbox), due requests.

All three are claimed in the same way: ``due_at`` moves to the end of a lease. Whoever dies holding
one loses it when the lease ends; whoever finishes deletes it or sets the next ``due_at``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, case, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bot.store.prepared import Prepared, every
from bot.store.tables import inbox, outbox, requests

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Column, Connection, Table

LANES = ("inbox", "requests", "outbox")
TASK = "peftsize.due"
"""The name of a job that says a row is due, on PostgreSQL."""
_TABLES: dict[str, tuple[Table, Column[Any]]] = {
    "inbox": (inbox, inbox.c.key),
    "requests": (requests, requests.c.id),
    "outbox": (outbox, outbox.c.key),
}
_RECEIVED = ("key", "received_at", "body", "due_at")
_RECEIVE = Prepared(
    sqlite=sqlite.insert(inbox)
    .values({name: bindparam(name) for name in _RECEIVED})
    .on_conflict_do_nothing()
    .returning(inbox.c.key),
    postgresql=postgresql.insert(inbox)
    .values({name: bindparam(name) for name in _RECEIVED})
    .on_conflict_do_nothing()
    .returning(inbox.c.key),
)


_CLAIM = {
    lane: Prepared(
        update(table)
        .where(id_column == bindparam("k"), table.c.due_at <= bindparam("now"))
        .values(due_at=bindparam("until"), claimed_by=bindparam("owner"))
        .returning(id_column)
    )
    for lane, (table, id_column) in _TABLES.items()
}
_FIRST = {
    lane: Prepared(
        select(id_column.label("due_key"))
        .where(table.c.due_at <= bindparam("now"))
        .order_by(*((table.c.rank,) if lane == "outbox" else ()), table.c.due_at)
        .limit(1)
    )
    for lane, (table, id_column) in _TABLES.items()
}
_DUE_AT = {
    lane: Prepared(select(table.c.due_at).where(id_column == bindparam("k")))
    for lane, (table, id_column) in _TABLES.items()
}
_UNDER_WAY = ("creating", "deleting")


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """One message to Slack that is still to be delivered.

    Args:
        key: What it is about; a second one with the key replaces the first.
        kind: One of ``OutboxDelivery``: ``card``, ``copy``, ``digest``, ``thread``, ``private`` and so on.
        request_id: The request to draw, if any.
        channel_id: Where, if that is known.
        body: What cannot be read from the row.
        generation: Counts the replacements.
        tries: Failures so far.
        created_at: UTC epoch milliseconds.
    """

    key: str
    kind: str
    request_id: str | None
    channel_id: str | None
    body: dict[str, Any]
    generation: int = 0
    tries: int = 0
    created_at: int = 0


def _put(dialect: Any) -> Any:
    columns = [column for column in outbox.columns if column.name not in {"claimed_by", "error"}]
    wanted = dialect.insert(outbox).values(every(columns))
    return wanted.on_conflict_do_update(
        index_elements=[outbox.c.key],
        set_={
            # somebody who holds the row will see the new generation and make it due again
            "due_at": case((outbox.c.claimed_by.is_(None), wanted.excluded.due_at), else_=outbox.c.due_at),
            "channel_id": wanted.excluded.channel_id,
            "budget": wanted.excluded.budget,
            "rank": wanted.excluded.rank,
            "body": wanted.excluded.body,
            "generation": outbox.c.generation + 1,
            "tries": 0,
        },
    )


_PUT = Prepared(sqlite=_put(sqlite), postgresql=_put(postgresql))
_MESSAGE = Prepared(select(outbox).where(outbox.c.key == bindparam("k")))
_REMOVE_DONE = Prepared(
    delete(outbox)
    .where(
        outbox.c.key == bindparam("k"),
        outbox.c.generation == bindparam("g"),
        # a row of the same key that was put after this one had gone is another message
        outbox.c.created_at == bindparam("made"),
    )
    .returning(outbox.c.key)
)
_REFRESH = Prepared(
    update(outbox)
    .where(outbox.c.key == bindparam("k"), outbox.c.claimed_by == bindparam("by"))
    .values(claimed_by=bindparam("nobody"), due_at=bindparam("due"))
    .returning(outbox.c.key)
)
_RECEIVED_ONE = Prepared(
    select(inbox.c.body, inbox.c.tries, inbox.c.received_at).where(
        inbox.c.key == bindparam("k"), inbox.c.body.is_not(None)
    )
)


class Queues:
    """Inbox, outbox and due requests within one transaction.

    Args:
        connection: The transaction's.
        now: UTC epoch milliseconds; database time on PostgreSQL.
    """

    def __init__(self, connection: Connection, now: int) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name
        self.now = now
        self.woken: list[tuple[str, str, int]] = []

    def receive(self, key: str, body: dict[str, Any] | None) -> bool:
        """Note a delivery, and what is to be decided about it.

        Returns:
            False if it was noted before: a duplicate.
        """
        row = {
            "key": key,
            "received_at": self.now,
            "body": None if body is None else json.dumps(body),
            "due_at": None if body is None else self.now,
        }
        if not _RECEIVE(self._connection, row):
            return False
        if body is not None:
            self.woken.append(("inbox", key, self.now))
        return True

    def received(self, key: str) -> tuple[dict[str, Any], int, int] | None:
        """Return what a delivery asks to decide, its tries and its time; None once decided."""
        rows = _RECEIVED_ONE(self._connection, {"k": key})
        return (json.loads(rows[0]["body"]), rows[0]["tries"], rows[0]["received_at"]) if rows else None

    def undecided(self, before_ms: int) -> bool:
        """Return whether a delivery that came before a time still waits to be decided."""
        waits = select(inbox.c.key).where(inbox.c.due_at.is_not(None), inbox.c.received_at < before_ms)
        return self._connection.execute(waits.limit(1)).one_or_none() is not None

    def decided(self, key: str) -> None:
        """Forget the content of a delivery; its key stays, to know a duplicate."""
        self._connection.execute(
            update(inbox).where(inbox.c.key == key).values(body=None, due_at=None, claimed_by=None)
        )

    def put(
        self,
        key: str,
        kind: str,
        *,
        request_id: str | None = None,
        channel_id: str | None = None,
        body: dict[str, Any] | None = None,
        due_at: int | None = None,
        budget: str | None = None,
        rank: int = 0,
    ) -> None:
        """Put a message into the outbox; the same key again replaces it, to be drawn from the then current row.

        Args:
            key: What it is about.
            kind: As in ``OutboxMessage``.
            request_id: The request to draw, if any.
            channel_id: Where, if that is known.
            body: What cannot be read from the row.
            due_at: Not before this, UTC epoch milliseconds; now where None.
            budget: Which of Slack's limits it spends.
            rank: The lowest goes first.
        """
        due = self.now if due_at is None else due_at
        _PUT(
            self._connection,
            {
                "key": key,
                "kind": kind,
                "request_id": request_id,
                "channel_id": channel_id,
                "body": json.dumps(body or {}),
                "generation": 0,
                "tries": 0,
                "created_at": self.now,
                "due_at": due,
                "budget": budget,
                "rank": rank,
            },
        )
        self.woken.append(("outbox", key, due))

    def message(self, key: str) -> OutboxMessage | None:
        """Return an undelivered message, or None."""
        rows = _MESSAGE(self._connection, {"k": key})
        if not rows:
            return None
        row = {name: rows[0][name] for name in OutboxMessage.__slots__}
        return OutboxMessage(**row | {"body": json.loads(row["body"])})

    def sent(self, message: OutboxMessage, owner: str) -> None:
        """Remove a delivered message; one that was replaced meanwhile becomes due again.

        Args:
            message: As it was read.
            owner: Who held it; a row that somebody else holds by now is left to them.
        """
        which = {"k": message.key, "g": message.generation, "made": message.created_at}
        if _REMOVE_DONE(self._connection, which):
            return
        again = {"k": message.key, "by": owner, "nobody": None, "due": self.now}
        self.woken.extend(("outbox", row["key"], self.now) for row in _REFRESH(self._connection, again))

    def postpone(self, lane: str, key: str, due_at: int, *, failed: bool = True, **changes: Any) -> None:
        """Set when a claimed row is due again; a failure is counted."""
        table, id_column = _TABLES[lane]
        if failed:
            changes["tries"] = table.c.tries + 1
        self._connection.execute(
            update(table).where(id_column == key).values(due_at=due_at, claimed_by=None, **changes)
        )
        self.woken.append((lane, key, due_at))

    def rewrite(self, key: str, body: dict[str, Any]) -> None:
        """Change the body of a message that is being delivered; when it is due stays as it is."""
        self._connection.execute(update(outbox).where(outbox.c.key == key).values(body=json.dumps(body)))

    def wake(self, request_id: str, due_at: int | None) -> None:
        """Tell the dispatcher when a request is due; the row says it too."""
        if due_at is not None:
            self.woken.append(("requests", request_id, due_at))

    def claim(self, lane: str, owner: str, lease_ms: int, key: str) -> bool:
        """Take a row if it is due; waits for whoever is writing it, since it must not be passed over."""
        values = {"k": key, "now": self.now, "until": self.now + lease_ms, "owner": owner}
        return bool(_CLAIM[lane](self._connection, values))

    def first_due(self, lane: str, closed: Collection[str] = ()) -> str | None:
        """Return the key of the row that is next, or None where none is due.

        Args:
            lane: The lane: its rows in the order they are due, those of the outbox by rank first.
            closed: Budgets whose messages are passed over; one that ends in ``:`` stands for all that begin so.
        """
        if not closed:
            first = _FIRST[lane](self._connection, {"now": self.now})
            return str(first[0]["due_key"]) if first else None
        kinds = (outbox.c.budget.startswith(budget) for budget in closed if budget.endswith(":"))
        waits = or_(outbox.c.budget.in_(closed), *kinds)
        due = select(outbox.c.key).where(outbox.c.due_at <= self.now, or_(outbox.c.budget.is_(None), ~waits))
        found = self._connection.execute(due.order_by(outbox.c.rank, outbox.c.due_at).limit(1))
        return found.scalar()

    def due_at(self, lane: str, key: str) -> int | None:
        """Return when a row is due, or None where there is none."""
        found = _DUE_AT[lane](self._connection, {"k": key})
        return found[0]["due_at"] if found else None

    def oldest_due(self, lane: str) -> int | None:
        """Return since when the row that has waited longest is due, or None where none is."""
        table, _ = _TABLES[lane]
        oldest: int | None = self._connection.execute(
            select(func.min(table.c.due_at)).where(table.c.due_at <= self.now)
        ).scalar()
        return oldest

    def hasten_lost(self) -> None:
        """Make creates and deletes under way due now: the only process that could report is gone."""
        self._connection.execute(
            update(requests).where(requests.c.state.in_(_UNDER_WAY)).values(due_at=self.now, claimed_by=None)
        )

    def due(
        self, limit: int = 500, overdue_ms: int = 0, lanes: Collection[str] = LANES
    ) -> list[tuple[str, str]]:
        """Return ``(lane, key)`` of what is due, at most ``limit`` a lane, for the sweep."""
        found: list[tuple[str, str]] = []
        for lane in lanes:
            table, id_column = _TABLES[lane]
            keys = self._connection.execute(
                select(id_column)
                .where(table.c.due_at <= self.now - overdue_ms)
                .order_by(table.c.due_at)
                .limit(limit)
            )
            found.extend((lane, key) for key in keys.scalars())
        return found

    def holders(self, lease_ms: int) -> set[str]:
        """Return who holds rows, under leases of at most so many milliseconds."""
        found: set[str] = set()
        for table, _ in _TABLES.values():
            # a claimed row is due when its lease ends, so the index on due_at finds it
            held = select(table.c.claimed_by).where(
                table.c.claimed_by.is_not(None), table.c.due_at <= self.now + lease_ms
            )
            found.update(self._connection.execute(held.distinct()).scalars())
        return found

    def release(self, owner: str | None) -> None:
        """Make claimed rows due: one owner's, or everybody's where only one process may run."""
        for lane, (table, id_column) in _TABLES.items():
            claimed = table.c.claimed_by.is_not(None) if owner is None else table.c.claimed_by == owner
            freed = self._connection.execute(
                update(table)
                .where(claimed, table.c.due_at.is_not(None))
                .values(due_at=self.now, claimed_by=None)
                .returning(id_column)
            )
            self.woken.extend((lane, key, self.now) for key in freed.scalars())

    def hasten(self, channel_id: str) -> None:
        """Make everything that waits for a channel due now: the bot has joined it."""
        rows = self._connection.execute(
            update(outbox)
            .where(outbox.c.channel_id == channel_id, outbox.c.claimed_by.is_(None))
            .values(due_at=self.now)
            .returning(outbox.c.key)
        )
        self.woken.extend(("outbox", key, self.now) for key in rows.scalars())

    def hasten_failed(self) -> None:
        """Make due now what Slack did not take so far: the program may be a newer one, the cause repaired."""
        rows = self._connection.execute(
            update(outbox)
            .where(outbox.c.error.is_not(None), outbox.c.claimed_by.is_(None))
            .values(due_at=self.now)
            .returning(outbox.c.key)
        )
        self.woken.extend(("outbox", key, self.now) for key in rows.scalars())

    def forget(self, before_ms: int) -> int:
        """Delete the keys of deliveries decided before a time; return how many."""
        done = self._connection.execute(
            delete(inbox).where(inbox.c.received_at < before_ms, inbox.c.body.is_(None))
        )
        return done.rowcount

    def scrub(self, before_ms: int) -> None:
        """Drop response URLs asked for before a time: Slack takes nothing there any more."""
        old = select(outbox.c.key, outbox.c.body).where(
            outbox.c.created_at < before_ms, outbox.c.body.contains("response_url")
        )
        for key, body in self._connection.execute(old).all():
            kept = {name: value for name, value in json.loads(body).items() if name != "response_url"}
            self._connection.execute(update(outbox).where(outbox.c.key == key).values(body=json.dumps(kept)))

    def oldest_message(self) -> int | None:
        """Return when the oldest undelivered message was put, UTC epoch milliseconds."""
        found: int | None = self._connection.execute(select(func.min(outbox.c.created_at))).scalar()
        return found
