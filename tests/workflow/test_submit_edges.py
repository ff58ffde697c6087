"""Asking twice, asking alike, and asking for the card again: which row comes of it, and what is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.approvals.policy_file import Policy
from bot.approvals.request import Kind, Request, State
from tests.support.desk import ADA, ROSA
from tests.support.rows import T0

if TYPE_CHECKING:
    from tests.support.desk import Desk

TEXT = "10b 2x128MB qlora4"


def cards(desk: Desk) -> list[str]:
    """Return the ids of the requests whose card is to be posted or drawn."""
    return [key.removeprefix("card:") for key, _ in desk.told() if key.startswith("card:")]


def test_a_fresh_row(desk: Desk) -> None:
    """It waits under its first revision: nobody has voted, nothing was tried, sent or told, and its name is taken."""
    got = desk.ask(f'{TEXT} for="eval"', thread_ts="5.5", use_gpus=4).request
    assert got is not None
    assert desk.row("R0000001") == got
    assert got == Request(
        id="R0000001",
        kind=Kind.CREATE,
        state=State.PENDING,
        version=1,
        revision=1,
        text=TEXT,
        canonical=TEXT,
        name="peft-10b-qlora4-2x128mb-use4gpu",
        use_gpus=4,
        payload=got.payload,
        digest=got.digest,
        target="https://cpd.example",
        space_id="space-0",
        team_id="T1",
        enterprise_id="E1",
        requester_id="U0ROSA",
        requester_name="Rosa",
        author_id="U0ROSA",
        channel_id="C1",
        message_ts=None,
        quorum=1,
        votes=(),
        created_at=T0,
        updated_at=T0,
        revised_at=T0,
        expires_at=T0 + 86_400_000,
        spec_id=None,
        error=None,
        reserved=True,
        tries=0,
        origin="slack-http",
        thread_ts="5.5",
        purpose="eval",
    )


def test_the_same_delivery_twice_is_the_same_request(desk: Desk) -> None:
    """Slack sends again what it believes lost: one row, one event, one card, and the person is shown the first."""
    first = desk.ask(TEXT, key="d1")
    again = desk.ask(TEXT, key="d1")
    assert (first.code, again.code) == ("submitted", "existing")
    assert again.request == first.request
    assert (len(desk.rows()), desk.story(), cards(desk)) == (1, ["requested"], ["R0000001"])


def test_a_delivery_again_after_its_request_has_ended_is_a_duplicate(desk: Desk) -> None:
    """The name is free by then, and still nothing is asked for a second time."""
    request = desk.carded(TEXT, key="d1")
    assert desk.press(ROSA, "cancel", request.id).code == "done"
    again = desk.ask(TEXT, key="d1")
    assert (again.code, again.request) == ("duplicate", None)
    assert [row.state for row in desk.rows()] == [State.CANCELLED]


def test_a_delivery_again_of_what_was_denied_is_a_duplicate(desk: Desk) -> None:
    """The denial is audited once."""
    desk.service.rules = Policy.model_validate({"rule": [{"deny": "No."}]})
    assert [desk.ask(TEXT, key="d1").code for _ in range(2)] == ["denied", "duplicate"]
    assert (desk.rows(), desk.story()) == ([], ["request.refused"])


def test_somebody_elses_request_for_the_same_is_shown(desk: Desk) -> None:
    """The same content in another spelling, of another person: their row, and nothing new is stored."""
    first = desk.ask(TEXT, key="d1")
    second = desk.ask("qlora4 10000m 2 x 128MiB", ADA)
    assert (second.code, second.request) == ("existing", first.request)
    assert (len(desk.rows()), desk.story()) == (1, ["requested"])


def test_a_name_that_stands_for_other_content_is_taken(desk: Desk) -> None:
    """A typed name in use: the holder is shown and the name is told; in another space it is free."""
    first = desk.ask(f"{TEXT} name=big")
    other = desk.ask("20b none lora name=big")
    assert (other.code, other.request, other.detail) == ("name_taken", first.request, "big")
    assert desk.ask("20b none lora name=big space=dev").code == "submitted"


def test_the_card_is_posted_again_from_a_message_that_is_no_card(desk: Desk) -> None:
    """The button stands on a private answer: pressed there it changes no row and asks for the card alone."""
    request = desk.carded(TEXT)
    got = desk.press(ROSA, "post_again", request.id, channel_id="C9", message_ts="9.9")
    assert (got.code, got.request) == ("done", request)
    assert cards(desk) == [request.id]
    assert (desk.rows(), desk.story()) == ([request], ["requested"])


@pytest.mark.parametrize(
    "action", ["approve", "reject", "cancel", "edit", "delete", "use_gpus", "use_existing"]
)
def test_no_other_action_is_taken_from_a_message_that_is_no_card(desk: Desk, action: str) -> None:
    """A button in a message that somebody else made counts for nothing; the audit holds the attempt."""
    request = desk.carded(TEXT)
    got = desk.press(ADA, action, request.id, channel_id="C9", message_ts="9.9")
    assert got.code == "foreign_message"
    assert (desk.rows(), desk.story()) == ([request], ["requested", f"{action}.refused"])
