"""A new revision of a request, and the request to delete a spec: what begins a vote anew."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sizing
from bot.approvals import state_machine
from bot.approvals.operation import deletion_digest, operation
from bot.approvals.request import Kind, Request, State
from bot.approvals.state_machine import Action, Refusal
from bot.workflow.audit_events import event_of, who_clicked
from bot.workflow.ports import Outcome

if TYPE_CHECKING:
    from bot.approvals.draft import Draft
    from bot.approvals.policy import Actor, Ruling
    from bot.store import Tx
    from bot.workflow.ports import Click
    from bot.workflow.service import RequestService


def edit(
    service: RequestService, tx: Tx, request: Request, click: Click, actor: Actor, ruling: Ruling
) -> Outcome:
    """Make a new revision with other text, or with the GPU count that can start; votes are void."""
    who = who_clicked(click, actor.name)
    verdict = state_machine.decide(request, Action.EDIT, actor, ruling, click.at, revision=click.revision)
    if isinstance(verdict, Refusal):
        return service.refuse(tx, request, click, who, verdict.code, verdict.detail)
    text = click.text if click.action == "edit" and click.text is not None else request.text
    try:
        drafted = service.draft(text)
        if click.action == "use_gpus":
            count = sizing.advise(drafted.sized, drafted.breakdown).next_valid_gpus
            if count is None:
                return service.refuse(tx, request, click, who, "nothing_to_override")
            drafted = service.draft(text, count)
    except sizing.SizingError as error:
        return service.refuse(tx, request, click, who, "unreadable", error.message)
    anew = service.ruling(drafted, workflow=request.execution_id is not None)
    if anew.deny is not None:
        return service.refuse(tx, request, click, who, "denied", anew.deny)
    holder = tx.requests.holder(drafted.space_id, request.kind, drafted.name)
    if holder is not None and holder.id != request.id:
        return service.refuse(tx, request, click, who, "name_taken", holder.id)
    after = revision(service, tx, request, drafted, anew, text=text, author_id=click.user_id)
    by_hand = f", {drafted.use_gpus} GPUs by hand" if drafted.use_gpus else ""
    told = replace(verdict, reason=f"{request.canonical} → {after.canonical}{by_hand}")
    changed = columns(after, anew, tx.now)
    return Outcome("done", service.apply(tx, request, told, click=click, actor=actor, **changed))


def ask_delete(
    service: RequestService, tx: Tx, request: Request, click: Click, actor: Actor, ruling: Ruling
) -> Outcome:
    """Ask for the deletion of a spec we created: a request of its own, approved like a create."""
    who = who_clicked(click, actor.name)
    if ruling.deny is not None:
        return service.refuse(tx, request, click, who, "denied", ruling.deny)
    if request.state is not State.CREATED or request.spec_id is None or request.retired_by:
        return service.refuse(tx, request, click, who, "wrong_state", request.state.value)
    now, kind = tx.now, Kind.DELETE
    row = replace(
        request,
        id=service.new_id(),
        kind=kind,
        state=State.PENDING,
        version=1,
        revision=1,
        digest=deletion_digest(request),
        team_id=click.team_id,
        enterprise_id=click.enterprise_id,
        requester_id=click.user_id,
        requester_name=actor.name,
        author_id=click.user_id,
        message_ts=None,
        quorum=ruling.quorum,
        votes=(),
        created_at=now,
        updated_at=now,
        revised_at=now,
        expires_at=now + ruling.expires_ms,
        error=None,
        tries=0,
        origin=click.origin,
        reminded=0,
        existing=None,
        execution_id=None,
        ended_by=None,
        ended_at=None,
    )
    if not tx.requests.insert(row, due_at=now):
        asked = tx.requests.holder(row.space_id, kind, row.name)
        return service.refuse(tx, request, click, who, "deletion_asked", asked.id if asked else "")
    reason = f"delete {row.name} ({row.spec_id}), created by {request.id}"
    tx.audit_log.append(event_of(row, "requested", who, click, reason=reason, at=click.at))
    tx.queues.wake(row.id, now)
    tx.queues.put(f"card:{row.id}", "card", request_id=row.id, channel_id=row.channel_id)
    return Outcome("submitted", row)


def use_existing(
    service: RequestService, tx: Tx, request: Request, click: Click, actor: Actor, ruling: Ruling
) -> Outcome:
    """Answer with the id of a live spec that already serves the request, which ends it."""
    if request.existing is None:
        return service.refuse(tx, request, click, who_clicked(click, actor.name), "no_existing")
    reason = f"uses the existing spec {request.existing[1]} ({request.existing[0]})"
    outcome = service.act(tx, request, Action.CANCEL, click, actor, ruling, reason)
    if outcome.code == "done":
        body = {"code": "adopted", "user_id": click.user_id, "channel_id": click.channel_id}
        tx.queues.put(f"private:{click.key}", "private", request_id=request.id, body=body)
    return outcome


def revision(
    service: RequestService,
    tx: Tx,
    request: Request,
    drafted: Draft,
    ruling: Ruling,
    *,
    text: str,
    author_id: str,
) -> Request:
    """Write the content of the next revision; ``service.apply`` moves the row to it."""
    after = replace(
        request,
        revision=request.revision + 1,
        text=text,
        canonical=drafted.sized.canonical,
        name=drafted.name,
        use_gpus=drafted.use_gpus,
        payload=drafted.payload,
        digest=operation(request, drafted, service.site.target).digest,
        target=service.site.target,
        space_id=drafted.space_id,
        author_id=author_id,
        quorum=ruling.quorum,
        votes=(),
        revised_at=tx.now,
    )
    tx.requests.revise(after, tx.now)
    return after


def columns(after: Request, ruling: Ruling, now: int) -> dict[str, Any]:
    """Return the columns of ``requests`` that a new revision changes."""
    return {
        "revision": after.revision,
        "canonical": after.canonical,
        "name": after.name,
        "space_id": after.space_id,
        "quorum": ruling.quorum,
        "expires_at": now + ruling.expires_ms,
        "reminded": 0,
        "error": None,
        "existing_id": None,
        "existing_name": None,
        "due_at": now,
    }
