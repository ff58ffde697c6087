"""What a request leaves behind on its way: the audit's events, the row, and what Slack is to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bot.approvals.request import State
from bot.approvals.state_machine import Action, step
from bot.audit.chain import Rest
from bot.workflow.ports import Source
from tests.support.desk import ADA, BEN, ROSA
from tests.support.rows import T0

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.approvals.policy import Person
    from tests.support.desk import Desk

RULES = {"approvers": ["U0ADA", "U0BEN"], "quorum": 2, "admins": ["U0ADA", "S0TEAM"]}
CARD = ("card:R0000001", {})


@pytest.fixture
def desk(new_desk: Callable[..., Desk]) -> Desk:
    """Two must approve."""
    return new_desk(defaults=RULES)


def ask(desk: Desk) -> str:
    """Ask, and return the id."""
    return desk.carded("10b 2x128MB qlora4", trigger_hash="t0").id


def press(desk: Desk, who: Person, action: str, request_id: str, **more: Any) -> str:
    """Press a button a second after what was before, and return what came of it."""
    desk.clock.ms += 1000
    return desk.press(who, action, request_id, **{"trigger_hash": "t1"} | more).code


def refused(
    person: Person, key: str, code: str, detail: str = "", action: str = "approve"
) -> tuple[str, Any]:
    """Return the private answer to a click that was refused."""
    about = {"user_id": person.user_id, "channel_id": "C1"}
    return f"private:{key}", about | {"code": code, "detail": detail, "action": action}


def line(version: int, code: str, by: str, **more: Any) -> tuple[str, Any]:
    """Return the line in the card's thread about a change."""
    nothing = dict.fromkeys(("before", "after", "purpose", "use_gpus", "spec_id", "reason"))
    return f"thread:R0000001:{version}", {**nothing, "voided": 0, "code": code, "by": by, **more}


def test_each_step_is_told(desk: Desk) -> None:
    """The card is drawn anew, who was refused hears why in private, and the requester hears of the end."""
    request_id = ask(desk)
    assert [
        (press(desk, person, action, request_id, **more), desk.told())
        for person, action, more in [
            (ADA, "approve", {}),
            (ADA, "approve", {}),
            (ADA, "withdraw", {}),
            (ROSA, "edit", {"text": "20b none lora"}),
            (BEN, "approve", {}),
            (BEN, "approve", {"revision": 2, "message_ts": "7.7"}),
            (ADA, "reject", {"revision": 2, "reason": "Too large."}),
            (ADA, "cancel", {"revision": None, "source": Source.CLI, "origin": "cli"}),
        ]
    ] == [
        ("done", [CARD]),
        ("already_voted", [CARD, refused(ADA, "k3", "already_voted")]),
        ("done", [CARD]),
        (
            "done",
            [
                CARD,
                ("copy:R0000001:U0ADA", {"user_id": "U0ADA"}),
                ("copy:R0000001:U0BEN", {"user_id": "U0BEN"}),
                line(4, "edited", "U0ROSA", before="10b 2x128MB qlora4", after="20b none lora", voided=0),
            ],
        ),
        ("stale_revision", [CARD, refused(BEN, "k6", "stale_revision", "2")]),
        (
            "foreign_message",
            [
                CARD,
                ("lead:C1:7.7", {"channel_id": "C1", "message_ts": "7.7"}),
                refused(BEN, "k7", "foreign_message"),
            ],
        ),
        (
            "done",
            [
                CARD,
                ("dm:R0000001:5", {"user_id": "U0ROSA"}),
                line(
                    5, "rejected", "U0ADA", before="20b none lora", after="20b none lora", reason="Too large."
                ),
            ],
        ),
        ("wrong_state", []),  # the command line prints it
    ]


def test_each_step_is_audited(desk: Desk) -> None:
    """Who did what to which revision, when they pressed it, where, and what became of it; refusals too."""
    request_id = ask(desk)
    press(desk, ADA, "approve", request_id)
    press(desk, ADA, "approve", request_id)
    press(desk, ADA, "withdraw", request_id)
    press(desk, ROSA, "edit", request_id, text="20b none lora")
    press(desk, BEN, "approve", request_id)
    press(desk, ADA, "reject", request_id, revision=2, reason="Too large.")
    nowhere = {"channel_id": None, "message_ts": None, "trigger_hash": None}
    press(
        desk,
        ADA,
        "cancel",
        request_id,
        revision=None,
        source=Source.CLI,
        origin="cli",
        os_uid=1000,
        **nowhere,
    )
    press(desk, ADA, "approve", "R9999999-and-more-than-an-id", message_ts="1.1")
    assert [
        (row["at"] - T0, row["event"], row["request_id"], row["revision"], row["reason"], row["origin"])
        for row in desk.events()
    ] == [
        (0, "requested", "R0000001", 1, "10b 2x128MB qlora4", "slack-http"),
        (700, "voted", "R0000001", 1, "1 of 2", "slack-http"),
        (1700, "approve.refused", "R0000001", 1, "already_voted", "slack-http"),
        (2700, "withdrawn", "R0000001", 1, None, "slack-http"),
        (3700, "edited", "R0000001", 2, "10b 2x128MB qlora4 → 20b none lora", "slack-http"),
        (4700, "approve.refused", "R0000001", 2, "stale_revision: 2", "slack-http"),
        (5700, "rejected", "R0000001", 2, "Too large.", "slack-http"),
        (6700, "cancel.refused", "R0000001", 2, "wrong_state: rejected", "cli"),
        (
            7700,
            "approve.refused",
            "R9999999-and-mor",
            None,
            "unknown_request: R9999999-and-more-than-an-id",
            "slack-http",
        ),
    ]
    assert [(row["from_state"], row["to_state"]) for row in desk.events()] == [
        *[("pending", "pending")] * 6,
        ("pending", "rejected"),
        ("rejected", "rejected"),
        (None, None),
    ]
    assert [tuple(row["actor"].values()) for row in desk.events()] == [
        ("E1", "T1", "U0ROSA", "Rosa"),
        *[("E1", "T1", "U0ADA", "Ada")] * 3,
        ("E1", "T1", "U0ROSA", "Rosa"),
        ("E1", "T1", "U0BEN", "Ben"),
        ("E1", "T1", "U0ADA", "Ada"),
        ("E1", "T1", "U0ADA", "Ada", 1000),
        ("E1", "T1", "U0ADA", "Ada"),
    ]
    assert [tuple(row["slack"].values()) for row in desk.events()] == [
        ("C1", None, "t0"),
        *[("C1", "1.1", "t1")] * 6,
        ("C1", "1.1", None),
        ("C1", "1.1", "t1"),
    ]
    digests = [row["digest"] for row in desk.events()]
    assert len(set(digests[:4])) == len(set(digests[4:8])) == 1
    assert digests[0] != digests[4]
    assert digests[8] is None


def test_what_the_bot_itself_does(desk: Desk) -> None:
    """Its audit event bears the service's answer, and its row what was found besides."""
    request_id = ask(desk)
    for person in (ADA, BEN):
        press(desk, person, "approve", request_id)
    request = desk.row(request_id)
    failed = step(request, Action.FAIL, "refused")
    assert failed is not None
    with desk.store.write() as tx:
        desk.service.write(tx, request, failed, Rest(400, "trace-1"), error="HTTP 400", tries=3)
    row, event = desk.row(request_id), desk.events()[-1]
    assert (row.state, row.error, row.tries, desk.due_at(request_id)) == (State.FAILED, "HTTP 400", 3, None)
    assert (event["event"], event["reason"], event["rest"]["status"]) == ("failed", "refused", 400)
    assert (event["actor"]["user_id"], event["origin"]) == (None, "system")
