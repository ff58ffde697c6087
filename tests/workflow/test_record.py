"""What a request leaves behind on its way: the audit's events, the row, and what Slack is to be told."""

from __future__ import annotations

import json
import shutil
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from bot.approvals.draft import Site
from bot.approvals.policy import Person
from bot.approvals.policy_file import Policy
from bot.store import Database, Store
from bot.store.requests import Copy
from bot.store.tables import outbox
from bot.workflow.ports import Ask, Click, Source
from bot.workflow.service import RequestService
from tests.support.rows import KEY, T0, Clock

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

ROSA = Person("T1", "U0ROSA", "Rosa", "E1")
ADA = Person("T1", "U0ADA", "Ada", "E1")
BEN = Person("T1", "U0BEN", "Ben", "E1")
RULES = {"defaults": {"approvers": ["U0ADA", "U0BEN"], "quorum": 2, "admins": ["U0ADA", "S0TEAM"]}}


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


class Story:
    """One request, and the people who press its buttons a second after each other."""

    def __init__(self, path: Path) -> None:
        self.clock, ids, keys = Clock(), count(1), count(1)
        self.next_key = lambda: f"k{next(keys)}"
        self.service = RequestService(
            key=KEY,
            store=Store(Database(f"sqlite:///{path}"), self.clock),
            people=Directory(),
            site=Site("https://cpd.example", "space-0", {"dev": "space-1"}),
            rules=Policy.model_validate(RULES),
            clock=self.clock,
            new_id=lambda: f"R{next(ids):07d}",
        )

    def ask(self, text: str = "10b 2x128MB qlora4", **more: Any) -> str:
        asked = Ask(self.next_key(), text, ROSA, "C1", "slack-http", trigger_hash="t0", **more)
        request = self.service.submit(asked).request
        assert request is not None
        with self.service.store.write() as tx:  # Slack has the card
            tx.requests.add_copy(request.id, Copy("C1", "1.1"))
            tx.requests.note(request.id, message_ts="1.1")
            tx.connection.execute(outbox.delete())
        return request.id

    def press(self, person: Person, action: str, request_id: str, **more: Any) -> str:
        self.clock.ms += 1000
        place = {"channel_id": "C1", "message_ts": "1.1", "trigger_hash": "t1", "revision": 1} | more
        pressed = Click(
            key=self.next_key(),
            action=action,
            request_id=request_id,
            team_id=person.team_id,
            user_id=person.user_id,
            enterprise_id=person.enterprise_id,
            name="typed",
            at=self.clock.ms - 300,
            origin=place.pop("origin", "slack-http"),
            **place,
        )
        return self.service.decide(pressed, person).code

    def told(self) -> list[tuple[str, dict[str, Any]]]:
        """Return what Slack is to be told since last asked, in the order of the keys."""
        with self.service.store.write() as tx:
            rows = tx.connection.execute(select(outbox).order_by(outbox.c.key)).mappings().all()
            tx.connection.execute(outbox.delete())
        return [(row["key"], json.loads(row["body"])) for row in rows]

    def events(self) -> list[dict[str, Any]]:
        with self.service.store.read() as tx:
            return list(tx.audit_log.rows())


@pytest.fixture
def story(migrated: Path, tmp_path: Path) -> Iterator[Story]:
    path = tmp_path / "peftsize.db"
    shutil.copy(migrated, path)
    made = Story(path)
    yield made
    made.service.store.close()


CARD = ("card:R0000001", {})


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


def test_each_step_is_told(story: Story) -> None:
    """The card is drawn anew, who was refused hears why in private, and the requester hears of the end."""
    request_id = story.ask()
    assert [
        (story.press(person, action, request_id, **more), story.told())
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


def test_each_step_is_audited(story: Story) -> None:
    """Who did what to which revision, when they pressed it, where, and what became of it; refusals too."""
    request_id = story.ask()
    story.press(ADA, "approve", request_id)
    story.press(ADA, "approve", request_id)
    story.press(ADA, "withdraw", request_id)
    story.press(ROSA, "edit", request_id, text="20b none lora")
    story.press(BEN, "approve", request_id)
    story.press(ADA, "reject", request_id, revision=2, reason="Too large.")
    nowhere = {"channel_id": None, "message_ts": None, "trigger_hash": None}
    story.press(
        ADA, "cancel", request_id, revision=None, source=Source.CLI, origin="cli", os_uid=1000, **nowhere
    )
    story.press(ADA, "approve", "R9999999-and-more-than-an-id", message_ts="1.1")
    assert [
        (row["at"] - T0, row["event"], row["request_id"], row["revision"], row["reason"], row["origin"])
        for row in story.events()
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
    assert [(row["from_state"], row["to_state"]) for row in story.events()] == [
        *[("pending", "pending")] * 6,
        ("pending", "rejected"),
        ("rejected", "rejected"),
        (None, None),
    ]
    assert [tuple(row["actor"].values()) for row in story.events()] == [
        ("E1", "T1", "U0ROSA", "Rosa"),
        *[("E1", "T1", "U0ADA", "Ada")] * 3,
        ("E1", "T1", "U0ROSA", "Rosa"),
        ("E1", "T1", "U0BEN", "Ben"),
        ("E1", "T1", "U0ADA", "Ada"),
        ("E1", "T1", "U0ADA", "Ada", 1000),
        ("E1", "T1", "U0ADA", "Ada"),
    ]
    assert [tuple(row["slack"].values()) for row in story.events()] == [
        ("C1", None, "t0"),
        *[("C1", "1.1", "t1")] * 6,
        ("C1", "1.1", None),
        ("C1", "1.1", "t1"),
    ]
    digests = [row["digest"] for row in story.events()]
    assert len(set(digests[:4])) == len(set(digests[4:8])) == 1
    assert digests[0] != digests[4]
    assert digests[8] is None
