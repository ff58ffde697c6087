"""Who hears of a change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.approvals.request import State
from bot.approvals.state_machine import has_ended
from bot.workflow import outbox

if TYPE_CHECKING:
    from collections.abc import Collection

    from bot.approvals.request import Request
    from bot.store import Tx

_REQUESTER_HEARS = frozenset(
    {State.CREATED, State.DELETED, State.FAILED, State.ATTENTION, State.REJECTED, State.EXPIRED}
)


def notify(tx: Tx, before: Request, after: Request, admins: Collection[str]) -> None:
    """Redraw the card and write to those who must hear of a change.

    Args:
        tx: The transaction of the change.
        before: The row as it was.
        after: The row as it is.
        admins: Who hears of a request that needs attention.
    """
    outbox.card(tx, after)
    moved = after.state is not before.state
    if moved and after.state in _REQUESTER_HEARS:
        outbox.direct_message(tx, after)
    if moved and after.state is State.ATTENTION:
        tell_admins(tx, after, "attention", after.error or "nobody knows whether it was created", admins)
    if after.execution_id and has_ended(after):
        outbox.workflow_step(tx, after)


def tell_admins(tx: Tx, request: Request, code: str, words: str, admins: Collection[str]) -> None:
    """Write about a request to every admin who is named by user id."""
    for admin in sorted(entry for entry in admins if not entry.startswith("S")):
        line = f"{request.id} ({request.name}): {words}"
        outbox.notice(tx, code, [line], about=request.id, user_id=admin)
