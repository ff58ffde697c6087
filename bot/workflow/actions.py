"""What a person can do to a request: one table, from the action's name to its decision. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import sizing
from bot.approvals import policy, state_machine
from bot.approvals.draft import content
from bot.approvals.operation import deletion
from bot.approvals.request import Kind
from bot.approvals.state_machine import Action, Refusal, Transition
from bot.approvals.wording import refuse_words
from bot.workflow.audit_events import described
from bot.workflow.ports import Source
from bot.workflow.submit import new_request, next_revision, read_purpose

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.approvals.draft import Draft, Site
    from bot.approvals.policy import Actor, Ruling
    from bot.approvals.policy_file import Defaults
    from bot.approvals.request import Request
    from bot.workflow.ports import Click
    from bot.workflow.use import Use


@dataclass(frozen=True, slots=True)
class Change:
    """A permitted action on the row.

    Args:
        revised: The row with its next revision's content, if there is a new one.
        answer: Code of a private answer to the person, if one is due.
    """

    request: Request
    transition: Transition
    ruling: Ruling
    revised: Request | None = None
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class NewRequest:
    """A permitted action that creates a new request: to delete a specification."""

    request: Request
    reason: str
    ruling: Ruling


@dataclass(frozen=True, slots=True)
class Redraw:
    """A permitted action that only redraws the card."""

    request: Request


Decision = Change | NewRequest | Redraw | Refusal


@dataclass(frozen=True, slots=True)
class Case:
    """One click, and everything that its decision depends on.

    Args:
        request: The row, as in this transaction.
        actor: The person, looked up live.
        rules: The policy's defaults.
        now: UTC epoch milliseconds.
        draft: Sizes a text, with an optional GPU count chosen by hand; raises ``SizingError``.
        rule: Rules on a draft.
        use: Who uses the spec to delete; None if nothing is deleted, or without a cluster.
        holder: Returns the live request that reserves a name in a space.
    """

    click: Click
    request: Request
    actor: Actor
    ruling: Ruling
    site: Site
    rules: Defaults
    now: int
    draft: Callable[[str, int | None], Draft]
    rule: Callable[[Draft], Ruling]
    holder: Callable[[str, Kind, str], Request | None]
    new_id: Callable[[], str]
    use: Use | None = None


def decide(case: Case) -> Decision:
    """Decide one click."""
    if (why := state_machine.barred(case.request, case.click.action, case.actor)) is not None:
        return Refusal(why, (case.click.reason or "") if why == "lookup_failed" else "")
    return ACTIONS[case.click.action](case)


def _move(action: Action) -> Callable[[Case], Decision]:
    """Return what the state machine alone decides."""

    def decided(case: Case) -> Decision:
        return _ask_state_machine(case, action, case.click.reason)

    return decided


def _ask_state_machine(case: Case, action: Action, reason: str | None = None) -> Change | Refusal:
    decision = state_machine.decide(
        case.request,
        action,
        case.actor,
        case.ruling,
        case.click.at,
        revision=case.click.revision,
        reason=reason,
    )
    return decision if isinstance(decision, Refusal) else Change(case.request, decision, case.ruling)


def _approve(case: Case) -> Decision:
    """Vote; if the policy requires confirmation, only the modal that repeats the row counts."""
    decided = _ask_state_machine(case, Action.APPROVE)
    if (
        isinstance(decided, Change)
        and case.ruling.confirm
        and case.click.source in {Source.CARD, Source.HOME}
    ):
        return Refusal("confirm_first")
    return decided


def _edit(case: Case) -> Decision:
    """Change the text and the purpose."""
    click, request = case.click, case.request
    try:
        text, purpose = read_purpose(
            request.text if click.text is None else click.text,
            (request.purpose or "") if click.purpose is None else click.purpose,
        )
    except sizing.SizingError as error:
        return Refusal("unreadable", error.message)

    def drafted() -> Draft:
        return case.draft(text, None)

    return _revise(case, text, drafted, purpose, lambda draft: refuse_words(case.rules, purpose, draft))


def _use_gpus(case: Case) -> Decision:
    """Use the next number of GPUs that tensor parallelism can use."""
    text = case.request.text

    def drafted() -> Draft | None:
        drafted = case.draft(text, None)
        count = sizing.advise(drafted.sized, drafted.breakdown).next_valid_gpus
        return None if count is None else case.draft(text, count)

    return _revise(case, text, drafted, case.request.purpose)


def _revise(
    case: Case,
    text: str,
    drafted: Callable[[], Draft | None],
    purpose: str | None,
    refuse: Callable[[Draft], Refusal | None] = lambda _: None,
) -> Decision:
    """Make a new revision, which clears the existing approvals.

    Args:
        text: The request's new text.
        drafted: Sizes it; None if there is nothing to change.
        purpose: Its new purpose.
        refuse: Returns further objections to the draft.
    """
    request = case.request
    allowed = _ask_state_machine(case, Action.EDIT)
    if isinstance(allowed, Refusal):
        return allowed
    try:
        draft = drafted()
    except sizing.SizingError as error:
        return Refusal("unreadable", error.message)
    if draft is None:
        return Refusal("nothing_to_override")
    if (refusal := refuse(draft)) is not None:
        return refusal
    ruling = case.rule(draft)
    if ruling.deny is not None:
        return Refusal("denied", ruling.deny)
    holder = case.holder(draft.space_id, request.kind, draft.name)
    if holder is not None and holder.id != request.id:
        return Refusal("name_taken", holder.id)
    revised = next_revision(
        request,
        content(text, draft, case.site, purpose=purpose),
        ruling,
        author_id=case.click.user_id,
        now=case.now,
    )
    by_hand = f", {draft.use_gpus} GPUs by hand" if draft.use_gpus else ""
    changed = purpose != request.purpose
    before, after = (described(row) if changed else row.canonical for row in (request, revised))
    reason = f"{before} → {after}{by_hand}"
    return Change(request, replace(allowed.transition, reason=reason), ruling, revised)


def _delete(case: Case) -> Decision:
    """Request the deletion of a spec that we created: a separate request, approved like a create."""
    request, click = case.request, case.click
    if case.ruling.deny is not None:
        return Refusal("denied", case.ruling.deny)
    if not state_machine.has_live_spec(request):
        return Refusal("wrong_state", request.state.value)
    if case.use is not None and case.use.names:
        return Refusal("in_use", case.use.words)
    asked = case.holder(request.space_id, Kind.DELETE, request.name)
    if asked is not None:
        return Refusal("deletion_asked", asked.id)
    row = new_request(
        deletion(request),
        policy.Person(click.team_id, click.user_id, case.actor.name, click.enterprise_id),
        case.ruling,
        request_id=case.new_id(),
        channel_id=request.channel_id,
        origin=click.origin,
        now=case.now,
        kind=Kind.DELETE,
        spec_id=request.spec_id,
    )
    reason = f"delete {row.name} ({row.spec_id}), created by {request.id}"
    if case.use is not None and case.use.error is not None:
        row = replace(row, error=case.use.words)
        reason = f"{reason}; {case.use.words}"
    return NewRequest(row, reason, case.ruling)


def _use_existing(case: Case) -> Decision:
    """End the request in favour of a live spec that already serves it."""
    if case.request.existing is None:
        return Refusal("no_existing")
    spec_id, name = case.request.existing
    decided = _ask_state_machine(case, Action.CANCEL, f"uses the existing spec {name} ({spec_id})")
    return decided if isinstance(decided, Refusal) else replace(decided, answer="adopted")


def _post_again(case: Case) -> Decision:
    """Draw the card again; there is none before its requester is known."""
    return Redraw(case.request) if case.request.admitted else Refusal("not_admitted")


ACTIONS: Mapping[str, Callable[[Case], Decision]] = {
    "approve": _approve,
    "withdraw": _move(Action.WITHDRAW),
    "reject": _move(Action.REJECT),
    "cancel": _move(Action.CANCEL),
    "retry": _move(Action.RETRY),
    "give_up": _move(Action.GIVE_UP),
    "edit": _edit,
    "use_gpus": _use_gpus,
    "use_existing": _use_existing,
    "delete": _delete,
    "post_again": _post_again,
}
