"""The next revision of a request: new content, and no votes. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.approvals.draft import Content
    from bot.approvals.policy import Ruling
    from bot.approvals.request import Request

_COLUMNS = (
    *("revision", "canonical", "name", "space_id", "num_gpus", "quorum", "expires_at"),
    *("reminded", "escalated_ms", "error", "groups_edited"),
)


def next_revision(request: Request, content: Content, ruling: Ruling, *, author_id: str, now: int) -> Request:
    """Return a request with new content.

    Args:
        ruling: What the policy says about the new content.
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
