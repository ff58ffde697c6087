"""Asking twice, asking alike, and asking for the card again: which row comes of it, and what is told."""

from __future__ import annotations

import shutil
from itertools import count
from typing import TYPE_CHECKING

import pytest

from bot.approvals.draft import Site
from bot.approvals.policy import Person
from bot.approvals.policy_file import Policy
from bot.approvals.request import State
from bot.store import Database, Store
from bot.store.requests import Copy
from bot.workflow.ports import Ask, Click
from bot.workflow.service import RequestService
from tests.support.rows import KEY, T0, Clock

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from bot.approvals.request import Request

ROSA = Person("T1", "U0ROSA", "Rosa")
ADA = Person("T1", "U0ADA", "Ada")
TEXT = "10b 2x128MB qlora4"


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


@pytest.fixture
def service(migrated: Path, tmp_path: Path) -> Iterator[RequestService]:
    path = tmp_path / "peftsize.db"
    shutil.copy(migrated, path)
    ids = count(1)
    made = RequestService(
        key=KEY,
        store=Store(Database(f"sqlite:///{path}"), Clock()),
        people=Directory(),
        site=Site("https://cpd.example", "space-0", {"dev": "space-1"}),
        rules=Policy.model_validate({"defaults": {"approvers": ["U0ADA"]}}),
        clock=Clock(),
        new_id=lambda: f"R{next(ids):07d}",
    )
    yield made
    made.store.close()


def ask(key: str, text: str = TEXT, person: Person = ROSA) -> Ask:
    return Ask(key, text, person, "C1", "slack-http")


def click(action: str, request: Request, person: Person = ADA, **place: str | None) -> Click:
    return Click(
        key=f"{action}-1",
        action=action,
        request_id=request.id,
        revision=request.revision,
        team_id=person.team_id,
        user_id=person.user_id,
        name=person.name,
        at=T0,
        origin="slack-http",
        **place,
    )


def rows(service: RequestService) -> list[Request]:
    with service.store.read() as tx:
        return tx.requests.listed(limit=None)


def events(service: RequestService) -> list[str]:
    with service.store.read() as tx:
        return [row["event"] for row in tx.audit_log.rows()]


def cards(service: RequestService) -> list[str]:
    """Return the ids of the requests whose card is to be posted or drawn."""
    with service.store.read() as tx:
        found = [tx.queues.message(f"card:{row.id}") for row in tx.requests.listed(limit=None)]
    return [message.request_id for message in found if message is not None and message.request_id]


def test_the_same_delivery_twice_is_the_same_request(service: RequestService) -> None:
    """Slack sends again what it believes lost: one row, one event, one card, and the person is shown the first."""
    first = service.submit(ask("d1"))
    again = service.submit(ask("d1"))
    assert (first.code, again.code) == ("submitted", "existing")
    assert again.request == first.request
    assert (len(rows(service)), events(service), cards(service)) == (1, ["requested"], ["R0000001"])


def test_a_delivery_again_after_its_request_has_ended_is_a_duplicate(service: RequestService) -> None:
    """The name is free by then, and still nothing is asked for a second time."""
    request = service.submit(ask("d1")).request
    assert request is not None
    with service.store.write() as tx:
        tx.requests.add_copy(request.id, Copy("C1", "1.1"))
    ended = service.decide(click("cancel", request, ROSA, channel_id="C1", message_ts="1.1"), ROSA)
    assert ended.code == "done"
    again = service.submit(ask("d1"))
    assert (again.code, again.request) == ("duplicate", None)
    assert [row.state for row in rows(service)] == [State.CANCELLED]


def test_a_delivery_again_of_what_was_denied_is_a_duplicate(service: RequestService) -> None:
    """The denial is audited once."""
    service.rules = Policy.model_validate({"rule": [{"deny": "No."}]})
    assert [service.submit(ask("d1")).code for _ in range(2)] == ["denied", "duplicate"]
    assert (rows(service), events(service)) == ([], ["request.refused"])


def test_somebody_elses_request_for_the_same_is_shown(service: RequestService) -> None:
    """The same content in another spelling, of another person: their row, and nothing new is stored."""
    first = service.submit(ask("d1"))
    second = service.submit(ask("d2", "qlora4 10000m 2 x 128MiB", ADA))
    assert (second.code, second.request) == ("existing", first.request)
    assert (len(rows(service)), events(service)) == (1, ["requested"])


def test_a_name_that_stands_for_other_content_is_taken(service: RequestService) -> None:
    """A typed name in use: the holder is shown and the name is told; in another space it is free."""
    first = service.submit(ask("d1", f"{TEXT} name=big"))
    other = service.submit(ask("d2", "20b none lora name=big"))
    assert (other.code, other.request, other.detail) == ("name_taken", first.request, "big")
    assert service.submit(ask("d3", "20b none lora name=big space=dev")).code == "submitted"


def test_the_card_is_posted_again_from_a_message_that_is_no_card(service: RequestService) -> None:
    """The button stands on a private answer: pressed there it changes no row and asks for the card alone."""
    request = service.submit(ask("d1")).request
    assert request is not None
    with service.store.write() as tx:
        tx.connection.exec_driver_sql("DELETE FROM outbox")  # it was posted
    got = service.decide(click("post_again", request, ROSA, channel_id="C9", message_ts="9.9"), ROSA)
    assert (got.code, got.request) == ("done", request)
    assert cards(service) == [request.id]
    assert (rows(service), events(service)) == ([request], ["requested"])


@pytest.mark.parametrize(
    "action", ["approve", "reject", "cancel", "edit", "delete", "use_gpus", "use_existing"]
)
def test_no_other_action_is_taken_from_a_message_that_is_no_card(
    service: RequestService, action: str
) -> None:
    """A button in a message that somebody else made counts for nothing; the audit holds the attempt."""
    request = service.submit(ask("d1")).request
    assert request is not None
    got = service.decide(click(action, request, channel_id="C9", message_ts="9.9"), ADA)
    assert got.code == "foreign_message"
    assert (rows(service), events(service)) == ([request], ["requested", f"{action}.refused"])
