"""Stores a request whose requester has yet to be looked up: in the inbox, with a row that only they see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.approvals.policy import Person
from bot.workflow.outbox import RESPONSE_URL_MS
from bot.workflow.ports import Ask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.approvals.request import Request

ADMIT = "admit"
"""The action under which the worker looks up who asked; the others are those of clicks."""


def stored(ask: Ask, request: Request, due_at: int) -> dict[str, Any]:
    """Return an ask in the form of a click, in which a replica that does not know it leaves it to others.

    Args:
        ask: Its text is in the row.
        due_at: When the row is due once admitted, in UTC epoch milliseconds.
    """
    return {
        "action": ADMIT,
        "key": ask.key,
        "request_id": request.id,
        "revision": request.revision,
        "enterprise_id": ask.person.enterprise_id,
        "team_id": ask.person.team_id,
        "user_id": ask.person.user_id,
        "name": ask.person.name,
        "at": request.created_at,
        "origin": ask.origin,
        "channel_id": ask.channel_id,
        "asked_in": ask.asked_in,
        "thread_ts": ask.thread_ts,
        "trigger_hash": ask.trigger_hash,
        "response_url": ask.response_url,
        "execution_id": ask.execution_id,
        "due_at": due_at,
    }


def ask_of(content: Mapping[str, Any], now: int) -> Ask:
    """Return a stored ask without its words, and without a response URL that has expired."""
    is_old = now - content["at"] >= RESPONSE_URL_MS
    return Ask(
        key=content["key"],
        text="",
        person=Person(
            content["team_id"], content["user_id"], content["name"], content["enterprise_id"] or None
        ),
        channel_id=content["channel_id"],
        origin=content["origin"],
        trigger_hash=content["trigger_hash"],
        response_url=None if is_old else content.get("response_url"),
        execution_id=content["execution_id"],
        thread_ts=content["thread_ts"],
        asked_in=content["asked_in"],
    )
