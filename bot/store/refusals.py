"""Repeated refusals: the first is audited at once, the ones that follow as a single row."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete

from bot.audit.chain import Event, Who
from bot.store.prepared import Prepared, every
from bot.store.tables import refusals

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

TOGETHER_MS = 60_000
"""How long after the first refusal further ones are only counted."""


def _count(insert: Any) -> Any:
    fresh = insert(refusals).values(every(refusals.columns))
    again = {"again": refusals.c.again + 1, "reason": fresh.excluded.reason}
    return fresh.on_conflict_do_update(index_elements=[refusals.c.key], set_=again).returning(
        refusals.c.again
    )


_COUNT = Prepared(_count)


class Refusals:
    """The refusals of the last minute, within one transaction.

    Args:
        now: UTC epoch milliseconds.
    """

    def __init__(self, connection: Connection, now: int) -> None:
        self._connection = connection
        self._now = now

    def to_audit(self, event: Event, code: str) -> list[Event]:
        """Count a refusal.

        Args:
            code: Why; another reason makes it another refusal.

        Returns:
            What to audit now: the count of an earlier minute, then the refusal if it is the first within a minute.
        """
        about = "" if event.event == "request.refused" else event.request_id
        named = (
            event.actor.enterprise_id or event.actor.team_id,
            event.actor.user_id,
            event.event,
            about,
            code,
        )
        key = hashlib.sha256(json.dumps(named).encode()).hexdigest()
        earlier = self._ended(refusals.c.key == key)
        row = {
            "key": key,
            "event": event.event,
            "actor": json.dumps(asdict(event.actor)),
            "origin": event.origin,
            "request_id": about or None,
            "reason": event.reason,
            "since": self._now,
            "again": 0,
        }
        again = _COUNT(self._connection, row)[0]["again"]
        return [*earlier, event] if again == 0 else []

    def ended(self) -> list[Event]:
        """Forget refusals whose minute is over; return an event for each that was repeated."""
        return self._ended()

    def _ended(self, *which: Any) -> list[Event]:
        over = delete(refusals).where(refusals.c.since <= self._now - TOGETHER_MS, *which).returning(refusals)
        return [self._event(row) for row in self._connection.execute(over).all() if row.again]

    def _event(self, row: Row[Any]) -> Event:
        return Event(
            self._now,
            f"{row.event.removesuffix('.refused')}.repeated",
            request_id=row.request_id,
            actor=Who(**json.loads(row.actor)),
            origin=row.origin,
            reason=f"{row.again} more within a minute, the last: {row.reason}",
        )
