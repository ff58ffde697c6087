"""The tables. Times are UTC epoch milliseconds; ``due_at`` says when a row needs attention.

A worker claims a due row by moving ``due_at`` to the end of its lease and writing its name to ``claimed_by``: if it
dies, the row is due again.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    true,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

requests = Table(
    "requests",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("state", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("name", String(64), nullable=False),
    Column("space_id", Text, nullable=False),
    Column("reserved", Boolean, nullable=False),
    Column("canonical", Text, nullable=False),
    Column("team_id", String(32), nullable=False),
    Column("enterprise_id", String(32)),
    Column("requester_id", String(32), nullable=False),
    Column("requester_name", Text, nullable=False),
    Column("channel_id", String(32), nullable=False),
    Column("message_ts", String(32)),
    Column("thread_ts", String(32)),
    Column("quorum", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("spec_id", Text),
    Column("error", Text),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("origin", String(16), nullable=False),
    Column("retired_by", String(16)),
    Column("reminded", Integer, nullable=False, server_default="0"),
    Column("escalated_ms", BigInteger),
    Column("existing_id", Text),
    Column("existing_name", Text),
    Column("groups_edited", Text),
    Column("execution_id", Text),
    Column("ended_by", Text),
    Column("ended_at", BigInteger),
    Column("num_gpus", Integer),
    Column("due_at", BigInteger),
    Column("claimed_by", String(32)),
    Column("admitted", Boolean, nullable=False, server_default=true()),
)

revisions = Table(
    "revisions",
    metadata,
    Column("request_id", String(16), ForeignKey("requests.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("canonical", Text, nullable=False),
    Column("name", String(64), nullable=False),
    Column("use_gpus", Integer),
    Column("payload", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("target", Text, nullable=False),
    Column("space_id", Text, nullable=False),
    Column("author_id", String(32), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("purpose", Text),
    PrimaryKeyConstraint("request_id", "revision"),
)

searched = Table(
    "searched",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("request_id", String(16), ForeignKey("requests.id"), nullable=False, unique=True),
    Column("text", Text, nullable=False),
)
"""What each request is found by; see ``bot.store.search``. A higher number is a newer request."""

votes = Table(
    "votes",
    metadata,
    Column("request_id", String(16), ForeignKey("requests.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("team_id", String(32), nullable=False),
    Column("user_id", String(32), nullable=False),
    Column("name", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("via", Text, nullable=False),
    Column("policy", String(64)),
    Column("seal", Text),
    PrimaryKeyConstraint("request_id", "revision", "team_id", "user_id"),
)

cards = Table(
    "cards",
    metadata,
    Column("channel_id", String(32), nullable=False),
    Column("message_ts", String(32), nullable=False),
    Column("request_id", String(16), ForeignKey("requests.id"), nullable=False, index=True),
    Column("user_id", String(32)),
    PrimaryKeyConstraint("channel_id", "message_ts"),
)
"""Copies of a card: in the channel (``user_id`` empty) and in direct messages."""

attempts = Table(
    "attempts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("request_id", String(16), ForeignKey("requests.id"), nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("deadline_at", BigInteger, nullable=False),
    Column("outcome", String(16)),
    Column("status", Integer),
    Column("trace", Text),
    Column("spec_id", Text),
    Column("lookups", Integer, nullable=False, server_default="0"),
    Column("ended_at", BigInteger),
)

outbox = Table(
    "outbox",
    metadata,
    Column("key", String(200), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("request_id", String(16)),
    Column("channel_id", String(32)),
    Column("body", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("error", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False, index=True),
    Column("claimed_by", String(32)),
    Column("budget", String(60)),
    Column("rank", Integer),
)
"""Undelivered messages to Slack."""

inbox = Table(
    "inbox",
    metadata,
    Column("key", String(80), primary_key=True),
    Column("received_at", BigInteger, nullable=False, index=True),
    Column("body", Text),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("due_at", BigInteger),
    Column("claimed_by", String(32)),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("event", String(64), nullable=False),
    Column("request_id", String(16), index=True),
    Column("revision", Integer),
    Column("actor", Text, nullable=False),
    Column("origin", String(16), nullable=False),
    Column("from_state", String(16)),
    Column("to_state", String(16)),
    Column("reason", Text),
    Column("digest", String(64)),
    Column("slack", Text, nullable=False),
    Column("rest", Text, nullable=False),
    Column("policy", String(64)),
    Column("seal", Text),
    Column("purpose", Text),
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

refusals = Table(
    "refusals",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("event", String(64), nullable=False),
    Column("actor", Text, nullable=False),
    Column("origin", String(16), nullable=False),
    Column("request_id", String(16)),
    Column("reason", Text),
    Column("since", BigInteger, nullable=False),
    Column("again", Integer, nullable=False),
)
"""Refusals of the last minute: what was audited, and how often it was repeated."""

notes = Table(
    "notes",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""Small facts: who the bot is in Slack, what the last drift check found."""
