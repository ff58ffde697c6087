"""Where a request is, for its card: words, people and dates in the reader's time zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.approvals.request import Kind, State
from bot.approvals.state_machine import has_live_spec, is_dry_run, is_given_up
from bot.messages import mask_secrets
from bot.slack.blocks.text import code, date, fence, mention, safe

if TYPE_CHECKING:
    from bot.approvals.request import Request

_LONGEST_REASON = 600
_OFTEN = {1: "once", 2: "twice"}


def status(
    request: Request, now: int, waiting_for: str | None = None, attempt_lookups: int | None = None
) -> str:
    """Say where a request is, who decided and when, and what comes next.

    Args:
        request: The row.
        now: UTC epoch milliseconds.
        waiting_for: Who can still vote, as plain text.
        attempt_lookups: How often a lost answer was looked up.

    Returns:
        Some lines of mrkdwn, the first with the state in bold.
    """
    lines = [_first(request, now, waiting_for, attempt_lookups)]
    if request.votes:
        lines.append(f"Approved by {', '.join([_vote(v.user_id, v.name, v.at) for v in request.votes])}")
    if has_live_spec(request):
        lines.append(next_step(request.spec_id or ""))
    return "\n".join(lines)


def next_step(spec_id: str) -> str:
    """Say how a new spec is used. Source: IBM documentation, "Requirements for deploying PEFT models"."""
    body = f'"hardware_spec": {{"id": "{spec_id}", "num_nodes": 1}},\n"enable_lora": true'
    return (
        f"*Next step:* name it in the deployment of the *base* model:\n{fence(body, 400)}\n"
        "The adapter deployments name `base_deployment_id` and no `hardware_spec`."
    )


def _first(request: Request, now: int, waiting_for: str | None, lookups: int | None) -> str:
    verb = "delete" if request.kind is Kind.DELETE else "create"
    match request.state:
        case State.PENDING if now >= request.expires_at:
            return f"*Expired* {date(request.expires_at)}: nobody can approve it any more."
        case State.PENDING:
            return _pending(request, waiting_for)
        case State.APPROVED if is_dry_run(request):
            return f"*Approved.* This is a dry run, so nothing is {verb}d."
        case State.APPROVED | State.CREATING | State.DELETING:
            waits = f" It waits: {_reason(request)}" if request.error else ""
            return f"*Approved, {verb[:-1]}ing…*{waits}"
        case State.UNKNOWN:
            often = f" Looked up {_OFTEN.get(lookups, f'{lookups} times')} so far." if lookups else ""
            never = "" if request.kind is Kind.DELETE else " Nothing is sent again by itself."
            return f"*Unknown:* the answer was lost; checking whether it was {verb}d.{never}{often}"
        case State.ATTENTION:
            return (
                f"*Needs a person:* nobody can say whether it was {verb}d, and it was not found. It is still "
                f"looked for. Look in the space, then retry or give up.{_because(request)}"
            )
        case State.FAILED:
            if is_given_up(request):
                return f"*Given up*{_by(request)}{_because(request) or '.'}"
            return f"*Failed*{_because(request) or '.'}"
        case _:
            return _ended(request)


def _pending(request: Request, waiting_for: str | None) -> str:
    votes = len(request.votes)
    waits = f", waiting for {safe(waiting_for, 300)}" if waiting_for else ""
    again = f"\n*Asked again:* {_reason(request)}" if request.error else ""
    return (
        f"*Waiting for approval:* {votes} of {request.quorum}{waits}{again}\n"
        f"Expires {date(request.expires_at)} · asked {date(request.created_at)}"
    )


def _ended(request: Request) -> str:
    """Say how it ended: created, deleted, rejected, cancelled or expired."""
    when = f" {date(request.ended_at)}" if request.ended_at is not None else ""
    match request.state:
        case State.CREATED:
            spec = code(request.spec_id or "unknown", 80)
            if request.retired_by:
                return f"*Created* {spec}, *deleted since* by request {code(request.retired_by, 20)}."
            said = f"\nThe service said: {_reason(request)}" if request.error else ""
            return f"*Created* {spec}{when}{said}"
        case State.DELETED:
            return f"*Deleted* {code(request.spec_id or request.name, 80)}{when}"
        case State.EXPIRED:
            return f"*Expired* {date(request.expires_at)}: nobody decided in time. You can submit it again."
        case _:
            return f"*{request.state.value.capitalize()}*{_by(request)}{_because(request)}"


def _by(request: Request) -> str:
    who = f" by {mention(request.ended_by)}" if request.ended_by else ""
    return f"{who} {date(request.ended_at)}" if request.ended_at is not None else who


def _because(request: Request) -> str:
    return f": {_reason(request)}" if request.error else ""


def _reason(request: Request) -> str:
    return safe(mask_secrets((request.error or "")[: 4 * _LONGEST_REASON]), _LONGEST_REASON)


def _vote(user_id: str, name: str, at: int) -> str:
    return f"{mention(user_id, name)} {date(at)}"
