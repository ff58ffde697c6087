"""``peftsize requests``: list, show, and decide under the same rules as in Slack."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import sizing
from bot import messages
from bot.approvals.draft import draft, ruling_of
from bot.approvals.request import Request, State
from bot.approvals.state_machine import has_live_spec, progress
from bot.cli.operator import open_operator
from bot.cli.output import (
    BOLD,
    GAP,
    columns,
    complain,
    on_the_command_line,
    paint,
    pairs,
    say,
    say_json,
    table,
    time_of,
    title,
    visible,
)
from bot.errors import Refused, SettingsError, UnknownRequest
from bot.runtime import settings as configuration
from bot.runtime.wiring import clock, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from bot.approvals.parties import Party
    from bot.approvals.state_machine import Progress
    from bot.runtime.settings import Settings
    from bot.workflow.ports import Outcome


def as_json_object(request: Request, came: Progress | None) -> dict[str, Any]:
    """Return a request as ``--json`` prints it; times in UTC epoch milliseconds.

    Args:
        request: The row.
        came: How far its approvals have come, where that is known.
    """
    return {
        "id": request.id,
        "revision": request.revision,
        "state": request.state.value,
        "name": request.name,
        "canonical": request.canonical,
        "requester": request.requester_id,
        "channel": request.channel_id,
        "message_ts": request.message_ts,
        "votes": [{"user_id": vote.user_id, "name": vote.name, "at": vote.at} for vote in request.votes],
        "quorum": request.quorum,
        "created_at": request.created_at,
        "expires_at": request.expires_at,
        "spec_id": request.spec_id,
        "error": request.error,
        "kind": request.kind.value,
        "purpose": request.purpose,
        "parties": None if came is None else [_party(*one) for one in came.by_party()],
    }


def _party(party: Party, filled: Collection[str]) -> dict[str, Any]:
    return {"name": party.name, "have": len(filled), "need": party.count}


def _counting(settings: Settings) -> Callable[[Request], Progress | None]:
    """Return what says how far the approvals of a pending request have come under the policy of the settings."""
    try:
        rules = configuration.rules(settings)
    except SettingsError as error:
        complain(f"The parties of pending requests are not shown. {messages.explain(error)}")
        return lambda _: None
    site, now = configuration.site(settings, dry_run=True), clock()

    def count(request: Request) -> Progress | None:
        if request.state is not State.PENDING or not rules.approvers():
            return None
        return progress(request, ruling_of(request, rules, site, now))

    return count


def listing(*, as_json: bool, state: str | None, limit: int | None) -> None:
    """List requests, newest first."""
    if state is not None and state not in set(State):
        raise SettingsError((f"--state must be one of {', '.join(State)}.",))
    settings = configuration.load()
    with open_store(settings) as store, store.read() as tx:
        requests = tx.requests.listed(states=(State(state),) if state else (), limit=limit)
    came = _counting(settings)
    if as_json:
        say_json([as_json_object(request, came(request)) for request in requests])
        return
    if not requests:
        say("No requests found. They are made in Slack: /peftsize 10b 2x128MB qlora4")
        return
    rows = [
        (
            r.id,
            r.state.value,
            r.canonical,
            r.requester_name,
            time_of(r.created_at),
            r.spec_id or "-",
            r.purpose or "-",
            _approvals(r, came(r)) if r.state is State.PENDING else "-",
        )
        for r in requests
    ]
    table(("id", "state", "request", "asked by", "at", "spec", "purpose", "approvals"), rows)


def _approvals(request: Request, came: Progress | None) -> str:
    """Say how many approvals a request has, by party where there are several."""
    return f"{len(request.votes)} of {request.quorum}" if came is None else str(came)


def show(request_id: str, *, as_json: bool) -> None:
    """Show one request; with its story in the text form."""
    settings = configuration.load()
    with open_store(settings) as store, store.read() as tx:
        request = tx.requests.get(request_id.upper())
        story = tx.audit_log.story(request_id.upper())
    if request is None:
        raise UnknownRequest("unknown_request", detail=request_id)
    came = _counting(settings)(request)
    if as_json:
        say_json(as_json_object(request, came))
        return
    say(paint(visible(f"{request.id}: {messages.state_words(request)}"), BOLD))
    pairs(
        ("request", request.canonical),
        *([("purpose", request.purpose)] if request.purpose else []),
        ("asked by", f"{request.requester_name}, {time_of(request.created_at)}"),
        ("approvals", _approvals(request, came)),
    )
    title("The story")
    columns(
        [
            (
                time_of(event["at"]),
                event["event"],
                event["actor"]["name"] or event["actor"]["user_id"] or "peftsize",
                event["reason"] or "",
            )
            for event in story
        ]
    )
    title("The body")
    say(GAP + request.payload)  # one line: it can be copied


def deploy_body(request_id: str, adapter: str | None, *, as_json: bool) -> None:
    """Print the requests that deploy the base model and an adapter on a created specification."""
    settings = configuration.load()
    with open_store(settings) as store, store.read() as tx:
        request = tx.requests.get(request_id.upper())
    if request is None:
        raise UnknownRequest("unknown_request", detail=request_id)
    if not has_live_spec(request):
        raise Refused("no_live_spec", detail=messages.state_words(request))
    sized = draft(request.text, configuration.site(settings, dry_run=False)).sized
    base = sizing.base_deployment(sized, request.spec_id or "", request.space_id)
    on_it = sizing.adapter_deployment(sized, request.space_id, adapter)
    deployments = {"base": base, "adapter": on_it} if sized.adapters or adapter else {"base": base}
    if as_json:
        say_json(
            {
                name: {
                    "url": request.target + deployment.path,
                    "body": deployment.body,
                    "assumed": deployment.assumed,
                }
                for name, deployment in deployments.items()
            }
        )
        return
    for name, deployment in deployments.items():
        title("Deploy the base model" if name == "base" else "Deploy an adapter on it")
        say(_curl(request.target, deployment))
        for line in deployment.assumed:
            say(f"# {line}")


def _curl(target: str, deployment: sizing.Deployment) -> str:
    """Return a deployment request as a command to paste; ``$TOKEN`` stands for a bearer token."""
    body = json.dumps(deployment.body, indent=2)
    head = 'curl -X POST -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json"'
    return f"{head} \\\n  --data '{body}' \\\n  '{target}{deployment.path}'"


def act(action: str, request_id: str, user_id: str, reason: str | None) -> None:
    """Decide as a Slack user, who is looked up live, and redraw the card."""
    if reason is not None and (wrong := messages.reason_problem(reason)) is not None:
        raise SettingsError((messages.refusal(wrong),))
    with open_operator(configuration.load()) as operator:
        outcome = operator.decide(action, request_id.upper(), user_id, reason)
    say_outcome(outcome)


def say_outcome(outcome: Outcome) -> None:
    """Print the outcome of a decision; exit 1 for a refusal."""
    if outcome.code in {"done", "submitted", "existing"} and outcome.request is not None:
        say(f"{outcome.request.id}: {messages.state_words(outcome.request)}")
        return
    complain(on_the_command_line(messages.refusal(outcome.code, outcome.detail, outcome.request)))
    sys.exit(1)
