"""What people can type after ``/peftsize`` or a mention, or a button's text carries: words in, an answer out."""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import TYPE_CHECKING

from bot import messages
from bot.approvals import wording
from bot.approvals.limits import LIMITS
from bot.slack.blocks import answers
from bot.slack.outbound.reading import Wish, read
from bot.workflow import outbox
from sizing import SizingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.slack.blocks.kit import Message
    from bot.slack.inbound.context import ListenerContext
    from bot.workflow.ports import Ask, Outcome

_DECIDED_ON_THE_CARD = frozenset({"approve", "reject", "cancel", "edit", "delete", "retry", "withdraw"})
_LOOKED_UP = frozenset({"status", "state", "find", "get", "details", "requests", "open"})
"""Words that people expect, but that are not commands."""
_ALIKE = 0.7
"""The similarity of a word and its misspelling, as counted by ``difflib``."""


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

    Without a channel, the card goes to the person, and approvers find it in App Home.
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
    """Say why an ask made no new request, for a field of a form or a workflow step."""
    if outcome.code == "submitted" or (outcome.code == "duplicate" and outcome.request is None):
        return None
    words = messages.refusal(outcome.code, outcome.detail)
    row = outcome.request
    return f"{words} Request {row.id}: {messages.state_words(row)}." if row is not None else words


def turn(context: ListenerContext, typed: Ask, page: int) -> Message | None:
    """Return another page of a list; ``typed.text`` is the value of the list's own button."""
    return _read(context, typed, typed.text.strip(), page)


def _help(_context: ListenerContext, _typed: Ask, _text: str) -> Message:
    return answers.usage()


def _preview(context: ListenerContext, _typed: Ask, text: str) -> Message:
    drafted = context.service.draft(text)
    return answers.preview(drafted, context.service.ruling(drafted))


def _policy(context: ListenerContext, typed: Ask, text: str) -> Message:
    drafted = context.service.draft(text)
    ruling = context.service.ruling(drafted)
    return answers.policy_answer(drafted, ruling, context.short(ruling, typed.person.user_id))


def _reader(word: str) -> Callable[[ListenerContext, Ask, str], Message | None]:
    """Return what reads the requests, or the specs, by a word and what follows it."""
    takes_text = word in {"show", "history"}
    return lambda context, typed, text: _read(
        context, typed, f"{word} {text}" if takes_text and text else word
    )


def _read(context: ListenerContext, typed: Ask, where: str, page: int = 1) -> Message | None:
    """Answer at once from the database whoever was looked up lately; the worker answers all else.

    Somebody's own list needs no look-up. The cluster may take longer than an acknowledgement may.
    """
    who = typed.person
    known, wish = (
        context.service.people.known(who.team_id, who.user_id),
        Wish(who.team_id, who.user_id, where, page),
    )
    if where == "mine" or (known is not None and where != "specs"):
        is_member = known is not None and known.barred is None
        return read(context.service, None, wish, context.link, is_member=is_member)
    with context.service.store.write() as tx:
        outbox.reading(
            tx,
            typed.key,
            (who.team_id, who.user_id),
            typed.channel_id or None,
            where,
            page=page,
            thread_ts=typed.thread_ts,
            response_url=typed.response_url,
        )
    return None


_WORDS: dict[str, Callable[[ListenerContext, Ask, str], Message | None]] = {
    "help": _help,
    "preview": _preview,
    "policy": _policy,
    **{word: _reader(word) for word in ("show", "list", "mine", "history", "specs")},
}
