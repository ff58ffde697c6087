"""The HTTP traffic of the sandbox as one list: Slack to the app, the app to Slack and to the cluster."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.sandbox.slack.delivery import Delivery
    from bot.sandbox.slack.web import Call
    from bot.sandbox.watsonx.fake_watsonx import Recorded
    from bot.sandbox.world import World

MOST = 80
_KEPT_TEXT = 20_000


def traffic(world: World) -> list[dict[str, Any]]:
    """Return the last exchanges, oldest first, each on one line.

    Returns:
        At most ``MOST`` objects: ``id, at_ms, way, what, status``.
    """
    found = [
        {"id": f"{way}-{number}", "way": way, **line(one)}
        for way, (log, line, _) in _logs(world).items()
        for number, one in list(enumerate(log))[-MOST:]
    ]
    return sorted(found, key=lambda one: one["at_ms"])[-MOST:]


def content(world: World, exchange_id: str) -> str:
    """Return one exchange in full, without secrets.

    Raises:
        KeyError: It does not exist.
    """
    way, _, number = exchange_id.rpartition("-")
    log, _, detail = _logs(world)[way]
    if not (number.isascii() and number.isdecimal() and int(number) < len(log)):
        raise KeyError(exchange_id)
    return json.dumps(detail(log[int(number)]), indent=2, ensure_ascii=False)[:_KEPT_TEXT]


_Log = tuple[Sequence[Any], Callable[[Any], dict[str, Any]], Callable[[Any], dict[str, Any]]]


def _logs(world: World) -> dict[str, _Log]:
    """Return the record of each side, and how to show it on a line and in full."""
    return {
        "slack-in": (world.slack.recorded, _delivery, _delivery_detail),
        "slack-out": (world.slack.calls, _call, _call_detail),
        "watsonx": (world.cluster.requests(), _request, _request_detail),
    }


def _delivery(delivery: Delivery) -> dict[str, Any]:
    payload = delivery.payload
    event = payload.get("event")
    named = event.get("type") if isinstance(event, dict) else payload.get("command") or payload.get("type")
    actions = payload.get("actions")
    pressed = f" {actions[0].get('action_id')}" if isinstance(actions, list) and actions else ""
    return {
        "at_ms": int(delivery.at_s * 1000),
        "what": f"POST /slack/events  {named or delivery.kind}{pressed}",
        "status": delivery.status,
    }


def _delivery_detail(delivery: Delivery) -> dict[str, Any]:
    told = delivery.masked()
    return {name: told[name] for name in ("headers", "payload", "answer", "error", "seconds")}


def _call(call: Call) -> dict[str, Any]:
    return {
        "at_ms": int(call.at_s * 1000),
        "what": f"POST /api/{call.method}" if call.method != "response_url" else "POST response_url",
        "status": call.status,
    }


def _call_detail(call: Call) -> dict[str, Any]:
    return {"arguments": call.args, "answer": call.answer}


def _request(request: Recorded) -> dict[str, Any]:
    query = (
        "?" + "&".join(f"{name}={value}" for name, value in request.query.items()) if request.query else ""
    )
    return {
        "at_ms": request.at_ms,
        "what": f"{request.method} {request.path}{query}",
        "status": request.status,
    }


def _request_detail(request: Recorded) -> dict[str, Any]:
    return {"headers": request.headers, "body": _json(request.body)}


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
