"""Whether an approved request may be carried out, checked just before the effect and against sources outside the row.

Every approval must be sealed, part of the request's story, and by somebody who may still approve; and nothing may
have been sent for it that nobody released.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bot.approvals import policy, state_machine
from bot.audit import seals, story
from bot.audit.anchor import Anchors
from bot.audit.story import BrokenStory
from bot.errors import PeopleError
from bot.workflow import sealing

if TYPE_CHECKING:
    from bot.approvals.policy import Person, Ruling
    from bot.approvals.request import Request, Vote
    from bot.audit.story import Story
    from bot.workflow.service import RequestService

_GONE = {
    "deleted": "the account is deactivated",
    "unknown_person": "Slack no longer knows the account",
    "foreign_team": "now belongs to another workspace",
    "guest": "is a guest by now",
}


@dataclass(frozen=True, slots=True)
class Tampered:
    """The row is not what people decided."""

    reason: str


@dataclass(frozen=True, slots=True)
class AskAgain:
    """Not enough approvals count.

    Args:
        reason: Why, with user ids, for the audit.
        shown: Why, with names, for the card, if that differs.
    """

    reason: str
    shown: str | None = None


@dataclass(frozen=True, slots=True)
class NotNow:
    """It cannot be checked at present.

    Args:
        what: What does not answer.
        retry_after_s: Seconds that Slack asks to wait.
    """

    what: str
    retry_after_s: float | None = None


Finding = Tampered | AskAgain | NotNow


@dataclass(frozen=True, slots=True)
class _Doubt:
    """An approval that does not count, and why."""

    vote: Vote
    why: str


def examine(service: RequestService, request: Request, ruling: Ruling) -> Finding | None:
    """Return why a request must not be carried out, or None if it may.

    Args:
        request: The row as read; the caller makes sure that it has not changed before acting on the result.
    """
    if (trouble := service.store.anchor_trouble()) is not None:
        return NotNow(f"the anchor of the audit cannot be written ({trouble})")
    try:
        audited, begun_anew = _audited_story(service, request)
        counting, doubts = _sealed(service, request, ruling, audited)
    except BrokenStory as error:
        return Tampered(str(error))
    if begun_anew:
        return AskAgain("the audit has since begun a new origin, as after a restored backup")
    if (few := _too_few(request, ruling, counting, doubts)) is not None:
        return few
    if audited.unreleased:
        return Tampered("this revision was sent already, and nobody has let it be sent again")
    try:
        counting, gone = _still_approvers(service, request, ruling, counting, audited)
    except PeopleError as error:
        what = f"Slack did not say whether those who approved still may ({error.what})"
        return NotNow(what, error.retry_after_s)
    return _too_few(request, ruling, counting, doubts + gone)


def _audited_story(service: RequestService, request: Request) -> tuple[Story, bool]:
    """Return the request's story, and whether the log has begun a new origin since the revision was asked for.

    The anchor is read first, since it may not know later rows.
    """
    store = service.store
    anchors = store.anchor.current() if store.anchor is not None else Anchors()
    with store.read() as tx:
        first = tx.audit_log.first(request.id)
        rows = tx.audit_log.rows(after=first.seq - 1) if first.seq else iter(())
        audited = story.tell(request.id, rows, anchors.heads, service.key.public)
    return audited, audited.since <= anchors.begun_at


def _disagreement(request: Request, audited: Story) -> str | None:
    """Return how a row differs from its story, or None."""
    known = {
        "revision": (request.revision, audited.revision),
        "digest": (request.digest, audited.digest),
        "state": (request.state.value, audited.state),
        "requester": ((request.team_id, request.requester_id), audited.requester),
        "author": (request.author_id, audited.author),
    }
    for name, (row, audit) in known.items():
        if row != audit:
            return f"its {name} is not that in the audit"
    if audited.ended:
        return "it had ended before"
    if request.asked_at < audited.asked_at:
        return "it was asked for later than it says"
    if audited.workflow and request.execution_id is None:
        return "a workflow asked for it"
    return None


def _sealed(
    service: RequestService, request: Request, ruling: Ruling, audited: Story
) -> tuple[list[Vote], list[_Doubt]]:
    """Sort votes by whether their seal counts; raises ``BrokenStory`` if the story does not know one."""
    if (wrong := _disagreement(request, audited)) is not None:
        raise BrokenStory(wrong)
    counting, doubts = [], []
    for vote in request.votes:
        seal = seals.read(vote.seal)
        if seal is None:
            doubts.append(_Doubt(vote, "given before approvals were sealed"))
        elif seal.key != service.key.id:
            doubts.append(_Doubt(vote, "sealed with another key"))
        elif not seals.holds(seal, sealing.statement_of(request, vote, seal), service.key.public):
            raise BrokenStory(f"the approval of {vote.user_id} bears a false seal")
        elif audited.approvals.get(vote.user_id) != seal.signature:
            raise BrokenStory(f"the approval of {vote.user_id} was withdrawn, or never given")
        elif sealing.is_old(vote, ruling, service.clock()):
            doubts.append(_Doubt(vote, "given too long ago"))
        else:
            counting.append(vote)
    return counting, doubts


def _still_approvers(
    service: RequestService, request: Request, ruling: Ruling, votes: list[Vote], audited: Story
) -> tuple[list[Vote], list[_Doubt]]:
    """Sort votes by whether their person, looked up now, may still approve by an entry that let them."""
    counting, doubts = [], []
    for vote in votes:
        pressed_as = audited.pressed_as.get(vote.user_id, vote.user_id)
        person = service.look_up(vote.team_id, pressed_as, live=True)
        entries = policy.standing(ruling, person).via
        kept = replace(vote, via=tuple(entry for entry in vote.via if entry in entries))
        own = state_machine.is_own(request, vote.user_id)
        same = person.user_id == vote.user_id
        if person.barred is None and same and ruling.open_to(kept.via, own=own):
            counting.append(kept)
        else:
            doubts.append(_Doubt(vote, _why_gone(person)))
    return counting, doubts


def _why_gone(person: Person) -> str:
    if person.barred is None:
        return "no longer an approver"
    return _GONE.get(person.barred, "can no longer decide")


def _too_few(request: Request, ruling: Ruling, counting: list[Vote], doubts: list[_Doubt]) -> AskAgain | None:
    """Return why not enough votes count, and whose does not; None if they suffice."""
    reason = state_machine.ready(replace(request, votes=tuple(counting)), ruling)
    if reason is None:
        return None
    ids = "; ".join(f"{doubt.vote.user_id}: {doubt.why}" for doubt in doubts)
    names = "; ".join(f"{doubt.vote.name}: {doubt.why}" for doubt in doubts)
    return AskAgain(f"{reason} ({ids})", f"{reason} ({names})") if doubts else AskAgain(reason)
