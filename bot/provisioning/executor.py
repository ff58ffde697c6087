"""Carries out approved requests, so that nothing is created twice and nothing is forgotten.

A create is not idempotent and the API has no idempotency key. So the name is looked up before the first POST; the
attempt and ``creating`` are committed before a byte leaves; an unknown outcome is reconciled by look-ups after the
settle time and never by another POST; what look-ups cannot settle waits for a person in ``attention``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.approvals.draft import content
from bot.approvals.operation import contradiction, operation
from bot.approvals.request import Kind, Request, State
from bot.approvals.state_machine import Action
from bot.audit.chain import Rest, Who
from bot.errors import NameTaken, Rejected, SpecsError, Unavailable, Uncertain, VersionConflict
from bot.provisioning.approval import AskAgain, NotNow, Tampered, examine
from bot.provisioning.pending import advance_pending
from bot.provisioning.reconcile import mark_unknown, reconcile
from bot.provisioning.transitions import (
    error_text,
    lock_unchanged,
    move,
    record_result,
    rest_of,
    split,
    step,
    taken,
    wait,
    wait_for,
)
from bot.store.attempts import Attempt
from bot.workflow.backoff import wait_ms
from bot.workflow.notify import tell_admins
from bot.workflow.use import look_up_use
from sizing import SizingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.approvals.operation import Operation
    from bot.provisioning.approval import Finding
    from bot.provisioning.transitions import Pace
    from bot.store import Tx
    from bot.workflow.ports import RemoteSpec, Specs
    from bot.workflow.service import RequestService

_USE_TRIES = 3
_UNKNOWN_USE = "use_unknown"
"""The audit event of a deletion that waits for a person, since nobody knows who uses the spec."""
DRY_RUN_MS = 3_600_000
"""How soon a dry run looks again at what it does not carry out: by then it may be none any more."""


class Executor:
    """Takes one due request a step further.

    Args:
        specs: The API; None in a dry run.
        new_attempt: Returns a new attempt id.
    """

    def __init__(
        self, service: RequestService, specs: Specs | None, pace: Pace, new_attempt: Callable[[], str]
    ) -> None:
        self.service = service
        self.specs = specs
        self.pace = pace
        self.new_attempt = new_attempt

    def work(self, request_id: str) -> None:
        """Do what is due for a request; safe to call at any time and any number of times."""
        with self.service.store.read() as tx:
            request = tx.requests.get(request_id)
        if request is None:
            return
        try:
            match request.state:
                case State.PENDING:
                    advance_pending(self.service, self.specs, request, Who())
                case State.APPROVED if self.specs is not None:
                    self._carry_out(request, self.specs)
                case State.CREATING | State.DELETING:
                    mark_unknown(self.service, request, self.pace)
                case State.UNKNOWN | State.ATTENTION if self.specs is not None:
                    reconcile(self.service, self.specs, request, self.pace)
                case State.APPROVED | State.UNKNOWN | State.ATTENTION:
                    self._rest(request, DRY_RUN_MS)
                case _:
                    self._rest(request)
        except VersionConflict:
            return  # somebody moved the row; whoever it was has set when it is due

    # --- the effect

    def _carry_out(self, request: Request, specs: Specs) -> None:
        """Check again what was approved, look up the name, and only then write and send."""
        approved = self._approved(request)
        if approved is None:
            return
        if request.kind is Kind.DELETE:
            self._delete(request, approved, specs)
            return
        try:
            found = specs.find(approved.name, approved.space_id)
        except Rejected as error:
            move(self.service, request, Action.FAIL, error_text(error), rest=rest_of(error))
            return
        except SpecsError as error:
            wait(self.service, request, error)
            return
        ours, foreign = split(found, approved)
        if ours is not None:
            self._finish(request, ours.id, "adopted", Rest(spec_id=ours.id))
        elif foreign is not None:
            move(self.service, request, Action.FAIL, taken(foreign, approved))
        else:
            self._create(request, approved, specs)

    def _create(self, request: Request, approved: Operation, specs: Specs) -> None:
        not_after = self.service.clock() + self.pace.timeout_ms  # our own clock: the database's may differ
        attempt = self._begin(request)
        try:
            self._need_anchor()
            made = specs.create(
                approved.body, approved.space_id, attempt_id=attempt.id, not_after_ms=not_after
            )
        except SpecsError as error:
            ours = _ours_by_now(approved, error, specs)
            if ours is None:
                self._after_error(attempt, error)
                return
            rest = Rest(error.status, error.trace, ours.id, attempt.id)
            record_result(self.service, attempt, ours.id, "adopted", rest)
            return
        rest = Rest(made.status, made.trace, made.spec_id, attempt.id)
        record_result(self.service, attempt, made.spec_id, "created", rest, made.warnings)

    def _delete(self, request: Request, approved: Operation, specs: Specs) -> None:
        use = look_up_use(specs, request.spec_id or "", approved.space_id)
        if use.names:
            move(self.service, request, Action.FAIL, f"in use by {use.words}; nothing was deleted")
            return
        if use.error is not None and not self._decided_unknown(request):
            self._ask_about_use(request, use.error, use.words)
            return
        attempt = self._begin(request)
        try:
            self._need_anchor()
            gone = specs.delete(request.spec_id or "", approved.space_id, attempt_id=attempt.id)
        except SpecsError as error:
            self._after_error(attempt, error)
            return
        rest = Rest(gone.status, gone.trace, request.spec_id, attempt.id)
        record_result(self.service, attempt, request.spec_id, "deleted", rest)

    def _ask_about_use(self, request: Request, error: SpecsError, words: str) -> None:
        """If the users of the spec are unknown, ask again for a while, then let a person decide with Retry."""
        if isinstance(error, Unavailable) and request.tries < _USE_TRIES:
            wait(self.service, request, error)
            return
        reason = f"{words.rstrip('.')}. Look for deployments, then press Retry to delete it anyway"
        move(self.service, request, Action.FAIL, reason, rest=rest_of(error), event=_UNKNOWN_USE)

    def _decided_unknown(self, request: Request) -> bool:
        """Return whether people were told that the spec's users are unknown; then only their Retry leads here."""
        with self.service.store.read() as tx:
            return any(event["event"] == _UNKNOWN_USE for event in tx.audit_log.story(request.id))

    def _begin(self, request: Request) -> Attempt:
        """Commit ``creating`` and the attempt; from here on, a crash means an unknown outcome."""
        with self.service.store.write() as tx:
            row = lock_unchanged(tx, request)
            deadline = tx.now + self.pace.timeout_ms
            attempt = Attempt(self.new_attempt(), row.id, row.revision, row.digest, tx.now, deadline)
            start = step(row, Action.START)
            lost_at = deadline + self.pace.settle_ms
            rest = Rest(attempt=attempt.id)
            self.service.write(tx, row, start, rest=rest, due_at=lost_at, tries=row.tries, error=None)
            tx.attempts.begin(attempt)
        return attempt

    def _need_anchor(self) -> None:
        """Send nothing unless the anchor can be written; otherwise the database's owner could have it sent again."""
        if (trouble := self.service.store.anchor_trouble()) is not None:
            raise Unavailable(f"the anchor of the audit cannot be written ({trouble})")

    def _after_error(self, attempt: Attempt, error: SpecsError) -> None:
        """Sort a failed call: provably nothing, a definite no, or unknown."""
        rest = rest_of(error, attempt.id)
        facts = {"status": error.status, "trace": error.trace}

        def once(tx: Tx) -> None:
            row = tx.requests.get(attempt.request_id)
            if row is None or row.state not in {State.CREATING, State.DELETING}:
                return  # the lease ended first: look-ups settle it
            if isinstance(error, Unavailable):
                tx.attempts.end(attempt.id, "unsent", tx.now, **facts)
                tries = row.tries + 1
                due = tx.now + wait_ms(tries, error.retry_after_s)
                change = step(row, Action.RELEASE, error_text(error))
                self.service.write(
                    tx, row, change, rest=rest, due_at=due, tries=tries, error=error_text(error)
                )
            elif isinstance(error, Uncertain):
                tx.attempts.end(attempt.id, "unknown", tx.now, **facts)
                due = attempt.deadline_at + self.pace.settle_ms
                change = step(row, Action.LOSE, error_text(error))
                self.service.write(tx, row, change, rest=rest, due_at=due, error=error_text(error))
            else:
                tx.attempts.end(attempt.id, "failed", tx.now, **facts)
                self.service.write(
                    tx, row, step(row, Action.FAIL, error_text(error)), rest=rest, error=error_text(error)
                )

        self.service.store.retry_on_conflict(once)

    # --- small steps

    def _approved(self, request: Request) -> Operation | None:
        """Return what was approved, recomputed from the text; None if the row was moved instead.

        A changed policy, formula or target, or too few valid approvals, needs approval again; a row that was tampered
        with fails; if Slack or the anchor do not answer, it waits.
        """
        if (wrong := contradiction(request)) is not None:
            self._tampered(request, wrong)
            return None
        try:
            drafted = self.service.draft(request.text, request.use_gpus)
        except SizingError as error:
            move(self.service, request, Action.FAIL, f"the request can no longer be read: {error.message}")
            return None
        ruling = self.service.ruling_of(request)
        approved = operation(request, drafted, self.service.site.target)
        finding: Finding | None = AskAgain("what would be sent, or where, is no longer what was approved")
        if approved.digest == request.digest:
            finding = examine(self.service, request, ruling)
        match finding:
            case None:
                return approved
            case Tampered():
                self._tampered(request, finding.reason)
            case NotNow():
                wait_for(self.service, request, finding.what, finding.retry_after_s)
            case AskAgain():
                with self.service.store.write() as tx:
                    row = lock_unchanged(tx, request)
                    revised = content(
                        request.text,
                        drafted,
                        self.service.site,
                        purpose=request.purpose,
                        digest=approved.digest,
                    )
                    asked = step(row, Action.REVISE, finding.reason)
                    self.service.revise(tx, row, asked, revised, ruling, shown=finding.shown)
        return None

    def _tampered(self, request: Request, wrong: str) -> None:
        """Fail a row that is not what people decided, and notify the requester and admins."""
        reason = f"tampered: {wrong}; nothing was sent"
        with self.service.store.write() as tx:
            row = lock_unchanged(tx, request)
            failed = self.service.write(tx, row, step(row, Action.FAIL, reason, "tampered"), error=reason)
            tell_admins(tx, failed, "tampered", reason, self.service.rules.defaults.admins)

    def _finish(self, request: Request, spec_id: str, event: str, rest: Rest) -> None:
        with self.service.store.write() as tx:
            row = lock_unchanged(tx, request)
            self.service.write(
                tx, row, step(row, Action.FINISH, event=event), rest=rest, spec_id=spec_id, error=None
            )

    def _rest(self, request: Request, again_ms: int | None = None) -> None:
        """Nothing is due in this state, or not for a while."""
        with self.service.store.write() as tx:
            due = None if again_ms is None else tx.now + again_ms
            tx.requests.note(lock_unchanged(tx, request).id, due_at=due, claimed_by=None)


def _ours_by_now(approved: Operation, error: SpecsError, specs: Specs) -> RemoteSpec | None:
    """Return the spec that has taken the name since the look-up, if it is what was approved."""
    if not isinstance(error, NameTaken):
        return None
    try:
        return split(specs.find(approved.name, approved.space_id), approved)[0]
    except SpecsError:
        return None
