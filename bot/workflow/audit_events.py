"""Builds audit events from what the service has at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.audit.chain import Event, Rest, Where, Who
from bot.workflow.ports import Source

if TYPE_CHECKING:
    from bot.approvals.request import Request
    from bot.audit.seals import Seal
    from bot.workflow.ports import Ask, Click

_ASKED = frozenset({"requested", "edited"})
"""Events that say what a request is for; the other rows of its revision follow them."""


def who_asked(ask: Ask) -> Who:
    """Return the requester as an actor."""
    person = ask.person
    return Who(person.enterprise_id, person.team_id, person.user_id, person.name)


def who_clicked(click: Click, name: str | None = None) -> Who:
    """Return the person who clicked as an actor, by the looked-up name if there is one."""
    return Who(click.enterprise_id, click.team_id, click.user_id, name or click.name, click.os_uid)


def described(request: Request) -> str:
    """Return a request's text and purpose in one line."""
    return f"{request.canonical}, for: {request.purpose}" if request.purpose else request.canonical


def event_of(
    request: Request | None,
    event: str,
    who: Who,
    source: Ask | Click | None,
    *,
    at: int,
    reason: str | None = None,
    rest: Rest | None = None,
    from_state: str | None = None,
    to_state: str | None = None,
    seal: Seal | None = None,
) -> Event:
    """Return an event about a request.

    Args:
        event: Past tense, or ``<what>.refused``.
        source: The delivery it comes from; None for the bot itself.
        at: UTC epoch milliseconds.
        rest: The service's answer.
        from_state: State before; the row's own if the state did not change.
        to_state: State after, likewise.
        seal: Of an approval, or of the permission to send again.
    """
    state = request.state.value if request else None
    return Event(
        at=at,
        event=event,
        request_id=request.id if request else None,
        revision=request.revision if request else None,
        actor=who,
        origin=source.origin if source else "system",
        from_state=from_state or state,
        to_state=to_state or state,
        reason=reason,
        digest=request.digest if request else None,
        slack=_where(request, source),
        rest=rest or Rest(),
        seal=seal.fields() if seal else None,
        purpose=request.purpose if request and event in _ASKED else None,
    )


def _where(request: Request | None, source: Ask | Click | None) -> Where:
    if source is None:
        return Where(request.channel_id, request.message_ts) if request else Where()
    pressed_on = getattr(source, "message_ts", None)
    on_message = getattr(source, "source", None) is Source.CARD
    if pressed_on is None and not on_message and request is not None and request.message_ts is not None:
        return Where(request.channel_id, request.message_ts, source.trigger_hash)
    workflow = getattr(source, "execution_id", None) is not None
    return Where(source.channel_id, pressed_on, source.trigger_hash, workflow)
