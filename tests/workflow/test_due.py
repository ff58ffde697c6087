"""When somebody looks at it next: a new request, a click of a newer release; and what using an existing spec leaves."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from bot.approvals.draft import Site
from bot.approvals.policy import Person
from bot.approvals.policy_file import Policy
from bot.store import Database, Store
from bot.store.requests import Copy
from bot.store.tables import inbox, outbox, requests
from bot.workflow.outbox import RESPONSE_URL_MS
from bot.workflow.ports import Ask, Click
from bot.workflow.service import RequestService
from tests.support.rows import KEY, T0, Clock

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

HOUR = 3_600_000
ROSA = Person("T1", "U0ROSA", "Rosa")
ADA = Person("T1", "U0ADA", "Ada")
SITE = Site("https://cpd.example", "space-0")


class Directory:
    """Describes everybody it is asked about as a full member."""

    def look_up(
        self,
        team_id: str,
        user_id: str,
        _groups: Collection[str],
        *,
        live: bool = False,  # noqa: ARG002
    ) -> Person:
        return Person(team_id, user_id, user_id.title())


def opened(path: Path, site: Site = SITE, **defaults: object) -> RequestService:
    ids = count(1)
    return RequestService(
        key=KEY,
        store=Store(Database(f"sqlite:///{path}"), Clock()),
        people=Directory(),
        site=site,
        rules=Policy.model_validate({"defaults": {"approvers": ["U0ADA"], **defaults}}),
        clock=Clock(),
        new_id=lambda: f"R{next(ids):07d}",
    )


@pytest.fixture
def path(migrated: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "peftsize.db"
    shutil.copy(migrated, copy)
    return copy


def due(service: RequestService, text: str) -> int:
    """Return when a new request is looked at next, in milliseconds after it was made."""
    asked = service.submit(Ask("k1", text, ROSA, "C1", "slack-http")).request
    assert asked is not None
    assert asked.reminded == 0
    with service.store.read() as tx:
        at = tx.connection.execute(select(requests.c.due_at).where(requests.c.id == asked.id)).scalar_one()
    service.store.close()
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
    path: Path, text: str, site: Site, defaults: dict[str, str], ms: int
) -> None:
    """At once where a live spec may serve it, else at the first reminder, at the latest when it expires."""
    assert due(opened(path, site, **defaults), text) == ms


def test_a_click_that_only_a_newer_release_knows_waits(path: Path) -> None:
    """It is left for thirty seconds to a replica that knows its action, and is not counted as a failure."""
    service = opened(path)
    pressed = Click("k9", "applaud", "R0000001", 1, "T1", "U0ADA", "Ada", T0, "slack-http")
    assert service.receive(pressed)
    assert service.handle("k9") is None
    with service.store.read() as tx:
        row = tx.connection.execute(select(inbox).where(inbox.c.key == "k9")).mappings().one()
    assert row["due_at"] - T0 == 30_000
    assert row["tries"] == 0
    assert json.loads(row["body"])["action"] == "applaud"
    service.store.close()


def test_using_an_existing_spec_ends_the_request(path: Path) -> None:
    """The audit names the spec, and the requester is told about this very request."""
    service = opened(path)
    asked = service.submit(Ask("k1", "10b 2x128MB qlora4", ROSA, "C1", "slack-http")).request
    assert asked is not None
    with service.store.write() as tx:
        tx.requests.add_copy(asked.id, Copy("C1", "1.1"))
        tx.requests.note(asked.id, message_ts="1.1", existing_id="spec-7", existing_name="theirs")
    pressed = Click(
        "k2", "use_existing", asked.id, 1, "T1", "U0ROSA", "typed", T0, "slack-http",
        channel_id="C1", message_ts="1.1",
    )  # fmt: skip
    assert service.decide(pressed, ROSA).code == "done"
    with service.store.read() as tx:
        (told,) = tx.connection.execute(select(outbox).where(outbox.c.key == "private:k2")).mappings().all()
        events = [(row["event"], row["reason"]) for row in tx.audit_log.rows()]
    assert (told["kind"], told["request_id"]) == ("private", asked.id)
    assert json.loads(told["body"]) == {"user_id": "U0ROSA", "channel_id": "C1", "code": "adopted"}
    assert events[1:] == [("cancelled", "uses the existing spec theirs (spec-7)")]
    service.store.close()


def test_a_response_url_is_kept_for_half_an_hour() -> None:
    """As long as Slack takes posts to it: https://docs.slack.dev/interactivity/handling-user-interaction."""
    assert RESPONSE_URL_MS == 1_800_000
