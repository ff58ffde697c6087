"""The indexes on several columns or on some rows; this module's ``metadata`` has the tables with all their indexes.

Only migrations need them. ``tables`` is imported by everything else, and PostgreSQL's options load its whole dialect.
"""

from __future__ import annotations

from sqlalchemy import Index, text

from bot.store.tables import attempts, inbox, metadata, outbox, requests

__all__ = ["metadata"]

Index(
    "uq_requests_reserved_name",
    requests.c.space_id,
    requests.c.kind,
    requests.c.name,
    unique=True,
    sqlite_where=text("reserved"),
    postgresql_where=text("reserved"),
)
Index(
    "ix_requests_due",
    requests.c.due_at,
    sqlite_where=text("due_at IS NOT NULL"),
    postgresql_where=text("due_at IS NOT NULL"),
)
Index("ix_requests_created_at", requests.c.created_at)
Index("ix_requests_requester", requests.c.requester_id, requests.c.created_at)
Index(
    "ix_requests_held_by_person",
    requests.c.requester_id,
    sqlite_where=text("reserved"),
    postgresql_where=text("reserved"),
)
Index(
    "ix_requests_held_in_space",
    requests.c.space_id,
    requests.c.kind,
    requests.c.state,
    requests.c.num_gpus,
    sqlite_where=text("reserved"),
    postgresql_where=text("reserved"),
)
Index("ix_requests_state", requests.c.state, requests.c.created_at)
Index("ix_requests_spec", requests.c.spec_id, requests.c.state, requests.c.created_at)
_MAY_HAVE_LANDED = text("outcome IS NULL OR outcome IN ('unknown', 'created')")
Index(
    "uq_attempts_may_have_landed",
    attempts.c.request_id,
    unique=True,
    sqlite_where=_MAY_HAVE_LANDED,
    postgresql_where=_MAY_HAVE_LANDED,
)
Index("ix_outbox_turn", outbox.c.rank, outbox.c.due_at)
Index(
    "ix_inbox_due",
    inbox.c.due_at,
    sqlite_where=text("due_at IS NOT NULL"),
    postgresql_where=text("due_at IS NOT NULL"),
)
