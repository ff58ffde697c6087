"""Slack effects through the outbox, against the stand-in with its limits and faults."""

from __future__ import annotations

import pytest

from bot.approvals.policy_file import Policy
from bot.approvals.request import State
from bot.approvals.state_machine import Action, Transition
from bot.audit.chain import GENESIS
from bot.slack.outbound.delivery import RESPONSE_URL_MS
from bot.workflow.notify import notify
from bot.workflow.ports import Deployment, RemoteSpec
from tests.support.office import ADA, BEN, RANDOM, ROSA, TEAM


def put(office, key, kind, **more):
    with office.store.write() as tx:
        tx.queues.put(key, kind, **more)


def end(office, state, **changes):
    """Move the newest row on as the executor would, and announce it."""
    with office.store.write() as tx:
        row = tx.requests.get(office.row().id)
        after = tx.requests.move(
            row, Transition(Action.FINISH, state, "created"), tx.now, due_at=None, **changes
        )
        notify(tx, row, after, ())
    office.work()


def test_the_requester_is_told_how_it_ended_with_a_link_to_the_card(office):
    """After creation: the card, and a direct message with id, next step and link."""
    office.ask()
    office.press(ADA, "approve")
    end(office, State.CREATED, spec_id="spec-77")
    assert "spec-77" in str(office.card().blocks)
    told = office.slack.dms(ROSA)[-1]
    assert "spec-77" in str(told.blocks)
    assert "hardware_spec" in str(told.blocks)
    assert f"/archives/C0MLSERVE/p{office.card().ts.replace('.', '')}" in str(told.blocks)


def test_nothing_unfurls_and_everything_has_a_fallback(office):
    """No message of the bot shows link previews, and each has a text for screen readers."""
    office.ask()
    office.press(ADA, "approve")
    end(office, State.CREATED, spec_id="spec-77")
    posts = [call for call in office.slack.calls if call.method == "chat.postMessage"]
    assert len(posts) == 3
    assert all(call.args["unfurl_links"] is False and call.args["unfurl_media"] is False for call in posts)
    assert office.slack.warnings == []


def test_a_deleted_card_is_posted_again(office):
    """Somebody deletes the message: at the next change it is there again, and its buttons count."""
    office.ask()
    old = office.card()
    office.slack.workspace.remove(old)
    office.press(ROSA, "approve", old)
    assert office.card().ts != old.ts
    assert office.row().message_ts == office.card().ts
    office.press(ADA, "approve")
    assert office.row().state == "approved"


def test_every_copy_is_redrawn(office):
    """A reminder's copy in a direct message votes like the card, and both show the result."""
    office.ask()
    put(office, "remind:x", "remind", request_id=office.row().id, body={"user_id": "U0BEN0001", "sent": 1})
    office.work()
    copy = office.slack.dms(BEN)[-1]
    assert "is waiting for you" in str(copy.blocks)
    office.press(BEN, "approve", copy)
    assert office.row().state == "approved"
    for shown in (office.card(), office.slack.dms(BEN)[-1]):
        assert "Creating…" in str(shown.blocks)
    assert "is waiting for you" not in str(office.slack.dms(BEN)[-1].blocks)


def test_a_reminder_of_what_is_decided_is_not_sent(office):
    """What no longer waits reminds nobody."""
    office.ask()
    office.press(ADA, "approve")
    put(office, "remind:x", "remind", request_id=office.row().id, body={"user_id": "U0BEN0001", "sent": 1})
    office.work()
    assert office.slack.dms(BEN) == []
    assert office.outbox_messages() == []


@pytest.mark.parametrize(
    "fault",
    [
        {"down": "reset"},
        {"down": "503"},
        {"http_500": 3},
        {"rate_limited": 2},
    ],
)
def test_an_outage_of_slack_loses_no_effect_and_delays_no_decision(office, fault):
    """While Slack is away everything is decided and kept; afterwards the card shows what is true then."""
    office.slack.faults.only = frozenset({"chat.postMessage", "chat.update", "conversations.open"})
    office.ask()
    for name, value in fault.items():
        setattr(office.slack.faults, name, value)
    office.press(ADA, "approve")
    assert office.row().state == "approved"
    assert office.outbox_messages() != []
    office.slack.faults.clear()
    office.later(120)
    assert "Creating…" in str(office.card().blocks)
    assert office.outbox_messages() == []


def test_a_rate_limit_is_waited_for_as_long_as_slack_says(office):
    """429 with Retry-After: the message is due again after that, not before."""
    office.slack.faults.rate_limited, office.slack.faults.retry_after_s = 1, 30
    office.slack.faults.only = frozenset({"chat.postMessage"})
    office.ask()
    assert office.row().message_ts is None
    office.later(25)
    assert office.row().message_ts is None
    office.later(10)
    assert office.row().message_ts is not None
    assert ("chat.postMessage", "ratelimited") in office.calls


def test_the_real_limits_are_never_met(office):
    """Ten cards at once into one channel: none is refused by Slack, all are there in the end."""
    office.slack.rates.on = True
    for number in range(1, 11):
        office.slack.command(ROSA, TEAM, f"{number}b none lora")
    for _ in range(20):
        office.later(1)
    assert len([m for m in office.slack.messages(TEAM) if m.bot_id]) == 10
    assert [call for call in office.slack.calls if call.status == 429] == []


def test_a_response_url_is_gone_after_thirty_minutes(office):
    """Whatever became of the card, the address is taken out of the stored message."""
    office.slack.faults.only, office.slack.faults.down = frozenset({"chat.postMessage"}), "reset"
    office.ask()
    assert "response_url" in office.outbox_messages()[0].body
    office.later(RESPONSE_URL_MS / 1000 + 1)
    assert "response_url" not in office.outbox_messages()[0].body
    office.slack.faults.down = ""
    office.later(120)
    assert office.row().message_ts is not None


def test_without_a_response_url_the_invitation_is_told_directly(office):
    """A shortcut has none: the requester gets a direct message, once."""
    office.slack.command(ROSA, RANDOM)
    (view,) = office.slack.modals(ROSA)
    office.slack.submit(ROSA, view, {"request": "10b none lora"})
    office.work()
    assert "/invite @peftsize" in str(office.slack.dms(ROSA)[-1].blocks)
    office.later(3700)
    assert len(office.slack.dms(ROSA)) == 1
    assert office.row().message_ts is None


def test_a_card_that_never_could_be_posted_is_let_go_when_its_request_ends(office):
    """Cancelled before anybody invited the bot: nothing waits any more."""
    office.ask(channel=RANDOM)
    with office.store.write() as tx:
        row = tx.requests.get(office.row().id)
        tx.requests.move(row, Transition(Action.CANCEL, State.CANCELLED, "cancelled"), tx.now, due_at=None)
    office.later(3700)
    assert office.outbox_messages() == []


def test_a_private_answer_falls_back_to_a_direct_message(office):
    """Pressed where the bot cannot answer privately: it comes directly instead."""
    body = {"code": "not_an_approver", "detail": "", "action": "approve", "user_id": "U0ROSA001"}
    put(office, "private:1", "private", body=body | {"channel_id": "C0NOBOT01"})
    put(office, "private:2", "private", body=body | {"channel_id": None})
    office.work()
    assert len(office.slack.dms(ROSA)) == 2
    assert "not an approver" in office.slack.dms(ROSA)[-1].text


def test_who_can_get_no_message_holds_nothing_up(office):
    """A person who left, or a bot: the message is done."""
    office.slack.directory.change_person("rosa", deleted=True)
    put(office, "private:1", "private", body={"code": "expired", "user_id": "U0ROSA001", "channel_id": None})
    put(office, "private:2", "private", body={"code": "expired", "user_id": "U0PEFT001", "channel_id": None})
    office.work()
    assert office.outbox_messages() == []


def test_who_takes_an_existing_spec_is_told_its_id(office):
    """The answer carries the id and how to use it."""
    row = office.ask()
    with office.store.write() as tx:
        tx.requests.note(row.id, existing_id="spec-9", existing_name="theirs")
    body = {"code": "adopted", "user_id": "U0ROSA001", "channel_id": "C0MLSERVE"}
    put(office, "private:1", "private", request_id=row.id, body=body)
    office.work()
    assert "spec-9" in str(office.slack.ephemerals(ROSA, TEAM)[-1].blocks)


def test_notices_reach_admins_and_channels(office):
    """Drift goes to each admin, the audit's head to its channel."""
    put(
        office, "notice:1", "notice", body={"user_id": "U0INES001", "code": "drift", "lines": ["a <!here> b"]}
    )
    put(
        office,
        "notice:2",
        "notice",
        body={"channel_id": "C0APPROVE", "code": "anchor", "lines": [f"7 {GENESIS}"]},
    )
    office.work()
    assert "&lt;!here&gt;" in str(office.slack.dms("ines")[-1].blocks)
    assert GENESIS in str(office.card("#approvals").blocks)


class Cluster:
    """A list of specs, or trouble."""

    def __init__(self, count: int) -> None:
        self.count = count

    def deployments(self, _space_id: str) -> tuple[Deployment, ...]:
        return (Deployment("d1", "chat", "id-0"),)

    def list(self, space_id: str) -> list[RemoteSpec]:
        nodes = {"cpu": {"units": "2"}, "mem": {"size": "8Gi"}, "gpu": {"num_gpu": 1}}
        return [
            RemoteSpec(f"id-{n}", f"spec-{n:02d}", "", nodes, space_id, "", is_global=False)
            for n in range(self.count)
        ]


def test_specs_are_listed_by_the_worker_and_paged(new_office):
    """/peftsize specs is acknowledged at once; the live list comes privately, page by page."""
    office = new_office(specs=Cluster(12))
    assert office.slack.command(ROSA, TEAM, "specs").answer == ""
    office.work()
    first = office.slack.ephemerals(ROSA, TEAM)[-1]
    assert "spec-00" in str(first.blocks)
    assert str(first.blocks).count("in use by `chat`") == 1
    office.slack.click(ROSA, first, "peftsize.page")
    office.work()
    assert "spec-11" in str(office.slack.ephemerals(ROSA, TEAM)[-1].blocks)


def test_a_quorum_that_nobody_can_reach_is_on_the_card(new_office):
    """Three must approve and the group has two: the card says so."""
    rules = Policy.model_validate({"defaults": {"approvers": ["S0APPROVE"], "quorum": 3}})
    office = new_office(rules)
    office.ask()
    assert "Only 2 people can approve" in str(office.card().blocks)


def test_a_card_says_whom_it_still_waits_for(new_office):
    """After the first of two votes it names the other person, by name."""
    rules = Policy.model_validate({"defaults": {"approvers": ["S0APPROVE"], "quorum": 2}})
    office = new_office(rules)
    office.ask()
    office.press(ADA, "approve")
    assert "waiting for ben" in str(office.card().blocks)


def test_a_message_of_a_newer_release_is_left_to_a_replica_that_knows_it(office):
    """A kind that this release does not know stays in the outbox; unknown fields of a known kind do no harm."""
    row = office.ask()
    put(office, "k", "telegram", body={"user_id": "U1"})
    put(
        office,
        "private:newer",
        "private",
        body={"code": "expired", "user_id": row.requester_id, "sparkle": 3},
    )
    office.work()
    (left,) = office.outbox_messages()
    assert (left.kind, left.tries) == ("telegram", 1)
    office.work()
    (left,) = office.outbox_messages()
    assert left.tries == 1, "tried again at once"


def test_a_click_that_a_newer_release_stored_is_read_or_left(office):
    """Unknown fields of a stored click are ignored; a click with an unknown action waits and is kept."""
    row = office.ask()
    for action in ("reject", "bless"):
        with office.store.write() as tx:
            click = {
                "key": f"newer:{action}", "action": action, "request_id": row.id, "revision": 1, "team_id": "T0HOME001",
                "user_id": "U0ADA0001", "name": "ada", "at": office.clock(), "origin": "slack-http", "reason": "no",
                "channel_id": row.channel_id, "message_ts": row.message_ts, "mood": "calm",
            }  # fmt: skip
            tx.queues.receive(click["key"], click)
    office.work()
    assert office.row().state is State.REJECTED
    with office.store.read() as tx:
        assert tx.queues.received("newer:reject") is None
        waiting = tx.queues.received("newer:bless")
    assert waiting is not None
    assert waiting[0]["mood"] == "calm"


def test_a_reminder_keeps_one_header_when_it_is_redrawn(office):
    """The copy in a direct message says once why it is there, however often the card changes."""
    office.ask()
    put(office, "remind:x", "remind", request_id=office.row().id, body={"user_id": "U0BEN0001", "sent": 1})
    put(office, f"card:{office.row().id}", "card", request_id=office.row().id)
    office.work()
    put(office, f"card:{office.row().id}", "card", request_id=office.row().id)
    office.work()
    (copy,) = office.slack.dms("ben")
    assert str(copy.blocks).count("is waiting for you") == 1
