"""What Slack is told beside the card: lists that follow, open Home tabs, admins, a private way to the requester."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.approvals.request import State
from bot.approvals.state_machine import Action
from bot.store.attempts import Attempt
from bot.workflow import surface
from bot.workflow.notify import notify, remind, tell_admins
from tests.support.desk import ADA, ROSA
from tests.support.rows import T0, transition

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.desk import Desk

TEXT = "10b 2x128MB qlora4"


def keys(desk: Desk, kind: str) -> list[str]:
    """Return the keys of the messages of a kind since last asked."""
    return [key for key, _ in desk.told() if key.startswith(f"{kind}:")]


def test_lists_of_whoever_was_reminded_follow(new_desk: Callable[..., Desk]) -> None:
    """Every reminder is a new list; votes and the end redraw the lists of all who ever got one, an edit does not."""
    desk = new_desk(defaults={"approvers": ["U0ADA", "U0BEN"], "quorum": 2})
    request = desk.carded(TEXT)
    for who in (["U0BEN", "U0ADA"], ["U0BEN"]):
        with desk.store.write() as tx:
            remind(tx, request, who)
        assert keys(desk, "digest") == [f"digest:{each}" for each in sorted(who)]
    redrawn = ["digest:U0ADA:redraw", "digest:U0BEN:redraw"]
    desk.press(ROSA, "edit", request.id, text="20b none lora")
    assert keys(desk, "digest") == []
    desk.press(ADA, "approve", request.id, revision=2)
    assert keys(desk, "digest") == redrawn
    desk.press(ROSA, "cancel", request.id, revision=2)
    assert keys(desk, "digest") == redrawn


def test_an_open_home_tab_follows_every_change(desk: Desk) -> None:
    """A new request, a vote, a deletion: also that of a bystander."""
    with desk.store.write() as tx:
        surface.note_reader(tx, "T1", "U0EVE")
    request = desk.ask(TEXT).request
    assert request is not None
    assert keys(desk, "home") == ["home:U0EVE"]
    request = desk.carded("7b none lora")
    desk.press(ADA, "approve", request.id)
    assert keys(desk, "home") == ["home:U0EVE"]
    with desk.store.write() as tx:
        done = transition(Action.FINISH, State.CREATED)
        assert tx.requests.move(desk.row(request.id), done, tx.now, spec_id="spec-1")
    assert desk.press(ROSA, "delete", request.id).code == "submitted"
    assert keys(desk, "home") == ["home:U0EVE"]


def test_the_home_tab_of_whom_it_concerns_follows_longer(desk: Desk) -> None:
    """Once published, for the requester and those who are called, and only for them."""
    with desk.store.write() as tx:
        for user_id in ("U0ROSA", "U0ADA", "U0EVE"):
            surface.note_home(tx, user_id, f"V-{user_id}", "h1")
    desk.ask(TEXT)
    assert keys(desk, "home") == ["home:U0ADA", "home:U0ROSA"]


def test_where_the_bot_may_not_post(desk: Desk) -> None:
    """The card bears the response URL of the command, and for whom it is."""
    asked = desk.ask(TEXT, response_url="https://hooks.slack.com/x").request
    assert asked is not None
    with desk.store.read() as tx:
        card = tx.queues.message(f"card:{asked.id}")
    assert card is not None
    assert card.body == {"response_url": "https://hooks.slack.com/x", "user_id": "U0ROSA"}


def test_admins_are_asked(desk: Desk) -> None:
    """Each, and the members of their groups, with the reason and the trace id of the attempt."""
    request = desk.carded(TEXT)
    named = f"{request.id} ({request.name})"
    with desk.store.write() as tx:
        lost = tx.requests.move(request, transition(Action.MISS, State.ATTENTION), tx.now)
        assert lost is not None
        notify(tx, request, lost, ["U0INES"])
    told = dict(desk.told())
    assert told[f"notice:{request.id}:attention:U0INES"] == {
        "code": "attention",
        "lines": [f"{named}: the look-ups found nothing"],
        "user_id": "U0INES",
    }
    with desk.store.write() as tx:
        tx.attempts.begin(Attempt("a-1", request.id, 1, request.digest, T0, T0))
        tell_admins(tx, request, "tampered", "changed", ["U0INES", "S0ADMINS"])
    lines = [f"{named}: changed", "Trace id: a-1"]
    (to_group, group), (to_ines, ines) = desk.told()
    assert to_group == f"members:S0ADMINS:notice:{request.id}:tampered"
    assert group["body"] == {"code": "tampered", "lines": lines}
    assert (to_ines, ines) == (
        f"notice:{request.id}:tampered:U0INES",
        {"code": "tampered", "lines": lines, "user_id": "U0INES"},
    )
