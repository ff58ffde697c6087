"""All words of refusals, errors and states, the same for Slack and the command line. No Slack here.

Errors hold facts; this file makes sentences: what happened, and what to do next.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.approvals.request import Kind, State
from bot.approvals.state_machine import is_dry_run, is_given_up
from bot.errors import (
    NoDatabase,
    PeopleError,
    Refused,
    Rejected,
    SettingsError,
    SlackTrouble,
    SpecsError,
    StoreError,
    Unavailable,
    Uncertain,
)
from bot.redaction import looks_secret, mask_secrets
from sizing import ConfigError, SizingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.approvals.policy import Shortage
    from bot.approvals.request import Request

__all__ = [
    "BARRED",
    "LONGEST_REASON",
    "REFUSALS",
    "duration",
    "explain",
    "gigabytes",
    "gpus",
    "looks_secret",
    "mask_secrets",
    "moment",
    "nothing_stored",
    "people",
    "reason_problem",
    "refusal",
    "state_words",
    "unexpected",
    "unreachable",
]

REFUSALS: Mapping[str, str] = {
    # the request
    "no_live_spec": "This request has no live specification. Deploy one that is created and not deleted.",
    "unknown_request": "There is no such request. Look it up with /peftsize list.",
    "unknown_spec": "There is no such hardware specification in the space. See /peftsize specs.",
    "not_ours": "This hardware specification was not made by this bot, so it is not deleted by it. "
    "Ask whoever made it.",
    "existing": "The same request is alive already, or its spec exists. No second card was posted.",
    "deletion_asked": "Its deletion has been asked for already. No second card was posted.",
    "duplicate": "This was received before; nothing more was done. Look at the card for the state.",
    "name_taken": "Another request holds this spec name. Add name=… to yours to choose another one.",
    "stale_revision": "The request was edited after you opened it, so nothing was decided. Read the new "
    "revision and decide again.",
    "wrong_state": "The request has moved on, so nothing was changed. The card shows where it is now.",
    "expired": "The request has expired, so nothing was decided. Ask for it anew with /peftsize.",
    "foreign_message": "This is not a current card of the request, so nothing was decided. Use the card in "
    "its channel.",
    "stale_home": "This Home tab is out of date, so nothing was decided. It is drawn anew in a moment: decide there.",
    "quorum_gone": "The approvals no longer suffice, so it cannot be tried again. Ask for it anew.",
    "no_existing": "No existing spec is known to serve this request. Approve or reject it instead.",
    "unreadable": "This request cannot be read by the grammar, so nothing was changed. Write it anew.",
    "nothing_to_override": "The computed number of GPUs can start as it is. There is nothing to change.",
    # the person
    "self_approval": "You asked for this, so somebody else must approve it. Anyone whom "
    "/peftsize policy names can.",
    "not_an_approver": "You are not an approver of this request. /peftsize policy says who is.",
    "already_voted": "Your approval counts already. The request waits for other people.",
    "no_vote": "You have not approved this revision. There is nothing to take back.",
    "not_yours": "Only the requester or an admin may do this. Ask one of them.",
    "not_an_operator": "Only an admin or an approver may do this. Ask one of them.",
    "denied": "The policy does not allow this, so nothing was changed. /peftsize policy says why.",
    "deleted": "This Slack account is deactivated, so it has no say. Use an active account.",
    "bot": "Bots have no say in a request. A person must do this.",
    "guest": "Guests have no say in a request. Ask a full member of the workspace.",
    "stranger": "People of other organisations have no say in a request. Ask a member of the home workspace.",
    "foreign_team": "This workspace is not served by this bot. Use it in its home workspace.",
    "unknown_person": "Slack knows nobody by this id, so nothing was decided. Check the id.",
    "lookup_failed": "Slack could not say who you are, so nothing was decided. Press again in a minute.",
    # what was typed
    "reason_missing": "A rejection needs a reason. Write one sentence that helps the requester.",
    "reason_too_long": "The reason is too long; nothing was stored. Keep it within 500 characters.",
    "secret_in_reason": "This looks like a password or token, so it was not stored. Write it without the "
    "secret, and replace the secret if it is real.",
    "unknown_model": "No model of the table has this in its name. Size it by its parameters, e.g. 8b, or by its "
    "config.json.",
    # the database
    "full": "The disk is full; nothing was stored. Tell the operator, then try again.",
    "read-only": "The database accepts no changes; nothing was stored. Tell the operator, then try again.",
    "away": "The database cannot be reached; nothing was stored. Try again in a minute.",
    "conflict": "Somebody else was faster; nothing was stored. Try again.",
    "busy": "The database is busy; nothing was stored. Try again in a few seconds.",
}
"""What happened and what to do next, for every code that a person can be refused with."""

BARRED: Mapping[str, str] = {
    "deleted": "the account is deactivated",
    "bot": "a bot has no say in a request",
    "guest": "a guest has no say in a request",
    "stranger": "belongs to another organization",
    "foreign_team": "belongs to another workspace",
    "unknown_person": "Slack knows nobody by this id",
}
"""Why somebody whom the policy names can have no say, for every ``Person.barred`` that a look-up gives."""

LONGEST_REASON = 500
"""Characters of the reason of a rejection."""

_FACTS: Mapping[str, str] = {
    "stale_revision": "It is revision {} now.",
    "denied": "The policy says: {}",
    "unknown_model": "Nearest: {}.",
    "name_taken": "It is held by {}.",
    "deletion_asked": "It is request {}.",
    "quorum_gone": "The reason: {}.",
    "lookup_failed": "Slack said: {}.",
    "no_live_spec": "It is {}.",
    "unknown_request": "You asked for {}.",
    "unknown_spec": "You asked for {}.",
    "not_ours": "Its id is {}.",
    "unreadable": "The reason: {}.",
}
"""What the fact of a code adds to its sentence."""

_WORDS: Mapping[State, str] = {
    State.PENDING: "waiting for approval",
    State.APPROVED: "approved, creating…",
    State.CREATING: "approved, creating…",
    State.DELETING: "approved, deleting…",
    State.UNKNOWN: "unknown: checking whether it was created",
    State.ATTENTION: "needs a person: nobody can say whether it was created",
    State.FAILED: "failed",
    State.CREATED: "created",
    State.DELETED: "deleted",
    State.REJECTED: "rejected",
    State.CANCELLED: "cancelled",
    State.EXPIRED: "expired before anybody decided",
}
_DELETE_WORDS: Mapping[State, str] = {
    State.APPROVED: "approved, deleting…",
    State.UNKNOWN: "unknown: checking whether it was deleted",
    State.ATTENTION: "needs a person: nobody can say whether it was deleted",
}
_SENTENCES = 300
"""Longest fact in a sentence, in characters."""


def refusal(code: str, detail: str = "", request: Request | None = None) -> str:
    """Say why nothing was done, and what to do next.

    Args:
        code: A key of ``REFUSALS``.
        detail: The fact that came with it.
        request: The row as it is now.

    Returns:
        Two or three short sentences. Plain text: whoever shows it escapes it.
    """
    sentence = REFUSALS.get(code, f"This was refused ({code}); nothing was changed.")
    if code == "wrong_state":
        return f"{sentence} It is {state_words(request)}." if request else sentence
    fact = _FACTS.get(code)
    if fact is None or not detail:
        return sentence
    told = fact.format(_short(detail).rstrip(".") if fact.endswith(".") else _short(detail))
    return f"{sentence} {told}"


def state_words(request: Request) -> str:
    """Say where a request is, truthfully: only what is committed.

    Returns:
        Such as ``approved, creating…``, ``created 1f2e…`` or ``failed: duplicate name``. Plain text.
    """
    state = request.state
    if state is State.CREATED:
        words = f"created {request.spec_id}" if request.spec_id else "created"
        return f"{words}, deleted since" if request.retired_by else words
    if state is State.FAILED:
        reason = f": {_short(request.error)}" if request.error else ""
        return f"given up{reason}" if is_given_up(request) else f"failed{reason}"
    if is_dry_run(request):
        return "approved in a dry run, nothing is created"
    if request.kind is Kind.DELETE and state in _DELETE_WORDS:
        return _DELETE_WORDS[state]
    if state is State.PENDING and request.quorum > 1:
        return f"waiting for approval, {len(request.votes)} of {request.quorum}"
    return _WORDS[state]


def explain(error: Exception) -> str:
    """Say in words what an expected error means and what to do next.

    Args:
        error: A ``SizingError``, a ``ConfigError`` or any ``BotError``.

    Returns:
        Plain text without secrets.
    """
    match error:
        case SizingError() | ConfigError():
            return f"{error.message}\n{error.hint}"
        case Refused():
            return refusal(error.code, str(error.facts.get("detail", "")))
        case NoDatabase():
            missing = "it has no tables" if error.path is None else f"{error.path} does not exist"
            return (
                f"No database here: {missing}. Nothing was created.\n"
                "Set PEFTSIZE_DATABASE_URL to the one that peftsize serve uses, or start peftsize serve, which "
                "creates it."
            )
        case StoreError():
            return nothing_stored(error.what)
        case PeopleError():
            return f"Slack could not say who somebody is ({_short(error.what)}). Try again in a minute."
        case SlackTrouble():
            wait = f" It asks to wait {error.retry_after_s:.0f} s." if error.retry_after_s else ""
            told = "trying again cannot help" if error.permanent else "it is tried again by itself"
            return f"Slack did not do it ({_short(error.what)}); {told}.{wait}"
        case SettingsError():
            return "\n".join(["The settings cannot work:", *(f"- {problem}" for problem in error.problems)])
        case SpecsError():
            return _cluster(error)
        case _:
            return "Something went wrong that was not foreseen. Nothing more is known here."


def _cluster(error: SpecsError) -> str:
    match error:
        case Unavailable():
            wait = f"in {error.retry_after_s:.0f} s" if error.retry_after_s else "in a minute"
            return f"The cluster could not be asked, nothing was changed: {_said(error)} Try again {wait}."
        case Rejected():
            return f"The cluster refused: {_said(error)} Correct the cause before you try again."
        case Uncertain():
            return (
                f"The cluster gave no clear answer, it may or may not have happened: {_said(error)} "
                "Look the spec up before anybody tries again."
            )
        case _:
            return f"The cluster did not do it: {_said(error)}"


def reason_problem(reason: str) -> str | None:
    """Return the code of what is wrong with the reason of a rejection, or None."""
    if not reason.strip():
        return "reason_missing"
    if len(reason) > LONGEST_REASON:
        return "reason_too_long"
    return "secret_in_reason" if looks_secret(reason) else None


def unexpected(reference: str) -> str:
    """Say that something broke, with the reference that the log carries too."""
    return (
        f"Something unexpected went wrong (reference {reference}). Try again; if it happens twice, give the "
        "reference to the operator."
    )


def nothing_stored(what: str) -> str:
    """Say that the database did not take it; ``what`` as in ``StoreError``."""
    return REFUSALS.get(what, REFUSALS["away"])


def unreachable(shortage: Shortage) -> str:
    """Say that a quorum cannot be reached, and what would change that."""
    can = "Nobody" if shortage.able == 0 else f"Only {people(shortage.able)}"
    return (
        f"{can} can approve this and {shortage.quorum} must. It will expire unless the policy or its user "
        "groups are changed."
    )


def gigabytes(exact: str, places: int = 3) -> str:
    """Shorten an exact decimal for reading; what was cut is marked.

    >>> gigabytes("7.875"), gigabytes("0.0000667572021484375"), gigabytes("12.3456")
    ('7.875', '0.0000667…', '12.345…')
    """
    units, _, decimals = exact.partition(".")
    if len(decimals) <= places:
        return exact
    first = len(decimals) - len(decimals.lstrip("0"))
    kept = places if int(units) or first < places else first + places
    return exact if len(decimals) <= kept else f"{units}.{decimals[:kept]}…"


def gpus(count: int) -> str:
    """Count GPUs in words: ``1 GPU``, ``3 GPUs``."""
    return f"{count} GPU" if count == 1 else f"{count} GPUs"


def verdict(found: str) -> str:
    """Say what the second opinion comes to, for a verdict of ``sizing.explain``."""
    return {
        "fits": "fits, even at the pessimistic end",
        "tight": "tight: the pessimistic end does not hold the load",
        "does_not_fit": "does not fit, not even at the optimistic end",
    }[found]


def people(count: int) -> str:
    """Count people in words: ``1 person``, ``2 people``."""
    return "1 person" if count == 1 else f"{count} people"


def moment(at_ms: int) -> str:
    """Write a moment: ``2023-11-14 22:13 UTC``."""
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%d %H:%M} UTC"


def duration(length_ms: int) -> str:
    """Write a length of time in its largest whole unit.

    >>> duration(86_400_000), duration(5_400_000), duration(500)
    ('24 h', '90 min', '1 s')
    """
    for unit_ms, unit, least in ((86_400_000, "days", 2), (3_600_000, "h", 1), (60_000, "min", 1)):
        if length_ms >= least * unit_ms and length_ms % unit_ms == 0:
            return f"{length_ms // unit_ms} {unit}"
    return f"{max(1, length_ms // 1000)} s"


def _said(error: SpecsError) -> str:
    """Return the service's words with status and trace, as one sentence."""
    known = [f"status {error.status}"] if error.status else []
    known += [f"trace {error.trace}"] if error.trace else []
    words = _short(error.message).rstrip(".")
    return f"{words} ({', '.join(known)})." if known else f"{words}."


def _short(words: str) -> str:
    """Return foreign words as one line without secrets, not too long for a sentence."""
    line = " ".join(mask_secrets(words[: 4 * _SENTENCES]).split())
    return line if len(line) <= _SENTENCES else line[: _SENTENCES - 1] + "…"
