"""The stand-in's HTTP answers: the Web API and response URLs."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from bot.sandbox.loopback import Reply
from bot.sandbox.slack.chat import CHAT, respond
from bot.sandbox.slack.lookups import LOOKUPS
from bot.sandbox.slack.views import VIEWS
from bot.sandbox.slack.web import Api, Args, Call, SlackRefusal, answer, masked

if TYPE_CHECKING:
    from bot.sandbox import loopback

METHODS = {**CHAT, **LOOKUPS, **VIEWS}
_BROKEN = Reply(0, drop=True)


def label(call: loopback.Call) -> str:
    """Return the Web API method of a request, or ``response_url``."""
    folder, _, name = call.path.lstrip("/").partition("/")
    return name if folder == "api" else "response_url"


def serve(api: Api, call: loopback.Call) -> Reply:
    """Answer one request under the current faults and rates, and record it without its secrets."""
    folder, _, name = call.path.lstrip("/").partition("/")
    try:
        args = _arguments(call)
    except ValueError:
        return Reply(200, {"ok": False, "error": "invalid_post_type"})
    if folder == "api":
        bearer = call.headers.get("authorization", "").removeprefix("Bearer ").strip()
        token = str(args.pop("token", "") or "")
        reply = _trouble(api, name) or _method(api, name, args, bearer or token)
    elif folder == "response" and call.method == "POST":
        reply = _trouble(api, "response_url") or _response(api, name, args)
    else:
        reply = Reply(404, {"ok": False, "error": "not_found"})
    said = reply.body if isinstance(reply.body, dict) else {}
    if name == "apps.connections.open" and "url" in said:
        said = said | {"url": "<url>"}
    with api.workspace.lock:
        api.calls.append(Call(label(call), masked(args), reply.status, masked(said), api.workspace.clock()))
    api.workspace.changed()
    return reply


def _trouble(api: Api, name: str) -> Reply | None:
    """Return the answer while Slack is slow or down, if that applies to this method."""
    if not api.faults.hits(name):
        return None
    time.sleep(api.faults.slow_s)
    outages = {"reset": _BROKEN, "503": Reply(503, {"ok": False, "error": "service_unavailable"})}
    return outages.get(api.faults.down)


def _method(api: Api, name: str, args: Args, token: str) -> Reply:
    """Answer a Web API call."""
    faults = api.faults
    if faults.take("http_500", name):
        return Reply(500, {"ok": False, "error": "internal_error"})
    wait = faults.retry_after_s if faults.take("rate_limited", name) else 0
    wait = wait or api.rates.wait_s(name, str(args.get("channel")), api.workspace.clock())
    if wait:
        return Reply(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": str(wait)})
    if name in faults.refused:
        return Reply(200, {"ok": False, "error": faults.refused[name]})
    said = answer(api, METHODS.get(name), args, token)
    if faults.take("lose_answers", name):
        return _BROKEN
    if faults.hits(name):
        time.sleep(faults.slow_answer_s)
    return Reply(200, said, {"X-OAuth-Scopes": ",".join(sorted(api.app.scopes))})


def _response(api: Api, name: str, args: Args) -> Reply:
    """Answer a post to a response URL: five times, within thirty minutes, without a token."""
    workspace = api.workspace
    with workspace.lock:
        to = workspace.response_urls.get(name)
        if to is None or to.uses_left <= 0:
            return Reply(404, {"ok": False, "error": "used_url"})
        if workspace.clock() > to.until_s:
            return Reply(404, {"ok": False, "error": "expired_url"})
        to.uses_left -= 1
    try:
        respond(api, to, args)
    except SlackRefusal as refusal:
        return Reply(200, {"ok": False, "error": refusal.error, **refusal.more})
    return Reply(200, {"ok": True})


def _arguments(call: loopback.Call) -> Args:
    """Decode a call's arguments: the query, then a form or a JSON object.

    Raises:
        ValueError: The body is neither.
    """
    args: Args = dict(call.query)
    if not call.body:
        return args
    if call.media_type == "application/json":
        decoded = json.loads(call.body)
        if not isinstance(decoded, dict):
            raise ValueError("not an object")
        return args | decoded
    return args | dict(parse_qsl(call.body.decode("utf-8"), keep_blank_values=True))
