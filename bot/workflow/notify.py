"""Who is notified of what: one table, and the pure function that reads it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from bot.approvals.policy_file import ANYONE
from bot.approvals.request import State
from bot.approvals.state_machine import has_ended
from bot.workflow import outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from bot.approvals.policy import Ruling
    from bot.approvals.request import Request
    from bot.store import Tx


class Event(StrEnum):
    """What happened to a request."""

    ANY = "anything"
    ASKED = "a request is made"
    EDITED = "it is edited"
    WAITING = "it has waited for `remind_after`"
    ESCALATED = "it has waited for a stage of `escalate`"
    REJECTED = "it is rejected"
    EXPIRED = "it expires"
    CREATED = "the spec is created"
    DELETED = "the spec is deleted"
    FAILED = "it fails"
    ATTENTION = "its outcome is unknown"


class Who(StrEnum):
    """Who is notified."""

    EVERYBODY = "everybody there"
    REQUESTER = "the requester"
    GROUPS = "groups in `notify`"
    PEOPLE = "people in `notify`"
    LEFT = "who can still vote"
    REACHED = "people and groups in `to`"
    VOTERS = "who had approved"
    ADMINS = "admins"


class Place(StrEnum):
    """Where they are notified."""

    CHANNEL = "channel"
    THREAD = "the card's thread"
    DIRECT = "direct message"
    HOME = "App Home"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table."""

    event: Event
    who: Who
    place: Place
    what: str


_END = "how it ended, the next step, a link to the card"
TABLE = (
    Line(Event.ANY, Who.EVERYBODY, Place.CHANNEL, "the card and its copies are redrawn, silently"),
    Line(Event.ANY, Who.REQUESTER, Place.HOME, "the tab is redrawn, if they have opened it before"),
    Line(Event.ASKED, Who.GROUPS, Place.CHANNEL, "the card mentions them"),
    Line(Event.ASKED, Who.GROUPS, Place.DIRECT, "if the card is in a direct message: a copy to each member"),
    Line(Event.ASKED, Who.PEOPLE, Place.DIRECT, "a copy of the card, with its buttons"),
    Line(Event.ASKED, Who.PEOPLE, Place.HOME, "the tab is redrawn, if they have opened it before"),
    Line(
        Event.WAITING,
        Who.LEFT,
        Place.DIRECT,
        "one list of the requests that wait for them, in place of the last one",
    ),
    Line(Event.ESCALATED, Who.EVERYBODY, Place.THREAD, "who can now decide as well"),
    Line(
        Event.ESCALATED,
        Who.REACHED,
        Place.DIRECT,
        "a copy of the card, with its buttons; each member of a group",
    ),
    Line(Event.EDITED, Who.EVERYBODY, Place.THREAD, "what changed, before and after"),
    Line(Event.EDITED, Who.VOTERS, Place.DIRECT, "that their approval no longer counts"),
    Line(Event.EDITED, Who.PEOPLE, Place.DIRECT, "a copy of the card, if they have none yet"),
    Line(Event.REJECTED, Who.EVERYBODY, Place.THREAD, "who rejected it, and why"),
    Line(Event.REJECTED, Who.REQUESTER, Place.DIRECT, _END),
    Line(Event.EXPIRED, Who.REQUESTER, Place.DIRECT, _END),
    Line(Event.CREATED, Who.EVERYBODY, Place.THREAD, "the id of the spec"),
    Line(Event.CREATED, Who.REQUESTER, Place.DIRECT, _END),
    Line(Event.DELETED, Who.EVERYBODY, Place.THREAD, "the id of the spec"),
    Line(Event.DELETED, Who.REQUESTER, Place.DIRECT, _END),
    Line(Event.FAILED, Who.EVERYBODY, Place.THREAD, "why"),
    Line(Event.FAILED, Who.REQUESTER, Place.DIRECT, _END),
    Line(Event.ATTENTION, Who.REQUESTER, Place.DIRECT, "that admins are looking into it"),
    Line(Event.ATTENTION, Who.ADMINS, Place.DIRECT, "a link to the card, the trace id"),
)
"""Who is notified of what, and where. docs/notifications.md shows it."""

_ENDS = {
    State.REJECTED: Event.REJECTED,
    State.EXPIRED: Event.EXPIRED,
    State.CREATED: Event.CREATED,
    State.DELETED: Event.DELETED,
    State.FAILED: Event.FAILED,
    State.ATTENTION: Event.ATTENTION,
}


@dataclass(frozen=True, slots=True)
class Heard:
    """One line of the table, for one person, group or place.

    Args:
        to: A person or a group; empty if the row says where.
        reached: Who may decide from now on as well.
    """

    line: Line
    to: str = ""
    reached: tuple[str, ...] = ()


def event_of(before: Request | None, after: Request) -> Event | None:
    """Return the event that a change is; None if only the card shows it."""
    if before is None:
        return Event.ASKED
    if after.revision > before.revision:
        return Event.EDITED
    if (after.escalated_ms or 0) > (before.escalated_ms or 0):
        return Event.ESCALATED
    return _ENDS.get(after.state) if after.state is not before.state else None


def hears(
    before: Request | None, after: Request, ruling: Ruling | None, admins: Collection[str]
) -> tuple[Heard, ...]:
    """Return who is notified of a change, by the table.

    Args:
        before: The row as it was; None for a new one.
        after: The row as it is.
        ruling: What the policy says about it, if the change depends on that.
        admins: Users and groups.
    """
    event = event_of(before, after)
    matching = [line for line in TABLE if line.event in {Event.ANY, event}]
    also = reached(ruling, after) if ruling is not None and event is Event.ESCALATED else ()
    return tuple(
        Heard(line, to, also) for line in matching for to in _who(line, before, after, also, ruling, admins)
    )


def _who(
    line: Line,
    before: Request | None,
    after: Request,
    also: Collection[str],
    ruling: Ruling | None,
    admins: Collection[str],
) -> Iterator[str]:
    """Yield everybody that a line means."""
    called = ruling.notify if ruling is not None else ()
    own = {after.requester_id, after.author_id} if ruling is None or not ruling.self_approval else set()
    match line.who:
        case Who.EVERYBODY if line.place is Place.CHANNEL or not in_direct_message(after):
            yield ""
        case Who.REQUESTER:
            yield after.requester_id
        case Who.GROUPS if line.place is Place.CHANNEL or in_direct_message(after):
            yield from (entry for entry in called if is_group(entry))
        case Who.PEOPLE:
            yield from (entry for entry in called if not is_group(entry) and entry not in own)
        case Who.REACHED:
            mute = {after.requester_id, after.author_id, ANYONE}
            yield from (entry for entry in also if entry not in mute)
        case Who.VOTERS if before is not None:
            yield from (vote.user_id for vote in before.votes if vote.user_id != after.author_id)
        case Who.ADMINS:
            yield from sorted(admins)


def notify(
    tx: Tx,
    before: Request | None,
    after: Request,
    admins: Collection[str],
    ruling: Ruling | None = None,
    *,
    response_url: str | None = None,
) -> None:
    """Put all notifications of a change into the outbox.

    Args:
        before: The row as it was; None for a new one.
        after: The row as it is.
        admins: Notified of a request that needs attention.
        ruling: What the policy says about the row; None if the bot itself carries it out.
        response_url: Reaches the requester if the bot may not post the card.
    """
    outbox.card(tx, after, response_url)
    for heard in hears(before, after, ruling, admins):
        tell = _TELL.get((heard.line.who, heard.line.place))
        if tell is not None:
            tell(tx, heard, before, after)
    if before is not None and (after.state is not before.state or after.votes != before.votes):
        for user_id in tx.noted(f"reminded:{after.id}") or ():
            outbox.digest(tx, user_id, anew=False)
    if after.execution_id and has_ended(after):
        outbox.workflow_step(tx, after)


def reached(ruling: Ruling, request: Request) -> tuple[str, ...]:
    """Return those of the request's current escalation stage who may approve something."""
    stages = [stage.to for stage in ruling.stages if stage.after_ms == request.escalated_ms]
    return tuple(entry for to in stages for entry in sorted(to) if ruling.open_to([entry]))


def remind(tx: Tx, request: Request, voters: Collection[str]) -> None:
    """Remind those who can still vote: each gets one list of all requests that wait for them."""
    known = tx.noted(f"reminded:{request.id}") or ()
    tx.note(f"reminded:{request.id}", sorted({*known, *voters}))
    for user_id in sorted(voters):
        outbox.digest(tx, user_id, anew=True)


def tell_admins(tx: Tx, request: Request, code: str, words: str, admins: Collection[str]) -> None:
    """Send a message about a request to every admin, and to the members of admin groups."""
    for admin in sorted(admins):
        _tell_admin(tx, request, code, words, admin)


def is_group(entry: str) -> bool:
    """Return whether an entry of the policy is a user group."""
    return entry.startswith("S")


def in_direct_message(request: Request) -> bool:
    """Return whether the card is, or will be, in a direct message that only the requester sees."""
    return request.channel_id.startswith(("D", "U", "W"))


def _tell_admin(tx: Tx, request: Request, code: str, words: str, admin: str) -> None:
    lines = [f"{request.id} ({request.name}): {words}"]
    attempt = tx.attempts.latest(request.id)
    if attempt is not None:
        lines.append(f"Trace id: {attempt.id}")
    outbox.admin_notice(tx, request, code, lines, admin)


def _redraw_home(tx: Tx, heard: Heard, _before: Request | None, after: Request) -> None:
    if tx.noted(f"home:{heard.to}") is not None:
        outbox.home_tab(tx, after.team_id, heard.to)


def _write_thread(tx: Tx, heard: Heard, before: Request | None, after: Request) -> None:
    facts = _facts(before, after)
    if heard.line.event is Event.ESCALATED:
        facts |= {"reached": list(heard.reached), "waited_ms": after.escalated_ms}
    outbox.thread(tx, after, heard.line.event.name.lower(), **facts)


def _send_copies(tx: Tx, heard: Heard, _before: Request | None, after: Request) -> None:
    outbox.copies(tx, after, heard.to)


def _send_copy(tx: Tx, heard: Heard, _before: Request | None, after: Request) -> None:
    outbox.copy(tx, after, heard.to)


def _send_to_reached(tx: Tx, heard: Heard, before: Request | None, after: Request) -> None:
    (_send_copies if is_group(heard.to) else _send_copy)(tx, heard, before, after)


def _tell_voter(tx: Tx, heard: Heard, before: Request | None, after: Request) -> None:
    outbox.vote_voided(tx, after, heard.to, **_facts(before, after))


def _tell_requester(tx: Tx, _heard: Heard, _before: Request | None, after: Request) -> None:
    outbox.direct_message(tx, after)


def _ask_admin(tx: Tx, heard: Heard, _before: Request | None, after: Request) -> None:
    _tell_admin(tx, after, "attention", after.error or "the look-ups found nothing", heard.to)


_TELL: Mapping[tuple[Who, Place], Callable[[Tx, Heard, Request | None, Request], None]] = {
    (Who.REQUESTER, Place.HOME): _redraw_home,
    (Who.PEOPLE, Place.HOME): _redraw_home,
    (Who.EVERYBODY, Place.THREAD): _write_thread,
    (Who.GROUPS, Place.DIRECT): _send_copies,
    (Who.PEOPLE, Place.DIRECT): _send_copy,
    (Who.REACHED, Place.DIRECT): _send_to_reached,
    (Who.VOTERS, Place.DIRECT): _tell_voter,
    (Who.REQUESTER, Place.DIRECT): _tell_requester,
    (Who.ADMINS, Place.DIRECT): _ask_admin,
}
"""How each person is notified in each place; in the channel, the card itself does it."""


def _facts(before: Request | None, after: Request) -> dict[str, Any]:
    """Return the facts of a thread line as of now, since the row may change before delivery."""
    was = before or after
    return {
        "before": was.canonical,
        "after": after.canonical,
        "purpose": (after.purpose or "none") if was.purpose != after.purpose else None,
        "use_gpus": after.use_gpus,
        "by": after.author_id if after.state is State.PENDING else after.ended_by,
        "spec_id": after.spec_id,
        "reason": after.error,
        "voided": len(was.votes),
    }
