"""When somebody looks at it next: a new request, a click of a newer release; and what using an existing spec leaves."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from bot.store.tables import inbox, requests
from bot.workflow.outbox import RESPONSE_URL_MS
from bot.workflow.ports import Click
from tests.support.desk import ROSA, SITE
from tests.support.rows import T0

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.approvals.draft import Site
    from tests.support.desk import Desk

HOUR = 3_600_000


def due(desk: Desk, text: str) -> int:
    """Return when a new request is looked at next, in milliseconds after it was made."""
    asked = desk.ask(text).request
    assert asked is not None
    assert asked.reminded == 0
    with desk.store.read() as tx:
        at = tx.connection.execute(select(requests.c.due_at).where(requests.c.id == asked.id)).scalar_one()
    return int(at) - T0


@pytest.mark.parametrize(
    ("text", "site", "defaults", "ms"),
    [
        ("10b 2x128MB lora", SITE, {}, 0),
        ("10b 2x128MB qlora4", SITE, {}, 4 * HOUR),
        ("10b 2x128MB qlora4", SITE, {"remind_after": "30m"}, HOUR // 2),
        ("10b 2x128MB qlora4", SITE, {"remind_after": "30h"}, 24 * HOUR),
        ("10b 2x128MB lora", replace(SITE, dry_run=True), {}, 4 * HOUR),
    ],
)
def test_a_new_request_is_looked_at(
    new_desk: Callable[..., Desk], text: str, site: Site, defaults: dict[str, str], ms: int
) -> None:
    """At once where a live spec may serve it, else at the first reminder, at the latest when it expires."""
    assert due(new_desk(site=site, defaults={"approvers": ["U0ADA"], **defaults}), text) == ms


def test_a_click_that_only_a_newer_release_knows_waits(desk: Desk) -> None:
    """It is left for thirty seconds to a replica that knows its action, and is not counted as a failure."""
    pressed = Click("k9", "applaud", "R0000001", 1, "T1", "U0ADA", "Ada", T0, "slack-http")
    assert desk.service.receive(pressed)
    assert desk.service.handle("k9") is None
    with desk.store.read() as tx:
        row = tx.connection.execute(select(inbox).where(inbox.c.key == "k9")).mappings().one()
    assert row["due_at"] - T0 == 30_000
    assert row["tries"] == 0
    assert json.loads(row["body"])["action"] == "applaud"


def test_using_an_existing_spec_ends_the_request(desk: Desk) -> None:
    """The audit names the spec, and the requester is told about this very request."""
    request = desk.carded("10b 2x128MB qlora4")
    with desk.store.write() as tx:
        tx.requests.note(request.id, existing_id="spec-7", existing_name="theirs")
    assert desk.press(ROSA, "use_existing", request.id, key="k2").code == "done"
    with desk.store.read() as tx:
        told = tx.queues.message("private:k2")
    assert told is not None
    assert (told.kind, told.request_id) == ("private", request.id)
    assert told.body == {"user_id": "U0ROSA", "channel_id": "C1", "code": "adopted"}
    ended = [(event["event"], event["reason"]) for event in desk.events()[1:]]
    assert ended == [("cancelled", "uses the existing spec theirs (spec-7)")]


def test_a_response_url_is_kept_for_half_an_hour() -> None:
    """As long as Slack takes posts to it: https://docs.slack.dev/interactivity/handling-user-interaction."""
    assert RESPONSE_URL_MS == 1_800_000
