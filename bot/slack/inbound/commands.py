"""What can be typed after ``/peftsize``, into a button's text, or after a mention: words in, an answer out."""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING

from bot import messages
from bot.approvals import wording
from bot.approvals.limits import LIMITS
from bot.approvals.request import State
from bot.approvals.state_machine import TERMINAL
from bot.slack.blocks import answers
from bot.slack.blocks.lists import PAGE, listing
from bot.workflow import outbox
from sizing import SizingError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.approvals.request import Request
    from bot.slack.blocks.kit import Message
    from bot.slack.inbound.context import ListenerContext
    from bot.workflow.ports import Ask, Outcome

_DECIDED_ON_THE_CARD = frozenset({"approve", "reject", "cancel", "edit", "delete", "retry", "withdraw"})
_LOOKED_UP = frozenset({"status", "state", "find", "get", "details", "requests", "open"})
"""Words that people expect and that are none of ours."""
_ALIKE = 0.7
"""How alike two words are that are one word and its typing mistake, as ``difflib`` counts it."""
MOST_PAGES = 10
"""Pages of a list; who wants more narrows it with ``history TEXT``."""


def answer(context: ListenerContext, typed: Ask) -> Message | None:
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
        meant = did_you_mean(word, rest.strip()) if known is None else None
        if meant is not None:
            return answers.mistyped(typed.text, meant, decides=word.lower() in _DECIDED_ON_THE_CARD)
        return answers.sizing_error(error, text, verb="" if known is None else word.lower())


def did_you_mean(word: str, rest: str) -> str | None:
    """Return what somebody meant whose first word is no word of ours but like one; None for a request's text.

    >>> did_you_mean("preveiw", "10b 2x128MB"), did_you_mean("approve", "R7K3M9QX"), did_you_mean("7b", "none")
    ('preview 10b 2x128MB', 'show R7K3M9QX', None)
    """
    word = word.lower()
    if word in _DECIDED_ON_THE_CARD or word in _LOOKED_UP:
        return f"show {rest}" if rest else "list"
    near = difflib.get_close_matches(word, _WORDS, 1, _ALIKE)
    return f"{near[0]} {rest}".strip() if near else None


def placed(context: ListenerContext, ask: Ask) -> Ask:
    """Return an ask with the channel of its card.

    Without any channel the card goes to the person, and approvers find it in App Home.
    """
    channel_id = context.approval_channel or ask.channel_id or ask.person.user_id
    thread_ts = ask.thread_ts if channel_id == ask.channel_id else None
    return replace(ask, text=ask.text.strip(), channel_id=channel_id, thread_ts=thread_ts)


def submit(context: ListenerContext, typed: Ask) -> Message | None:
    """Ask for a specification.

    Raises:
        SizingError: The text cannot be read.
        StoreError: Nothing was stored.
    """
    outcome = context.service.submit(placed(context, typed))
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
        case "asked_just_now":
            return answers.refused("asked_just_now")
        case code if code in LIMITS:
            return answers.refused(code, outcome.detail)
        case code if code in wording.CODES:
            return answers.not_asked(code, outcome.detail, typed.text)
        case _:
            return None


def problem(outcome: Outcome) -> str | None:
    """Say in plain words why an ask made no new request, for a field of a form or a workflow step."""
    if outcome.code == "submitted" or (outcome.code == "duplicate" and outcome.request is None):
        return None
    words = messages.refusal(outcome.code, outcome.detail)
    row = outcome.request
    return f"{words} Request {row.id}: {messages.state_words(row)}." if row is not None else words


def turn(context: ListenerContext, typed: Ask, page: int) -> Message | None:
    """Return another page of a list; ``typed.text`` says which, as the list's own button does."""
    word, _, rest = typed.text.strip().partition(" ")
    if word == "specs":
        _ask_specs(context, typed, page)
        return None
    return _pages(context, typed, word, rest.strip(), page)


def _help(_context: ListenerContext, _typed: Ask, _text: str) -> Message:
    return answers.usage()


def _preview(context: ListenerContext, _typed: Ask, text: str) -> Message:
    drafted = context.service.draft(text)
    return answers.preview(drafted, context.service.ruling(drafted))


def _policy(context: ListenerContext, typed: Ask, text: str) -> Message:
    drafted = context.service.draft(text)
    ruling = context.service.ruling(drafted)
    return answers.policy_answer(drafted, ruling, context.short(ruling, typed.person.user_id))


def _show(context: ListenerContext, _typed: Ask, text: str) -> Message:
    request = context.request(text.strip("` ").upper()[:16])
    if request is None:
        return answers.refused("unknown_request", text)
    ruling = context.service.ruling_of(request)
    return answers.show(request, context.service.clock(), context.link(request), ruling)


def _list(context: ListenerContext, typed: Ask, _text: str) -> Message:
    return _pages(context, typed, "list", "", 1)


def _mine(context: ListenerContext, typed: Ask, _text: str) -> Message:
    return _pages(context, typed, "mine", "", 1)


def _history(context: ListenerContext, typed: Ask, text: str) -> Message:
    return _pages(context, typed, "history", text, 1)


def _specs(context: ListenerContext, typed: Ask, _text: str) -> Message | None:
    _ask_specs(context, typed, 1)
    return None


def _ask_specs(context: ListenerContext, typed: Ask, page: int) -> None:
    """Have the live list looked up by the worker: watsonx may take longer than an answer may."""
    user_id, channel_id = typed.person.user_id, typed.channel_id or None
    with context.service.store.write() as tx:
        outbox.answer(tx, typed.key, user_id, channel_id, code="specs_listing", page=page)


def _pages(context: ListenerContext, typed: Ask, which: str, text: str, page: int) -> Message:
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


_WORDS: dict[str, Callable[[ListenerContext, Ask, str], Message | None]] = {
    "help": _help,
    "preview": _preview,
    "policy": _policy,
    "show": _show,
    "list": _list,
    "mine": _mine,
    "history": _history,
    "specs": _specs,
}
