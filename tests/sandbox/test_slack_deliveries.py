"""What people do in the stand-in of Slack reaches a real Bolt app, signed, and its answers show."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from urllib.parse import parse_qs

import pytest

from bot.sandbox.slack.fake_slack import FakeSlack
from bot.sandbox.slack.inputs import REQUIRED, NotThere
from tests.sandbox.tinyapp import bolt_app, served


@pytest.fixture
def slack():
    with FakeSlack() as fake, served(bolt_app(fake)) as url:
        fake.attach(url)
        fake.recorded.clear()
        yield fake


def test_a_command_is_signed_and_complete(slack):
    """A command arrives as Slack sends it: every field, form-encoded, and a signature that fits the bytes."""
    delivery = slack.command("rosa", "#ml-serving", "10b 2x128MB qlora4")
    assert (delivery.status, delivery.error, delivery.ok) == (200, "", True)
    assert delivery.seconds < 3
    form = {key: values[0] for key, values in parse_qs(delivery.body.decode()).items()}
    assert form == delivery.payload
    assert form["text"] == "10b 2x128MB qlora4"
    assert form.keys() == {
        "token", "team_id", "team_domain", "channel_id", "channel_name", "user_id", "user_name", "command",
        "text", "api_app_id", "is_enterprise_install", "response_url", "trigger_id",
    }  # fmt: skip
    stamp = delivery.headers["X-Slack-Request-Timestamp"]
    base = b"v0:" + stamp.encode() + b":" + delivery.body
    digest = hmac.new(slack.signing_secret.encode(), base, hashlib.sha256).hexdigest()
    assert delivery.headers["X-Slack-Signature"] == f"v0={digest}"
    (card,) = slack.messages("#ml-serving")
    assert card.text == "10b 2x128MB qlora4"
    assert card.bot_id == slack.bot_id


def test_an_answer_in_the_acknowledgement_is_private(slack):
    """Text in the acknowledgement of a command is a message that only the person sees."""
    delivery = slack.command("rosa", "#ml-serving", "help")
    assert [m.text for m in delivery.ephemerals] == ["help is here"]
    assert [m.text for m in slack.ephemerals("rosa", "#ml-serving")] == ["help is here"]
    assert slack.ephemerals("ada") == []
    assert slack.messages("#ml-serving") == []


def test_a_bad_answer_to_a_command_is_told(slack):
    """An acknowledgement that Slack would refuse is an error for the person who typed."""
    delivery = slack.command("rosa", "#ml-serving", "bad blocks")
    assert delivery.error == "invalid_command_response"
    assert "invalid_command_response" in slack.ephemerals("rosa")[0].text


def test_a_click_updates_the_card_in_place(slack):
    """A click carries the message and the actor; the update keeps the `ts` and says that it was edited."""
    slack.command("rosa", "#ml-serving", "card")
    (card,) = slack.messages("#ml-serving")
    delivery = slack.click("ada", card, "Approve")
    payload = delivery.payload
    assert payload["user"] == {
        "id": "U0ADA0001", "username": "ada", "name": "ada", "team_id": slack.team_id,
    }  # fmt: skip
    assert payload["actions"][0]["value"] == "42"
    assert payload["message"]["ts"] == card.ts == payload["container"]["message_ts"]
    assert payload["enterprise"] is None
    (updated,) = slack.messages("#ml-serving")
    assert updated.ts == card.ts
    assert updated.edited_ts > card.ts
    assert updated.text == "approved by U0ADA0001"
    with pytest.raises(NotThere):
        slack.click("ben", updated, "Approve")
    assert slack.click("ben", card, "Approve").ok, "an old picture still has its buttons"


def test_a_foreigner_is_told_as_such(slack):
    """A click from another organisation carries that team in `team` and `user`."""
    slack.command("rosa", "#ml-serving", "card")
    payload = slack.click("fay", slack.messages("#ml-serving")[0], "approve").payload
    assert payload["team"]["id"] == payload["user"]["team_id"] == "T0AWAY001"
    assert payload["message"]["team"] == slack.team_id


def test_a_modal_lives_as_in_slack(slack):
    """Required fields stop in the client; errors, update and a plain answer do what they should."""
    slack.command("rosa", "#ml-serving", "card")
    slack.click("ada", slack.messages("#ml-serving")[0], "reject")
    (modal,) = slack.modals("ada")
    count = len(slack.recorded)
    empty = slack.submit("ada", modal)
    assert (empty.status, empty.errors) == (None, {"reason": REQUIRED})
    assert len(slack.recorded) == count, "nothing was sent"
    short = slack.submit("ada", slack.modals("ada")[-1], {"why": "no"})
    assert "at least 3" in short.errors["reason"]
    refused = slack.submit("ada", slack.modals("ada")[-1], {"why": "because"})
    assert refused.errors == slack.modals("ada")[-1].errors == {"reason": "Say more."}
    assert refused.status == 200
    slack.submit("ada", slack.modals("ada")[-1], {"reason": "more"})
    assert slack.modals("ada")[-1].body["private_metadata"] == "second"
    done = slack.submit("ada", slack.modals("ada")[-1], {"why": "no capacity"})
    assert done.ok
    assert done.payload["view"]["state"]["values"] == {
        "reason": {"why": {"type": "plain_text_input", "value": "no capacity"}}
    }
    assert slack.modals("ada") == []
    with pytest.raises(NotThere):
        slack.submit("ada", modal, {"why": "again"})


def test_events_reach_the_app(slack):
    """Mentions, the Home tab, shortcuts and functions go through Slack's envelopes."""
    mention = slack.mention("rosa", "#ml-serving", "10b lora")
    assert mention.ok
    said, answered = slack.messages("#ml-serving")
    assert answered.thread_ts == said.ts
    assert slack.mention("rosa", "#random", "nobody hears") is None
    assert slack.open_home("rosa").ok
    assert slack.home("rosa").body["blocks"][0]["text"]["text"] == "home"
    assert slack.shortcut("rosa", said, "peftsize.from_message").ok
    assert slack.ephemerals("rosa")[-1].text.startswith("about <@U0PEFT001> 10b lora")
    ran = slack.run_function("rosa", {"text": "10b lora"})
    execution = slack.workspace.executions[ran.payload["event"]["function_execution_id"]]
    assert (execution["status"], execution["outputs"]) == ("success", {"echo": "10b lora"})


def test_unheard_events_are_brought_again(slack):
    """An event that nobody acknowledges is brought three more times, each with its number and reason."""
    delivery = slack.event({"type": "nobody_listens"})
    assert delivery.attempt == 3
    attempts = [d for d in slack.recorded if d.payload["event"]["type"] == "nobody_listens"]
    assert [d.headers.get("X-Slack-Retry-Num") for d in attempts] == [None, "1", "2", "3"]
    assert {d.payload["event_id"] for d in attempts} == {delivery.payload["event_id"]}


def test_a_deaf_app_is_told_to_people(slack):
    """Nobody at the address: the person who typed sees Slack's error; clicks carry it in the delivery."""
    slack.attach("http://127.0.0.1:9/slack/events")
    assert slack.command("rosa", "#ml-serving", "x").error == "dispatch_failed"
    assert 'failed with the error "dispatch_failed"' in slack.ephemerals("rosa")[-1].text


def test_a_slow_app_is_given_up(slack):
    """Past the deadline Slack hangs up and tells the person, whatever the app does later."""
    slack.courier.deadline_s = 0.2
    slack.faults.slow_s = 0.5  # the app waits for chat.postMessage before it acknowledges
    late = slack.command("rosa", "#ml-serving", "slow")
    assert (late.status, late.error) == (None, "operation_timeout")
    assert "operation_timeout" in slack.ephemerals("rosa")[-1].text
    until = time.monotonic() + 5
    while not slack.messages("#ml-serving"):
        assert time.monotonic() < until, "the app never finished"
        time.sleep(0.01)


def test_hostile_bytes_can_be_sent(slack):
    """Any bytes and any headers can be posted, signed or not, and a delivery can be replayed as it was."""
    assert slack.deliver(b"command=%2Fx", headers={"X-Slack-Signature": "v0=00"}).status == 401
    assert slack.deliver(b"x", headers={"X-Slack-Signature": ""}).error == "http_client_error"
    first = slack.command("rosa", "#ml-serving", "again")
    again = slack.replay(first)
    assert again.status == 200
    assert again.headers == first.headers
    assert len(slack.messages("#ml-serving")) == 2


def test_recordings_hold_no_secret(slack, tmp_path):
    """Recorded files are whole payloads without token, trigger, response URL and signature."""
    slack.record_to(tmp_path)
    slack.command("rosa", "#ml-serving", "card")
    click = slack.click("ada", slack.messages("#ml-serving")[0], "approve")
    first, second = sorted(tmp_path.iterdir())
    assert second.name.endswith("-block_actions.json")
    written = first.read_text() + second.read_text()
    for secret in (slack.bot_token, slack.signing_secret, slack.app.verification_token,
                   click.payload["trigger_id"], click.payload["response_url"],
                   click.headers["X-Slack-Signature"]):  # fmt: skip
        assert secret not in written
        assert secret not in repr(click)
    assert json.loads(second.read_text())["payload"]["actions"][0]["action_id"] == "approve"
    assert json.loads(second.read_text())["payload"]["trigger_id"] == "<trigger_id>"


def test_the_end_of_an_installation(slack):
    """After the app is removed, its token is worth nothing."""
    slack.app_uninstalled()
    slack.command("rosa", "#ml-serving", "card")
    assert slack.calls[-1].answer == {"ok": False, "error": "account_inactive"}
    assert slack.messages("#ml-serving") == []


def test_changes_are_heard_of(slack):
    """Every change raises the version, and who listens hears of it."""
    heard = []
    slack.subscribe(lambda: heard.append(slack.version))
    before = slack.version
    slack.say("rosa", "#ml-serving", "hi")
    assert heard[-1] == slack.version > before
