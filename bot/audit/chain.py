"""The audit's events, one per row, each row holding the hash of the one before.

``bot.audit.verification`` finds changes.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

GENESIS = "0" * 64
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Who:
    """The actor of an event; all None for the bot itself.

    Args:
        team_id: Workspace.
        known_as: The id by which the request knows the person, if it is another one.
        os_uid: On the command line, the operating-system user who acted in that person's name.
    """

    enterprise_id: str | None = None
    team_id: str | None = None
    user_id: str | None = None
    name: str | None = None
    os_uid: int | None = None
    known_as: str | None = None


@dataclass(frozen=True, slots=True)
class Where:
    """The Slack side of an event; the trigger only as a hash.

    Args:
        workflow: Whether a workflow asked, in a person's name.
    """

    channel_id: str | None = None
    message_ts: str | None = None
    trigger_hash: str | None = None
    workflow: bool = False


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
        origin: ``slack-http``, ``slack-socket``, ``cli``, ``sandbox`` or ``system``.
        from_state: State before, if it changed or was asked to.
        digest: Of the exact REST body and its target.
        seal: Of an approval, or of the permission to send again (``bot.audit.seals``).
        purpose: What the request is for, where it is asked for or edited.
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
    seal: Mapping[str, Any] | None = None
    purpose: str | None = None

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
                **({} if who.known_as is None else {"known_as": who.known_as}),
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
                **({"workflow": True} if where.workflow else {}),
            },
            "rest": {
                "status": rest.status,
                "trace": rest.trace,
                "spec_id": rest.spec_id,
                "attempt": rest.attempt,
            },
            **({} if self.seal is None else {"seal": dict(self.seal)}),
            **({} if self.purpose is None else {"purpose": self.purpose}),
        }


@dataclass(frozen=True, slots=True)
class Head:
    """The last row of the chain: its number (0 when empty) and its hash."""

    seq: int = 0
    hash: str = GENESIS


def entry(head: Head, event: Mapping[str, Any]) -> bytes:
    """Return the text of the row that follows a head: it is hashed, and is a leaf of the log.

    Args:
        event: The fields of ``Event``, as JSON types.
    """
    row = {**event, "seq": head.seq + 1, "prev_hash": head.hash}
    return _CANONICAL.encode(row).encode("utf-8", "surrogatepass")


def chain(head: Head, event: Mapping[str, Any]) -> tuple[int, str]:
    """Return the number and the hash of the row that follows a head; ``event`` as for ``entry``."""
    return head.seq + 1, hashlib.sha256(entry(head, event)).hexdigest()
