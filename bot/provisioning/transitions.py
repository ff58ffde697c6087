"""Small steps shared by the executor, reconcile and pending: how a due row is moved, or waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.approvals import state_machine
from bot.approvals.request import Kind, Request, State
from bot.approvals.state_machine import Action, Transition
from bot.audit.chain import Rest
from bot.errors import SpecsError, Unavailable, VersionConflict
from bot.provisioning.comparison import differences, in_words
from bot.workflow import outbox
from bot.workflow.backoff import wait_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.approvals.operation import Operation
    from bot.store import Tx
    from bot.store.attempts import Attempt
    from bot.workflow.ports import RemoteSpec
    from bot.workflow.service import RequestService

LOOKUP_GAP_MS = 30_000


@dataclass(frozen=True, slots=True)
class Pace:
    """The times of a create.

    Args:
        timeout_ms: Total deadline of one REST call (``WATSONX_TIMEOUT_S``).
        settle_ms: How long a gateway may still commit after that (``PEFTSIZE_SETTLE_S``).
    """

    timeout_ms: int
    settle_ms: int

    @property
    def gap_ms(self) -> int:
        """Return the wait between two look-ups."""
        return min(self.settle_ms, LOOKUP_GAP_MS)


def lock_unchanged(tx: Tx, request: Request) -> Request:
    """Return the row, locked until the transaction ends; raises ``VersionConflict`` if it changed since it was read."""
    row = tx.requests.get(request.id) if tx.requests.hold(request) else None
    if row is None:
        raise VersionConflict
    return row


def step(row: Request, action: Action, reason: str | None = None, event: str | None = None) -> Transition:
    """Return the transition of one of the bot's actions; raises ``VersionConflict`` if it no longer applies."""
    transition = state_machine.step(row, action, reason, event)
    if transition is None:
        raise VersionConflict
    return transition


def move(
    service: RequestService,
    request: Request,
    action: Action,
    reason: str,
    rest: Rest | None = None,
    event: str | None = None,
) -> None:
    """Move a row as it was read, and show the reason on the card."""
    with service.store.write() as tx:
        row = lock_unchanged(tx, request)
        service.write(tx, row, step(row, action, reason, event), rest=rest, error=reason)


def wait(service: RequestService, request: Request, error: SpecsError) -> None:
    """The service did nothing: try again later."""
    asked = error.retry_after_s if isinstance(error, Unavailable) else None
    wait_for(service, request, error_text(error), asked)


def wait_for(service: RequestService, request: Request, what: str, asked_s: float | None = None) -> None:
    """Nothing happened: try again later, and say on the card what is awaited; ``attention`` keeps its reason."""
    with service.store.write() as tx:
        row = lock_unchanged(tx, request)
        due = tx.now + wait_ms(row.tries + 1, asked_s)
        words = row.error if row.state is State.ATTENTION else what
        tx.queues.postpone("requests", row.id, due, error=words)
        if row.error != words:
            outbox.card(tx, row)


def record_result(
    service: RequestService,
    attempt: Attempt,
    spec_id: str | None,
    event: str,
    rest: Rest,
    warnings: Sequence[str] = (),
) -> None:
    """Record that an attempt took effect, whatever has become of the row in the meantime."""

    def once(tx: Tx) -> None:
        row = tx.requests.get(attempt.request_id)
        if row is None:
            return
        finish = state_machine.step(row, Action.FINISH, "; ".join(warnings) or None, event)
        if finish is None:
            return
        outcome = "deleted" if row.kind is Kind.DELETE else "created"
        facts = {"status": rest.status, "trace": rest.trace, "spec_id": spec_id}
        tx.attempts.end(attempt.id, outcome, tx.now, **facts)
        service.write(tx, row, finish, rest=rest, spec_id=spec_id, error=finish.reason)
        if row.kind is Kind.DELETE and spec_id:
            _retire(tx, row, spec_id)

    service.store.retry_on_conflict(once)


def split(found: list[RemoteSpec], approved: Operation) -> tuple[RemoteSpec | None, RemoteSpec | None]:
    """Return a spec with this name that is what was approved, and one that is not."""
    ours = [spec for spec in found if not differences(approved.body, approved.space_id, spec)]
    foreign = [spec for spec in found if spec not in ours]
    first = min(ours, key=lambda spec: (spec.created_at, spec.id)) if ours else None
    return first, foreign[0] if foreign else None


def taken(foreign: RemoteSpec, approved: Operation) -> str:
    """Say who has the name, and how that spec differs from the approved one."""
    if foreign.is_global:
        return (
            f"the name is that of a predefined spec ({foreign.id}); edit the request and choose another name"
        )
    differs = in_words(differences(approved.body, approved.space_id, foreign))
    return (
        f"the name is taken by another spec ({foreign.id}), which differs in {differs}; choose another name"
    )


def error_text(error: SpecsError) -> str:
    """Return the service's message, with its status and trace id."""
    status = f"HTTP {error.status}: " if error.status else ""
    trace = f" (trace {error.trace})" if error.trace else ""
    return f"{status}{error.message}{trace}"


def rest_of(error: SpecsError, attempt_id: str | None = None) -> Rest:
    """Return the REST side of an audit event for an error."""
    return Rest(error.status, error.trace, None, attempt_id)


def _retire(tx: Tx, row: Request, spec_id: str) -> None:
    """Free the name of a deleted spec, and say so on the card that created it."""
    for made in tx.requests.listed(states=(State.CREATED,), spec_id=spec_id, limit=None):
        tx.requests.note(made.id, reserved=False, retired_by=row.id)
        outbox.card(tx, made)
