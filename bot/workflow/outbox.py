"""What Slack is to be told, one function for each kind of outbox message.

A message's key says what it is about: a second one with the same key replaces the first while that
still waits. Everything else is read from the row when the message is delivered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.approvals.request import Request
    from bot.store import Tx

RESPONSE_URL_MS = 30 * 60_000
"""How long Slack takes posts to a response URL, and so how long one is kept.

Source: https://docs.slack.dev/interactivity/handling-user-interaction (30 minutes, five uses).
"""


def card(tx: Tx, request: Request, response_url: str | None = None) -> None:
    """Draw the card and all its copies.

    Args:
        tx: The transaction of the change.
        request: The row as it is now.
        response_url: Reaches the requester where the bot may not post the card.
    """
    # a card that has been posted is only updated, so it waits for no turn in its channel
    channel_id = None if request.message_ts else request.channel_id
    body = {"response_url": response_url, "user_id": request.requester_id} if response_url else {}
    tx.queues.put(f"card:{request.id}", "card", request_id=request.id, channel_id=channel_id, body=body)


def direct_message(tx: Tx, request: Request) -> None:
    """Tell the requester what became of the request."""
    key = f"dm:{request.id}:{request.version}"
    tx.queues.put(key, "dm", request_id=request.id, body={"user_id": request.requester_id})


def reminder(tx: Tx, request: Request, user_id: str, sent: int) -> None:
    """Send an approver a copy of the card; ``sent`` counts the reminders."""
    key = f"remind:{request.id}:{user_id}"
    tx.queues.put(key, "remind", request_id=request.id, body={"user_id": user_id, "sent": sent})


def answer(
    tx: Tx, key: str, user_id: str, channel_id: str | None, *, request_id: str | None = None, **content: Any
) -> None:
    """Answer one person privately.

    Args:
        tx: The transaction.
        key: Names the delivery that is answered.
        user_id: The person.
        channel_id: Where they will see it; a direct message where None.
        request_id: The request that it is about.
        **content: ``blocks`` and ``text`` as they are, or a ``code`` with what its words need.
    """
    body = {"user_id": user_id, "channel_id": channel_id} | content
    tx.queues.put(f"private:{key}", "private", request_id=request_id, body=body)


def notice(
    tx: Tx,
    code: str,
    lines: Sequence[str],
    *,
    about: str,
    user_id: str | None = None,
    channel_id: str | None = None,
) -> None:
    """Tell the people who run the bot.

    Args:
        tx: The transaction.
        code: What the notice begins with, see ``bot.slack.outbound.private.NOTICES``.
        lines: The facts.
        about: What a later notice replaces this one for.
        user_id: To whom, directly.
        channel_id: Where, instead.
    """
    where = {"user_id": user_id} if user_id else {"channel_id": channel_id}
    key = ":".join(part for part in ("notice", about, user_id) if part)
    tx.queues.put(key, "notice", channel_id=channel_id, body={"code": code, "lines": list(lines), **where})


def home_tab(tx: Tx, team_id: str, user_id: str, wait_ms: int = 0) -> None:
    """Draw somebody's Home tab, after a while if it waits for a decision."""
    about = {"team_id": team_id, "user_id": user_id}
    tx.queues.put(f"home:{user_id}", "home", body=about, due_at=tx.now + wait_ms)


def workflow_step(tx: Tx, request: Request) -> None:
    """Complete the workflow step that waits for a request."""
    tx.queues.put(f"step:{request.id}", "step", request_id=request.id)


def step_without_request(tx: Tx, execution_id: str, outcome: dict[str, Any]) -> None:
    """Complete a workflow step for which there is no request of its own."""
    body = {"execution_id": execution_id, "outcome": outcome}
    tx.queues.put(f"step:{execution_id}", "step", body=body)
