"""An ask of somebody who is still to be looked up: what is kept of it, and how it goes on or ends."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from bot.errors import PeopleError
from bot.store.tables import inbox
from bot.workflow.ports import Outcome
from tests.support.desk import ADA, ROSA
from tests.support.rows import T0

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.approvals.request import Request
    from tests.support.desk import Desk

TEXT, URL = "10b 2x128MB qlora4", "https://hooks.slack.com/x"
HALF_AN_HOUR = 1_800_000
WHERE = {"asked_in": "C1", "response_url": URL, "thread_ts": "9.9", "trigger_hash": "t0"}


@pytest.fixture
def desk(new_desk: Callable[..., Desk]) -> Desk:
    """Whoever asks must be looked up first."""
    made = new_desk(defaults={"approvers": ["U0ADA"], "workflow": "allow"})
    made.people.is_known = False
    return made


def asked(desk: Desk, text: str = TEXT, **more: Any) -> Request:
    """Return a request that nobody sees yet."""
    outcome = desk.ask(text, key="a1", **more)
    assert outcome.request is not None
    assert (outcome.code, outcome.request.admitted, outcome.request.state.value) == (
        "submitted",
        False,
        "pending",
    )
    return outcome.request


def kept(desk: Desk, key: str) -> tuple[dict[str, Any] | None, int | None, int]:
    """Return what is stored of a delivery, in how many milliseconds it is looked at, and its failures."""
    with desk.store.read() as tx:
        row = tx.connection.execute(select(inbox).where(inbox.c.key == key)).one()
    wait_ms = None if row.due_at is None else row.due_at - desk.clock.ms
    return (json.loads(row.body) if row.body else None), wait_ms, row.tries


def test_what_is_kept(desk: Desk) -> None:
    """All but the words, which are in the row, in the form of a click; no card, no audit, nothing due."""
    request = asked(desk, **WHERE)
    body, _, tries = kept(desk, "a1")
    assert (body, tries) == (
        {
            "action": "admit",
            "key": "a1",
            "request_id": request.id,
            "revision": 1,
            "enterprise_id": "E1",
            "team_id": "T1",
            "user_id": "U0ROSA",
            "name": "Rosa",
            "at": T0,
            "origin": "slack-http",
            "channel_id": "C1",
            "asked_in": "C1",
            "thread_ts": "9.9",
            "trigger_hash": "t0",
            "response_url": URL,
            "execution_id": None,
            "due_at": T0 + 4 * 3_600_000,
        },
        0,
    )
    assert (desk.told(), desk.events(), desk.due_at(request.id)) == ([], [], None)
    assert desk.press(ROSA, "post_again", request.id).code == "not_admitted"


def test_it_goes_on(desk: Desk) -> None:
    """Looked up, it begins as if nothing had been: audited at the time of asking, with its card, and due."""
    request = asked(desk, **WHERE)
    desk.clock.ms += 7_000
    outcome = desk.service.handle("a1")
    assert outcome == Outcome("submitted", desk.row(request.id))
    assert desk.outcomes == [outcome]
    assert desk.people.log_facts == {"request_id": request.id}
    row = desk.row(request.id)
    assert (row.admitted, row.thread_ts, desk.due_at(request.id)) == (True, "9.9", T0 + 4 * 3_600_000)
    assert ("requests", request.id, T0 + 4 * 3_600_000) in desk.dispatcher.woken
    (event,) = desk.events()
    assert (event["event"], event["at"], event["reason"]) == ("requested", T0, TEXT)
    assert (event["origin"], event["actor"]) == (
        "slack-http",
        {"enterprise_id": "E1", "team_id": "T1", "user_id": "U0ROSA", "name": "Rosa"},
    )
    assert event["slack"] == {"channel_id": "C1", "message_ts": None, "trigger_hash": "t0"}
    assert dict(desk.told())[f"card:{request.id}"] == {"response_url": URL, "user_id": "U0ROSA"}
    assert desk.service.handle("a1") is None
    assert kept(desk, "a1")[0] is None


@pytest.mark.parametrize(("late_ms", "body"), [(-1, {"response_url": URL, "user_id": "U0ROSA"}), (0, {})])
def test_a_response_url_serves_for_half_an_hour(desk: Desk, late_ms: int, body: dict[str, str]) -> None:
    """Slack takes nothing at it any more, however late somebody is looked up."""
    request = asked(desk, **WHERE)
    desk.clock.ms += HALF_AN_HOUR + late_ms
    assert desk.service.handle("a1") is not None
    assert dict(desk.told())[f"card:{request.id}"] == body


def test_a_workflow_that_asks(new_desk: Callable[..., Desk]) -> None:
    """Its event says so, and it is ruled on as one."""
    desk = new_desk(defaults={"approvers": ["U0ADA", "U0BEN"], "workflow": "quorum-of-two"})
    desk.people.is_known = False
    request = asked(desk, execution_id="Fx1")
    assert desk.service.handle("a1") == Outcome("submitted", desk.row(request.id))
    assert desk.events()[0]["slack"]["workflow"] is True
    assert (desk.row(request.id).quorum, desk.row(request.id).origin) == (2, "workflow")


@pytest.mark.parametrize("where", [WHERE, {}])
def test_who_may_not_ask(desk: Desk, where: dict[str, str]) -> None:
    """The row is gone, and with it the name; the person is told once a minute, where they asked."""
    desk.people.barred = "guest"
    for told in (True, False):
        asked(desk, **where)
        assert desk.service.handle("a1") == Outcome("may_not_ask", None, "guest")
        body = {"user_id": "U0ROSA", "channel_id": "C1" if where else None, "code": "may_not_ask"}
        body |= {"detail": "guest", "thread_ts": where.get("thread_ts")}
        body |= {"response_url": URL} if where else {}
        assert desk.told() == ([("private:a1", body)] if told else [])
        assert desk.rows() == []
        with desk.store.write() as tx:
            tx.connection.execute(inbox.delete())
    (event,) = desk.events()
    assert (event["event"], event["request_id"]) == ("request.refused", None)
    assert (event["reason"], event["at"]) == (f"may_not_ask: guest ({TEXT})", T0)
    assert len(event["digest"]) == 64


def test_a_workflow_whose_person_may_not_ask(desk: Desk) -> None:
    """Its step ends with the reason, and nobody is told beside."""
    desk.people.barred = "guest"
    asked(desk, execution_id="Fx1")
    assert desk.service.handle("a1") == Outcome("may_not_ask", None, "guest")
    assert desk.told() == [("step:Fx1", {"execution_id": "Fx1", "code": "may_not_ask", "detail": "guest"})]


@pytest.mark.parametrize(
    ("requesters", "groups", "code"),
    [
        (["S0REQ"], {"S0REQ"}, "submitted"),
        (["S0REQ"], set(), "may_not_ask"),
        (["S0REQ", "guests"], {"S0OTHER"}, "may_not_ask"),
        (["U0ROSA"], set(), "submitted"),
        (["C0ML"], set(), "submitted"),
        (["C0GPU"], set(), "may_not_ask"),
    ],
)
def test_whom_the_policy_names(
    new_desk: Callable[..., Desk], requesters: list[str], groups: set[str], code: str
) -> None:
    """By a group that they are in, by their id, or by the channel in which they ask."""
    desk = new_desk(defaults={"approvers": ["U0ADA"], "requesters": requesters})
    desk.people.is_known, desk.people.groups = False, frozenset(groups)
    asked(desk, asked_in="C0ML")
    outcome = desk.service.handle("a1")
    assert outcome is not None
    assert (outcome.code, outcome.detail) == (code, "" if code == "submitted" else "member")


@pytest.mark.parametrize("execution_id", [None, "Fx1"])
def test_while_slack_does_not_say_who_asked(
    desk: Desk, caplog: pytest.LogCaptureFixture, execution_id: str | None
) -> None:
    """Tried until it does, after growing waits; a person is told so once, each failure is logged."""
    request = asked(desk, asked_in="C1", execution_id=execution_id)
    desk.people.silent = PeopleError("users.info", "internal_error")
    body = {"user_id": "U0ROSA", "channel_id": "C1", "code": "checking_asker", "detail": "internal_error"}
    for tries, wait_ms in enumerate((1_000, 2_000, 5_000, 10_000, 30_000, 60_000)):
        with caplog.at_level(logging.WARNING):
            assert desk.service.handle("a1") is None
        assert kept(desk, "a1")[1:] == (wait_ms, tries + 1)
        told = [("private:a1", body | {"thread_ts": None})] if tries == 0 and execution_id is None else []
        assert desk.told() == told
        record = caplog.records[-1]
        assert record.getMessage() == "Slack did not say who asked"
        assert record.facts == {"what": "users.info: internal_error", "tries": tries}  # type: ignore[attr-defined] # set by extra=
        desk.clock.ms += wait_ms
    assert desk.outcomes == []
    desk.people.silent = PeopleError("users.info", "ratelimited", retry_after_s=17)
    assert desk.service.handle("a1") is None
    assert kept(desk, "a1")[1] == 17_000
    desk.people.silent = None
    assert desk.service.handle("a1") == Outcome("submitted", desk.row(request.id))


@pytest.mark.parametrize(
    ("who", "text", "code"),
    [
        (ROSA, TEXT, "existing"),
        (ROSA, "20b none lora name=mine", "name_taken"),
        (ADA, TEXT, "asked_just_now"),
        (ADA, "20b none lora name=mine", "asked_just_now"),
    ],
)
def test_a_second_ask_meanwhile(desk: Desk, who: Any, text: str, code: str) -> None:
    """Its asker sees their own; what somebody else asked for a moment ago is not shown, and nothing is kept."""
    mine = "10b 2x128MB qlora4 name=mine" if "mine" in text else TEXT
    request = asked(desk, mine)
    outcome = desk.ask(text, who, key="a2")
    assert outcome.code == code
    assert outcome.request == (None if code == "asked_just_now" else request)
    assert kept(desk, "a2")[0] is None
    assert desk.service.handle("a2") is None
    assert desk.service.handle("a1") == Outcome("submitted", desk.row(request.id))


def test_the_same_delivery_twice(desk: Desk) -> None:
    """It is the same request, looked up once."""
    request = asked(desk)
    assert desk.ask(TEXT, key="a1") == Outcome("existing", request)
    assert desk.service.handle("a1") == Outcome("submitted", desk.row(request.id))
    assert desk.story() == ["requested"]


def test_a_request_that_is_gone_meanwhile(desk: Desk) -> None:
    """There is nothing to let go on."""
    request = asked(desk)
    with desk.store.write() as tx:
        assert tx.requests.discard(request)
    assert desk.service.handle("a1") is None
    assert (kept(desk, "a1")[0], desk.outcomes) == (None, [])


def test_what_is_denied_is_not_looked_up(new_desk: Callable[..., Desk]) -> None:
    """Nothing is kept of it."""
    desk = new_desk(rule=[{"deny": "No."}])
    desk.people.is_known = False
    assert desk.ask(TEXT, key="a1") == Outcome("denied", None, "No.")
    assert kept(desk, "a1")[0] is None
    assert desk.events()[0]["reason"] == f"No. ({TEXT})"
