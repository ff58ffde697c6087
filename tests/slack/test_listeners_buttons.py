"""Buttons, modals, shortcuts and events, through signed HTTP."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from bot.approvals.policy_file import Policy
from bot.sandbox.slack import payloads
from tests.support.office import ADA, BEN, GUS, INES, RANDOM, ROSA, RULES, TEAM


def test_a_rejection_needs_a_reason_and_shows_it(office):
    """The modal asks, refuses an empty, a too long and a secret one under the field, and tells the reason."""
    office.ask()
    office.press(ADA, "reject")
    for reason in (" ", "x" * 501, "use xoxb-1234567890-abcdefghij instead"):
        (view,) = office.slack.modals(ADA)
        state = {"reason": {"text": {"type": "plain_text_input", "value": reason}}}
        sent = _submission(office, view, state)
        assert "reason" in sent["errors"], reason
    assert office.row().state == "pending"
    (view,) = office.slack.modals(ADA)
    assert office.slack.submit(ADA, view, {"reason": "Use qlora8."}).ok
    office.work()
    assert office.row().state == "rejected"
    assert "Use qlora8." in str(office.card().blocks)
    assert "Use qlora8." in str(office.slack.dms(ROSA)[-1].blocks)
    assert office.events()[-1]["reason"] == "Use qlora8."
    assert "xoxb-1234567890" not in str(office.events())


def _submission(office, view, state):
    """Submit past what Slack's own client would refuse, and return the answer."""
    payload = payloads.submission(office.slack.api, office.slack.person(ADA), view, state)
    return office.slack.deliver(urlencode({"payload": json.dumps(payload)}).encode()).json


def test_the_voter_is_who_submits_the_modal(office):
    """Rosa, who asked, cannot reject by way of a modal either; the attempt is audited."""
    office.ask()
    office.press(GUS, "reject")
    (view,) = office.slack.modals(GUS)
    office.slack.submit(GUS, view, {"reason": "Because."})
    office.work()
    assert office.row().state == "pending"
    assert office.events()[-1]["reason"] == "guest"


def test_an_edit_makes_a_new_revision_and_a_stale_button_is_repaired(new_office):
    """Votes are void after an edit; the old picture's button is refused with the present state."""
    office = new_office(Policy.model_validate({"defaults": {"approvers": ["S0APPROVE"], "quorum": 2}}))
    office.ask()
    office.press(ADA, "approve")
    assert len(office.row().votes) == 1
    old = office.card()
    office.press(ROSA, "edit")
    (view,) = office.slack.modals(ROSA)
    assert "2x128MB" in str(view.body)
    assert office.slack.submit(ROSA, view, {"request": "10b 4x128MB qlora4"}).ok
    office.work()
    row = office.row()
    assert (row.revision, row.votes, row.canonical) == (2, (), "10b 4x128MB qlora4")
    assert "10b + 4 adapters" in str(office.card().blocks)
    office.press(BEN, "approve", old)
    assert office.row().votes == ()
    assert "revision" in office.slack.ephemerals(BEN)[-1].text


def test_an_edit_that_cannot_be_read_stays_in_the_form(office):
    """Errors of an edit are under its field, and nothing changes."""
    office.ask()
    office.press(ROSA, "edit")
    (view,) = office.slack.modals(ROSA)
    answer = office.slack.submit(ROSA, view, {"request": "10b qlora9"})
    assert answer.errors["request"]
    assert office.row().revision == 1


def test_modals_are_not_opened_for_what_has_moved_on(office):
    """Reject on an old picture of a decided request is refused privately, and audited."""
    office.ask()
    old = office.card()
    office.press(ADA, "approve")
    office.press(BEN, "reject", old)
    assert office.slack.modals(BEN) == []
    assert office.names()[-1] == "reject.refused"
    assert "approved" in str(office.slack.ephemerals(BEN)[-1].blocks)


def test_a_vote_can_be_taken_back_and_a_request_cancelled(new_office):
    """Withdraw and cancel are decided by the worker like an approval."""
    office = new_office(Policy.model_validate({"defaults": {"approvers": ["anyone"], "quorum": 2}}))
    office.ask()
    office.press(ADA, "approve")
    assert "1 of 2" in str(office.card().blocks)
    office.press(ADA, "withdraw")
    assert office.row().votes == ()
    office.press(BEN, "cancel")
    assert office.row().state == "pending"
    office.press(ROSA, "cancel")
    assert office.row().state == "cancelled"
    assert office.names() == ["requested", "voted", "withdrawn", "cancel.refused", "cancelled"]


def test_cancel_and_delete_ask_in_a_modal_first(office):
    """The menu decides nothing by itself: the modal names what it is about, and whoever submits it has cancelled."""
    request = office.ask()
    office.slack.click(ROSA, office.card(), "peftsize.more", f"cancel {request.id}")
    office.work()
    assert office.row().state == "pending"
    (view,) = office.slack.modals(ROSA)
    assert request.id in str(view.body["blocks"])
    assert office.slack.submit(ROSA, view).ok
    office.work()
    assert office.row().state == "cancelled"
    assert office.events()[-1]["slack"]["message_ts"] == office.card().ts


def test_a_modal_of_an_older_revision_cancels_nothing(office):
    """The question was about what the person saw; after an edit it is refused."""
    request = office.ask()
    office.slack.click(ROSA, office.card(), "peftsize.more", f"cancel {request.id}")
    (asked,) = office.slack.modals(ROSA)
    office.press(INES, "edit")
    office.slack.submit(INES, office.slack.modals(INES)[-1], {"request": "10b 4x128MB qlora4"})
    office.work()
    office.slack.submit(ROSA, asked)
    office.work()
    assert (office.row().state, office.names()[-1]) == ("pending", "cancel.refused")
    assert office.events()[-1]["reason"].startswith("stale_revision")


def test_a_forged_menu_decides_nothing(office):
    """A menu on a message that is no copy of the card is refused and audited, as its buttons were."""
    request = office.ask()
    genuine = office.card().blocks
    for action in ("cancel", "edit"):
        office.client.chat_postMessage(channel="C0APPROVE", text="forged", blocks=genuine)
        forged = office.card("#approvals")
        office.slack.click(ROSA, forged, "peftsize.more", f"{action} {request.id}")
        office.work()
        assert office.slack.modals(ROSA) == []
        assert office.events()[-1]["event"] == f"{action}.refused"
        assert office.events()[-1]["reason"] == "foreign_message"


def test_an_ended_request_can_be_asked_for_again(office):
    """The form opens with the text of the request that was rejected, cancelled or has expired."""
    office.ask()
    office.press(ROSA, "cancel")
    office.press(BEN, "ask_again")
    (view,) = office.slack.modals(BEN)
    assert view.body["title"]["text"] == "New request"
    assert "10b 2x128MB qlora4" in str(view.body["blocks"])


def test_three_gpus_are_changed_to_four_by_a_button(office):
    """The override makes a new revision with 4 GPUs, by hand."""
    office.ask("70b 10x500MB lora")
    office.press(ROSA, "use_gpus")
    assert (office.row().use_gpus, office.row().revision) == (4, 2)


def test_views_of_the_json_are_audited(office):
    """Show JSON opens the exact body at once, and says in the audit who looked."""
    office.ask()
    office.press(BEN, "details")
    (view,) = office.slack.modals(BEN)
    assert "num_gpu" in str(view.body)
    event = office.events()[-1]
    assert (event["event"], event["actor"]["user_id"]) == ("details.viewed", "U0BEN0001")
    assert event["digest"] == office.row().digest


def test_the_second_opinion_opens_for_a_known_model(office):
    """Explain opens a modal with the estimate."""
    office.ask("llama-3.1-8b 4xr16 lora")
    office.press(ADA, "details")
    (view,) = office.slack.modals(ADA)
    assert "Second opinion" in str(view.body)


def test_a_modal_that_slack_does_not_open_is_said(office):
    """views.open fails: the person is told, nothing is decided, nothing breaks."""
    office.ask()
    office.slack.faults.only = frozenset({"views.open"})
    office.slack.faults.http_500 = 2
    office.press(ADA, "reject")
    assert "did not open" in office.slack.ephemerals(ADA)[-1].text
    answer = office.slack.command(ROSA, TEAM)
    assert "did not open" in answer.ephemerals[0].text


def test_unknown_buttons_and_unknown_requests_are_acknowledged(office):
    """A button of an older version, or of nobody's, is no error."""
    client = office.client
    blocks = [
        {
            "type": "actions",
            "block_id": f"b{number}",
            "elements": [
                {
                    "type": "button",
                    "action_id": action,
                    "value": value,
                    "text": {"type": "plain_text", "text": action},
                }
            ],
        }
        for number, (action, value) in enumerate(
            [("peftsize.dance", "x"), ("other", "y"), ("peftsize.approve", "'; --")]
        )
    ]
    client.chat_postMessage(channel="C0MLSERVE", text="x", blocks=blocks)
    for action in ("peftsize.dance", "other"):
        assert office.slack.click(ADA, office.card(), action).status == 200
    office.press(ADA, "approve")
    assert "no such request" in office.slack.ephemerals(ADA)[-1].text


def test_a_forged_card_decides_nothing(office):
    """A message that is none of the stored copies carries a real request's button: refused and audited."""
    request = office.ask()
    blocks = office.card().blocks
    office.client.chat_postMessage(channel="C0APPROVE", text="forged", blocks=blocks)
    office.press(ADA, "approve", office.card("#approvals"))
    assert office.row().state == "pending"
    event = office.events()[-1]
    assert (event["request_id"], event["reason"]) == (request.id, "foreign_message")


def test_the_shortcut_opens_the_form_with_the_message(office):
    """Size this request takes the request that a message holds into the form's fields."""
    message = office.slack.say(BEN, TEAM, "/peftsize 10b 2x128MB &amp; qlora4")
    office.slack.shortcut(ROSA, message, "peftsize.from_message")
    (view,) = office.slack.modals(ROSA)
    assert "Request: `10b 2x128MB qlora4`" in str(view.body)


def test_a_mention_asks_and_errors_come_privately_in_its_thread(office):
    """Threads have no slash commands: a mention asks there; its error is told to its author alone."""
    root = office.slack.say(BEN, TEAM, "Which spec?")
    office.slack.mention(ROSA, TEAM, "10b 2x128MB qlora4", root.ts)
    office.work()
    assert office.row().requester_id == "U0ROSA001"
    delivery = office.slack.mention(ROSA, TEAM, "10b qlora9", root.ts)
    office.work()
    answer = office.slack.ephemerals(ROSA, TEAM)[-1]
    assert answer.thread_ts == root.ts
    assert len(office.rows()) == 1
    office.slack.deliver(delivery.body, "application/json")
    office.work()
    assert len(office.slack.ephemerals(ROSA, TEAM)) == 1


def test_an_event_sent_again_tells_nothing_twice(office):
    """Slack repeats an event it thinks lost: one request, one card, no answer that it exists."""
    delivery = office.slack.mention(ROSA, TEAM, "10b 2x128MB qlora4")
    office.slack.deliver(delivery.body, "application/json", {"X-Slack-Retry-Num": "1"})
    office.work()
    assert len(office.rows()) == 1
    assert office.slack.ephemerals(ROSA, TEAM) == []


def test_app_home_shows_what_waits_and_decides(office):
    """Ada sees Rosa's request under Waiting for me and approves it there; Rosa sees it under Mine."""
    office.ask()
    office.slack.open_home(ADA)
    office.work()
    assert "Waiting for me (1)" in str(office.slack.home(ADA).body)
    office.slack.open_home(ROSA)
    office.work()
    assert "Waiting for me (0)" in str(office.slack.home(ROSA).body)
    office.slack.click(ADA, office.slack.home(ADA), "peftsize.approve")
    office.work()
    assert office.row().state == "approved"
    office.later(3)
    assert "Waiting for me (0)" in str(office.slack.home(ADA).body)


def test_a_request_from_app_home_has_its_card_in_the_direct_message(office):
    """Without a channel the card goes to the person, and the approver finds it in App Home."""
    office.slack.open_home(ROSA)
    office.work()
    office.slack.click(ROSA, office.slack.home(ROSA), "peftsize.open_form")
    (view,) = office.slack.modals(ROSA)
    office.slack.submit(ROSA, view, {"request": "10b 2x128MB qlora4"})
    office.work()
    assert office.row().channel_id == "D0ROSA001"
    assert office.row().message_ts == office.slack.dms(ROSA)[-1].ts


def workflow(mode: str) -> Policy:
    return Policy.model_validate(
        {"defaults": RULES.defaults.model_dump(include={"approvers"}) | {"workflow": mode}}
    )


def run_step(office, text="10b 2x128MB qlora4"):
    office.slack.run_function(ROSA, {"request_text": text, "requester": "U0ROSA001"})
    office.work()
    return next(reversed(office.slack.workspace.executions.values()))


def test_a_workflow_is_refused_unless_the_policy_allows_it(office):
    """The requester of a step proves nothing: refused by default, audited, and the step fails."""
    ended = run_step(office)
    assert ended["status"] == "error"
    assert "Workflow Builder" in ended["error"]
    assert (office.rows(), office.names()) == ([], ["request.refused"])


def test_a_workflow_step_ends_when_its_request_does(new_office):
    """Allowed with two people: the step stays open until the end; only the execution's id is stored."""
    office = new_office(workflow("quorum-of-two"))
    running = run_step(office)
    assert running["status"] == "running"
    assert (office.row().quorum, office.row().origin) == (2, "workflow")
    assert office.slack.app.workflow_token not in str([message.body for message in office.outbox_messages()])
    office.slack.click(ROSA, office.slack.dms(ROSA)[-1], "peftsize.more", f"cancel {office.row().id}")
    office.slack.faults.down = "503"
    office.slack.submit(ROSA, office.slack.modals(ROSA)[-1])
    office.work()
    office.slack.faults.down = ""
    office.later(120)
    ended = next(reversed(office.slack.workspace.executions.values()))
    assert ended["status"] == "error"
    assert "cancelled" in ended["error"]


def test_a_workflow_text_that_cannot_be_read_ends_the_step(new_office):
    """The step fails with the grammar's sentence."""
    office = new_office(workflow("allow"))
    assert "9-bit" in run_step(office, "10b qlora9")["error"]


def test_the_end_of_the_installation_is_told_to_the_operator(office):
    """Uninstalled, or the bot's token revoked: the operator hears which."""
    office.slack.app_uninstalled()
    office.slack.tokens_revoked()
    assert office.revoked == ["app_uninstalled", "tokens_revoked"]


def test_a_listener_that_breaks_answers_with_a_reference(office, caplog):
    """An error nobody foresaw: a reference in answer and log, no traceback, no 5xx to the command."""
    office.service.site = None
    answer = office.slack.command(ROSA, TEAM, "10b 2x128MB qlora4")
    assert answer.status == 200
    reference = caplog.records[-1].facts["reference"]
    assert reference in answer.ephemerals[0].text
    assert "Traceback" not in answer.answer


@pytest.mark.parametrize("who", [ADA, INES, ROSA])
def test_nothing_in_a_channel_without_the_bot_is_lost_for(office, who):
    """Whoever asks where the bot is not: the row is there, the answer is private."""
    office.ask(user=who, channel=RANDOM)
    assert office.row().state == "pending"
    assert office.slack.messages(RANDOM) == []
