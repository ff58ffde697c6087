"""The words of all refusals, errors and states, the same for Slack and the command line.

Errors hold facts; this file makes sentences: what happened, and what to do next.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.approvals.limits import facts_of
from bot.approvals.policy_file import APPROVERS
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
    from collections.abc import Mapping, Sequence

    from bot.approvals.parties import Shortage
    from bot.approvals.request import Request

__all__ = [
    "BARRED", "LONGEST_REASON", "REFUSALS", "duration", "explain", "gigabytes", "gpus", "looks_secret",
    "mask_secrets", "moment", "nothing_stored", "people", "reason_problem", "refusal", "short", "state_words",
    "unexpected", "unreachable",
]  # fmt: skip

REFUSALS: Mapping[str, str] = {
    # the request
    "no_live_spec": "This request has no live specification. Deploy one that is created and not deleted.",
    "unknown_request": "There is no such request. Look it up with /peftsize list.",
    "unknown_spec": "There is no such hardware specification in the space. See /peftsize specs.",
    "not_ours": "This hardware specification was not created by this bot, so the bot does not delete it. "
    "Ask whoever created it.",
    "in_use": "A deployment uses this hardware specification, so it is not deleted. Delete the deployment first.",
    "existing": "An identical request is open, or its spec exists. No second card was posted.",
    "deletion_asked": "Its deletion has already been requested. No second card was posted.",
    "duplicate": "This was already received, so nothing more was done. The card shows the state.",
    "name_taken": "Another request uses this spec name. Add name=… to choose a different one.",
    "stale_revision": "The request was edited after you opened it, so nothing was decided. Read the new "
    "revision, then decide.",
    "wrong_state": "The request has changed since, so nothing was done. The card shows its current state.",
    "expired": "The request has expired, so nothing was decided. Submit it again with /peftsize.",
    "foreign_message": "This message is not the current card of the request, so nothing was decided. Use the card "
    "in its channel.",
    "stale_home": "This Home tab was out of date, so nothing was decided. It is being refreshed: decide there.",
    "confirm_first": "The policy asks for confirmation, so nothing was decided. Press Approve again and confirm.",
    "cli_decisions": 'This is decided in Slack. Use the card, or set cli_decisions = "allow" in the policy file.',
    "quorum_gone": "Not enough valid approvals. Submit a new request.",
    "no_existing": "No existing spec fits this request. Approve or reject it instead.",
    "unreadable": "The request text could not be read, so nothing was changed. Rewrite it.",
    "nothing_to_override": "The computed number of GPUs works as it is. There is nothing to change.",
    "not_admitted": "Slack has not yet said who asked for this, so nothing was decided. Try again in a minute.",
    "asked_just_now": "Somebody has just submitted the same request, and Slack is still being asked who they are, so "
    "nothing was stored. Submit it again in a minute.",
    # the person
    "may_not_ask": "The policy lets only some people ask for hardware, so nothing was posted. Have one of them ask, "
    "or talk to whoever runs this bot.",
    "self_approval": "You asked for this, so somebody else must approve it. /peftsize policy lists who can.",
    "not_an_approver": "You are not an approver for this request. /peftsize policy lists who is.",
    "place_filled": "Your party has approved this already. The request needs approval from others.",
    "already_voted": "You have already approved this. The request needs approval from others.",
    "no_vote": "You have not approved this revision. There is nothing to withdraw.",
    "not_yours": "Only the requester or an admin may do this. Ask one of them.",
    "not_an_operator": "Only an admin or an approver may do this. Ask one of them.",
    "denied": "The policy does not allow this, so nothing was changed. /peftsize policy explains why.",
    "deleted": "This Slack account is deactivated and cannot decide. Use an active account.",
    "bot": "Bots cannot decide on requests. A person must do this.",
    "guest": "Guests cannot decide on requests. Ask a full member of the workspace.",
    "stranger": "People from other organizations cannot decide on requests. Ask a member of the home workspace.",
    "foreign_team": "This bot does not serve your workspace. Use it in its home workspace.",
    "unknown_person": "Slack does not know this user id, so nothing was decided. Check the id.",
    "checking": "Checking with Slack who you are… Your click is stored and will be decided in a few seconds. There is "
    "no need to click again.",
    "checking_asker": "Checking with Slack who you are… Your request is stored, and its card will follow. There is "
    "no need to submit it again.",
    "too_many_clicks": "You pressed too many times, so nothing was decided. Wait a minute, then press once.",
    "unsealed_click": "This click was not stored by this release, so nothing was decided. Press the button again.",
    "lookup_failed": "Slack could not confirm who you are, so nothing was decided. Try again in a minute.",
    # the signing key
    "key_exists": "The file exists already, and overwriting a key voids every approval. Nothing was written. Choose "
    "another file.",
    "members_only": "Only full members of this workspace can see other people's requests. These are your own; ask a "
    "member for others.",
    # what was typed
    "reason_missing": "A rejection needs a reason. Write one sentence to help the requester.",
    "reason_too_long": "The reason is too long; nothing was stored. Keep it within 500 characters.",
    "secret_in_reason": "This looks like a password or token, so it was not stored. Write it without the "
    "secret, and replace the secret if it is real.",
    "purpose_missing": 'A request needs a purpose, and nothing was stored. Add it at the end: for="…".',
    "purpose_unlike": "The purpose does not match the policy, so nothing was stored. Correct it and submit again.",
    "name_unlike": "The policy does not allow this name, so nothing was stored. Change name=… or leave it out.",
    "secret_in_purpose": "The purpose seems to hold a password or token, so nothing was stored. Leave that out.",
    "unknown_model": "No model in the table matches this name. Give its number of parameters, such as 8b, or its "
    "config.json.",
    # the audit
    "no_checkpoint": "There is no checkpoint signed with this key yet. The bot signs one every minute while it runs.",
    "not_signed_yet": "A row of the request is newer than the last checkpoint. Try again in a minute.",
    "audit_differs": "The audit contradicts its last checkpoint, so nothing is proven. Run: peftsize audit verify",
    # the database
    "full": "The disk is full, so nothing was stored. Tell the operator, then try again.",
    "read-only": "The database is read-only, so nothing was stored. Tell the operator, then try again.",
    "forbidden": "The bot's database role lacks a right, so nothing was stored. Tell the operator, then try again.",
    "away": "The database cannot be reached, so nothing was stored. Try again in a minute.",
    "conflict": "Somebody else changed it first, so nothing was stored. Try again.",
    "busy": "The database is busy, so nothing was stored. Try again in a few seconds.",
}
"""What happened and what to do next, by the code of a refusal."""

_CANNOT_ASK: Mapping[str, str] = {
    "guest": "Guests",
    "stranger": "People from other organizations",
    "foreign_team": "People from other workspaces",
    "deleted": "Deactivated accounts",
    "bot": "Bots",
    "unknown_person": "People whom Slack does not know",
}
"""Who cannot ask because of what they are, by the detail of ``may_not_ask``."""

_GPUS_HELD = (
    "This needs {asked} GPUs, and %s {held}: {open} in open requests and {created} in specifications that exist. "
    "The limit is {most}. Nothing was stored. Cancel a request, or have a specification deleted."
)
_LIMITS: Mapping[str, str] = {
    "open_per_person": "You have {held} open {requests}, the limit per person: {which}. Cancel one, or wait.",
    "asks_per_minute": "The limit is {most} requests per person per minute. Try again in a minute.",
    "gpus_per_person": _GPUS_HELD % "you hold",
    "gpus_per_space": _GPUS_HELD % "the space holds",
}
"""What a limit of the policy says, by its name there; its facts are in the refusal's detail."""

BARRED: Mapping[str, str] = {
    "deleted": "the account is deactivated",
    "bot": "a bot cannot decide",
    "guest": "a guest cannot decide",
    "stranger": "belongs to another organization",
    "foreign_team": "belongs to another workspace",
    "unknown_person": "Slack does not know this id",
}
"""Why somebody whom the policy names can have no say, for every ``Person.barred`` that a look-up gives."""

LONGEST_REASON = 500
"""Characters of the reason of a rejection."""

_FACTS: Mapping[str, str] = {
    "not_signed_yet": "It is row {}.",
    "stale_revision": "It is revision {} now.",
    "denied": "The policy says: {}",
    "unknown_model": "Nearest: {}.",
    "purpose_missing": "It must match {}",
    "purpose_unlike": "It must match {}",
    "name_unlike": "It must match {}",
    "place_filled": "It stands at {}.",
    "name_taken": "It belongs to {}.",
    "deletion_asked": "It is request {}.",
    "in_use": "In use by {}.",
    "quorum_gone": "Reason: {}.",
    "lookup_failed": "Slack said: {}.",
    "no_live_spec": "It is {}.",
    "unknown_request": "You entered {}.",
    "unknown_spec": "You entered {}.",
    "not_ours": "Its id is {}.",
    "unreadable": "Reason: {}.",
    "key_exists": "It is {}.",
}
"""What the fact of a code adds to its sentence."""

_WORDS: Mapping[State, str] = {
    State.PENDING: "waiting for approval",
    State.APPROVED: "approved, creating…",
    State.CREATING: "approved, creating…",
    State.DELETING: "approved, deleting…",
    State.UNKNOWN: "unknown: checking whether it was created",
    State.ATTENTION: "needs attention: unclear whether it was created",
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
    State.ATTENTION: "needs attention: unclear whether it was deleted",
}
_MOST_PARTIES = 3
_SENTENCES = 300
"""Longest fact in a sentence, in characters."""


def refusal(code: str, detail: str = "", request: Request | None = None) -> str:
    """Say why nothing was done, and what to do next, in two or three short sentences of plain text.

    Args:
        code: A key of ``REFUSALS``.
        detail: The fact that came with it.
        request: The row as it is now.
    """
    if code in _LIMITS:
        return _limit(code, detail)
    if code == "may_not_ask" and detail in _CANNOT_ASK:
        who = _CANNOT_ASK[detail]
        return f"{who} cannot ask for hardware here, so nothing was posted. Have a full member of the workspace ask."
    sentence = REFUSALS.get(code, f"This was refused ({code}); nothing was changed.")
    if code == "wrong_state":
        return f"{sentence} It is {state_words(request)}." if request else sentence
    fact = _FACTS.get(code)
    if fact is None or not detail:
        return sentence
    fact_words = fact.format(short(detail).rstrip(".") if fact.endswith(".") else short(detail))
    return f"{sentence} {fact_words}"


def _limit(code: str, detail: str) -> str:
    """Say which limit was reached, and what counts towards it."""
    facts = facts_of(detail)
    held = int(facts.get("held") or int(facts.get("open", 0)) + int(facts.get("created", 0)))
    shown = facts.pop("which", "").split(",")
    which = ", ".join(shown) + (f" and {held - len(shown)} more" if held > len(shown) else "")
    requests = "request" if held == 1 else "requests"
    return _LIMITS[code].format(**facts | {"held": held, "which": which, "requests": requests})


def state_words(request: Request) -> str:
    """Say what state a request is in, according to what is committed; plain text.

    Returns:
        Such as ``approved, creating…``, ``created 1f2e…`` or ``failed: duplicate name``.
    """
    state = request.state
    if not request.admitted:
        return "waiting for Slack to say who asks"
    if state is State.CREATED:
        words = f"created {request.spec_id}" if request.spec_id else "created"
        return f"{words}, deleted since" if request.retired_by else words
    if state is State.FAILED:
        reason = f": {short(request.error)}" if request.error else ""
        return f"given up{reason}" if is_given_up(request) else f"failed{reason}"
    if is_dry_run(request):
        return "approved in a dry run, nothing is created"
    if request.kind is Kind.DELETE and state in _DELETE_WORDS:
        return _DELETE_WORDS[state]
    if state is State.PENDING and request.quorum > 1:
        return f"waiting for approval, {len(request.votes)} of {request.quorum}"
    return _WORDS[state]


def explain(error: Exception) -> str:
    """Say what an expected error means and what to do next: plain text without secrets."""
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
            return f"Slack could not identify a user ({short(error.what)}). Try again in a minute."
        case SlackTrouble():
            wait = f" It asks to wait {error.retry_after_s:.0f} s." if error.retry_after_s else ""
            retry = (
                "it is retried every hour and at the next start"
                if error.permanent
                else "it is retried automatically"
            )
            return f"Slack delivery failed ({short(error.what)}); {retry}.{wait}"
        case SettingsError():
            return "\n".join(["Invalid settings:", *(f"- {problem}" for problem in error.problems)])
        case SpecsError():
            return _cluster(error)
        case _:
            return "An unexpected error occurred."


def _cluster(error: SpecsError) -> str:
    match error:
        case Unavailable():
            wait = f"in {error.retry_after_s:.0f} s" if error.retry_after_s else "in a minute"
            return f"The cluster could not be reached; nothing was changed: {_said(error)} Try again {wait}."
        case Rejected():
            return f"The cluster refused: {_said(error)} Correct the cause before you try again."
        case Uncertain():
            return (
                f"The cluster gave no clear answer; the change may or may not have been made: {_said(error)} "
                "Look up the spec before anybody retries."
            )
        case _:
            return f"The cluster did not carry it out: {_said(error)}"


def reason_problem(reason: str) -> str | None:
    """Return the code of what is wrong with the reason of a rejection, or None."""
    if not reason.strip():
        return "reason_missing"
    if len(reason) > LONGEST_REASON:
        return "reason_too_long"
    return "secret_in_reason" if looks_secret(reason) else None


_NO_SANDBOX = "The image leaves the sandbox out. Install peftsize with pip to run it."
MISSING = {
    "fcntl": "The bot and the sandbox need Linux, macOS or another POSIX system; on Windows, run them in WSL. "
    "Sizing works here: peftsize size.",
    "rich": _NO_SANDBOX,
    "websockets": _NO_SANDBOX,
}
"""What to say where a module is missing for a known reason, by its first name."""


def unexpected(reference: str) -> str:
    """Say that an unexpected error occurred, with its reference in the log."""
    return (
        f"An unexpected error occurred (reference {reference}). Try again; if it happens again, give the "
        "reference to the operator."
    )


def nothing_stored(what: str) -> str:
    """Say that the database stored nothing; ``what`` as in ``StoreError``."""
    return REFUSALS.get(what, REFUSALS["away"])


def unreachable(short: Sequence[Shortage]) -> str:
    """Say which parties cannot be reached, and what would change that."""
    sentences = []
    for one in short[:_MOST_PARTIES]:
        can = "Nobody" if one.able == 0 else f"Only {people(one.able)}"
        party = f" for {one.party}" if one.party != APPROVERS else ""
        sentences.append(f"{can} can approve this{party} and {one.quorum} must.")
    if all(one.later for one in short):
        sentences.append("It waits for an escalation to let others decide.")
    else:
        sentences.append("It will expire unless the policy or its user groups are changed.")
    return " ".join(sentences)


def gigabytes(exact: str, places: int = 3) -> str:
    """Shorten an exact decimal for display; an ellipsis marks the cut.

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


def verdict(code: str) -> str:
    """Return the second opinion in words, for a verdict of ``sizing.explain``."""
    return {
        "fits": "fits, even at the pessimistic end",
        "tight": "tight: the pessimistic end does not hold the load",
        "does_not_fit": "does not fit, not even at the optimistic end",
    }[code]


def people(count: int) -> str:
    """Count people in words: ``1 person``, ``2 people``."""
    return "1 person" if count == 1 else f"{count} people"


def moment(at_ms: int) -> str:
    """Format a moment: ``2023-11-14 22:13 UTC``."""
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%d %H:%M} UTC"


def duration(length_ms: int) -> str:
    """Format a length of time in its largest whole unit.

    >>> duration(86_400_000), duration(5_400_000), duration(500)
    ('24 h', '90 min', '1 s')
    """
    for unit_ms, unit, least in ((86_400_000, "days", 2), (3_600_000, "h", 1), (60_000, "min", 1)):
        if length_ms >= least * unit_ms and length_ms % unit_ms == 0:
            return f"{length_ms // unit_ms} {unit}"
    return f"{max(1, length_ms // 1000)} s"


def short(words: str) -> str:
    """Return foreign words as one line without secrets, short enough for a sentence."""
    line = " ".join(mask_secrets(words[: 4 * _SENTENCES]).split())
    return line if len(line) <= _SENTENCES else line[: _SENTENCES - 1] + "…"


def _said(error: SpecsError) -> str:
    """Return the service's message with status and trace, as one sentence."""
    known = [f"status {error.status}"] if error.status else []
    known += [f"trace {error.trace}"] if error.trace else []
    words = short(error.message).rstrip(".")
    return f"{words} ({', '.join(known)})." if known else f"{words}."
