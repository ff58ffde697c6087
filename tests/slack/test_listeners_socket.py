"""Socket Mode: the same admission and the same audit as over HTTP, but for the origin."""

from __future__ import annotations

import time

from bot.slack.inbound.app import SocketDoor, note_foreign, web_client
from bot.slack.inbound.payload import delivery_key
from bot.slack.inbound.socket_mode import Line
from tests.support.office import ADA, FAY, ROSA


def socket_door(office) -> SocketDoor:
    return SocketDoor(
        office.app,
        identity=lambda: office.who,
        on_refused=office.refused.append,
        on_foreign=lambda tried, payload: note_foreign(office.store, tried, payload, "slack-socket"),
    )


def story(office) -> list[tuple]:
    """Ask, be refused, approve; return the audit without its times."""
    office.ask()
    for user in (FAY, ROSA, ADA):
        office.press(user, "approve")
    return [(event["event"], event["actor"]["user_id"], event["reason"]) for event in office.events()]


def test_the_story_over_a_socket_leaves_the_same_audit(new_office):
    """HTTP and Socket Mode differ in nothing but the origin."""
    over_http = new_office()
    expected = story(over_http)
    office = new_office()
    line = Line(
        socket_door(office),
        web_client(office.slack.bot_token, office.slack.url, 5),
        office.slack.app_token,
        office.clock,
    )
    line.open()
    try:
        deadline = time.monotonic() + 5
        while len(office.slack.sockets.connections) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert story(office) == expected
        assert {event["origin"] for event in office.events()} == {"slack-socket"}
        assert {event["origin"] for event in over_http.events()} == {"slack-http"}
    finally:
        line.close()


def test_a_payload_of_unknown_shape_is_not_acknowledged(office):
    """What the gate would refuse, the socket's door refuses."""
    door = socket_door(office)
    for payload in ({}, {"type": "block_actions", "actions": []}, {"command": "/peftsize"}):
        assert door.deliver(payload) is None
    assert office.refused == ["shape"] * 3


def test_a_delivery_has_one_name_by_either_way():
    """The order of keys does not matter; an event goes by its id however often it is sent."""
    assert delivery_key({"a": 1, "b": {"c": 2, "d": 3}}) == delivery_key({"b": {"d": 3, "c": 2}, "a": 1})
    assert delivery_key({"a": 1}) != delivery_key({"a": 2})
    event = {"type": "event_callback", "event_id": "Ev1", "event_time": 1}
    assert delivery_key(event) == delivery_key(event | {"event_time": 2})
