"""Rows that wait for a worker: clicks to decide (inbox), messages to deliver (outbox), due requests.

All three are claimed in the same way: ``due_at`` moves to the end of a lease. A worker that dies loses its rows when
the lease ends; one that finishes deletes the row or sets the next ``due_at``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, case, delete, func, null, or_, select, update

from bot.store.prepared import Prepared, every
from bot.store.tables import inbox, outbox, requests

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Column, Connection, Table

LANES = ("inbox", "requests", "outbox")
TASK = "peftsize.due"
"""The name of the job for a due row, on PostgreSQL."""
_TABLES: dict[str, tuple[Table, Column[Any]]] = {
    "inbox": (inbox, inbox.c.key),
    "requests": (requests, requests.c.id),
    "outbox": (outbox, outbox.c.key),
}
_RECEIVED = ("key", "received_at", "body", "due_at")
_RECEIVE = Prepared(
    lambda insert: (
        insert(inbox)
        .values({name: bindparam(name) for name in _RECEIVED})
        .on_conflict_do_nothing()
        .returning(inbox.c.key)
    )
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
    """One undelivered message to Slack.

    Args:
        key: What it is about; a second message with the same key replaces the first.
        kind: One of ``OutboxDelivery``: ``card``, ``copy``, ``digest``, ``thread``, ``private`` and so on.
        request_id: The request to draw, if any.
        channel_id: Its channel, if known.
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


def _put(insert: Any) -> Any:
    columns = [column for column in outbox.columns if column.name not in {"claimed_by", "error"}]
    wanted = insert(outbox).values(every(columns))
    return wanted.on_conflict_do_update(
        index_elements=[outbox.c.key],
        set_={
            # a worker that holds the row will see the new generation and make it due again
            "due_at": case((outbox.c.claimed_by.is_(None), wanted.excluded.due_at), else_=outbox.c.due_at),
            "channel_id": wanted.excluded.channel_id,
            "budget": wanted.excluded.budget,
            "rank": wanted.excluded.rank,
            "body": wanted.excluded.body,
            "generation": outbox.c.generation + 1,
            "tries": 0,
        },
    )


_PUT = Prepared(_put)
_MESSAGE = Prepared(select(outbox).where(outbox.c.key == bindparam("k")))
_REMOVE_DONE = Prepared(
    delete(outbox)
    .where(
        outbox.c.key == bindparam("k"),
        outbox.c.generation == bindparam("g"),
        # a row of the same key, put after this one was removed, is another message
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
_DECIDED = Prepared(
    update(inbox).where(inbox.c.key == bindparam("k")).values(body=null(), due_at=null(), claimed_by=null())
)

_ASKS = '"action": "admit"'
"""What the body of an ask holds that waits for its person to be looked up: ``bot.workflow.admission``."""


class Queues:
    """Inbox, outbox and due requests, within one transaction.

    Args:
        now: UTC epoch milliseconds; the database's time on PostgreSQL.
    """

    def __init__(self, connection: Connection, now: int) -> None:
        self._connection = connection
        self.now = now
        self.woken: list[tuple[str, str, int]] = []

    def receive(self, key: str, body: dict[str, Any] | None) -> bool:
        """Note a delivery, and what to decide about it; return False for a duplicate."""
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
        """Return what a delivery asks to decide, its tries and its time; None once it is decided."""
        rows = _RECEIVED_ONE(self._connection, {"k": key})
        return (json.loads(rows[0]["body"]), rows[0]["tries"], rows[0]["received_at"]) if rows else None

    def undecided(self, before_ms: int) -> bool:
        """Return whether a click received before this time is still undecided; asks decide nothing."""
        waits = select(inbox.c.key).where(
            inbox.c.due_at.is_not(None), inbox.c.received_at < before_ms, ~inbox.c.body.contains(_ASKS)
        )
        return self._connection.execute(waits.limit(1)).one_or_none() is not None

    def decided(self, key: str) -> None:
        """Delete the content of a delivery; its key stays, to recognize duplicates."""
        _DECIDED(self._connection, {"k": key})

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
        """Put a message into the outbox, in place of one with the same key.

        Args:
            due_at: Not before this, in UTC epoch milliseconds; None for now.
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
        """Remove a delivered message; one that was replaced meanwhile is due again, if ``owner`` still holds it."""
        which = {"k": message.key, "g": message.generation, "made": message.created_at}
        if _REMOVE_DONE(self._connection, which):
            return
        again = {"k": message.key, "by": owner, "nobody": None, "due": self.now}
        self.woken.extend(("outbox", row["key"], self.now) for row in _REFRESH(self._connection, again))

    def postpone(self, lane: str, key: str, due_at: int, *, failed: bool = True, **changes: Any) -> None:
        """Set when a claimed row is due again, counting a failure."""
        table, id_column = _TABLES[lane]
        if failed:
            changes["tries"] = table.c.tries + 1
        self._connection.execute(
            update(table).where(id_column == key).values(due_at=due_at, claimed_by=None, **changes)
        )
        self.woken.append((lane, key, due_at))

    def rewrite(self, key: str, body: dict[str, Any]) -> None:
        """Change the body of a message that is being delivered, but not when it is due."""
        self._connection.execute(update(outbox).where(outbox.c.key == key).values(body=json.dumps(body)))

    def wake(self, request_id: str, due_at: int | None) -> None:
        """Tell the dispatcher when a request is due, as its row says."""
        if due_at is not None:
            self.woken.append(("requests", request_id, due_at))

    def claim(self, lane: str, owner: str, lease_ms: int, key: str) -> bool:
        """Claim a row if it is due; waits for a transaction that is writing it, so that it is not passed over."""
        values = {"k": key, "now": self.now, "until": self.now + lease_ms, "owner": owner}
        return bool(_CLAIM[lane](self._connection, values))

    def first_due(self, lane: str, closed: Collection[str] = ()) -> str | None:
        """Return the key of the next due row, or None.

        Args:
            lane: Its rows go in the order they are due, those of the outbox by rank first.
            closed: Budgets whose messages are passed over; one that ends in ``:`` stands for all with that prefix.
        """
        if not closed:
            first = _FIRST[lane](self._connection, {"now": self.now})
            return str(first[0]["due_key"]) if first else None
        kinds = (outbox.c.budget.startswith(budget) for budget in closed if budget.endswith(":"))
        waits = or_(outbox.c.budget.in_(closed), *kinds)
        due = select(outbox.c.key).where(outbox.c.due_at <= self.now, or_(outbox.c.budget.is_(None), ~waits))
        result = self._connection.execute(due.order_by(outbox.c.rank, outbox.c.due_at).limit(1))
        return result.scalar()

    def due_at(self, lane: str, key: str) -> int | None:
        """Return when a row is due, or None."""
        rows = _DUE_AT[lane](self._connection, {"k": key})
        return rows[0]["due_at"] if rows else None

    def oldest_due(self, lane: str) -> int | None:
        """Return since when the longest-waiting row has been due, or None."""
        table, _ = _TABLES[lane]
        oldest: int | None = self._connection.execute(
            select(func.min(table.c.due_at)).where(table.c.due_at <= self.now)
        ).scalar()
        return oldest

    def hasten_lost(self) -> None:
        """Make creates and deletes in progress due now, because the only process that could report on them is gone."""
        self._connection.execute(
            update(requests).where(requests.c.state.in_(_UNDER_WAY)).values(due_at=self.now, claimed_by=None)
        )

    def due(
        self, limit: int = 500, overdue_ms: int = 0, lanes: Collection[str] = LANES
    ) -> list[tuple[str, str]]:
        """Return ``(lane, key)`` of due rows, at most ``limit`` per lane, for the sweep."""
        rows: list[tuple[str, str]] = []
        for lane in lanes:
            table, id_column = _TABLES[lane]
            keys = self._connection.execute(
                select(id_column)
                .where(table.c.due_at <= self.now - overdue_ms)
                .order_by(table.c.due_at)
                .limit(limit)
            )
            rows.extend((lane, key) for key in keys.scalars())
        return rows

    def holders(self, lease_ms: int) -> set[str]:
        """Return who holds rows whose leases end within this time."""
        owners: set[str] = set()
        for table, _ in _TABLES.values():
            # a claimed row is due when its lease ends, so the index on due_at serves
            held = select(table.c.claimed_by).where(
                table.c.claimed_by.is_not(None), table.c.due_at <= self.now + lease_ms
            )
            owners.update(self._connection.execute(held.distinct()).scalars())
        return owners

    def release(self, owner: str | None) -> None:
        """Make claimed rows due: one owner's, or with None everybody's."""
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
        """Make all messages that wait for a channel due now, because the bot has joined it."""
        rows = self._connection.execute(
            update(outbox)
            .where(outbox.c.channel_id == channel_id, outbox.c.claimed_by.is_(None))
            .values(due_at=self.now)
            .returning(outbox.c.key)
        )
        self.woken.extend(("outbox", key, self.now) for key in rows.scalars())

    def hasten_failed(self) -> None:
        """Make messages that Slack refused due now, because a restart may have repaired the cause."""
        rows = self._connection.execute(
            update(outbox)
            .where(outbox.c.error.is_not(None), outbox.c.claimed_by.is_(None))
            .values(due_at=self.now)
            .returning(outbox.c.key)
        )
        self.woken.extend(("outbox", key, self.now) for key in rows.scalars())

    def forget(self, before_ms: int) -> int:
        """Delete the keys of deliveries received before this time and decided; return how many."""
        done = self._connection.execute(
            delete(inbox).where(inbox.c.received_at < before_ms, inbox.c.body.is_(None))
        )
        return done.rowcount

    def scrub(self, before_ms: int) -> None:
        """Delete response URLs that were stored before this time and can no longer be used."""
        for table, came_at in ((outbox, outbox.c.created_at), (inbox, inbox.c.received_at)):
            old = select(table.c.key, table.c.body).where(
                came_at < before_ms, table.c.body.contains("response_url")
            )
            for key, body in self._connection.execute(old).all():
                kept = {name: value for name, value in json.loads(body).items() if name != "response_url"}
                self._connection.execute(
                    update(table).where(table.c.key == key).values(body=json.dumps(kept))
                )

    def oldest_message(self) -> int | None:
        """Return when the oldest undelivered message was put, in UTC epoch milliseconds."""
        oldest: int | None = self._connection.execute(select(func.min(outbox.c.created_at))).scalar()
        return oldest
