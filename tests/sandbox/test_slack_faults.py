"""Slack is slow, limited, down or gone; its own client sees that as it would see the real one."""

from __future__ import annotations

import json
import threading
from http.client import HTTPConnection
from urllib.error import URLError
from urllib.parse import urlsplit

import pytest
from slack_sdk.errors import SlackApiError

from tests.sandbox.tinyapp import client_of, reason_modal, refused, trigger


def test_one_message_a_second(slack, client, clock):
    """After the burst a channel is limited to one message a second, with Retry-After; others are not."""
    slack.rates.on, slack.rates.post_burst = True, 2
    for _ in range(2):
        client.chat_postMessage(channel="C0MLSERVE", text="x")
    told = refused(client.chat_postMessage, channel="C0MLSERVE", text="x")
    assert (told.status_code, told["error"], told.headers["Retry-After"]) == (429, "ratelimited", "1")
    client.chat_postMessage(channel="C0APPROVE", text="x")
    clock.now += 1
    client.chat_postMessage(channel="C0MLSERVE", text="x")


def test_fifty_updates_a_minute(slack, client, clock):
    """The fifty-first chat.update within a minute has to wait."""
    slack.rates.on, slack.rates.updates_a_minute = True, 3
    ts = client.chat_postMessage(channel="C0MLSERVE", text="x")["ts"]
    for _ in range(3):
        client.chat_update(channel="C0MLSERVE", ts=ts, text="y")
    assert refused(client.chat_update, channel="C0MLSERVE", ts=ts, text="z").headers["Retry-After"] == "60"
    clock.now += 60
    client.chat_update(channel="C0MLSERVE", ts=ts, text="z")


def test_faults_can_be_switched_on(slack, client):
    """Down, 500, 429, a lost answer: for the methods that are named, and gone after clear()."""
    slack.faults.rate_limited, slack.faults.retry_after_s = 1, 7
    assert refused(client.auth_test).headers["Retry-After"] == "7"
    client.auth_test()
    slack.faults.http_500 = 1
    with pytest.raises(SlackApiError):
        client.auth_test()
    slack.faults.down = "503"
    slack.faults.only = frozenset({"chat.postMessage"})
    client.auth_test()
    assert refused(client.chat_postMessage, channel="C0MLSERVE", text="x").status_code == 503
    slack.faults.clear()
    slack.faults.lose_answers = 1
    with pytest.raises((URLError, ConnectionError)):
        client.chat_postMessage(channel="C0MLSERVE", text="landed")
    assert [m.text for m in slack.messages("ml-serving")] == ["landed"]
    slack.faults.down = "reset"
    with pytest.raises((URLError, ConnectionError)):
        client.chat_postMessage(channel="C0MLSERVE", text="lost")
    slack.faults.clear()
    assert [m.text for m in slack.messages("ml-serving")] == ["landed"]
    assert [call.status for call in slack.calls[-2:]] == [0, 0]


def test_a_stopped_slack_comes_back(slack, client):
    """After stop() nobody answers; start() takes the same address and nothing is forgotten."""
    client.chat_postMessage(channel="C0MLSERVE", text="before")
    slack.stop()
    with pytest.raises((URLError, ConnectionError)):
        client.auth_test()
    slack.start()
    client.auth_test()
    assert [m.text for m in slack.messages("ml-serving")] == ["before"]


def test_calls_are_remembered_without_secrets(slack, client):
    """The traffic that a page shows has methods and arguments, no token and no trigger."""
    name = trigger(slack)
    client.views_open(trigger_id=name, view=reason_modal())
    client.apps_connections_open(app_token=slack.app_token)
    written = repr(slack.calls)
    assert slack.calls[0].method == "views.open"
    for secret in (name, slack.bot_token, slack.app_token, "ticket="):
        assert secret not in written


def test_rubbish_is_answered(slack):
    """Whatever is posted, the answer is JSON and never a traceback."""
    for path, body, status in (
        ("/api/chat.postMessage", b"\xff\xfe", 200),
        ("/api/chat.postMessage", b"[1]", 200),
        ("/response/none", b"{}", 404),
        ("/elsewhere", b"", 404),
    ):
        address = urlsplit(slack.url)
        connection = HTTPConnection(address.hostname, address.port, timeout=5)
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        found, said = response.status, response.read()
        connection.close()
        assert found == status
        assert json.loads(said)["ok"] is False


def test_many_at_once(slack):
    """Concurrent posts all land, each with a timestamp of its own."""

    def post():
        client = client_of(slack)
        for _ in range(10):
            client.chat_postMessage(channel="C0MLSERVE", text="x")

    threads = [threading.Thread(target=post) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({m.ts for m in slack.messages("ml-serving")}) == 80
