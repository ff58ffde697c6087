"""How much of the policy's limits is used: counted, and so reserved, in the transaction of the request.

Nothing is booked: a row counts while it is open or its specification exists, so its share is free again in the
transaction that ends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.approvals.limits import Gpus, Used, refuse_amount
from bot.approvals.request import Kind

if TYPE_CHECKING:
    from bot.approvals.policy_file import Limits
    from bot.approvals.request import Request
    from bot.approvals.state_machine import Refusal
    from bot.store import Tx

MINUTE_MS = 60_000


def over_limit(tx: Tx, limits: Limits, after: Request, before: Request | None = None) -> Refusal | None:
    """Return why a row exceeds a limit, or None; nobody else can use what is left until this transaction ends.

    Args:
        after: The row as it will be.
        before: The row as it is; None for a new one.
    """
    gpus = (after.num_gpus or 0) if after.kind is Kind.CREATE else 0
    used = Used(*_of_person(tx, limits, after, before), space=_of_space(tx, limits, after, before))
    return refuse_amount(limits, used, gpus, is_new=before is None)


def _of_person(
    tx: Tx, limits: Limits, after: Request, before: Request | None
) -> tuple[tuple[str, ...], int, Gpus]:
    """Return the person's open requests, those of the last minute, and the GPUs they hold."""
    if not (limits.open_per_person or limits.asks_per_minute or limits.gpus_per_person):
        return (), 0, Gpus()
    tx.take_turns(f"person:{after.requester_id}")
    asked = tx.requests.asked_since(tx.now - MINUTE_MS, after) if limits.asks_per_minute else 0
    others = [held for held in tx.requests.held_by(after) if before is None or held.request_id != before.id]
    return (
        tuple(held.request_id for held in others if held.is_open),
        asked,
        Gpus(
            open=sum(held.num_gpus for held in others if held.is_open),
            created=sum(held.num_gpus for held in others if not held.is_open),
        ),
    )


def _of_space(tx: Tx, limits: Limits, after: Request, before: Request | None) -> Gpus:
    """Return the GPUs that the space holds; locked after the person, so no two transactions wait for each other."""
    if not limits.gpus_per_space or after.kind is not Kind.CREATE:
        return Gpus()
    tx.take_turns(f"space:{after.space_id}")
    open_, created = tx.requests.gpus_in(after.space_id)
    own = (before.num_gpus or 0) if before is not None and before.space_id == after.space_id else 0
    return Gpus(open_ - own, created)
