"""What can be typed after ``/peftsize``, into a button's text, or after a mention: words in, an answer out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot import messages
from bot.approvals.request import State
from bot.approvals.state_machine import TERMINAL
from bot.slack.blocks import answers
from bot.slack.blocks.lists import PAGE, listing
from bot.workflow import outbox
from bot.workflow.ports import Ask
from sizing import SizingError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.approvals.policy import Person
    from bot.approvals.request import Request
    from bot.slack.blocks.kit import Message
    from bot.slack.inbound.context import ListenerContext
    from bot.workflow.ports import Outcome

MOST_PAGES = 10
"""Pages of a list; who wants more narrows it with ``history TEXT``."""


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody typed, and where.

    Args:
        text: Without the command's name.
        person: Who, as the delivery says.
        channel_id: Where; empty where there is no channel, such as App Home.
        key: Names the delivery.
        origin: As in the audit.
        trigger_hash: Of the trigger.
        response_url: For a private answer, on a host that may be posted to.
    """

    text: str
    person: Person
    channel_id: str
    key: str
    origin: str
    trigger_hash: str | None = None
    response_url: str | None = None


def answer(context: ListenerContext, typed: Typed) -> Message | None:
    """Do what was typed.

    Returns:
        A private answer, or None where what happens next is answer enough.

    Raises:
        StoreError: Nothing was stored.
    """
    word, _, rest = typed.text.strip().partition(" ")
    known = _WORDS.get(word.lower())
    text = typed.text if known is None else rest.strip()
    try:
        return submit(context, typed) if known is None else known(context, typed, text)
    except SizingError as error:
        return answers.sizing_error(error, text)


def ask_of(context: ListenerContext, typed: Typed, execution_id: str | None = None) -> Ask:
    """Return what was typed as a request for the service.

    Without any channel the card goes to the person, and approvers find it in App Home.
    """
    return Ask(
        key=typed.key,
        text=typed.text.strip(),
        person=typed.person,
        channel_id=context.approval_channel or typed.channel_id or typed.person.user_id,
        origin=typed.origin,
        trigger_hash=typed.trigger_hash,
        response_url=typed.response_url,
        execution_id=execution_id,
    )


def submit(context: ListenerContext, typed: Typed) -> Message | None:
    """Ask for a specification.

    Raises:
        SizingError: The text cannot be read.
        StoreError: Nothing was stored.
    """
    outcome = context.service.submit(ask_of(context, typed))
    request = outcome.request
    match outcome.code:
        case "submitted" if request is not None and request.channel_id != typed.channel_id:
            return answers.submitted(request)
        case "existing" if request is not None:
            return answers.existing(request, context.link(request))
        case "name_taken" if request is not None:
            return answers.name_taken(request, context.link(request))
        case "denied":
            return answers.denied(outcome.detail)
        case _:
            return None


def problem(outcome: Outcome) -> str | None:
    """Say in plain words why an ask made no new request, for a field of a form or a workflow step."""
    if outcome.code == "submitted" or (outcome.code == "duplicate" and outcome.request is None):
        return None
    words = messages.refusal(outcome.code, outcome.detail)
    row = outcome.request
    return f"{words} Request {row.id}: {messages.state_words(row)}." if row is not None else words


def turn(context: ListenerContext, typed: Typed, page: int) -> Message | None:
    """Return another page of a list; ``typed.text`` says which, as the list's own button does."""
    word, _, rest = typed.text.strip().partition(" ")
    if word == "specs":
        _ask_specs(context, typed, page)
        return None
    return _pages(context, typed, word, rest.strip(), page)


def _help(_desk: ListenerContext, _typed: Typed, _text: str) -> Message:
    return answers.usage()


def _preview(context: ListenerContext, _typed: Typed, text: str) -> Message:
    drafted = context.service.draft(text)
    return answers.preview(drafted, context.service.ruling(drafted))


def _policy(context: ListenerContext, typed: Typed, text: str) -> Message:
    drafted = context.service.draft(text)
    ruling = context.service.ruling(drafted)
    return answers.policy_answer(drafted, ruling, context.shortage(ruling, typed.person.user_id))


def _show(context: ListenerContext, _typed: Typed, text: str) -> Message:
    request = context.request(text.strip("` ").upper()[:16])
    if request is None:
        return answers.refused("unknown_request", text)
    return answers.show(request, context.service.clock(), context.link(request))


def _list(context: ListenerContext, typed: Typed, _text: str) -> Message:
    return _pages(context, typed, "list", "", 1)


def _mine(context: ListenerContext, typed: Typed, _text: str) -> Message:
    return _pages(context, typed, "mine", "", 1)


def _history(context: ListenerContext, typed: Typed, text: str) -> Message:
    return _pages(context, typed, "history", text, 1)


def _specs(context: ListenerContext, typed: Typed, _text: str) -> Message | None:
    _ask_specs(context, typed, 1)
    return None


def _ask_specs(context: ListenerContext, typed: Typed, page: int) -> None:
    """Have the live list looked up by the worker: watsonx may take longer than an answer may."""
    user_id, channel_id = typed.person.user_id, typed.channel_id or None
    with context.service.store.write() as tx:
        outbox.answer(tx, typed.key, user_id, channel_id, code="specs_listing", page=page)


def _pages(context: ListenerContext, typed: Typed, which: str, text: str, page: int) -> Message:
    """Return one page of a list, read now."""
    states: Sequence[State] = () if which != "list" else [s for s in State if s not in TERMINAL]
    requester = (typed.person.team_id, typed.person.user_id) if which == "mine" else None
    with context.service.store.read() as tx:
        found = tx.requests.listed(
            states=states, requester=requester, text=text or None, limit=PAGE * MOST_PAGES
        )
    pages = max(1, -(-len(found) // PAGE))
    page = min(max(page, 1), pages)
    shown: Sequence[Request] = found[(page - 1) * PAGE : page * PAGE]
    where = f"{which} {text}".strip()
    title = {"list": "Open requests", "mine": "My requests"}.get(which, "History")
    return listing(f"{title}: {text}" if text else title, shown, page, pages, where=where, link=context.link)


_WORDS: dict[str, Callable[[ListenerContext, Typed, str], Message | None]] = {
    "help": _help,
    "preview": _preview,
    "policy": _policy,
    "show": _show,
    "list": _list,
    "mine": _mine,
    "history": _history,
    "specs": _specs,
}
