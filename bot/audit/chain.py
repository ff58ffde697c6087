"""What happened, one event a row, each row holding the hash of the one before.

A changed, removed or reordered row breaks the chain; a cut-off end or a second history is found
by comparing with the anchor, the head as noted outside the table (``bot.audit.anchor``).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

GENESIS = "0" * 64
FRESH_MS = 60_000
"""How long a row may wait for its anchor: the file is written right after the commit."""


@dataclass(frozen=True, slots=True)
class Who:
    """The actor of an event; all None for the bot itself.

    Args:
        enterprise_id: Enterprise Grid, if any.
        team_id: Workspace.
        user_id: The person.
        name: Display name.
        os_uid: On the command line, the operating-system user who acted in that person's name.
    """

    enterprise_id: str | None = None
    team_id: str | None = None
    user_id: str | None = None
    name: str | None = None
    os_uid: int | None = None


@dataclass(frozen=True, slots=True)
class Where:
    """The Slack side of an event; the trigger only as a hash."""

    channel_id: str | None = None
    message_ts: str | None = None
    trigger_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Rest:
    """The REST side of an event."""

    status: int | None = None
    trace: str | None = None
    spec_id: str | None = None
    attempt: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, before it has its place in the chain.

    Args:
        at: UTC epoch milliseconds; for a click, when it was pressed.
        event: Past tense, or ``<what>.refused``.
        request_id: The request, if it is about one.
        revision: Its revision.
        actor: Who.
        origin: ``slack-http``, ``slack-socket``, ``cli``, ``sandbox`` or ``system``.
        from_state: State before, if it changed or was asked to.
        to_state: State after.
        reason: Why.
        digest: Of the exact REST body and its target.
        slack: Where in Slack.
        rest: What the service said.
    """

    at: int
    event: str
    request_id: str | None = None
    revision: int | None = None
    actor: Who = field(default_factory=Who)
    origin: str = "system"
    from_state: str | None = None
    to_state: str | None = None
    reason: str | None = None
    digest: str | None = None
    slack: Where = field(default_factory=Where)
    rest: Rest = field(default_factory=Rest)

    def fields(self) -> dict[str, Any]:
        """Return the event as the JSON object of the export, without its place in the chain."""
        who, where, rest = self.actor, self.slack, self.rest
        return {
            "at": self.at,
            "event": self.event,
            "request_id": self.request_id,
            "revision": self.revision,
            "actor": {
                "enterprise_id": who.enterprise_id,
                "team_id": who.team_id,
                "user_id": who.user_id,
                "name": who.name,
                **({} if who.os_uid is None else {"os_uid": who.os_uid}),
            },
            "origin": self.origin,
            "from_state": self.from_state,
            "to_state": self.to_state,
            "reason": self.reason,
            "digest": self.digest,
            "slack": {
                "channel_id": where.channel_id,
                "message_ts": where.message_ts,
                "trigger_hash": where.trigger_hash,
            },
            "rest": {
                "status": rest.status,
                "trace": rest.trace,
                "spec_id": rest.spec_id,
                "attempt": rest.attempt,
            },
        }


@dataclass(frozen=True, slots=True)
class Head:
    """The last row of the chain: its number (0 when empty) and its hash."""

    seq: int = 0
    hash: str = GENESIS


def chain(head: Head, event: Mapping[str, Any]) -> tuple[int, str]:
    """Return the number and the hash of the row that follows a head.

    Args:
        head: The row before.
        event: The fields of ``Event``, as JSON types.
    """
    seq = head.seq + 1
    text = json.dumps(
        {**event, "seq": seq, "prev_hash": head.hash},
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    return seq, hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What checking the chain found.

    Args:
        rows: Rows read.
        head: The last row.
        bad_seq: The first bad row, or None.
        reason: What is wrong with it, or with the end of the chain.
        anchored: The highest row that an anchor vouches for, 0 where there is none.
        tail_at: When the first row after that one happened, None where there is none.
    """

    rows: int
    head: Head
    bad_seq: int | None
    reason: str | None
    anchored: int
    tail_at: int | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.reason is None

    def unproven(self, now: int) -> str | None:
        """Return why a chain that holds together proves nothing, or None where an anchor vouches for it.

        Args:
            now: UTC epoch milliseconds; rows younger than ``FRESH_MS`` may still wait for their anchor.
        """
        if self.tail_at is None or (self.anchored and abs(now - self.tail_at) < FRESH_MS):
            return None
        if not self.anchored:
            return "no anchor vouches for any row"
        return f"no anchor vouches for the rows after {self.anchored}"


def verify(rows: Iterable[Mapping[str, Any]], anchors: Mapping[int, str]) -> Verdict:
    """Check the chain against itself and against the anchored heads.

    Args:
        rows: The export's objects in the table's order.
        anchors: Hash by row number, as noted outside the table.

    Returns:
        The verdict, with the first bad row.
    """
    head, count, anchored = Head(), 0, 0
    tail_at: int | None = None
    for row in rows:
        count += 1
        expected_seq, expected_hash = chain(head, {key: row[key] for key in row if key != "hash"})
        problem = None
        if row["seq"] != expected_seq:
            problem = f"row {expected_seq} is missing or out of order"
        elif row["prev_hash"] != head.hash:
            problem = "it does not follow the row before it"
        elif row["hash"] != expected_hash:
            problem = "its content was changed"
        elif anchors.get(expected_seq, expected_hash) != expected_hash:
            problem = "the anchor noted another row here: the history was forked"
        if problem is not None:
            return Verdict(count, head, expected_seq, problem, anchored)
        if expected_seq in anchors:
            anchored, tail_at = expected_seq, None
        elif tail_at is None:
            tail_at = row["at"]
        head = Head(expected_seq, expected_hash)
    if anchors and (last := max(anchors)) > head.seq:
        reason = f"the anchor knows of {last} rows: the end was cut off"
        return Verdict(count, head, head.seq + 1, reason, anchored)
    return Verdict(count, head, None, None, anchored, tail_at)
