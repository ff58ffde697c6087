"""Menus and fields that ask the app while they are used: overflow, external selects, dispatched inputs."""

from __future__ import annotations

import pytest
from slack_bolt.adapter.socket_mode import SocketModeHandler

from bot.sandbox.slack.fake_slack import FakeSlack
from bot.sandbox.slack.inputs import NotThere
from bot.sandbox.slack.limits import block_problems
from tests.sandbox.tinyapp import actions, bolt_app, client_of, error, form_modal, option, plain, served


def overflow(count: int = 2, **more: object) -> dict:
    options = [option("form 42", "Form"), *(option(f"{number} 42") for number in range(count - 1))]
    return {"type": "overflow", "action_id": "more", "options": options} | more


@pytest.fixture
def slack():
    with FakeSlack() as fake, served(bolt_app(fake)) as url:
        fake.attach(url)
        yield fake


@pytest.fixture
def form(slack):
    """The open form of Rosa."""
    client_of(slack).chat_postMessage(channel="C0MLSERVE", text="card", blocks=[actions(overflow())])
    slack.click("rosa", slack.messages("ml-serving")[-1], "more", "form 42")
    return slack.modals("rosa")[-1]


def numbers(slack: FakeSlack) -> str:
    return slack.modals("rosa")[-1].body["blocks"][-1]["text"]["text"]


def test_an_overflow_menu_sends_the_chosen_option(slack):
    """The payload names the option that was chosen, by its value or by its words."""
    client_of(slack).chat_postMessage(channel="C0MLSERVE", text="card", blocks=[actions(overflow())])
    (card,) = slack.messages("ml-serving")
    (by_value, by_words) = (slack.click("rosa", card, "more", chosen) for chosen in ("form 42", "Form"))
    for sent in (by_value, by_words):
        assert sent.ok
        (action,) = sent.payload["actions"]
        assert action["type"] == "overflow"
        assert action["selected_option"] == option("form 42", "Form")
    with pytest.raises(NotThere):
        slack.click("rosa", card, "more", "nothing")


@pytest.mark.parametrize(("count", "taken"), [(1, False), (2, True), (5, True), (6, False)])
def test_an_overflow_menu_has_two_to_five_options(count, taken):
    """Fewer belong on a button, more are refused; one question may stand before all of them."""
    sure = {"title": plain("Sure?"), "text": plain("Really?"), "confirm": plain("Yes"), "deny": plain("No")}
    assert (block_problems([actions(overflow(count, confirm=sure))]) == []) is taken


def test_an_external_select_asks_the_app(slack, form):
    """The query arrives with its view; what the app offered can be chosen, and nothing else."""
    asked = slack.suggest("rosa", form, "model", "llama")
    payload = asked.payload
    assert (payload["type"], payload["value"]) == ("block_suggestion", "llama")
    assert (payload["block_id"], payload["action_id"]) == ("model", "model")
    assert payload["container"] == {"type": "view", "view_id": form.id}
    assert "trigger_id" not in payload
    assert asked.options == [option("llama-8b"), option("llama-70b")]
    assert slack.click("rosa", form, "model", "llama-70b", values={"method": "lora"}).ok
    assert numbers(slack) == "llama-70b lora"
    with pytest.raises(NotThere):
        slack.click("rosa", slack.modals("rosa")[-1], "model", "granite-8b")
    sent = slack.submit(
        "rosa", slack.modals("rosa")[-1], {"model": "llama-8b", "method": "lora", "ranks": "8"}
    )
    chosen = sent.payload["view"]["state"]["values"]["model"]["model"]
    assert chosen == {"type": "external_select", "selected_option": option("llama-8b")}


def test_a_choice_outlives_the_next_search(slack, form):
    """What was chosen stays chosen while something else is searched for."""
    slack.suggest("rosa", form, "model", "llama")
    slack.suggest("rosa", form, "model", "granite")
    assert slack.submit("rosa", form, {"model": "llama-8b", "method": "lora", "ranks": "8"}).ok


def test_too_many_options_are_refused(slack, form):
    """An answer past Slack's limits offers nothing."""
    refused = slack.suggest("rosa", form, "model", "too many")
    assert (refused.error, refused.options) == ("invalid_options", [])
    with pytest.raises(NotThere):
        slack.click("rosa", form, "model", "1")


def test_a_query_may_be_too_short_to_ask(slack, form):
    """Slack's client asks from `min_query_length` on, three characters by default."""
    count = len(slack.recorded)
    with pytest.raises(NotThere):
        slack.suggest("rosa", form, "model", "")
    select = {"type": "external_select", "action_id": "model"}
    client_of(slack).chat_postMessage(channel="C0MLSERVE", text="x", blocks=[actions(select)])
    card = slack.messages("ml-serving")[-1]
    with pytest.raises(NotThere):
        slack.suggest("ada", card, "model", "ll")
    assert len(slack.recorded) == count
    payload = slack.suggest("ada", card, "model", "lla").payload
    assert payload["message"]["ts"] == payload["container"]["message_ts"] == card.ts


def test_without_an_options_load_url_nobody_is_asked(slack, form):
    """An app without the address in its manifest gets no query, and the person no options."""
    slack.attach(slack.courier.url, options_url="")
    assert slack.suggest("rosa", form, "model", "llama").error == "no_options_load_url"


def test_options_have_three_seconds(slack, form):
    """An app that takes longer offers nothing."""
    slack.courier.deadline_s = 0.0001
    late = slack.suggest("rosa", form, "model", "llama")
    assert (late.error, late.options) == ("operation_timeout", [])


def test_an_input_acts_only_where_its_block_dispatches(slack, form):
    """A field whose block does not say `dispatch_action` sends nothing by itself."""
    assert slack.click("rosa", form, "method", "qlora").ok
    assert numbers(slack) == "None qlora"
    with pytest.raises(NotThere):
        slack.click("rosa", form, "ranks", "8")


def test_an_update_of_an_older_view_conflicts(slack, form):
    """Two changes that were made from one picture: the second update is refused by its hash."""
    slack.click("rosa", form, "method", "qlora")
    client = client_of(slack)
    update = {"view_id": form.id, "hash": form.hash, "view": form_modal()}
    assert error(client.views_update, **update) == "hash_conflict"


def test_suggestions_come_over_a_socket_too():
    """In Socket Mode the options stand in the acknowledgement; no address is needed."""
    with FakeSlack() as slack:
        handler = SocketModeHandler(bolt_app(slack), slack.app_token)
        handler.connect()
        try:
            client_of(slack).chat_postMessage(channel="C0MLSERVE", text="x", blocks=[actions(overflow())])
            slack.click("rosa", slack.messages("ml-serving")[-1], "more", "form 42")
            asked = slack.suggest("rosa", slack.modals("rosa")[-1], "model", "granite")
            assert (asked.via, asked.options) == ("socket", [option("granite-8b")])
        finally:
            handler.client.auto_reconnect_enabled = False
            slack.sockets.close()
            handler.close()
