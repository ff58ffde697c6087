"""What can happen to a request. Everything that affects the states lives in this file.

``TABLE`` is the whole state machine; ``decide`` says what one person's action does, or why it does nothing; ``step``
does the same for the bot's own actions. Both are pure: the caller passes the row, the ruling and the time, and writes
the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from bot.approvals.parties import fill
from bot.approvals.request import Kind, Request, State, Vote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.approvals.parties import Party
    from bot.approvals.policy import Actor, Ruling


class Action(StrEnum):
    """What moves a request: first people's actions, then the bot's."""

    APPROVE = "approve"
    WITHDRAW = "withdraw"
    REJECT = "reject"
    EDIT = "edit"
    CANCEL = "cancel"
    RETRY = "retry"
    GIVE_UP = "give_up"

    EXPIRE = "expire"
    REVISE = "revise"
    START = "start"
    RELEASE = "release"
    FINISH = "finish"
    FAIL = "fail"
    LOSE = "lose"
    MISS = "miss"


S, A = State, Action

TABLE: Mapping[State, Mapping[Action, State]] = {
    S.PENDING: {
        A.APPROVE: S.APPROVED,
        A.WITHDRAW: S.PENDING,
        A.REJECT: S.REJECTED,
        A.EDIT: S.PENDING,
        A.CANCEL: S.CANCELLED,
        A.EXPIRE: S.EXPIRED,
    },
    S.APPROVED: {
        A.CANCEL: S.CANCELLED,
        A.REVISE: S.PENDING,
        A.START: S.CREATING,
        A.FINISH: S.CREATED,
        A.FAIL: S.FAILED,
    },
    S.CREATING: {A.FINISH: S.CREATED, A.FAIL: S.FAILED, A.RELEASE: S.APPROVED, A.LOSE: S.UNKNOWN},
    S.DELETING: {A.FINISH: S.DELETED, A.FAIL: S.FAILED, A.RELEASE: S.APPROVED, A.LOSE: S.UNKNOWN},
    S.UNKNOWN: {A.FINISH: S.CREATED, A.MISS: S.ATTENTION, A.RELEASE: S.APPROVED},
    S.ATTENTION: {A.FINISH: S.CREATED, A.RETRY: S.APPROVED, A.GIVE_UP: S.FAILED},
    S.FAILED: {A.RETRY: S.APPROVED, A.CANCEL: S.CANCELLED, A.GIVE_UP: S.FAILED},
    S.CREATED: {},
    S.DELETED: {},
    S.REJECTED: {},
    S.CANCELLED: {},
    S.EXPIRED: {},
}
"""Each state's actions and where they lead; for a delete, ``_DELETE`` overrides it."""

_DELETE: Mapping[State, State] = {S.CREATING: S.DELETING, S.CREATED: S.DELETED}

TERMINAL = frozenset(state for state, actions in TABLE.items() if not actions)
FREE_NAME = frozenset({S.REJECTED, S.CANCELLED, S.EXPIRED, S.DELETED})
"""States that give the spec name back; ``failed`` does after Give up."""

EVENTS: Mapping[Action, str] = {
    A.APPROVE: "approved",
    A.WITHDRAW: "withdrawn",
    A.REJECT: "rejected",
    A.EDIT: "edited",
    A.CANCEL: "cancelled",
    A.RETRY: "retried",
    A.GIVE_UP: "given_up",
    A.EXPIRE: "expired",
    A.REVISE: "revised",
    A.START: "started",
    A.RELEASE: "released",
    A.FINISH: "finished",
    A.FAIL: "failed",
    A.LOSE: "lost",
    A.MISS: "missed",
}
"""The audit event of each action; ``finished`` is written as created, adopted or deleted."""


def is_given_up(request: Request) -> bool:
    """Return whether a failed request was given up: its name is free and nothing can follow."""
    return request.state is S.FAILED and not request.reserved


def has_ended(request: Request) -> bool:
    """Return whether nothing more can happen to a request."""
    return request.state in TERMINAL or is_given_up(request)


def is_dry_run(request: Request) -> bool:
    """Return whether an approved request creates nothing, since no service is configured."""
    return request.state is S.APPROVED and not request.target


def has_live_spec(request: Request) -> bool:
    """Return whether a request created a specification that has not been deleted."""
    return (
        request.kind is Kind.CREATE
        and request.state is S.CREATED
        and request.spec_id is not None
        and request.retired_by is None
    )


@dataclass(frozen=True, slots=True)
class Transition:
    """What an action does to a row.

    Args:
        to_state: The new state; the same one for a vote short of the quorum.
        event: The audit event.
        reason: Why, in a few words; a person's own words for a rejection.
        vote: A vote to add.
        unvote: Whether the actor's vote is withdrawn.
        frees_name: Whether the spec name may be used again.
    """

    action: Action
    to_state: State
    event: str
    reason: str | None = None
    vote: Vote | None = None
    unvote: bool = False
    frees_name: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an action does nothing.

    Args:
        code: A key of ``bot.messages.REFUSALS``.
        detail: A fact for the sentence, if any.
    """

    code: str
    detail: str = ""


def target(state: State, action: Action, kind: Kind = Kind.CREATE) -> State | None:
    """Return where an action leads from a state, or None if it does not apply there."""
    to_state = TABLE[state].get(action)
    if to_state is not None and kind is Kind.DELETE:
        return _DELETE.get(to_state, to_state)
    return to_state


@dataclass(frozen=True, slots=True)
class Progress:
    """How many approvals a request has.

    Args:
        ruling: Under which they count.
        filled: Who fills the places of each party, in the ruling's order.
    """

    ruling: Ruling
    filled: tuple[frozenset[str], ...]

    @property
    def count(self) -> int:
        """The number of filled places."""
        return sum(map(len, self.filled))

    @property
    def complete(self) -> bool:
        """Whether every place is filled."""
        return self.count == self.ruling.quorum

    def by_party(self) -> list[tuple[Party, frozenset[str]]]:
        """Each party with those who fill its places."""
        return list(zip(self.ruling.parties, self.filled, strict=True))

    def __str__(self) -> str:
        """Return ``1 of 2``, or by party if there are several: ``Leads 1 of 1 · Security 0 of 1``."""
        of = [(party.name, f"{len(filled)} of {party.count}") for party, filled in self.by_party()]
        return of[0][1] if len(of) == 1 else " · ".join(f"{name} {count}" for name, count in of)


def progress(request: Request, ruling: Ruling, further: Sequence[Vote] = ()) -> Progress:
    """Return how many approvals a request has under a ruling.

    Args:
        further: Votes that are not in the row yet.
    """
    return Progress(ruling, fill(ruling.parties, voted(request, ruling, further)))


def voted(request: Request, ruling: Ruling, further: Sequence[Vote] = ()) -> dict[str, list[int]]:
    """Return, for each voter, the parties (by number) whose places they may fill."""
    may: dict[str, list[int]] = {}
    for vote in (*request.votes, *further):
        # in a Grid one person votes from several workspaces
        parties = ruling.open_to(vote.via, own=is_own(request, vote.user_id))
        may[vote.user_id] = sorted({*may.get(vote.user_id, ()), *parties})
    return may


def is_own(request: Request, user_id: str) -> bool:
    """Return whether a person asked for a request, or wrote its revision."""
    return user_id in {request.requester_id, request.author_id}  # a vote needs no doubt at all


def barred(request: Request, action: str, actor: Actor) -> str | None:
    """Return why somebody can have no say, or None; guests may still cancel what they were let ask for."""
    cancels_own = action == A.CANCEL and _is_requester(request, actor)
    return None if actor.barred == "guest" and cancels_own else actor.barred


def decide(
    request: Request,
    action: Action,
    actor: Actor,
    ruling: Ruling,
    now: int,
    *,
    revision: int | None = None,
    reason: str | None = None,
) -> Transition | Refusal:
    """Decide what one person's action does to a request.

    Args:
        request: The row, as in this transaction.
        action: One of people's actions.
        actor: The person, looked up live.
        now: When the button was pressed, in UTC epoch milliseconds.
        revision: The revision that the person saw; None if they saw the row itself.
        reason: In the person's words (required for a rejection).

    Returns:
        A transition to write, or a refusal to answer with and to audit.
    """
    refusal = _who(request, action, actor, ruling)
    if (why := barred(request, action, actor)) is not None:
        return Refusal(why)
    if revision is not None and revision != request.revision:
        return Refusal("stale_revision", str(request.revision))
    to_state = target(request.state, action, request.kind)
    if to_state is None or is_given_up(request):
        return Refusal("wrong_state", request.state.value)
    if request.state is S.PENDING and now >= request.expires_at:
        return Refusal("expired")
    if refusal is not None:
        return refusal
    if action is A.APPROVE:
        return _approve(request, actor, ruling, now)
    if action is A.WITHDRAW:
        return Transition(action, to_state, EVENTS[action], unvote=True)
    if action is A.REJECT and not (reason or "").strip():
        return Refusal("reason_missing")
    if action is A.RETRY and (refused := _still_approved(request, ruling)):
        return refused
    frees = to_state in FREE_NAME or action is A.GIVE_UP
    return Transition(action, to_state, EVENTS[action], reason, frees_name=frees)


def step(
    request: Request, action: Action, reason: str | None = None, event: str | None = None
) -> Transition | None:
    """Return the transition of one of the bot's own actions, or None if it does not apply."""
    to_state = target(request.state, action, request.kind)
    if to_state is None or not request.admitted:
        return None
    return Transition(
        action,
        to_state,
        event or EVENTS[action],
        reason,
        frees_name=to_state in FREE_NAME,
    )


def ready(request: Request, ruling: Ruling) -> str | None:
    """Return why an approved request must not be carried out, or None if it may.

    The rules are the same as for the click, checked again just before the effect.
    """
    if not request.admitted:
        return "nobody has looked up yet who asks"
    if ruling.deny is not None:
        return f"the policy denies it: {ruling.deny}"
    counted = progress(request, ruling)
    if counted.complete:
        return None
    if len(ruling.parties) == 1:
        return f"{counted} approvals count under the policy in force"
    return f"of the approvals, these count under the policy in force: {counted}"


def _approve(request: Request, actor: Actor, ruling: Ruling, now: int) -> Transition | Refusal:
    if ruling.deny is not None:
        return Refusal("denied", ruling.deny)
    before = progress(request, ruling)
    if any(actor.user_id in people for people in before.filled):
        return Refusal("already_voted")
    vote = Vote(actor.team_id, actor.user_id, actor.name, now, actor.via, ruling.policy)
    after = progress(request, ruling, [vote])
    if after.count == before.count and not before.complete:  # complete: the policy asks for fewer by now
        return Refusal("place_filled", str(before))
    event = "approved" if after.complete else "voted"
    to_state = S.APPROVED if after.complete else S.PENDING
    return Transition(A.APPROVE, to_state, event, str(after), vote=vote)


def _who(request: Request, action: Action, actor: Actor, ruling: Ruling) -> Refusal | None:
    """Refuse a person who has no right to the action, in any state."""
    if not request.admitted:
        return Refusal("not_admitted")
    is_requester = _is_requester(request, actor)
    own = is_own(request, actor.user_id)
    match action:
        case A.APPROVE if own and not ruling.self_approval:
            return Refusal("self_approval")
        case A.APPROVE | A.REJECT if not actor.may_vote:
            return Refusal("not_an_approver")
        case A.APPROVE if own and not ruling.open_to(actor.via, own=True):
            return Refusal("self_approval")  # an escalation gives nobody a say in their own request
        case A.WITHDRAW if not any(vote.user_id == actor.user_id for vote in request.votes):
            return Refusal("no_vote")
        case A.EDIT | A.CANCEL if not (is_requester or actor.is_admin):
            return Refusal("not_yours")
        case A.RETRY | A.GIVE_UP if not (actor.is_admin or (actor.may_vote and not is_requester)):
            own_failure = is_requester and request.state is S.FAILED
            return None if own_failure else Refusal("not_an_operator")
        case _:
            return None


def _is_requester(request: Request, actor: Actor) -> bool:
    same_grid = bool(actor.enterprise_id) and actor.enterprise_id == request.enterprise_id
    return (actor.team_id == request.team_id or same_grid) and actor.user_id == request.requester_id


def _still_approved(request: Request, ruling: Ruling) -> Refusal | None:
    reason = ready(request, ruling)
    return Refusal("quorum_gone", reason) if reason else None
