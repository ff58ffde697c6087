"""What a request is: one row with its current revision and the votes on it. Values only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a request is. Participles, but for the two that ask for a person."""

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
    """One person's yes to one revision.

    Args:
        team_id: Workspace of the person.
        user_id: The person.
        name: Display name, for display only.
        at: When the button was pressed, UTC epoch milliseconds.
        via: The policy entries that let the person vote (user, group or ``anyone``).
        policy: Digest of the policy in force; None for a vote of a release before.
        seal: What seals it, as the audit keeps it; None for a vote of a release before.
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
    """Somebody edited a user group, and so changed who may decide.

    Args:
        group: The user group.
        by: Who.
        at: When, UTC epoch milliseconds.
    """

    group: str
    by: str
    at: int

    def sentence(self) -> str:
        """Return it for the audit."""
        return f"user group {self.group} was edited by {self.by or 'nobody whom Slack names'} since it was asked for"


@dataclass(frozen=True, slots=True)
class Maker:
    """The request that created a spec: who owns that, and what it is for."""

    request_id: str
    owner_id: str
    owner_name: str
    purpose: str | None


@dataclass(frozen=True, slots=True)
class Request:
    """One row with its current revision and the votes on it.

    Args:
        id: Public id, such as ``R7K3M9QX``.
        kind: Create or delete.
        state: Where it is.
        version: Counts every change; the compare-and-set looks at it.
        revision: Counts the edits, from 1.
        text: The request as typed.
        canonical: Its canonical text.
        name: The spec's name.
        use_gpus: GPU count chosen by a person over the computed one.
        payload: The exact REST body as canonical JSON.
        digest: SHA-256 of payload and target.
        target: Base URL of the service.
        space_id: The deployment space.
        team_id: The requester's workspace.
        enterprise_id: The requester's Enterprise Grid, if any.
        requester_id: Who asked.
        requester_name: For display only.
        author_id: Who wrote this revision.
        channel_id: Where the card lives.
        message_ts: The card, once posted.
        thread_ts: The thread that the card belongs in; None for the channel itself.
        purpose: What this revision is for, in its author's words.
        escalated_ms: The stage of the escalation that people were told of last, as milliseconds from asking.
        quorum: Distinct people needed.
        votes: Those on this revision, oldest first.
        created_at: UTC epoch milliseconds, as all times.
        updated_at: Last change.
        expires_at: From then on nobody can approve.
        spec_id: The remote spec, once known; for a delete, the one to delete.
        error: Why it failed or waits, in words.
        reserved: Whether it holds its name in the space.
        tries: Times in a row that the present step was tried.
        origin: Where it was asked: ``slack``, ``workflow`` or ``cli``.
        retired_by: The delete request that removed the spec, if one did.
        reminded: Reminders sent so far.
        existing: A live spec that already serves the request, ``(id, name)``.
        execution_id: The workflow step that waits for the end, if one does.
        ended_by: Who ended or took the last decision, for display.
        ended_at: When.
        revised_at: When this revision was asked for.
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
        """GPUs that the body asks for; None where it cannot be read."""
        try:
            return int(json.loads(self.payload)["nodes"]["gpu"]["num_gpu"])
        except (ValueError, TypeError, KeyError):
            return None
