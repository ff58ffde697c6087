"""Redraws and reschedules waiting requests when another policy comes into force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.approvals import policy
from bot.approvals.request import State
from bot.workflow import outbox
from bot.workflow.surface import redraw_homes

if TYPE_CHECKING:
    from bot.workflow.service import RequestService

AT_ONCE = 100
_NOTE = "policy"


def redraw_waiting(service: RequestService, at_once: int = AT_ONCE) -> int:
    """Redraw the card of every waiting request, unless this policy was in force before; Slack's limits pace them.

    Votes stay as they are; whether they count is decided when it matters.

    Args:
        service: Rows and rulings.
        at_once: Requests in one transaction, so that other replicas need not wait for long.

    Returns:
        How many cards.
    """
    with service.store.read() as tx:
        if tx.noted(_NOTE) == service.rules.digest:
            return 0
        waiting = [row for row in tx.requests.listed(states=(State.PENDING,), limit=None) if row.message_ts]
    for first in range(0, len(waiting), at_once):
        with service.store.write() as tx:
            for row in waiting[first : first + at_once]:
                if tx.requests.hold(row):  # else somebody has decided meanwhile, and had it redrawn
                    due_at = policy.next_due(row, service.ruling_of(row))
                    tx.requests.note(row.id, due_at=due_at)
                    tx.queues.wake(row.id, due_at)
                    outbox.card(tx, row)
    with service.store.write() as tx:
        redraw_homes(tx)
        tx.note(_NOTE, service.rules.digest)
    return len(waiting)
