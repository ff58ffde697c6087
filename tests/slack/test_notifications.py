"""Who hears what: how many messages one request causes, in each setting of the policy."""

from __future__ import annotations

from collections import Counter

import pytest

from bot.approvals.policy_file import Policy
from bot.approvals.request import State
from bot.approvals.state_machine import Action, Transition
from bot.store.attempts import Attempt
from bot.workflow.notify import notify
from tests.support.office import ADA, BEN, INES, ROSA, TEAM

PEOPLE, GROUP = ["U0ADA0001", "U0BEN0001"], ["S0APPROVE"]
SETTINGS = {
    "approvers alone": ({"approvers": PEOPLE}, {"channel": 1, ADA: 1, BEN: 1}),
    "a group": ({"approvers": GROUP}, {"channel": 1}),
    "a list": ({"approvers": GROUP, "notify": ["U0INES001"]}, {"channel": 1, INES: 1}),
    "nobody": ({"approvers": PEOPLE, "notify": []}, {"channel": 1}),
}


def rules(defaults, **more) -> Policy:
    return Policy.model_validate({"defaults": {"quorum": 2, "admins": ["S0ADMINS"]} | defaults | more})


class Count:
    """Counts what was posted since it was last asked, by where it is."""

    def __init__(self, office):
        self.office, self.seen = office, 0

    def __call__(self):
        slack = self.office.slack
        calls = [c for c in slack.calls if c.method == "chat.postMessage" and c.status == 200]
        new, self.seen = calls[self.seen :], len(calls)
        people = (ROSA, ADA, BEN, INES)
        direct = {slack.dm(who).id: who for who in people} | {slack.person(who).id: who for who in people}
        return Counter(
            direct.get(c.args["channel"], "thread" if "thread_ts" in c.args else "channel") for c in new
        )


def move(office, state, action=Action.FINISH, **changes):
    """Move the newest row on as the executor would, and tell who must hear of it."""
    with office.store.write() as tx:
        row = tx.requests.get(office.row().id)
        after = tx.requests.move(row, Transition(action, state, "moved"), tx.now, due_at=None, **changes)
        notify(tx, row, after, office.service.rules.defaults.admins)
    office.work()


def edit(office, text="10b 4x128MB qlora4"):
    office.press(ROSA, "edit")
    (view,) = office.slack.modals(ROSA)
    assert office.slack.submit(ROSA, view, {"request": text}).ok
    office.work()


@pytest.mark.parametrize("setting", SETTINGS)
def test_what_one_request_causes(new_office, setting):
    """Made, edited after a vote, rejected: no message too many, and nobody who must hear is left out."""
    defaults, made = SETTINGS[setting]
    office = new_office(rules(defaults))
    count = Count(office)
    office.ask()
    assert count() == made
    office.press(BEN, "approve")
    assert count() == {}
    edit(office)
    assert count() == {"thread": 1, BEN: 1}
    office.press(ADA, "reject")
    (view,) = office.slack.modals(ADA)
    office.slack.submit(ADA, view, {"reason": "Use qlora8."})
    office.work()
    assert count() == {"thread": 1, ROSA: 1}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize(
    ("state", "more"), [(State.CREATED, {"spec_id": "spec-7"}), (State.FAILED, {"error": "no"})]
)
def test_how_one_request_ends(new_office, setting, state, more):
    """Created or failed: one line under the card and one message to the requester, in every setting."""
    defaults, _ = SETTINGS[setting]
    office = new_office(rules(defaults))
    count = Count(office)
    office.ask()
    count()
    move(office, state, **more)
    assert count() == {"thread": 1, ROSA: 1}


def test_a_group_is_mentioned_on_the_card_and_people_are_not(new_office):
    """The mention calls the group; people get a message of their own instead of two calls."""
    office = new_office(rules({"approvers": [*GROUP, "U0INES001"]}))
    office.ask()
    card = str(office.card().blocks)
    assert "<!subteam^S0APPROVE>" in card
    assert "<@U0INES001>" not in card
    assert "peftsize.approve" in str(office.slack.dms(INES)[-1].blocks)


def test_a_copy_decides_at_once_and_follows_the_card(new_office):
    """An approver presses in the direct message; the card and the copies show the same."""
    office = new_office(rules({"approvers": PEOPLE}, quorum=1))
    office.ask()
    office.press(BEN, "approve", office.slack.dms(BEN)[-1])
    assert office.row().state == "approved"
    for message in (office.card(), office.slack.dms(ADA)[-1]):
        assert "peftsize.approve" not in str(message.blocks)


def test_a_card_in_a_direct_message_calls_a_group_one_by_one(new_office):
    """A mention there would reach nobody: each member gets a copy, the requester's own excepted."""
    office = new_office(rules({"approvers": GROUP}))
    office.slack.open_home(ROSA)
    office.work()
    office.slack.click(ROSA, office.slack.home(ROSA), "peftsize.open_form")
    (view,) = office.slack.modals(ROSA)
    count = Count(office)
    office.slack.submit(ROSA, view, {"request": "10b 2x128MB qlora4"})
    office.work()
    assert count() == {ROSA: 1, ADA: 1, BEN: 1}


def test_an_edit_says_what_changed(new_office):
    """Before and after, under the card; who had approved reads that it counts no more."""
    office = new_office(rules({"approvers": GROUP}))
    office.ask()
    root = office.card().ts
    office.press(BEN, "approve")
    edit(office)
    line = office.line()
    assert line.thread_ts == root
    assert "`10b 2x128MB qlora4` → `10b 4x128MB qlora4`" in line.text
    assert "no longer counts" in office.slack.dms(BEN)[-1].text


def test_a_rejection_is_one_line_under_the_card(new_office):
    """By whom, in a name that calls nobody, and why."""
    office = new_office(rules({"approvers": GROUP}))
    office.ask()
    office.press(ADA, "reject")
    (view,) = office.slack.modals(ADA)
    office.slack.submit(ADA, view, {"reason": "Use <!channel> less."})
    office.work()
    assert "Rejected by" in office.line().text
    assert "<@" not in office.line().text
    assert "<!channel>" not in office.line().text


def test_admins_get_the_link_and_the_trace_id(new_office):
    """Members of a group of admins too; they are looked up when it is delivered."""
    office = new_office(rules({"approvers": PEOPLE}, admins=["U0INES001", "S0APPROVE"]))
    office.ask()
    with office.store.write() as tx:
        row = office.row()
        tx.attempts.begin(Attempt("peftsize-42", row.id, row.revision, row.digest, tx.now, tx.now))
    move(office, State.ATTENTION, error="not there after 3 look-ups")
    for who in (INES, ADA, BEN):
        told = str(office.slack.dms(who)[-1].blocks)
        assert "peftsize-42" in told
        assert "/archives/C0MLSERVE/p" in told


def test_reminders_are_one_list_in_place(new_office):
    """Two requests wait: one message to each approver; the next one replaces it, a decision redraws it."""
    office = new_office(rules({"approvers": GROUP}, quorum=1))
    first = office.ask()
    second = office.ask("7b none lora")

    def remind(*rows):
        from bot.workflow.notify import remind as tell

        with office.store.write() as tx:
            for row in rows:
                tell(tx, row, ["U0ADA0001"])
        office.work()

    remind(first, second)
    (shown,) = office.slack.dms(ADA)
    assert "2 requests are waiting for you" in shown.text
    assert first.id in str(shown.blocks)
    remind(first)
    (again,) = office.slack.dms(ADA)
    assert again.ts != shown.ts
    office.press(BEN, "approve")
    (redrawn,) = office.slack.dms(ADA)
    assert redrawn.ts == again.ts
    assert "One request is waiting for you" in redrawn.text
    assert second.id not in str(redrawn.blocks)


def test_nothing_is_announced_where_slack_shows_nothing(office):
    """A card that is not there has no thread: the line is let go, and nothing stays in the outbox."""
    office.ask(channel="#random")
    move(office, State.FAILED, error="no")
    assert [m.kind for m in office.outbox_messages()] == ["card"]
    assert office.slack.messages(TEAM) == []
