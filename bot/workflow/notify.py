"""Who hears of a change: the Slack effects that are asked for in its transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.approvals.request import State
from bot.approvals.state_machine import TERMINAL, Action

if TYPE_CHECKING:
    from collections.abc import Collection

    from bot.approvals.request import Request
    from bot.approvals.state_machine import Transition
    from bot.store import Tx

_REQUESTER_HEARS = frozenset(
    {State.CREATED, State.DELETED, State.FAILED, State.ATTENTION, State.REJECTED, State.EXPIRED}
)


def announce(tx: Tx, before: Request, after: Request, admins: Collection[str]) -> None:
    """Ask for the card to be redrawn, and for the messages to those who must hear of a change.

    Args:
        tx: The transaction of the change.
        before: The row as it was.
        after: The row as it is.
        admins: Who hears of a create that needs attention.
    """
    # a card that is posted is only updated: it has no turn to wait for in its channel
    channel_id = None if after.message_ts else after.channel_id
    tx.queues.put(f"card:{after.id}", "card", request_id=after.id, channel_id=channel_id)
    moved = after.state is not before.state
    if moved and after.state in _REQUESTER_HEARS:
        key = f"dm:{after.id}:{after.version}"
        tx.queues.put(key, "dm", request_id=after.id, body={"user_id": after.requester_id})
    if moved and after.state is State.ATTENTION:
        tell_admins(tx, after, "attention", after.error or "nobody knows whether it was created", admins)
    ended = after.state in TERMINAL or (after.state is State.FAILED and not after.reserved)
    if after.execution_id and ended:
        tx.queues.put(f"step:{after.id}", "step", request_id=after.id)


def tell_admins(tx: Tx, request: Request, code: str, words: str, admins: Collection[str]) -> None:
    """Ask for a message about a request to every admin who is named by user id."""
    for admin in sorted(entry for entry in admins if not entry.startswith("S")):
        body = {"user_id": admin, "code": code, "lines": [f"{request.id} ({request.name}): {words}"]}
        tx.queues.put(f"notice:{request.id}:{admin}", "notice", body=body)


def words_for(request: Request, transition: Transition) -> str | None:
    """Return what the card says of a person's decision: the reason, or why a failed one was given up."""
    match transition.action:
        case Action.REJECT | Action.CANCEL:
            return transition.reason
        case Action.GIVE_UP:
            return request.error
        case _:
            return None
