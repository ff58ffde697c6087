"""Writes a decision: the row, its audit event and the messages to Slack, in one transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot.approvals.request import State
from bot.approvals.state_machine import Action, Refusal
from bot.audit.chain import Rest, Who
from bot.errors import VersionConflict
from bot.workflow import admission, outbox
from bot.workflow.actions import Change, NewRequest
from bot.workflow.audit_events import described, event_of, who_asked, who_clicked
from bot.workflow.limits import over_limit
from bot.workflow.notify import notify
from bot.workflow.ports import Outcome
from bot.workflow.sealing import sealed
from bot.workflow.submit import changed_columns
from bot.workflow.surface import redraw_homes

if TYPE_CHECKING:
    from collections.abc import Collection

    from bot.approvals.policy import Person, Ruling
    from bot.approvals.policy_file import Limits
    from bot.approvals.request import Request
    from bot.approvals.state_machine import Transition
    from bot.audit.chain import Event
    from bot.audit.signing_key import SigningKey
    from bot.store import Tx
    from bot.workflow.actions import Decision
    from bot.workflow.ports import Ask, Click


def record_ask(tx: Tx, ask: Ask, request: Request, ruling: Ruling, limits: Limits, due_at: int) -> Outcome:
    """Write what somebody asked for: a new row, or why there is none.

    Args:
        tx: The transaction.
        ask: Who asks for what, where.
        request: The row to be.
        ruling: What the policy says of it.
        limits: How much may be asked for.
        due_at: When it is first looked at, UTC epoch milliseconds.

    Returns:
        The outcome; a request that is not admitted yet is ``submitted`` too, and continues with ``record_admission``.
    """
    awaited = None if request.admitted else admission.stored(ask, request, due_at)
    if not tx.queues.receive(ask.key, awaited):
        holder = tx.requests.holder(request.space_id, request.kind, request.name)
        return Outcome("existing", holder) if holder else Outcome("duplicate")
    outcome = _insert_ask(tx, ask, request, ruling, limits, due_at)
    if awaited is None and outcome.code == "submitted":
        _begin(tx, ask, request, ruling, due_at)
    elif awaited is not None and outcome.code != "submitted":
        tx.queues.decided(ask.key)
    return outcome


def record_admission(
    tx: Tx, ask: Ask, request: Request, refusal: Refusal | None, ruling: Ruling, due_at: int
) -> Outcome:
    """Write whether somebody may ask, now that they have been looked up.

    Args:
        tx: The transaction in which the row was read.
        ask: Who asks, and where they get a refusal.
        request: The row that is not admitted yet.
        refusal: Why they may not; the row is then deleted, which frees its name and what it counted for.
        ruling: What the policy says of it.
        due_at: When it is first looked at, UTC epoch milliseconds.

    Raises:
        VersionConflict: Another transaction was first.
    """
    if not (tx.requests.admit(request, due_at) if refusal is None else tx.requests.discard(request)):
        raise VersionConflict
    if refusal is None:
        after = replace(request, admitted=True)
        _begin(tx, ask, after, ruling, due_at)
        return Outcome("submitted", after)
    is_first = _audit_refused_ask(tx, ask, request, refusal)
    if ask.execution_id:
        outbox.step_refused(tx, ask.execution_id, refusal)
    elif is_first:
        outbox.answer_ask(tx, ask, refusal.code, refusal.detail)
    return Outcome(refusal.code, None, refusal.detail)


def record(
    tx: Tx,
    click: Click,
    person: Person,
    request: Request | None,
    decision: Decision,
    admins: Collection[str],
    key: SigningKey,
) -> Outcome:
    """Write what a click was decided to do, a refusal included.

    Args:
        person: The actor, looked up live.
        request: The row as read; None if there is none.
        decision: What to write.
        admins: Notified of a request that needs attention.
        key: Seals an approval, or the permission to send again.

    Raises:
        VersionConflict: Another transaction changed the row first.
    """
    who = who_clicked(click, person.name)
    if isinstance(decision, Refusal):
        return _refuse(tx, click, who, request, decision)
    if isinstance(decision, NewRequest):
        return _insert(tx, click, who, decision)
    if isinstance(decision, Change):
        return Outcome("done", _change(tx, click, person, decision, admins, key))
    outbox.card(tx, decision.request)
    return Outcome("done", decision.request)


def write_transition(
    tx: Tx,
    request: Request,
    transition: Transition,
    admins: Collection[str],
    key: SigningKey,
    *,
    ruling: Ruling | None = None,
    click: Click | None = None,
    person: Person | None = None,
    rest: Rest | None = None,
    **columns: Any,
) -> Request:
    """Write a transition with its audit event and its messages to Slack.

    Args:
        request: The row as read.
        admins: Notified of a request that needs attention.
        key: Seals an approval, or the permission to send again.
        ruling: What the policy says about the new row, if there are people to notify.
        click: The person's action; None for the bot's own.
        person: The actor, looked up live; None for the bot.
        rest: The service's answer, for the audit.
        **columns: Further columns of ``requests``.

    Returns:
        The row as it is now.

    Raises:
        VersionConflict: Another transaction changed the row first.
    """
    decided_at = click.at if click else tx.now
    who = who_clicked(click, person.name if person else None) if click else Who()
    if click is not None and person is not None and person.user_id != click.user_id:
        who = replace(who, known_as=person.user_id)
    transition, rest, seal = sealed(tx, request, transition, key, who=who, at=decided_at, rest=rest)
    columns.setdefault("due_at", tx.now if transition.to_state in {State.APPROVED, State.PENDING} else None)
    if transition.to_state is not request.state:
        columns.setdefault("tries", 0)
        columns.setdefault("ended_at", decided_at)
        if click is not None:
            columns.setdefault("ended_by", click.user_id)
            columns.setdefault("error", _reason_on_card(request, transition))
    if transition.unvote and person is not None:
        tx.requests.unvote(request, person.user_id)
    if transition.action in {Action.RETRY, Action.GIVE_UP}:
        tx.attempts.abandon(request.id, tx.now)
    after = tx.requests.move(request, transition, tx.now, **columns)
    if after is None:
        raise VersionConflict
    tx.audit_log.append(
        event_of(
            after,
            transition.event,
            who,
            click,
            at=decided_at,
            reason=transition.reason,
            rest=rest,
            from_state=request.state.value,
            seal=seal,
        )
    )
    tx.queues.wake(after.id, columns["due_at"])
    notify(tx, request, after, admins, ruling)
    redraw_homes(tx)
    return after


def _insert_ask(tx: Tx, ask: Ask, request: Request, ruling: Ruling, limits: Limits, due_at: int) -> Outcome:
    """Insert the row of an ask, or say why there is none."""
    if ruling.deny is not None:
        return _refuse_ask(tx, ask, request, Refusal("denied", ruling.deny))
    refusal = over_limit(tx, limits, request)
    if refusal is None and tx.requests.insert(request, due_at=due_at if request.admitted else None):
        return Outcome("submitted", request)
    holder = tx.requests.holder(request.space_id, request.kind, request.name)
    if holder is None and refusal is not None:
        return _refuse_ask(tx, ask, request, refusal)
    if holder is not None and not holder.admitted and holder.requester_id != request.requester_id:
        return Outcome("asked_just_now")
    identical = holder is not None and holder.digest == request.digest
    return Outcome("existing" if identical else "name_taken", holder, request.name)


def _begin(tx: Tx, ask: Ask, request: Request, ruling: Ruling, due_at: int) -> None:
    """Start an admitted request: its audit event, its card and its notifications."""
    tx.queues.wake(request.id, due_at)
    reason, at = described(request), request.created_at
    tx.audit_log.append(event_of(request, "requested", who_asked(ask), ask, reason=reason, at=at))
    notify(tx, None, request, (), ruling, response_url=ask.response_url)
    redraw_homes(tx)


def _refuse_ask(tx: Tx, ask: Ask, request: Request, refusal: Refusal) -> Outcome:
    """Audit an ask that was refused, and return the refusal."""
    _audit_refused_ask(tx, ask, request, refusal)
    return Outcome(refusal.code, None, refusal.detail)


def _audit_refused_ask(tx: Tx, ask: Ask, request: Request, refusal: Refusal) -> bool:
    """Audit the refusal of an ask; return whether it is the first within a minute."""
    why = refusal.detail if refusal.code == "denied" else f"{refusal.code}: {refusal.detail}"
    reason = f"{why} ({request.canonical})"
    event = event_of(None, "request.refused", who_asked(ask), ask, reason=reason, at=tx.now)
    return _audit_refusal(tx, replace(event, digest=request.digest), refusal.code)


def _audit_refusal(tx: Tx, event: Event, code: str) -> bool:
    """Audit a refusal at once, or count it where the same person has just run into the same one.

    Returns:
        Whether it is the first within a minute.
    """
    due = tx.refusals.to_audit(event, code)
    for each in due:
        tx.audit_log.append(each)
    return event in due


def _change(
    tx: Tx, click: Click, person: Person, change: Change, admins: Collection[str], key: SigningKey
) -> Request:
    request = change.request
    columns: dict[str, Any] = {"quorum": change.ruling.quorum}
    if change.revised is not None:
        tx.requests.revise(change.revised, tx.now)
        columns = changed_columns(change.revised)
    transition = change.transition
    if transition.vote is not None:
        edits = tuple(edit for edit in person.group_edits if edit.group in transition.vote.via)
        columns["groups_edited"] = tuple(dict.fromkeys((*request.groups_edited, *edits)))
        reason = "; ".join([transition.reason or "", *(edit.sentence() for edit in edits)])
        transition = replace(transition, reason=reason)
    after = write_transition(
        tx,
        request,
        transition,
        admins,
        key,
        ruling=change.ruling,
        click=click,
        person=person,
        **columns,
    )
    if change.answer is not None:
        outbox.answer(
            tx, click.key, click.user_id, click.channel_id, request_id=request.id, code=change.answer
        )
    return after


def _insert(tx: Tx, click: Click, who: Who, new: NewRequest) -> Outcome:
    row = new.request
    if not tx.requests.insert(row, due_at=tx.now):
        raise VersionConflict  # somebody reserved the name since the decision looked
    tx.audit_log.append(event_of(row, "requested", who, click, reason=new.reason, at=click.at))
    tx.queues.wake(row.id, tx.now)
    notify(tx, None, row, (), new.ruling)
    redraw_homes(tx)
    return Outcome("submitted", row)


def _refuse(tx: Tx, click: Click, who: Who, request: Request | None, refusal: Refusal) -> Outcome:
    """Audit a refused attempt, tell the person privately, and redraw the card they saw.

    Whoever presses repeatedly is told once a minute.
    """
    reason = f"{refusal.code}: {refusal.detail}" if refusal.detail else refusal.code
    event = event_of(request, f"{click.action}.refused", who, click, reason=reason, at=click.at)
    event = replace(event, request_id=request.id if request else click.request_id[:16])
    is_first = _audit_refusal(tx, event, refusal.code)
    if click.origin != "cli" and is_first:
        outbox.answer(
            tx,
            click.key,
            click.user_id,
            click.channel_id,
            request_id=request.id if request else None,
            code=refusal.code,
            detail=refusal.detail,
            action=click.action,
        )
        if request is not None:
            outbox.card(tx, request)
    is_copy = refusal.code == "foreign_message"
    if is_copy and request is not None and click.channel_id and click.message_ts:
        outbox.lead_to_card(tx, request, click.channel_id, click.message_ts)
    return Outcome(refusal.code, request, refusal.detail)


def _reason_on_card(request: Request, transition: Transition) -> str | None:
    """Return the card's reason for a person's decision: of a rejection, or why a failed request was given up."""
    match transition.action:
        case Action.REJECT | Action.CANCEL:
            return transition.reason
        case Action.GIVE_UP:
            return request.error
        case _:
            return None
