"""Slack effects still to be had: one as it is read from the outbox, and how it is put and removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, case, delete, update
from sqlalchemy.dialects import postgresql, sqlite

from bot.store.prepared import Prepared, every
from bot.store.tables import outbox


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """One Slack effect to have.

    Args:
        key: What it is about; a second one with the key replaces the first.
        kind: ``card``, ``dm``, ``private``, ``remind``, ``home``, ``step`` or ``notice``.
        request_id: The request to draw, if any.
        channel_id: Where, if that is known; used for pacing.
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
            "body": wanted.excluded.body,
            "generation": outbox.c.generation + 1,
            "tries": 0,
        },
    )


PUT = Prepared(sqlite=_put(sqlite), postgresql=_put(postgresql))
REMOVE_DONE = delete(outbox).where(
    outbox.c.key == bindparam("k"),
    outbox.c.generation == bindparam("g"),
    # a row of the same key that was put after this one had gone is another message
    outbox.c.created_at == bindparam("made"),
)
REFRESH = (
    update(outbox)
    .where(outbox.c.key == bindparam("k"), outbox.c.claimed_by == bindparam("by"))
    .values(claimed_by=None, due_at=bindparam("due"))
    .returning(outbox.c.key)
)
