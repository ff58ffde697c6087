"""The first row of a request, and when it is first looked after. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.approvals import policy
from bot.approvals.request import Kind, Request, State

if TYPE_CHECKING:
    from bot.approvals.draft import Draft
    from bot.approvals.policy import Ruling
    from bot.workflow.ports import Ask


def first_row(ask: Ask, drafted: Draft, ruling: Ruling, *, request_id: str, target: str, now: int) -> Request:
    """Return a new request as its first row.

    Args:
        ask: Who asks for what, where.
        drafted: What the text comes to.
        ruling: What the policy says of it.
        request_id: A fresh id.
        target: Base URL of the service.
        now: UTC epoch milliseconds.
    """
    return Request(
        id=request_id,
        kind=Kind.CREATE,
        state=State.PENDING,
        version=1,
        revision=1,
        text=ask.text,
        canonical=drafted.sized.canonical,
        name=drafted.name,
        use_gpus=drafted.use_gpus,
        payload=drafted.payload,
        digest=drafted.digest,
        target=target,
        space_id=drafted.space_id,
        team_id=ask.person.team_id,
        enterprise_id=ask.person.enterprise_id,
        requester_id=ask.person.user_id,
        requester_name=ask.person.name,
        author_id=ask.person.user_id,
        channel_id=ask.channel_id,
        message_ts=None,
        quorum=ruling.quorum,
        votes=(),
        created_at=now,
        updated_at=now,
        expires_at=now + ruling.expires_ms,
        revised_at=now,
        spec_id=None,
        error=None,
        reserved=True,
        tries=0,
        origin="workflow" if ask.execution_id else ask.origin,
        execution_id=ask.execution_id,
    )


def first_look(row: Request, drafted: Draft, ruling: Ruling, *, dry_run: bool) -> int:
    """Return when a new request is first looked after: at once where a live spec may serve it already."""
    if drafted.sized.method == "lora" and not dry_run:
        return row.created_at
    reminder = policy.remind_at(ruling, row.created_at, 0)
    return min(row.expires_at, reminder or row.expires_at)
