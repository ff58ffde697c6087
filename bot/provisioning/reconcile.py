"""Reconciles an unknown outcome by look-ups, and never by sending again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.approvals.operation import operation
from bot.approvals.request import Kind, Request, State
from bot.approvals.state_machine import Action
from bot.audit.chain import Rest
from bot.errors import SpecsError
from bot.provisioning.transitions import lock_unchanged, record_result, split, step, taken, wait
from bot.workflow import outbox
from sizing import SizingError

if TYPE_CHECKING:
    from bot.approvals.operation import Operation
    from bot.provisioning.transitions import Pace
    from bot.store import Tx
    from bot.store.attempts import Attempt
    from bot.workflow.ports import Specs
    from bot.workflow.service import RequestService

LOOKUPS = 3
"""Look-ups after an unknown outcome before a person is asked."""
MINUTELY_MS, HOURLY_MS = 60_000, 3_600_000
"""In ``attention``: a look-up a minute for an hour, then one an hour."""
_NOT_KNOWN = (
    "what was sent can no longer be derived from the request: its row, the settings or the formula changed"
)


def mark_unknown(service: RequestService, request: Request, pace: Pace) -> None:
    """Mark an attempt whose outcome nobody reported as unknown, to be looked up after the settle time."""
    with service.store.write() as tx:
        row = lock_unchanged(tx, request)
        attempt = tx.attempts.latest(row.id)
        due = tx.now
        if attempt is not None:
            due = max(due, attempt.deadline_at + pace.settle_ms)
            tx.attempts.end(attempt.id, "unknown", tx.now)
        reason = "whoever sent it did not report back"
        rest = Rest(attempt=attempt.id if attempt else None)
        service.write(tx, row, step(row, Action.LOSE, reason), rest=rest, due_at=due, error=reason)


def reconcile(service: RequestService, specs: Specs, request: Request, pace: Pace) -> None:
    """Look up the outcome of the last attempt."""
    with service.store.read() as tx:
        attempt = tx.attempts.latest(request.id)
    if attempt is None:
        return
    sent = _what_was_sent(service, request, attempt)
    if sent is None:
        with service.store.write() as tx:
            _absent(service, tx, lock_unchanged(tx, request), attempt, _NOT_KNOWN, pace)
        return
    try:
        if request.kind is Kind.DELETE:
            _settle_delete(service, specs, request, attempt, sent, pace)
            return
        ours, foreign = split(specs.find(sent.name, sent.space_id), sent)
    except SpecsError as error:
        wait(service, request, error)
        return
    if ours is not None:
        record_result(service, attempt, ours.id, "found", Rest(spec_id=ours.id, attempt=attempt.id))
        return
    with service.store.write() as tx:
        reason = taken(foreign, sent) if foreign else None
        _absent(service, tx, lock_unchanged(tx, request), attempt, reason, pace)


def _what_was_sent(service: RequestService, request: Request, attempt: Attempt) -> Operation | None:
    """Recompute from the request's text what the attempt sent; None if that has changed since."""
    try:
        drafted = service.draft(request.text, request.use_gpus)
    except SizingError:
        return None
    sent = operation(request, drafted, service.site.target)
    return sent if sent.digest == attempt.digest else None


def _absent(
    service: RequestService, tx: Tx, row: Request, attempt: Attempt, reason: str | None, pace: Pace
) -> None:
    """Count a look-up that found nothing; after the last one, a person is asked."""
    tx.attempts.count_lookup(attempt.id)
    lookups = attempt.lookups + 1
    if row.state is State.UNKNOWN and lookups >= LOOKUPS:
        reason = reason or f"not there after {lookups} look-ups"
        words = (
            f"{reason}; before: {row.error}" if row.error else reason
        )  # with the trace that leads to the log
        service.write(tx, row, step(row, Action.MISS, reason), due_at=tx.now + MINUTELY_MS, error=words)
        return
    if row.state is State.ATTENTION:
        gap = MINUTELY_MS if tx.now - (row.ended_at or tx.now) < HOURLY_MS else HOURLY_MS
    else:
        gap = pace.gap_ms
        outbox.card(tx, row)
    tx.queues.postpone("requests", row.id, tx.now + gap, failed=False)


def _settle_delete(
    service: RequestService, specs: Specs, request: Request, attempt: Attempt, sent: Operation, pace: Pace
) -> None:
    """Delete again what still exists, since a delete is idempotent; or leave it to the person who was asked."""
    if specs.get(request.spec_id or "", sent.space_id) is None:
        rest = Rest(spec_id=request.spec_id, attempt=attempt.id)
        record_result(service, attempt, request.spec_id, "deleted", rest)
        return
    with service.store.write() as tx:
        row = lock_unchanged(tx, request)
        if row.state is State.ATTENTION:
            _absent(service, tx, row, attempt, None, pace)
            return
        tx.attempts.end(attempt.id, "unsent", tx.now)
        service.write(tx, row, step(row, Action.RELEASE, "it is still there"), tries=row.tries + 1)
