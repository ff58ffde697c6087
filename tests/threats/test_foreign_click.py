"""A click that comes from nothing of ours decides nothing, validly signed or not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bot.approvals.request import State
from bot.sandbox.slack import payloads
from bot.sandbox.slack.inputs import find_element, pressed
from tests.support.team import CHANNEL
from tests.threats.claims import Threat

if TYPE_CHECKING:
    from bot.approvals.request import Request
    from bot.sandbox.slack.workspace import View
    from tests.support.team import Team

THREAT = Threat(
    what="A click on something that the bot did not post",
    can={
        "be made by anybody who may post with the bot's name, such as the bot token": "test_no_readable_message",
    },
    cannot={
        "decide, whatever it says it was made on": "test_no_readable_message",
        "decide without saying where it was made": "test_no_container_at_all",
        "open a modal": "test_no_modal_opens_from_a_foreign_message",
        "decide from a modal or a Home tab that the bot did not open": "test_a_modal_of_no_card",
        "borrow somebody else's Home tab": "test_a_home_tab_of_somebody_else",
        "decide on a Home tab that is older than ten minutes": "test_an_old_home_tab",
    },
    do="look for `foreign_message` in the audit: it says who clicked, and where.",
)

FOREIGN = {"id": "C0FOREIGN", "name": "elsewhere"}


def undecided(team: Team, request: Request, action: str, code: str) -> bool:
    """Return whether the last click was refused for a reason and left no trace on the request."""
    assert team.last(f"{action}.refused")["reason"] == code
    row = team.row(request)
    return (row.state, row.votes, row.revision, team.posts()) == (State.PENDING, (), 1, 0)


def home_of(team: Team, who: str) -> View:
    """Open somebody's Home tab and return it."""
    team.slack.open_home(who)
    team.quiet()
    home = team.slack.home(who)
    assert home is not None
    return home


def press_home(team: Team, who: str, action: str, home: View, **change: str) -> None:
    """Press a button on a Home tab, with parts of the view replaced."""
    block, element = find_element(home.body["blocks"], f"peftsize.{action}")
    done = pressed(block, element, None, team.slack.workspace.new_ts())
    payload = payloads.view_click(team.slack.api, team.slack.person(who), home, done, {})
    payload["view"] |= change
    team.slack.courier.bring("interactive", payload)
    team.quiet()


@pytest.mark.parametrize(
    "ts",
    [
        {"message_ts": "not-a-ts"},
        {"message_ts": ""},
        {"message_ts": None},
        {},
        {"message_ts": "1700000000.000100 "},
    ],
    ids=["malformed", "empty", "null", "missing", "trailing space"],
)
@pytest.mark.parametrize("action", ["approve", "cancel"])
def test_no_readable_message(team: Team, ts: dict[str, Any], action: str) -> None:
    """A click that names no message of ours is refused; the audit says where it came from."""
    request = team.ask()
    container = {"type": "message", "channel_id": FOREIGN["id"], "is_ephemeral": False} | ts
    who = "ada" if action == "approve" else "rosa"
    change = {"container": container, "channel": FOREIGN}
    team.forge(who, "approve", team.card(request), change, action_id=f"peftsize.{action}")
    assert undecided(team, request, action, "foreign_message")
    assert team.last(f"{action}.refused")["slack"]["channel_id"] == FOREIGN["id"]
    assert "not the current card" in team.words(team.slack.dms(who)[-1])


def test_no_container_at_all(team: Team) -> None:
    """A click without a container, message or channel is refused."""
    request = team.ask()
    team.forge("ada", "approve", team.card(request), {"container": {}, "channel": {}, "message": {}})
    assert undecided(team, request, "approve", "foreign_message")


@pytest.mark.parametrize("action", ["reject", "edit"])
def test_no_modal_opens_from_a_foreign_message(team: Team, action: str) -> None:
    """Reject and Edit on a message that is no card of ours open nothing."""
    request = team.ask()
    container = {"type": "message", "message_ts": "?", "channel_id": FOREIGN["id"], "is_ephemeral": False}
    who = "ada" if action == "reject" else "rosa"
    team.forge(who, "approve", team.card(request), {"container": container}, action_id=f"peftsize.{action}")
    assert team.slack.modals(who) == []
    assert undecided(team, request, action, "foreign_message")


@pytest.mark.parametrize(
    "change",
    [{"message_ts": None}, {"message_ts": "1.1"}, {"channel_id": FOREIGN["id"]}, {"view_id": "V0FORGED"}],
)
def test_a_modal_of_no_card(team: Team, change: dict[str, str | None]) -> None:
    """A modal counts where its metadata names a card or a Home tab of ours, and nowhere else."""
    request = team.ask()
    team.click("ada", "reject", request)
    view = team.slack.modals("ada")[-1]
    about = json.loads(view.body["private_metadata"])
    if "view_id" in change:
        about["message_ts"] = None
    view.body["private_metadata"] = json.dumps(about | change)
    team.slack.submit("ada", view, {"text": "Too large."})
    team.quiet()
    assert undecided(team, request, "reject", "foreign_message")


def test_our_modals_decide(team: Team) -> None:
    """Reject and Edit from the card work, and Reject from the Home tab too."""
    edited, rejected = team.ask(), team.ask("7b none qlora4")
    team.edit("rosa", edited, "8b none qlora4")
    assert team.row(edited).revision == 2
    team.reject("ada", edited, "Use what exists.")
    assert team.row(edited).state is State.REJECTED
    assert team.slack.click("ada", home_of(team, "ada"), "peftsize.reject").ok
    team.slack.submit("ada", team.slack.modals("ada")[-1], {"text": "Too large."})
    team.quiet()
    assert team.row(rejected).state is State.REJECTED


@pytest.mark.parametrize(
    ("change", "code"),
    [({"id": "V0FORGED"}, "foreign_message"), ({"hash": "1.forged"}, "stale_home")],
    ids=["view id", "hash"],
)
def test_a_home_tab_that_we_did_not_publish(team: Team, change: dict[str, str], code: str) -> None:
    """A Home tab is known by its view id and the hash that Slack gave it."""
    request = team.ask()
    press_home(team, "ada", "approve", home_of(team, "ada"), **change)
    assert undecided(team, request, "approve", code)


def test_a_home_tab_of_somebody_else(team: Team) -> None:
    """Ada's Home tab lends its buttons to nobody."""
    request = team.ask()
    home_of(team, "ben")
    press_home(team, "ben", "approve", home_of(team, "ada"))
    assert undecided(team, request, "approve", "foreign_message")


def test_an_old_home_tab(team: Team) -> None:
    """A Home tab counts for ten minutes after it was published; then it is drawn anew, and decides."""
    request = team.ask()
    home = home_of(team, "ada")
    team.later(601)
    press_home(team, "ada", "approve", home)
    assert undecided(team, request, "approve", "stale_home")
    assert "out of date" in team.words(team.slack.dms("ada")[-1])
    team.later(3)
    fresh = team.slack.home("ada")
    assert fresh is not None
    press_home(team, "ada", "approve", fresh)
    assert team.row(request).state is State.CREATED


def test_a_home_tab_published_since(team: Team) -> None:
    """A press on what the person still saw counts, though the tab was published anew meanwhile."""
    request = team.ask()
    home = home_of(team, "ada")
    seen = {"hash": home.hash}
    press_home(team, "ada", "approve", home_of(team, "ada"), **seen)
    assert team.row(request).state is State.CREATED


def test_a_click_stored_by_the_version_before(team: Team) -> None:
    """It has no source: it counts as made on the message that it names."""
    known, unknown = team.ask(), team.ask("7b none qlora4")
    for request, ts in ((known, team.row(known).message_ts), (unknown, None)):
        content = {
            "key": f"old:{request.id}",
            "action": "reject",
            "request_id": request.id,
            "revision": 1,
            "team_id": team.slack.person("ada").team_id,
            "user_id": team.slack.person("ada").id,
            "name": "ada",
            "at": team.clock.now_ms(),
            "origin": "slack-http",
            "enterprise_id": None,
            "channel_id": team.slack.directory.channel(CHANNEL).id,
            "message_ts": ts,
            "trigger_hash": None,
            "reason": "no",
            "text": None,
            "operator": None,
        }
        with team.product.store.write() as tx:
            tx.queues.receive(content["key"], content)
        team.quiet()
    assert team.row(known).state is State.REJECTED
    assert team.row(unknown).state is State.PENDING
    assert team.last("reject.refused")["reason"] == "foreign_message"
