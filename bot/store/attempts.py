"""Attempts: one row for each call that may have changed something remote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, or_, select, update

from bot.store.tables import attempts

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Attempt:
    """One POST or DELETE that may have taken effect.

    Args:
        id: Sent as the transaction id.
        digest: Of what was approved.
        started_at: UTC epoch milliseconds; written before the first byte leaves.
        deadline_at: UTC epoch milliseconds; no byte is sent after this.
        outcome: None while in progress; ``unknown``, ``created``, ``deleted``, ``failed``, ``unsent`` or ``abandoned``
            (a person chose to try again, or gave up).
        lookups: How often its outcome was looked up.
    """

    id: str
    request_id: str
    revision: int
    digest: str
    started_at: int
    deadline_at: int
    outcome: str | None = None
    lookups: int = 0


class Attempts:
    """The attempts, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(self, attempt: Attempt) -> None:
        """Write an attempt before its first byte.

        Raises:
            IntegrityError: An earlier one may have taken effect; the database forbids a second.
        """
        self._connection.execute(
            insert(attempts).values(
                id=attempt.id,
                request_id=attempt.request_id,
                revision=attempt.revision,
                digest=attempt.digest,
                started_at=attempt.started_at,
                deadline_at=attempt.deadline_at,
            )
        )

    def end(self, attempt_id: str, outcome: str, now: int, **facts: Any) -> None:
        """Note how an attempt ended, with ``status``, ``trace`` and ``spec_id`` if known."""
        self._connection.execute(
            update(attempts).where(attempts.c.id == attempt_id).values(outcome=outcome, ended_at=now, **facts)
        )

    def abandon(self, request_id: str, now: int) -> None:
        """Allow another attempt, because a person decided so; the audit has the decision."""
        self._connection.execute(
            update(attempts)
            .where(
                attempts.c.request_id == request_id,
                or_(attempts.c.outcome.is_(None), attempts.c.outcome == "unknown"),
            )
            .values(outcome="abandoned", ended_at=now)
        )

    def count_lookup(self, attempt_id: str) -> None:
        """Count one look-up."""
        self._connection.execute(
            update(attempts).where(attempts.c.id == attempt_id).values(lookups=attempts.c.lookups + 1)
        )

    def latest(self, request_id: str) -> Attempt | None:
        """Return the newest attempt of a request, or None."""
        row = self._connection.execute(
            select(
                attempts.c.id,
                attempts.c.request_id,
                attempts.c.revision,
                attempts.c.digest,
                attempts.c.started_at,
                attempts.c.deadline_at,
                attempts.c.outcome,
                attempts.c.lookups,
            )
            .where(attempts.c.request_id == request_id)
            .order_by(attempts.c.started_at.desc(), attempts.c.id.desc())
            .limit(1)
        ).one_or_none()
        return Attempt(*row) if row else None
