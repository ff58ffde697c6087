"""The state of a request in words: the first sentence of its card, and its outcome."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from bot.approvals.request import Kind, State
from bot.approvals.state_machine import is_dry_run, is_given_up
from bot.approvals.state_machine import progress as approvals
from bot.messages import mask_secrets
from bot.slack.blocks import breakdown
from bot.slack.blocks.text import code, date, fence, group_edit, link, mention, safe

if TYPE_CHECKING:
    from bot.approvals.draft import Draft, Site
    from bot.approvals.policy import Ruling
    from bot.approvals.request import Request

_LONGEST_REASON = 600
_LONGEST_NAME = 40
_LONGEST_PROGRESS = 160
_MOST_VOTERS = 3
_TRACE = re.compile(r" \(trace ([A-Za-z0-9_.:-]{1,64})\)$")
_SPACE_ID = 9
_OFTEN = {1: "once", 2: "twice"}
_FIRST: dict[State, tuple[str, str]] = {
    State.APPROVED: ("⚙️", "*Creating…*"),
    State.CREATING: ("⚙️", "*Creating…*"),
    State.DELETING: ("⚙️", "*Deleting…*"),
    State.UNKNOWN: ("🔎", "*Checking whether it was created:*"),
    State.ATTENTION: ("🚨", "*Needs an admin:*"),
    State.FAILED: ("❌", "*Failed:*"),
    State.CREATED: ("✅", "*Created*"),
    State.DELETED: ("🗑️", "*Deleted*"),
    State.REJECTED: ("🚫", "*Rejected*"),
    State.CANCELLED: ("↩️", "*Cancelled*"),
    State.EXPIRED: ("⌛", "*Expired:*"),
}
"""How the sentence begins in each state except ``pending``."""
_FIRST_DELETE: dict[State, tuple[str, str]] = {
    State.APPROVED: ("⚙️", "*Deleting…*"),
    State.UNKNOWN: ("🔎", "*Checking whether it was deleted:*"),
}


def sentence(
    request: Request, drafted: Draft | None = None, *, site: Site | None = None, now: int | None = None
) -> str:
    """Say in one sentence the state of a request, its requester, cost and workload; mrkdwn.

    Args:
        drafted: Its text, parsed again; without it, the sentence quotes the text.
        site: For its label; None to show none.
        now: UTC epoch milliseconds; a pending request past its expiry is shown as expired.
    """
    who = mention(request.requester_id, safe(request.requester_name, _LONGEST_NAME))
    return _sentence(request, drafted, site, now, who, mention(request.ended_by or ""))


def notification(
    request: Request, drafted: Draft | None = None, *, site: Site | None = None, now: int | None = None
) -> str:
    """Return the same sentence for notifications and screen readers: names instead of mentions, and the space."""
    who = safe(request.requester_name, _LONGEST_NAME)
    named = next((vote.name for vote in request.votes if vote.user_id == request.ended_by), "")
    by = who if request.ended_by == request.requester_id else safe(named, _LONGEST_NAME)
    words = _sentence(request, drafted, site, now, who, by).replace("*", "")
    return f"{words}, space {space(request, site)}" if site is not None else words


def progress(request: Request, ruling: Ruling | None = None) -> str:
    """Say how many approvals a request has, by party if the ruling has several; mrkdwn."""
    if ruling is None:
        return f"*Waiting for approval {len(request.votes)} of {request.quorum}*"
    colon = ":" if len(ruling.parties) > 1 else ""
    return f"*Waiting for approval{colon} {safe(str(approvals(request, ruling)), _LONGEST_PROGRESS)}*"


def outcome(request: Request, attempt_lookups: int | None = None, longest: int = _LONGEST_REASON) -> str:
    """Say how a request ended or where it is: by whom, when, why, or the spec's id; mrkdwn.

    Args:
        attempt_lookups: How often a lost answer has been looked up.
        longest: Characters of a reason; Details shows all of it.
    """
    lines = [line for line in (_outcome(request, attempt_lookups, longest), _approved(request)) if line]
    return "\n".join(lines)


def purpose(request: Request, longest: int, linked: tuple[int, int, str] | None = None) -> str:
    """Return what a request is for, in its author's words; mrkdwn, empty if nobody said.

    Args:
        longest: Characters shown; Details shows all of it.
        linked: The part to link (start, end) and the address; see ``bot.approvals.wording.linked``.
    """
    words = request.purpose or ""
    if not words:
        return ""
    if linked is None or linked[1] > longest:
        return f"*Purpose:* {safe(words, longest)}"
    start, end, template = linked
    address = template.replace("{match}", quote(words[start:end], safe=""))
    before, behind = safe(words[:start], longest), safe(words[end:], max(longest - end, 2))
    spaced = (
        " " if words[start - 1 : start].isspace() else "",
        " " if words[end : end + 1].isspace() else "",
    )
    return f"*Purpose:* {before}{spaced[0]}{link(address, words[start:end])}{spaced[1]}{behind}"


def next_step(spec_id: str) -> str:
    """Say how to use a new spec. Source: as for ``sizing.deployment``."""
    body = (
        '"online": {"parameters": {"foundation_model": {"enable_lora": true, …}}},\n'
        f'"hardware_spec": {{"id": "{spec_id}", "num_nodes": 1}}'
    )
    return (
        f"*Next step:* name it in the deployment of the *base* model:\n{fence(body, 400)}\n"
        "The adapter deployments name `base_deployment_id` and no `hardware_spec`. Details has both requests in full."
    )


def space(request: Request, site: Site) -> str:
    """Return the name of a request's space in the settings, else the start of its id; mrkdwn."""
    named = site.name_of(request.space_id)
    return safe(named, _SPACE_ID if named == request.space_id else 24)


def is_open(request: Request, now: int) -> bool:
    """Return whether a request can still be voted on."""
    return request.state is State.PENDING and now < request.expires_at


def _sentence(
    request: Request, drafted: Draft | None, site: Site | None, now: int | None, who: str, by: str
) -> str:
    """Build the sentence with these names for the requester and whoever decided."""
    deletes = request.kind is Kind.DELETE
    expired = request.state is State.PENDING and now is not None and not is_open(request, now)
    emoji, begins = ("⏳", "") if request.state is State.PENDING else _FIRST[request.state]
    if deletes:
        emoji, begins = _FIRST_DELETE.get(request.state, (emoji, begins))
    if expired:
        emoji, begins = _FIRST[State.EXPIRED]
    if is_given_up(request):
        emoji, begins = "🏳️", "*Given up*"
    if is_dry_run(request):
        emoji, begins = "🧪", "*Approved in a dry run, nothing is done:*"
    if request.state is State.CREATED and request.retired_by:
        emoji, begins = "🗑️", "*Created and deleted since:*"
    if by and (request.state in {State.REJECTED, State.CANCELLED} or is_given_up(request)):
        begins += f" by {by}:"
    label = f" *{safe(site.label.upper(), 24)}:*" if site is not None and site.label else ""
    if deletes:
        what = f"spec *{safe(request.name, 64)}*"
        return f"{emoji}{label} " + (
            f"{begins} {what} for {who}" if begins else f"{who} asks to delete {what}"
        )
    if drafted is None or drafted.payload != request.payload:
        what, why = safe(request.canonical, 80), ""
    else:
        what, why = breakdown.cost(drafted), safe(breakdown.workload(drafted.sized), 80)
    if begins:
        return f"{emoji}{label} {begins} {what} for {who}" + (f" ({why})" if why else "")
    return f"{emoji}{label} {who} asks for *{what}*" + (f": {why}" if why else "")


def _outcome(request: Request, lookups: int | None, longest: int) -> str:
    when = date(request.ended_at) if request.ended_at is not None else ""
    why = _reason(request, longest)
    verb = "deleted" if request.kind is Kind.DELETE else "created"
    match request.state:
        case State.PENDING | State.EXPIRED:
            return f"Nobody decided by {date(request.expires_at)}. You can submit it again."
        case State.APPROVED | State.CREATING | State.DELETING:
            return f"Waiting: {why}" if why else ""
        case State.UNKNOWN:
            often = f" Looked up {_OFTEN.get(lookups, f'{lookups} times')} so far." if lookups else ""
            never = "" if request.kind is Kind.DELETE else " Nothing is resent automatically."
            return f"The answer was lost.{never}{often}\n{why}".rstrip()
        case State.ATTENTION:
            return (
                f"It is unclear whether it was {verb}. An admin or an approver must look for "
                f"{code(request.name, 64)} in the space, then retry or give up.\n{why}".rstrip()
            )
        case State.CREATED:
            spec = f"Spec {code(request.spec_id or 'unknown', 80)}"
            if request.retired_by:
                return f"{spec}, deleted by request {code(request.retired_by, 20)}"
            return f"{spec} · {when}" + (f"\nThe service said: {why}" if why else "")
        case State.DELETED:
            return f"Spec {code(request.spec_id or request.name, 80)} · {when}"
        case State.REJECTED:
            return f"*Reason:* {why or 'none was given'} · {when}"
        case _:
            return f"{why} · {when}".strip(" ·")


def _approved(request: Request) -> str:
    """Say who approved, unless the request ended otherwise."""
    if not request.votes or request.state in {State.REJECTED, State.CANCELLED, State.EXPIRED, State.PENDING}:
        return ""
    edited = "".join(f"\n⚠️ {group_edit(edit)}" for edit in request.groups_edited[:1])
    return f"Approved by {voters(request)}{edited}"


def voters(request: Request) -> str:
    """Name those who approved."""
    shown = [mention(vote.user_id, safe(vote.name, _LONGEST_NAME)) for vote in request.votes[-_MOST_VOTERS:]]
    left = len(request.votes) - len(shown)
    return ", ".join(shown) + (f" and {left} more" if left else "")


def _reason(request: Request, longest: int) -> str:
    """Return why, without secrets; the trace id of the cluster's log looks like one, but is kept whole."""
    words, trace = request.error or "", _TRACE.search(request.error or "")
    if trace:
        words, longest = words[: trace.start()], longest - len(trace[0])
    shown = safe(mask_secrets(words[: 4 * _LONGEST_REASON]), longest)
    return shown + (f" (trace `{trace[1]}`)" if trace else "")
