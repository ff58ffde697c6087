"""Each message to Slack as its row: what it is about, what it replaces, which limit it spends, and how soon it goes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from bot.approvals.state_machine import Refusal
from bot.store.tables import outbox as table
from bot.workflow import outbox
from tests.support.rows import T0, request

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.store import Tx
    from tests.support.desk import Desk

WAITS = request(channel_id="D1", escalated_ms=None)
CARD = request(message_ts="1.1", version=4, author_id="U3")
LATER = request(message_ts="1.1", version=4, escalated_ms=60_000)
R = "R0000001"
TO_U2 = {"user_id": "U2"}
NEW_CARD, DECISION, ANSWER, REDRAW = range(4)


def members(group: str, key: str, kind: str, body: dict[str, Any], but: list[str]) -> tuple[Any, ...]:
    """Return the row from which the worker makes one for each member."""
    each = {"group_id": group, "key": key, "kind": kind, "body": body, "but": but}
    return f"members:{group}:{key}", "members", R, None, each, None, 0


@pytest.mark.parametrize(
    ("put", "row"),
    [
        (
            lambda tx: outbox.card(tx, WAITS),
            (f"card:{R}", "card", R, "D1", {}, "chat.postMessage:D1", NEW_CARD),
        ),
        (
            lambda tx: outbox.card(tx, CARD, "https://url"),
            (
                f"card:{R}",
                "card",
                R,
                None,
                {"response_url": "https://url", "user_id": "U1"},
                "chat.update",
                REDRAW,
            ),
        ),
        (
            lambda tx: outbox.direct_message(tx, CARD),
            (f"dm:{R}:4", "dm", R, None, {"user_id": "U1"}, "chat.postMessage:U1", DECISION),
        ),
        (
            lambda tx: outbox.copy(tx, CARD, "U2"),
            (f"copy:{R}:U2", "copy", R, None, TO_U2, "chat.postMessage:U2", NEW_CARD),
        ),
        (lambda tx: outbox.copies(tx, CARD, "S1"), members("S1", f"copy:{R}", "copy", {}, ["U1", "U3"])),
        (
            lambda tx: outbox.digest(tx, "U2", anew=True),
            ("digest:U2", "digest", None, None, TO_U2 | {"anew": True}, "chat.postMessage:U2", ANSWER),
        ),
        (
            lambda tx: outbox.digest(tx, "U2", anew=False),
            ("digest:U2:redraw", "digest", None, None, TO_U2 | {"anew": False}, "chat.update", REDRAW),
        ),
        (
            lambda tx: outbox.thread(tx, WAITS, "edited", by="U1"),
            (
                f"thread:{R}:1",
                "thread",
                R,
                None,
                {"code": "edited", "by": "U1"},
                "chat.postMessage:D1",
                DECISION,
            ),
        ),
        (
            lambda tx: outbox.thread(tx, LATER, "escalated"),
            (
                f"thread:{R}:4:60000",
                "thread",
                R,
                "C1",
                {"code": "escalated"},
                "chat.postMessage:C1",
                DECISION,
            ),
        ),
        (
            lambda tx: outbox.lead_to_card(tx, CARD, "C7", "7.7"),
            (
                "lead:C7:7.7",
                "lead",
                R,
                None,
                {"channel_id": "C7", "message_ts": "7.7"},
                "chat.update",
                REDRAW,
            ),
        ),
        (
            lambda tx: outbox.vote_voided(tx, CARD, "U2", by="U1"),
            (
                f"private:voided:{R}:4:U2",
                "private",
                R,
                None,
                {"user_id": "U2", "channel_id": None, "code": "vote_voided", "by": "U1"},
                "chat.postMessage:U2",
                ANSWER,
            ),
        ),
        (
            lambda tx: outbox.answer(tx, "k1", "U2", "C1", text="Hello."),
            (
                "private:k1",
                "private",
                None,
                None,
                {"user_id": "U2", "channel_id": "C1", "text": "Hello."},
                "chat.postEphemeral",
                ANSWER,
            ),
        ),
        (
            lambda tx: outbox.reading(tx, "k1", ("T1", "U2"), None, "history 70b"),
            (
                "reading:k1",
                "reading",
                None,
                None,
                {"team_id": "T1", **TO_U2, "channel_id": None, "where": "history 70b", "page": 1}
                | {"thread_ts": None},
                "chat.postMessage:U2",
                ANSWER,
            ),
        ),
        (
            lambda tx: outbox.reading(
                tx, "k1", ("T1", "U2"), "C1", "specs", page=2, thread_ts="9.9", response_url="https://url"
            ),
            (
                "reading:k1",
                "reading",
                None,
                None,
                {"team_id": "T1", **TO_U2, "channel_id": "C1", "where": "specs", "page": 2}
                | {"thread_ts": "9.9", "response_url": "https://url"},
                "chat.postEphemeral",
                ANSWER,
            ),
        ),
        (
            lambda tx: outbox.step_refused(tx, "Fx1", Refusal("may_not_ask", "guest")),
            (
                "step:Fx1",
                "step",
                None,
                None,
                {"execution_id": "Fx1", "code": "may_not_ask", "detail": "guest"},
                None,
                DECISION,
            ),
        ),
        (
            lambda tx: outbox.notice(tx, "drift", ("gone",), about="drift", user_id="U2"),
            (
                "notice:drift:U2",
                "notice",
                None,
                None,
                {"code": "drift", "lines": ["gone"], "user_id": "U2"},
                "chat.postMessage:U2",
                DECISION,
            ),
        ),
        (
            lambda tx: outbox.notice(tx, "drift", ("gone",), about="drift", channel_id="C1"),
            (
                "notice:drift",
                "notice",
                None,
                "C1",
                {"code": "drift", "lines": ["gone"], "channel_id": "C1"},
                "chat.postMessage:C1",
                DECISION,
            ),
        ),
        (
            lambda tx: outbox.admin_notice(tx, CARD, "attention", ["lost"], "U2"),
            (
                f"notice:{R}:attention:U2",
                "notice",
                R,
                None,
                {"code": "attention", "lines": ["lost"], "user_id": "U2"},
                "chat.postMessage:U2",
                DECISION,
            ),
        ),
        (
            lambda tx: outbox.admin_notice(tx, CARD, "attention", ["lost"], "S1"),
            members("S1", f"notice:{R}:attention", "notice", {"code": "attention", "lines": ["lost"]}, []),
        ),
        (
            lambda tx: outbox.home_tab(tx, "T1", "U2"),
            ("home:U2", "home", None, None, {"team_id": "T1", "user_id": "U2"}, "views.publish", REDRAW),
        ),
        (lambda tx: outbox.workflow_step(tx, CARD), (f"step:{R}", "step", R, None, {}, None, DECISION)),
        (
            lambda tx: outbox.step_without_request(tx, "Fx1", {"state": "denied"}),
            (
                "step:Fx1",
                "step",
                None,
                None,
                {"execution_id": "Fx1", "outcome": {"state": "denied"}},
                None,
                DECISION,
            ),
        ),
    ],
)
def test_each_message(desk: Desk, put: Callable[[Tx], None], row: tuple[Any, ...]) -> None:
    """Its key says what it replaces; a post spends the limit of its place, a redraw that of the workspace."""
    with desk.store.write() as tx:
        put(tx)
    with desk.store.read() as tx:
        (found,) = tx.connection.execute(select(table)).mappings()
    names = ("key", "kind", "request_id", "channel_id", "body", "budget", "rank")
    assert tuple(json.loads(found[name]) if name == "body" else found[name] for name in names) == row
    assert found["due_at"] == T0


def test_a_home_tab_can_wait(desk: Desk) -> None:
    """So that it is drawn with what was decided meanwhile."""
    with desk.store.write() as tx:
        outbox.home_tab(tx, "T1", "U2", wait_ms=700)
    with desk.store.read() as tx:
        assert tx.connection.execute(select(table.c.due_at)).scalar() == T0 + 700
