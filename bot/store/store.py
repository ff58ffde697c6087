"""The store: transactions that commit rows, audit events and due work together."""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sqlalchemy import bindparam, func, select, text, update

from bot.audit.chain import Event
from bot.errors import StoreError
from bot.store import schema, triggers
from bot.store.attempts import Attempts
from bot.store.audit_log import AuditLog
from bot.store.database import trouble
from bot.store.group_commit import GroupCommit
from bot.store.prepared import Prepared, every
from bot.store.queues import LANES, Queues
from bot.store.refusals import Refusals
from bot.store.requests import Requests
from bot.store.tables import attempts, audit, notes, requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Connection

    from bot.audit.anchor import AnchorFile
    from bot.audit.chain import Head
    from bot.store.database import Database
    from bot.store.group_commit import Job

log = logging.getLogger(__name__)


def _replace(insert: Any) -> Any:
    fresh = insert(notes).values(every(notes.columns))
    return fresh.on_conflict_do_update(
        index_elements=[notes.c.key], set_={"value": fresh.excluded.value, "at": fresh.excluded.at}
    )


_NOTE = Prepared(_replace)
_FIRST_NOTE = Prepared(lambda insert: insert(notes).values(every(notes.columns)).on_conflict_do_nothing())
_NOTED = Prepared(select(notes.c.value).where(notes.c.key == bindparam("about")))
_NOTED_SINCE = Prepared(
    select(notes.c.key, notes.c.value).where(
        notes.c.key >= bindparam("first"), notes.c.key < bindparam("after"), notes.c.at >= bindparam("since")
    )
)

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:about, 7350012))")

T = TypeVar("T")
MOST_CONFLICTS = 20
"""How often a transaction is retried because another was first; only PostgreSQL runs them concurrently."""
Woken = tuple[str, str, int]
"""Lane, key and due time of a row."""


class Waker(Protocol):
    """A dispatcher, which runs due work."""

    def defer(self, connection: Connection, woken: Sequence[Woken]) -> None:
        """Note the work in the transaction that makes it due."""

    def wake(self, woken: Sequence[Woken]) -> None:
        """Learn, after the commit, that there is work."""


class Tx:
    """One transaction, by subject."""

    def __init__(
        self, connection: Connection, now: int, *, names: bool = True, policy: str | None = None
    ) -> None:
        self.connection = connection
        self.now = now
        self.requests = Requests(connection)
        self.attempts = Attempts(connection)
        self.queues = Queues(connection, now)
        self.refusals = Refusals(connection, now)
        self.audit_log = AuditLog(connection, names=names, policy=policy)

    def note(self, key: str, value: Any) -> None:
        """Store a small fact."""
        row = {"key": key, "value": json.dumps(value), "at": self.now}
        _NOTE(self.connection, row)

    def take_turn(self, key: str, before_ms: int) -> bool:
        """Note that something is done now, unless it was done after ``before_ms``; return whether to do it."""
        fresh = {"key": key, "value": "0", "at": 0}
        _FIRST_NOTE(self.connection, fresh)
        taken = self.connection.execute(
            update(notes).where(notes.c.key == key, notes.c.at <= before_ms).values(at=self.now)
        )
        return taken.rowcount == 1

    def take_turns(self, about: str) -> None:
        """Wait until no other transaction holds the same subject; SQLite has only one writer."""
        if self.connection.dialect.name == "postgresql":
            self.connection.execute(_LOCK, {"about": about})

    def replace_note(self, key: str, old: Any, new: Any) -> bool:
        """Replace a stored fact if it still is ``old``; return whether it was."""
        fresh = {"key": key, "value": json.dumps(None), "at": 0}
        _FIRST_NOTE(self.connection, fresh)
        taken = self.connection.execute(
            update(notes)
            .where(notes.c.key == key, notes.c.value == json.dumps(old))
            .values(value=json.dumps(new), at=self.now)
        )
        return taken.rowcount == 1

    def noted(self, key: str) -> Any:
        """Return a stored fact, or None."""
        rows = _NOTED(self.connection, {"about": key})
        return json.loads(rows[0]["value"]) if rows else None

    def noted_since(self, prefix: str, since: int) -> dict[str, Any]:
        """Return the facts whose key has a prefix, and that were stored at ``since`` (UTC epoch ms) or later.

        Args:
            prefix: Ends in ``:``.
        """
        after = f"{prefix[:-1]};"  # the next character, which makes a range for the index of keys
        rows = _NOTED_SINCE(self.connection, {"first": prefix, "after": after, "since": since})
        return {row["key"]: json.loads(row["value"]) for row in rows}

    def counts(self) -> dict[str, dict[str, int]]:
        """Return the number of requests in each state, and of attempts with each outcome."""
        states = select(requests.c.state, func.count()).group_by(requests.c.state)
        outcomes = select(func.coalesce(attempts.c.outcome, "under way"), func.count()).group_by(
            attempts.c.outcome
        )
        return {
            "requests": dict(self.connection.execute(states).all()),
            "attempts": dict(self.connection.execute(outcomes).all()),
        }

    def ages(self) -> dict[str, float]:
        """Return ages in seconds: of the oldest pending request, the oldest message, the last audit event.

        And, by lane, for how long its longest-waiting row has been due.
        """
        pending = select(func.min(requests.c.created_at)).where(requests.c.state == "pending")
        times = {
            "pending": self.connection.execute(pending).scalar(),
            "message": self.queues.oldest_message(),
            "audit": self.connection.execute(
                select(audit.c.at).order_by(audit.c.seq.desc()).limit(1)
            ).scalar(),
        }
        times |= {lane: self.queues.oldest_due(lane) for lane in LANES}
        return {name: (self.now - time) / 1000 if time else 0.0 for name, time in times.items()}


class Store:
    """Opens transactions; after a commit it informs the anchor and the dispatcher.

    Args:
        clock: Returns UTC epoch milliseconds.
        anchor: Where the head of the audit chain is noted, if anywhere.
        waker: The dispatcher; may be set later.
        names: Whether the audit keeps display names.
        policy: Digest of the current policy, for the audit.
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], int],
        *,
        anchor: AnchorFile | None = None,
        waker: Waker | None = None,
        names: bool = True,
        policy: str | None = None,
    ) -> None:
        self.database = database
        self.clock = clock
        self.anchor = anchor
        self.waker = waker
        self._names = names
        self._unnoted: str | None = None
        self._policy = policy
        self._group_commit = GroupCommit(self._carry_out)

    def run(self, once: Callable[[Tx], T], *, durable: bool = True) -> T:
        """Run a function in a transaction and return its result after the commit.

        On SQLite, transactions that wait for each other share a commit; the function must not wait for anything else.

        Args:
            durable: As for ``Database.write``.

        Raises:
            StoreError: Nothing was stored.
        """
        if self.database.is_sqlite:
            result: T = self._group_commit.run(once, durable=durable)
            return result
        with self.write() as tx:
            return once(tx)

    def retry_on_conflict(self, once: Callable[[Tx], T]) -> T:
        """Run a transaction, and again from the current row whenever another one was first.

        Raises:
            StoreError: Nothing was stored; ``busy`` if others were always first.
        """
        for _ in range(MOST_CONFLICTS):
            try:
                return self.run(once)
            except StoreError as error:
                if error.what != "conflict":  # a constraint, violated by another commit
                    raise
        raise StoreError("busy")

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Tx]:
        """Open a transaction that commits everything at the end of the block, or nothing.

        Args:
            durable: As for ``Database.write``.

        Raises:
            StoreError: Nothing was stored.
        """
        with self.database.write(durable=durable) as connection:
            now = self.database.now_ms(connection, self.clock())
            tx = Tx(connection, now, names=self._names, policy=self._policy)
            yield tx
            if tx.queues.woken and self.waker is not None:
                self.waker.defer(connection, tx.queues.woken)
            head = tx.audit_log.flush()
        if head is not None:
            self._note(head)
        if tx.queues.woken and self.waker is not None:
            self.waker.wake(tx.queues.woken)

    def note_head(self) -> None:
        """Note the current head in the anchor, in case the process was killed between a commit and its anchor line."""
        with self.read() as tx:
            head = tx.audit_log.head()
        if head.seq:
            self._note(head)

    def _note(self, head: Head) -> None:
        if self.anchor is None:
            return
        try:
            self.anchor.note(head)
        except OSError as error:
            if self._unnoted is None:  # a full disk is logged once, not at every commit
                facts = {"file": str(self.anchor.path), "error": error.strerror}
                log.exception("writing the audit anchor failed", extra={"facts": facts})
            self._unnoted = error.strerror
        else:
            self._unnoted = None

    def anchor_trouble(self) -> str | None:
        """Return why the anchor cannot be written, or None; a head that could not be noted is tried again.

        Raises:
            StoreError: The database failed.
        """
        if self.anchor is None:
            return None
        if self._unnoted is not None:
            self.note_head()
        try:
            self.anchor.try_out()
        except OSError as error:
            return error.strerror
        return self._unnoted

    def restore_triggers(self) -> list[str]:
        """Create the audit's missing triggers again, audit that, and return their names.

        Raises:
            StoreError: The database failed; ``forbidden`` if another role owns the table.
        """
        with self.write() as tx:
            missing = tx.audit_log.missing_triggers()
            if missing and not self.database.is_sqlite:
                tx.connection.execute(schema.ONE_MIGRATOR)
                missing = tx.audit_log.missing_triggers()
            if missing:
                triggers.create(tx.connection)
                tx.audit_log.append(Event(tx.now, "triggers_restored", reason=", ".join(missing)))
        return missing

    def _carry_out(self, jobs: Sequence[Job[Tx]]) -> None:
        """Run jobs in one transaction; if one of them fails, each in its own."""
        try:
            with self.write(durable=any(job.durable for job in jobs)) as tx:
                for job in jobs:
                    job.result = job.once(tx)
                    tx.audit_log.flush()  # the next job may read what this one appended
        except Exception as error:  # noqa: BLE001 - handed to the thread of the job, which raises it
            database_failed = isinstance(error, StoreError) and error.what != "conflict"
            if len(jobs) > 1 and not database_failed:
                for job in jobs:
                    self._carry_out([job])
                return
            for job in jobs:
                job.error = error

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """Open a transaction that only reads.

        Raises:
            StoreError: The database failed.
        """
        with self.database.read() as connection:
            yield Tx(connection, self.clock())

    def close(self) -> None:
        """Close every connection."""
        with trouble():
            self.database.close()
