"""Looks after a request that waits for people: expiry, reminders, escalations, and a spec that already serves it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bot.approvals import policy
from bot.approvals.request import Kind, Request
from bot.approvals.state_machine import Action
from bot.errors import SpecsError, Unavailable
from bot.provisioning.comparison import hardware_differences
from bot.provisioning.transitions import lock_unchanged, step
from bot.workflow import outbox
from bot.workflow.audit_events import event_of
from bot.workflow.notify import notify, reached, remind
from bot.workflow.surface import redraw_homes
from sizing import SizingError

if TYPE_CHECKING:
    from bot.approvals.policy import Ruling, Stage
    from bot.audit.chain import Who
    from bot.store import Tx
    from bot.workflow.ports import Specs
    from bot.workflow.service import RequestService

ASK_AGAIN_MS = 60_000
"""How soon a reminder is tried again when Slack could not say who is in a group."""
LOOK_AGAIN_MS = 1_000
"""How soon an expiry is looked at again that waits for a click to be decided."""


def advance_pending(service: RequestService, specs: Specs | None, request: Request, nobody: Who) -> None:
    """Do what is due for a pending request.

    Args:
        specs: The API; None in a dry run.
        nobody: The bot itself, for the audit.
    """
    match_at = None
    if specs is not None and request.existing is None and request.updated_at == request.asked_at:
        match_at = _match(service, specs, request)
    ruling = service.ruling_of(request)
    reminder = policy.remind_at(ruling, request.asked_at, request.reminded)
    voters: frozenset[str] | None = frozenset()
    if reminder is not None and service.clock() >= reminder and ruling.notify:
        outlook = service.outlook(request, ruling)
        voters = outlook.voters if outlook is not None else None
    with service.store.write() as tx:
        row = lock_unchanged(tx, request)
        if tx.now >= row.expires_at:
            if tx.queues.undecided(row.expires_at):  # a click made in time counts, however late it is decided
                tx.queues.postpone("requests", row.id, tx.now + LOOK_AGAIN_MS, failed=False)
                return
            service.write(tx, row, step(row, Action.EXPIRE, "nobody decided in time"))
            return
        if (stage := policy.due_stage(ruling, row, tx.now)) is not None:
            row = _escalate(tx, row, service.ruling_of(row, tx.now), stage, nobody)
        sent = row.reminded
        if reminder is not None and tx.now >= reminder:
            if voters is None:
                tx.queues.postpone("requests", row.id, tx.now + ASK_AGAIN_MS, failed=False)
                return
            sent += 1
            _remind(tx, row, sorted(voters), sent, nobody)
        due = policy.next_due(replace(row, reminded=sent), ruling)
        due = due if match_at is None else min(due, match_at)
        tx.requests.note(row.id, due_at=due, claimed_by=None, reminded=sent)
        tx.queues.wake(row.id, due)


def _escalate(tx: Tx, row: Request, ruling: Ruling, stage: Stage, nobody: Who) -> Request:
    """Tell the thread, and the people of a stage, that they can now decide as well."""
    after = replace(row, escalated_ms=stage.after_ms)
    tx.requests.note(row.id, escalated_ms=stage.after_ms)
    notify(tx, row, after, (), ruling)
    redraw_homes(tx)
    reason = f"also to {', '.join(reached(ruling, after)) or 'nobody who may approve it'}"
    tx.audit_log.append(event_of(after, "escalated", nobody, None, reason=reason, at=tx.now))
    return after


def _remind(tx: Tx, row: Request, voters: list[str], sent: int, nobody: Who) -> None:
    remind(tx, row, voters)
    reason = f"reminder {sent} to {', '.join(voters) or 'nobody by name'}"
    tx.audit_log.append(event_of(row, "reminded", nobody, None, reason=reason, at=tx.now))


def _match(service: RequestService, specs: Specs, request: Request) -> int | None:
    """Note which live spec already serves a 16-bit request; quantized requests are never matched.

    Returns:
        When to look again if the list may not be looked up yet, in UTC epoch milliseconds; otherwise None.
    """
    try:
        drafted = service.draft(request.text, request.use_gpus)
        if request.kind is not Kind.CREATE or drafted.sized.quantized:
            return None
        live = specs.list(drafted.space_id)
    except Unavailable as error:
        return None if error.retry_after_s is None else service.clock() + int(error.retry_after_s * 1000)
    except (SizingError, SpecsError):
        return None  # a convenience; the request does not wait for it
    fit = [spec for spec in live if not hardware_differences(drafted.body["nodes"], spec)]
    if not fit:
        return None
    best = min(fit, key=lambda spec: (not spec.is_global, spec.name, spec.id))
    with service.store.write() as tx:
        row = lock_unchanged(tx, request)
        tx.requests.note(row.id, existing_id=best.id, existing_name=best.name)
        outbox.card(tx, row)
    return None
