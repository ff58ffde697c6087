"""The gate in front of the whole bot, over real HTTP."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

from tests.support.office import ADA, FAY, ROSA, TEAM

JSON = "application/json"


def test_url_verification_and_ssl_check_are_answered(office):
    """Slack's own questions about the address are answered, the first with its challenge."""
    asked = {"type": "url_verification", "challenge": "c4", "token": "x"}
    said = office.slack.deliver(json.dumps(asked).encode(), JSON)
    assert (said.status, said.json) == (200, {"challenge": "c4"})
    assert office.slack.deliver(b"ssl_check=1&token=x").status == 200


def test_over_http_junk_is_4xx_and_the_server_goes_on(office):
    """Raw bytes on the wire: no 5xx, and the next honest delivery works."""
    target = urlsplit(office.slack.courier.url)
    for raw in (
        b"POST /slack/events HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nX-Slack-Signature: \xff\r\n\r\nabc",
        b"POST /slack/events HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
        b"GET /slack/events HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /slack/events?x=\xff HTTP/1.0\r\n\r\n",
    ):
        with socket.create_connection((target.hostname, target.port), 5) as wire:
            wire.sendall(raw)
            assert wire.recv(100).split()[1].startswith(b"4")
    assert office.ask().state == "pending"


def test_a_click_of_a_foreign_team_is_in_the_audit(office):
    """Fay, of another organisation, presses Approve in a shared channel: 403, and the attempt is kept."""
    office.ask()
    assert office.press(FAY, "approve").status == 403
    event = office.events()[-1]
    assert (event["event"], event["actor"]["user_id"]) == ("approve.refused", "U0FAY0001")
    assert "T0AWAY001" in event["reason"]
    assert office.row().votes == ()


def test_a_replayed_delivery_changes_nothing(office):
    """The same signed click again within the window is taken for what it is."""
    office.ask()
    pressed = office.press(ADA, "approve")
    events = office.names()
    assert office.slack.replay(pressed).status == 200
    office.work()
    assert office.names() == events


def test_a_replayed_command_asks_once(office):
    """The same signed command again makes no second request and no second card."""
    sent = office.slack.command(ROSA, TEAM, "10b 2x128MB qlora4")
    office.slack.replay(sent)
    office.work()
    assert len(office.rows()) == 1
    assert len([m for m in office.slack.messages(TEAM) if m.bot_id]) == 1
