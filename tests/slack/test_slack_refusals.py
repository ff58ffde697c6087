"""What Slack refuses for good: the person hears the real cause, and it works after the repair."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.slack.blocks import slack_refusals
from tests.support.office import ADA, BEN, ROSA, TEAM

WORDS = {
    "restricted_action_read_only_channel": "read-only",
    "missing_scope": "lacks a scope",
    "invalid_blocks": "update peftsize",
    "is_archived": "archived",
    "unknown_method": "update peftsize",
    "never_heard_of": "never_heard_of",
}


def restart(office):
    """Have done what a start does first."""
    with office.store.write() as tx:
        tx.queues.hasten_failed()
    office.work()


@pytest.mark.parametrize("word", WORDS)
def test_a_refused_card_is_told_to_its_requester_and_comes_after_the_repair(office, word):
    """Once, privately, with the cause and not with an invitation; Post again works when it is repaired."""
    office.slack.faults.refused = {"chat.postMessage": word}
    office.ask()
    told = office.slack.ephemerals(ROSA)[-1]
    assert WORDS[word] in told.text
    assert "/invite" not in str(told.blocks)
    assert office.row().message_ts is None
    office.later(3700)
    assert len(office.slack.ephemerals(ROSA)) == 1
    office.slack.faults.clear()
    office.slack.click(ROSA, told, "peftsize.post_again")
    office.work()
    assert office.row().message_ts == office.card().ts


def test_a_refused_card_of_a_mention_is_told_in_a_direct_message(office):
    """An archived channel: there is no response URL, and no private answer either."""
    office.slack.mention(ROSA, TEAM, "10b none lora")
    channel = office.slack.directory.channel(TEAM)
    office.slack.directory.channels[channel.id] = replace(channel, is_archived=True)
    office.work()
    assert "archived" in office.slack.dms(ROSA)[-1].text


def test_a_deactivated_app_still_answers_through_the_response_url(office):
    """Every method fails; the address that the command came with does not need the token."""
    office.slack.faults.revoked = "account_inactive"
    office.slack.command(ROSA, TEAM, "10b 2x128MB qlora4")
    office.work()
    assert "deactivated" in office.slack.ephemerals(ROSA)[-1].text
    office.slack.faults.clear()
    office.later(60)
    assert office.row().message_ts is not None


def test_what_needs_a_repair_is_tried_again_at_the_next_start(office):
    """A card that a release wrote wrongly is posted by the next one, by itself."""
    office.slack.faults.refused = {"chat.postMessage": "invalid_blocks"}
    office.ask()
    office.slack.faults.clear()
    assert office.row().message_ts is None
    restart(office)
    assert office.row().message_ts is not None
    assert office.outbox_messages() == []


def test_a_private_answer_that_slack_refuses_comes_directly(office):
    """Whatever the word: who clicked gets an answer."""
    office.ask()
    office.slack.faults.refused = {"chat.postEphemeral": "restricted_action_read_only_channel"}
    office.press(ROSA, "approve")
    assert "somebody else must approve" in office.slack.dms(ROSA)[-1].text


def test_a_direct_message_channel_that_is_gone_is_opened_anew(office):
    """What was kept of it is dropped, and nothing is lost."""
    office.slack.faults.refused = {"chat.postEphemeral": "channel_not_found"}
    office.ask()
    office.press(ROSA, "approve")
    assert len(office.slack.dms(ROSA)) == 1
    office.announcer._calls._direct["U0ROSA001"] = "D0GONE001"
    office.clock.ahead_ms += 60_001  # the same refusal is told once a minute
    office.press(ROSA, "approve")
    assert len(office.slack.dms(ROSA)) == 2
    assert office.outbox_messages() == []


@pytest.mark.parametrize("word", ["missing_scope", "unknown_method", "exchanged_trigger_id"])
def test_a_form_that_slack_refuses_is_told_with_its_cause(office, word):
    """Not as a matter of time: the button's presser and the command's author hear what to do."""
    office.slack.faults.refused = {"views.open": word}
    cause = slack_refusals.SLACK_REFUSED[word][0]
    answer = office.slack.command(ROSA, TEAM)
    assert cause in answer.ephemerals[0].text
    office.ask()
    office.press(ADA, "reject")
    assert cause in office.slack.ephemerals(ADA)[-1].text
    assert "in time" not in office.slack.ephemerals(ADA)[-1].text


def test_every_cause_says_what_to_do():
    """Two sentences for each word, in words that nobody has to look up."""
    for cause, way_out in slack_refusals.SLACK_REFUSED.values():
        assert cause.endswith(".")
        assert way_out.endswith(".")


def test_a_card_asked_for_in_a_thread_is_posted_there(office):
    """The card is a reply in the thread, its buttons count, and links lead into the thread."""
    root = office.slack.say(BEN, TEAM, "Which spec?")
    office.slack.mention(ROSA, TEAM, "10b 2x128MB qlora4", root.ts)
    office.work()
    assert office.line().thread_ts == office.row().thread_ts == root.ts
    office.press(ADA, "approve", office.line())
    assert office.row().state == "approved"
    assert office.announcer._link(office.row()).endswith(f"?thread_ts={root.ts}&cid=C0MLSERVE")


def test_a_thread_that_is_gone_does_not_keep_the_card(office):
    """Its first message was deleted: the card stands in the channel."""
    root = office.slack.say(BEN, TEAM, "Which spec?")
    office.slack.mention(ROSA, TEAM, "10b 2x128MB qlora4", root.ts)
    office.slack.workspace.remove(root)
    office.work()
    office.later(1)
    assert office.card().thread_ts == ""
    assert office.row().thread_ts is None
