"""Socket Mode: Slack's own built-in client connects to the stand-in and works as with Slack."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack, contextmanager

import pytest
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.builtin import SocketModeClient
from slack_sdk.socket_mode.response import SocketModeResponse
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from bot.sandbox.slack.fake_slack import FakeSlack
from tests.sandbox.tinyapp import bolt_app, client_of


def wait_for(true, seconds=10.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


@pytest.fixture
def slack():
    with FakeSlack() as fake:
        yield fake


def hang_up(slack, client):
    """Closes a client; cut first, since it holds its lock for as long as it waits for a frame."""
    client.auto_reconnect_enabled = client.default_auto_reconnect_enabled = False
    slack.sockets.close()
    client.close()


@contextmanager
def connected(slack, *, answer=None):
    """Yields a client and what it received; it acknowledges with `answer(request)`, at once without."""
    received = []
    client = SocketModeClient(slack.app_token, web_client=client_of(slack), ping_interval=1)

    def listener(client, request):
        received.append(request)
        payload = answer(request) if answer else None
        client.send_socket_mode_response(SocketModeResponse(request.envelope_id, payload))

    client.socket_mode_request_listeners.append(listener)
    before = len(slack.sockets.connections)
    client.connect()
    wait_for(lambda: len(slack.sockets.connections) == before + 1)
    try:
        yield client, received
    finally:
        hang_up(slack, client)


def test_bolt_over_a_socket_is_as_over_http(slack):
    """Commands, clicks, modals and events reach a Bolt app over the socket, with the same answers."""
    handler = SocketModeHandler(bolt_app(slack), slack.app_token)
    handler.connect()
    try:
        wait_for(lambda: slack.sockets.connections)
        assert [m.text for m in slack.command("rosa", "#ml-serving", "help").ephemerals] == ["help is here"]
        delivery = slack.command("rosa", "#ml-serving", "card")
        assert (delivery.via, delivery.status, delivery.ok) == ("socket", 200, True)
        (card,) = slack.messages("#ml-serving")
        slack.click("ada", card, "reject")
        refused = slack.submit("ada", slack.modals("ada")[-1], {"why": "because"})
        assert refused.errors == {"reason": "Say more."}
        slack.click("ada", card, "approve")
        assert slack.message("#ml-serving", card.ts).text == "approved by U0ADA0001"
        assert slack.mention("rosa", "#ml-serving", "hi").ok
    finally:
        hang_up(slack, handler.client)


def test_every_payload_goes_to_one_connection(slack):
    """With two connections each payload reaches exactly one, and both get their turn."""
    with connected(slack) as (_, first), connected(slack) as (_, second):
        for _ in range(6):
            assert slack.command("rosa", "#ml-serving", "x").ok
    ids = [request.envelope_id for request in [*first, *second]]
    assert len(ids) == len(set(ids)) == 6
    assert (len(first), len(second)) == (3, 3)


def test_without_a_connection_people_are_told(slack):
    """Once an app uses Socket Mode, no connection means that the command fails."""
    with connected(slack) as (client, _):
        client.disconnect()
        client.auto_reconnect_enabled = False
        wait_for(lambda: not slack.sockets.connections)
        delivery = slack.command("rosa", "#ml-serving", "x")
    assert (delivery.via, delivery.error) == ("", "dispatch_failed")


def test_an_acknowledgement_has_a_deadline(slack):
    """An acknowledgement that comes too late counts as none, and is dropped when it comes."""
    slack.courier.deadline_s = 0.2
    came = threading.Event()

    def late(_request):
        came.wait(5)
        return {"text": "too late"}

    with connected(slack, answer=late):
        assert slack.command("rosa", "#ml-serving", "x").error == "operation_timeout"
        came.set()
    assert [m.user for m in slack.ephemerals("rosa")] == ["USLACKBOT"]


def test_long_payloads_and_answers_arrive_whole(slack):
    """Frames of every length class survive, in both directions."""
    text = "ü" * 40_000
    with connected(slack, answer=lambda request: {"text": request.payload["text"][:2000]}) as (_, received):
        for length in (1, 200, 30_000, 40_000):
            assert slack.command("rosa", "#ml-serving", text[:length]).ok
    assert [len(request.payload["text"]) for request in received] == [1, 200, 30_000, 40_000]
    assert slack.ephemerals("rosa")[-1].text == text[:2000]


def test_an_address_is_good_for_one_connection(slack):
    """The second use of a ticket is turned away, and at most ten connections are open."""

    def opened() -> str:
        return client_of(slack).apps_connections_open(app_token=slack.app_token)["url"]

    url = opened()
    with ExitStack() as stack:
        stack.enter_context(connect(url))
        with pytest.raises(InvalidStatus, match="403"):
            connect(url)
        for count in range(2, 11):
            stack.enter_context(connect(opened()))
            wait_for(lambda count=count: len(slack.sockets.connections) == count)
        with pytest.raises(SlackApiError, match="too_many_websockets"):
            opened()
