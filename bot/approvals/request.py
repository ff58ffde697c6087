"""A request: one row with its current revision and its votes. Values only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """The state of a request: participles, except for the two that ask for a person."""

    PENDING = "pending"
    APPROVED = "approved"
    CREATING = "creating"
    DELETING = "deleting"
    UNKNOWN = "unknown"
    ATTENTION = "attention"
    FAILED = "failed"
    CREATED = "created"
    DELETED = "deleted"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Kind(StrEnum):
    """What a request asks for."""

    CREATE = "create"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Vote:
    """One person's approval of one revision.

    Args:
        at: When the button was pressed, in UTC epoch milliseconds.
        via: The policy entries that let the person vote (user, group or ``anyone``).
        policy: Digest of the policy; None for a vote of an earlier release.
        seal: As in the audit; None for a vote of an earlier release.
    """

    team_id: str
    user_id: str
    name: str
    at: int
    via: tuple[str, ...]
    policy: str | None = None
    seal: str | None = None


@dataclass(frozen=True, slots=True)
class GroupEdit:
    """An edit of a user group, which changed who may decide.

    Args:
        by: Who edited it.
        at: UTC epoch milliseconds.
    """

    group: str
    by: str
    at: int

    def sentence(self) -> str:
        """Return it for the audit."""
        return f"user group {self.group} was edited by {self.by or 'nobody whom Slack names'} since it was asked for"


@dataclass(frozen=True, slots=True)
class Maker:
    """The request that created a spec: its owner and purpose."""

    request_id: str
    owner_id: str
    owner_name: str
    purpose: str | None


@dataclass(frozen=True, slots=True)
class Request:
    """One row with its current revision and the votes on it.

    Args:
        id: Public id, such as ``R7K3M9QX``.
        version: Counts every change, for compare-and-set.
        revision: Counts the edits, from 1.
        use_gpus: GPU count chosen by a person instead of the computed one.
        digest: SHA-256 of payload and target: what approvals are bound to.
        target: Base URL of the service.
        requester_name: For display only.
        author_id: Who wrote this revision, and so may not approve it.
        message_ts: The card, once posted.
        thread_ts: The card's thread; None for the channel itself.
        escalated_ms: The last escalation stage that people were notified of, in milliseconds from asking.
        votes: Those on this revision, oldest first.
        created_at: UTC epoch milliseconds, like all times.
        expires_at: From then on, nobody can approve.
        spec_id: The remote spec, once known; for a delete, the one to delete.
        error: Why it failed or waits, in words.
        reserved: Whether it reserves its name in the space.
        tries: How often in a row the current step was tried.
        origin: Where it was asked: ``slack``, ``workflow`` or ``cli``.
        retired_by: The delete request that removed the spec, if one did.
        reminded: Reminders sent so far.
        existing: A live spec that already serves the request, ``(id, name)``.
        ended_by: Who ended it or decided last, for display.
        groups_edited: User groups that gave somebody a vote and had been edited since the request was made.
        admitted: Whether the requester was looked up and may ask; until then only they see it, and nothing is done.
    """

    id: str
    kind: Kind
    state: State
    version: int
    revision: int
    text: str
    canonical: str
    name: str
    use_gpus: int | None
    payload: str
    digest: str
    target: str
    space_id: str
    team_id: str
    enterprise_id: str | None
    requester_id: str
    requester_name: str
    author_id: str
    channel_id: str
    message_ts: str | None
    quorum: int
    votes: tuple[Vote, ...]
    created_at: int
    updated_at: int
    expires_at: int
    spec_id: str | None
    error: str | None
    reserved: bool
    tries: int
    origin: str
    retired_by: str | None = None
    reminded: int = 0
    existing: tuple[str, str] | None = None
    execution_id: str | None = None
    ended_by: str | None = None
    ended_at: int | None = None
    revised_at: int | None = None
    thread_ts: str | None = None
    purpose: str | None = None
    groups_edited: tuple[GroupEdit, ...] = ()
    escalated_ms: int | None = None
    admitted: bool = True

    @property
    def asked_at(self) -> int:
        """Return when this revision was asked for, UTC epoch milliseconds."""
        return self.revised_at or self.created_at

    @property
    def num_gpus(self) -> int | None:
        """GPUs that the body asks for; None if it cannot be read."""
        try:
            return int(json.loads(self.payload)["nodes"]["gpu"]["num_gpu"])
        except (ValueError, TypeError, KeyError):
            return None
