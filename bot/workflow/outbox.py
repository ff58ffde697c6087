"""Messages to Slack, one function for each kind of outbox message.

A message's key says what it is about: a second one with the same key replaces the first while that still waits.
Everything else is read from the row when the message is delivered. Each names the budget that it spends, one of Slack's
limits, and its rank among the messages that wait for it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.approvals.request import Request
    from bot.approvals.state_machine import Refusal
    from bot.store import Tx
    from bot.workflow.ports import Ask

RESPONSE_URL_MS = 30 * 60_000
"""How long Slack accepts posts to a response URL, and so how long one is kept.

Source: https://docs.slack.dev/interactivity/handling-user-interaction (30 minutes, five uses).
"""

POSTS = "chat.postMessage:"
UPDATES, ANSWERS, HOMES = "chat.update", "chat.postEphemeral", "views.publish"
"""Budgets that a whole workspace shares; each post spends that of its channel, too."""


class Rank(IntEnum):
    """What goes first: cards that people must act on, then decisions, then answers, then redraws."""

    NEW_CARD = 0
    DECISION = 1
    ANSWER = 2
    REDRAW = 3


def posts(where: str) -> str:
    """Return the budget of messages to a channel, or to a person."""
    return f"{POSTS}{where}"


def card(tx: Tx, request: Request, response_url: str | None = None) -> None:
    """Draw the card and all its copies; ``response_url`` reaches the requester if the bot may not post it."""
    body = {"response_url": response_url, "user_id": request.requester_id} if response_url else {}
    posted = request.message_ts is not None
    tx.queues.put(
        f"card:{request.id}",
        "card",
        request_id=request.id,
        channel_id=None if posted else request.channel_id,
        body=body,
        budget=UPDATES if posted else posts(request.channel_id),
        rank=Rank.REDRAW if posted else Rank.NEW_CARD,
    )


def direct_message(tx: Tx, request: Request) -> None:
    """Tell the requester how the request ended."""
    key = f"dm:{request.id}:{request.version}"
    user_id = request.requester_id
    tx.queues.put(
        key, "dm", request_id=request.id, body={"user_id": user_id}, budget=posts(user_id), rank=Rank.DECISION
    )


def copy(tx: Tx, request: Request, user_id: str) -> None:
    """Send a person a copy of the card, if they have none."""
    key = f"copy:{request.id}:{user_id}"
    tx.queues.put(key, "copy", request_id=request.id, body={"user_id": user_id}, budget=posts(user_id))


def copies(tx: Tx, request: Request, group_id: str) -> None:
    """Send every member of a user group except the requester a copy of the card."""
    own = [request.requester_id, request.author_id]
    _to_members(tx, group_id, f"copy:{request.id}", "copy", request.id, {}, own)


def digest(tx: Tx, user_id: str, *, anew: bool) -> None:
    """Send a person the list of requests that wait for them.

    Args:
        anew: Whether to post a new message in place of the last one; otherwise that is redrawn silently.
    """
    key = f"digest:{user_id}" if anew else f"digest:{user_id}:redraw"
    tx.queues.put(
        key,
        "digest",
        body={"user_id": user_id, "anew": anew},
        budget=posts(user_id) if anew else UPDATES,
        rank=Rank.ANSWER if anew else Rank.REDRAW,
    )


def thread(tx: Tx, request: Request, code: str, **facts: Any) -> None:
    """Write one line into the card's thread.

    Args:
        code: See ``bot.slack.outbound.private.thread_line``.
        **facts: For the line, since the row may have changed when it is delivered.
    """
    channel_id = request.channel_id if request.message_ts else None
    key = f"thread:{request.id}:{request.version}"
    key += f":{request.escalated_ms}" if request.escalated_ms else ""
    body = {"code": code} | facts
    tx.queues.put(
        key,
        "thread",
        request_id=request.id,
        channel_id=channel_id,
        body=body,
        budget=posts(request.channel_id),
        rank=Rank.DECISION,
    )


def lead_to_card(tx: Tx, request: Request, channel_id: str, message_ts: str) -> None:
    """Turn a card that is no stored copy into a link, such as one posted twice after a lost answer."""
    where = {"channel_id": channel_id, "message_ts": message_ts}
    key = f"lead:{channel_id}:{message_ts}"
    tx.queues.put(key, "lead", request_id=request.id, body=where, budget=UPDATES, rank=Rank.REDRAW)


def vote_voided(tx: Tx, request: Request, user_id: str, **facts: Any) -> None:
    """Tell a person that their approval no longer counts."""
    key = f"voided:{request.id}:{request.version}:{user_id}"
    answer(tx, key, user_id, None, request_id=request.id, code="vote_voided", **facts)


def answer(
    tx: Tx, key: str, user_id: str, channel_id: str | None, *, request_id: str | None = None, **content: Any
) -> None:
    """Answer one person privately.

    Args:
        key: Names the delivery that is answered.
        channel_id: Where they will see it; None for a direct message.
        request_id: The request that it is about.
        **content: ``blocks`` and ``text`` as they are, or a ``code`` with the facts of its words.
    """
    body = {"user_id": user_id, "channel_id": channel_id} | content
    tx.queues.put(
        f"private:{key}",
        "private",
        request_id=request_id,
        body=body,
        budget=ANSWERS if channel_id else posts(user_id),
        rank=Rank.ANSWER,
    )


def answer_ask(tx: Tx, ask: Ask, code: str, detail: str) -> None:
    """Answer one person privately about what they ask for, where they ask."""
    where, url = ask.asked_in or None, {"response_url": ask.response_url} if ask.response_url else {}
    answer(tx, ask.key, ask.person.user_id, where, code=code, detail=detail, thread_ts=ask.thread_ts, **url)


def reading(
    tx: Tx,
    key: str,
    reader: tuple[str, str],
    channel_id: str | None,
    where: str,
    *,
    page: int = 1,
    thread_ts: str | None = None,
    response_url: str | None = None,
) -> None:
    """Answer what somebody wants to read, once it is known who they are.

    Args:
        tx: The transaction.
        key: Names the delivery that is answered.
        reader: Workspace and user.
        channel_id: Where they will see it; a direct message where None.
        where: Such as ``history 70b``, see ``bot.slack.outbound.reading.Wish``.
        page: From 1.
        thread_ts: The thread in which they will see it.
        response_url: Reaches them where the bot may not post.
    """
    team_id, user_id = reader
    body = {"team_id": team_id, "user_id": user_id, "channel_id": channel_id, "where": where, "page": page}
    body |= {"thread_ts": thread_ts} | ({"response_url": response_url} if response_url else {})
    budget = ANSWERS if channel_id else posts(user_id)
    tx.queues.put(f"reading:{key}", "reading", body=body, budget=budget, rank=Rank.ANSWER)


def notice(
    tx: Tx,
    code: str,
    lines: Sequence[str],
    *,
    about: str,
    user_id: str | None = None,
    channel_id: str | None = None,
) -> None:
    """Send a notice to those who run the bot.

    Args:
        code: See ``bot.slack.outbound.private.NOTICES``.
        lines: The facts.
        about: A later notice about the same replaces this one.
        user_id: Whom to send it to directly.
        channel_id: Where to post it instead.
    """
    where = {"user_id": user_id} if user_id else {"channel_id": channel_id}
    key = ":".join(part for part in ("notice", about, user_id) if part)
    tx.queues.put(
        key,
        "notice",
        channel_id=channel_id,
        body={"code": code, "lines": list(lines), **where},
        budget=posts(user_id or channel_id or ""),
        rank=Rank.DECISION,
    )


def admin_notice(tx: Tx, request: Request, code: str, lines: Sequence[str], admin: str) -> None:
    """Send a notice about a request to an admin, or to every member of an admin group.

    Args:
        code: As for ``notice``.
        lines: The facts.
        admin: A user or a user group.
    """
    key, body = f"notice:{request.id}:{code}", {"code": code, "lines": list(lines)}
    if admin.startswith("S"):
        _to_members(tx, admin, key, "notice", request.id, body, ())
    else:
        to_one = body | {"user_id": admin}
        tx.queues.put(
            f"{key}:{admin}",
            "notice",
            request_id=request.id,
            body=to_one,
            budget=posts(admin),
            rank=Rank.DECISION,
        )


def _to_members(
    tx: Tx, group_id: str, key: str, kind: str, request_id: str, body: dict[str, Any], but: Sequence[str]
) -> None:
    """Put a message for every member of a user group; the worker looks the members up."""
    each = {"group_id": group_id, "key": key, "kind": kind, "body": body, "but": list(but)}
    tx.queues.put(f"members:{group_id}:{key}", "members", request_id=request_id, body=each)


def home_tab(tx: Tx, team_id: str, user_id: str, wait_ms: int = 0) -> None:
    """Draw a person's Home tab, after a while if it waits for a decision."""
    about = {"team_id": team_id, "user_id": user_id}
    tx.queues.put(
        f"home:{user_id}", "home", body=about, due_at=tx.now + wait_ms, budget=HOMES, rank=Rank.REDRAW
    )


def workflow_step(tx: Tx, request: Request) -> None:
    """Complete the workflow step that waits for a request."""
    tx.queues.put(f"step:{request.id}", "step", request_id=request.id, rank=Rank.DECISION)


def step_refused(tx: Tx, execution_id: str, refusal: Refusal) -> None:
    """Complete a workflow step whose requester may not ask."""
    body = {"execution_id": execution_id, "code": refusal.code, "detail": refusal.detail}
    tx.queues.put(f"step:{execution_id}", "step", body=body, rank=Rank.DECISION)


def step_without_request(tx: Tx, execution_id: str, outcome: dict[str, Any]) -> None:
    """Complete a workflow step that made no request."""
    body = {"execution_id": execution_id, "outcome": outcome}
    tx.queues.put(f"step:{execution_id}", "step", body=body, rank=Rank.DECISION)
