"""The first row of a request, and its next revisions: new content, and no votes. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sizing
from bot.approvals import policy
from bot.approvals.request import Kind, Request, State
from sizing.parsing.purpose import LONGEST_PURPOSE, tidy

if TYPE_CHECKING:
    from bot.approvals.draft import Content, Draft
    from bot.approvals.policy import Person, Ruling

_COLUMNS = (
    *("revision", "canonical", "name", "space_id", "num_gpus", "quorum", "expires_at"),
    *("reminded", "escalated_ms", "error", "groups_edited"),
)


def read_purpose(text: str, field: str) -> tuple[str, str | None]:
    """Split typed text into the request and its purpose.

    Args:
        text: As typed; its ``for="…"`` takes precedence.
        field: The purpose from its own field, if any.

    Raises:
        SizingError: The purpose in the text is empty, too long, not in quotes, or not last.
    """
    request, typed = sizing.split_purpose(text)
    return request, typed or tidy(field)[:LONGEST_PURPOSE] or None


def new_request(
    content: Content,
    asker: Person,
    ruling: Ruling,
    *,
    request_id: str,
    channel_id: str,
    origin: str,
    now: int,
    kind: Kind = Kind.CREATE,
    spec_id: str | None = None,
    execution_id: str | None = None,
    thread_ts: str | None = None,
    admitted: bool = True,
) -> Request:
    """Return a request as its first row.

    Args:
        request_id: A fresh id.
        channel_id: Where its card belongs.
        origin: ``slack-http``, ``slack-socket``, ``workflow``, ``cli`` or ``sandbox``.
        now: UTC epoch milliseconds.
        thread_ts: The thread that its card belongs in.
        admitted: Whether it is known already that the asker may ask.
    """
    return Request(
        **content.columns(),
        id=request_id,
        kind=kind,
        state=State.PENDING,
        version=1,
        revision=1,
        team_id=asker.team_id,
        enterprise_id=asker.enterprise_id,
        requester_id=asker.user_id,
        requester_name=asker.name,
        author_id=asker.user_id,
        channel_id=channel_id,
        message_ts=None,
        quorum=ruling.quorum,
        votes=(),
        created_at=now,
        updated_at=now,
        revised_at=now,
        expires_at=now + ruling.expires_ms,
        spec_id=spec_id,
        error=None,
        reserved=True,
        tries=0,
        origin=origin,
        execution_id=execution_id,
        thread_ts=thread_ts,
        admitted=admitted,
    )


def first_due(request: Request, drafted: Draft, ruling: Ruling, *, dry_run: bool) -> int:
    """Return when a new request is first due: at once if a live spec may already serve it."""
    if not (drafted.sized.quantized or dry_run):
        return request.created_at
    return policy.next_due(request, ruling)


def next_revision(request: Request, content: Content, ruling: Ruling, *, author_id: str, now: int) -> Request:
    """Return a request with new content.

    Args:
        author_id: Who wrote it, and so may not approve it.
        now: UTC epoch milliseconds.
    """
    return replace(
        request,
        **content.columns(),
        revision=request.revision + 1,
        author_id=author_id,
        quorum=ruling.quorum,
        votes=(),
        revised_at=now,
        expires_at=now + ruling.expires_ms,
        reminded=0,
        escalated_ms=None,
        error=None,
        existing=None,
        groups_edited=(),
    )


def changed_columns(revised: Request) -> dict[str, Any]:
    """Return the columns of ``requests`` that a new revision changes."""
    spec_id, spec_name = revised.existing or (None, None)
    columns = {name: getattr(revised, name) for name in _COLUMNS}
    return columns | {"existing_id": spec_id, "existing_name": spec_name, "due_at": revised.revised_at}
