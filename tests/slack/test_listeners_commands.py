"""What is typed after /peftsize, through signed HTTP."""

from __future__ import annotations

import pytest
from sqlalchemy import event

from bot.approvals.policy_file import Policy
from bot.slack.outbound.web_api import may_post
from tests.support.office import ADA, BEN, RANDOM, ROSA, TEAM


def said(delivery):
    """Return the private answer of an acknowledgement."""
    assert delivery.status == 200, delivery
    (message,) = delivery.ephemerals
    return message


def test_an_identical_request_gets_its_state_link_and_id_and_no_second_card(office):
    """The second of two equal requests is answered privately, in any spelling."""
    first = office.ask("10b 2x128MB qlora4")
    answer = said(office.slack.command(ADA, TEAM, "qlora4 128MB*2 10 billion"))
    office.work()
    words = str(answer.blocks)
    assert first.id in words
    assert "waiting for approval" in words
    link = f"https://model-serving.slack.com/archives/C0MLSERVE/p{first.message_ts.replace('.', '')}"
    assert link in words
    assert len(office.rows()) == 1
    assert len([m for m in office.slack.messages(TEAM) if m.bot_id]) == 1


def test_a_name_that_is_held_is_told_with_its_holder(office):
    """Another request of the same spec name is not stored."""
    first = office.ask("10b 2x128MB qlora4 name=ours")
    answer = said(office.slack.command(ADA, TEAM, "70b none lora name=ours"))
    assert first.id in str(answer.blocks)
    assert "name=" in str(answer.blocks)
    assert len(office.rows()) == 1


def test_a_text_that_cannot_be_read_is_answered_with_a_fix_that_runs(office):
    """The error is private, and its button asks for the fixed request in the same channel."""
    answer = said(office.slack.command(ROSA, TEAM, "10b 2x128MB qlora5"))
    assert "qlora5" in str(answer.blocks)
    assert office.rows() == []
    fixed = office.press(ROSA, "run_text", answer)
    assert fixed.status == 200
    assert office.row().channel_id == "C0MLSERVE"
    assert office.row().requester_id == "U0ROSA001"


def test_a_mistyped_preview_stays_a_preview(office):
    """The button runs what was meant; nothing is asked for."""
    answer = said(office.slack.command(ROSA, TEAM, "preveiw 10b 2x128MB qlora4"))
    assert "/peftsize preview 10b 2x128MB qlora4" in str(answer.blocks)
    office.press(ROSA, "run_text", answer)
    assert office.rows() == []
    assert "nothing was stored" in str(office.slack.ephemerals(ROSA)[-1].blocks)


def test_an_example_opens_the_form_instead_of_running(office):
    """Where a fix would invent a number, the button opens the form with the example in it."""
    answer = said(office.slack.command(ROSA, TEAM, "2x128MB qlora4"))
    office.slack.click(ROSA, answer, "peftsize.open_form")
    (view,) = office.slack.modals(ROSA)
    assert view.body["callback_id"] == "peftsize.form"
    assert office.rows() == []


def test_one_of_the_nearest_models_opens_the_form_with_it(office):
    """An unknown model is answered with the three nearest; a press takes one of them into the form."""
    answer = said(office.slack.command(ROSA, TEAM, "granite-8b 2x128MB qlora4"))
    office.slack.click(ROSA, answer, "peftsize.open_form", block_id="peftsize:0:candidate-1")
    (view,) = office.slack.modals(ROSA)
    assert "granite-3.3-8b 2x128MB qlora4" in str(view.body)
    assert office.rows() == []


def test_a_denied_request_is_told_and_audited(new_office):
    """A deny of the policy stores no request, and leaves the attempt in the audit."""
    rules = Policy.model_validate(
        {"defaults": {"approvers": ["anyone"]}, "rule": [{"when": {"min_gpus": 3}, "deny": "No room."}]}
    )
    office = new_office(rules)
    answer = said(office.slack.command(ROSA, TEAM, "70b 10x500MB lora"))
    assert "No room." in str(answer.blocks)
    assert (office.rows(), office.names()) == ([], ["request.refused"])


def test_alone_it_opens_the_form_and_the_form_asks(office):
    """/peftsize without words opens the form; what is wrong is told under its field; then it asks."""
    office.slack.command(ROSA, TEAM)
    (view,) = office.slack.modals(ROSA)
    wrong = office.slack.submit(ROSA, view, {"request": "10b 2x128Mbit"})
    assert "bits" in wrong.errors["request"]
    assert office.rows() == []
    (view,) = office.slack.modals(ROSA)
    assert office.slack.submit(ROSA, view, {"request": "10b 2x128MB qlora4"}).ok
    office.work()
    assert office.slack.modals(ROSA) == []
    assert office.row().message_ts == office.card().ts


def test_the_form_tells_of_an_identical_request_under_the_field(office):
    """No second card, and the person sees which request there is."""
    first = office.ask()
    office.slack.command(ADA, TEAM)
    (view,) = office.slack.modals(ADA)
    answer = office.slack.submit(ADA, view, {"request": "10b 2x128MB qlora4"})
    assert first.id in answer.errors["request"]
    assert len(office.rows()) == 1


def test_the_words_answer_privately_and_store_nothing(office):
    """help, preview and policy leave no row and no event; nor do lists, for somebody who was just looked up."""
    office.people.asker("T0HOME001", "U0ROSA001")
    for text, expected in (
        ("help", "/peftsize"),
        ("preview 10b 2x128MB qlora4", "7.875"),
        ("policy 10b 2x128MB qlora4", "S0APPROVE"),
        ("PREVIEW 10b", "30"),
        ("preview", "model"),
        ("list", "none"),
        ("mine", "none"),
        ("history", "none"),
        ("show RXXXXXXXX", "no such request"),
    ):
        answer = said(office.slack.command(ROSA, TEAM, text))
        assert expected in str(answer.blocks) + answer.text, text
    assert (office.rows(), office.events()) == ([], [])


def test_lists_find_and_turn_pages(office):
    """List shows what is open, mine only mine, history searches, and the buttons turn pages."""
    for number in range(1, 13):
        office.slack.command(ROSA if number != 7 else ADA, TEAM, f"{number}b none lora")
    office.work()
    office.people.asker("T0HOME001", "U0ROSA001")
    first = said(office.slack.command(ROSA, TEAM, "list"))
    assert "page 1 of 2" in str(first.blocks)
    office.slack.click(ROSA, first, "peftsize.page")
    office.later(30)
    second = office.slack.ephemerals(ROSA, TEAM)[-1]
    assert "page 2 of 2" in str(second.blocks)
    assert "`1b none lora`" in str(second.blocks)
    mine = said(office.slack.command(ADA, TEAM, "mine"))
    assert "7b none lora" in str(mine.blocks)
    assert "8b none lora" not in str(mine.blocks)
    office.people.asker("T0HOME001", "U0ROSA001")
    found = said(office.slack.command(ROSA, TEAM, "history 12b"))
    assert "12b none lora" in str(found.blocks)
    assert "11b none lora" not in str(found.blocks)
    shown = said(office.slack.command(ROSA, TEAM, f"show {office.row().id.lower()}"))
    assert office.row().id in str(shown.blocks)


def test_where_the_bot_is_not_it_says_which_invitation_it_waits_for(office):
    """The request is kept, the answer names the exact line, and the card comes when the bot joins."""
    request = office.ask(channel=RANDOM)
    assert request.message_ts is None
    answer = office.slack.ephemerals(ROSA, RANDOM)[-1]
    assert "/invite @peftsize" in str(answer.blocks)
    (message,) = office.outbox_messages()
    assert "response_url" not in message.body
    office.later(60)
    assert len(office.slack.ephemerals(ROSA, RANDOM)) == 1
    office.slack.member_joined(RANDOM)
    office.work()
    assert office.row().message_ts == office.card(RANDOM).ts
    assert office.outbox_messages() == []


def test_post_again_posts_the_card_once_the_bot_may(office):
    """Somebody invited the bot without our hearing of it: the button posts the card."""
    office.ask(channel=RANDOM)
    answer = office.slack.ephemerals(ROSA, RANDOM)[-1]
    place = office.slack.channel(RANDOM)
    office.slack.directory.change_channel(place, members=place.members | {office.slack.bot_user_id})
    office.press(ROSA, "post_again", answer)
    assert office.row().message_ts == office.card(RANDOM).ts


def test_a_foreign_response_url_is_never_stored(office):
    """Only Slack's own host, or the one that is set, may be posted to."""
    api = "https://slack.com/api/"
    assert may_post("https://hooks.slack.com/commands/1/2", api)
    assert may_post(office.slack.url + "x", office.slack.url)
    for url in (
        "http://hooks.slack.com/x",
        "https://hooks.slack.com.evil.example/x",
        "https://evil.example/hooks.slack.com",
        "https://hooks.slack.com@evil.example/",
        "https://a:b@hooks.slack.com/",
        "https://[",
        "",
    ):
        assert not may_post(url, api), url


def test_a_database_that_takes_nothing_is_said_in_the_answer(office):
    """Nothing was stored, the person is told, nothing is acknowledged as done, and nobody crashes."""
    office.ask("1b none lora")
    card = office.card()
    event.listen(
        office.store.database.writing,
        "begin",
        lambda connection: connection.exec_driver_sql("PRAGMA query_only=ON"),
    )
    answer = said(office.slack.command(ROSA, TEAM, "10b 2x128MB qlora4"))
    assert "nothing was stored" in answer.text
    assert office.slack.click(ADA, card, "peftsize.approve").status == 503
    assert len(office.rows()) == 1


def test_a_card_may_be_posted_in_the_approval_channel(new_office):
    """With an approval channel the card is there, and who asked is told so."""
    office = new_office(approval_channel="C0APPROVE")
    answer = said(office.slack.command(ROSA, TEAM, "10b 2x128MB qlora4"))
    office.work()
    assert "<#C0APPROVE>" in str(answer.blocks)
    assert office.row().message_ts == office.card("#approvals").ts


@pytest.mark.parametrize("text", ["<!channel> 10b", "10b ```x", "@here 10b", "\u202e10b"])
def test_hostile_text_is_echoed_without_effect(office, text):
    """What is echoed mentions nobody and breaks out of nothing."""
    answer = said(office.slack.command(ROSA, TEAM, text))
    assert "<!channel>" not in str(answer.blocks)
    assert "\u202e" not in str(answer.blocks)
    assert office.rows() == []
    assert BEN not in str(answer.blocks)
