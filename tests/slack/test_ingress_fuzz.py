"""Signed deliveries with anything in them: whatever arrives, nothing behind the gate raises."""

from __future__ import annotations

import copy
import io
import json
import time
from typing import Any
from urllib.parse import urlencode

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.sandbox.slack.delivery import FORM, signature

WHO = {
    "user": {"id": "U0ROSA001", "username": "rosa", "team_id": "T0HOME001"},
    "team": {"id": "T0HOME001", "domain": "x"},
    "enterprise": None,
    "api_app_id": "A0PEFT001",
    "token": "t",
    "trigger_id": "1.2.abc",
    "is_enterprise_install": False,
}
VIEW = {
    "id": "V1",
    "type": "modal",
    "callback_id": "peftsize.reject_reason",
    "private_metadata": '{"request_id": "R0000001", "revision": 1, "channel_id": "C0MLSERVE", "message_ts": "1.2"}',
    "state": {"values": {"reason": {"text": {"type": "plain_text_input", "value": "no"}}}},
    "app_installed_team_id": "T0HOME001",
}
ACTION = {
    "type": "button",
    "action_id": "peftsize.approve",
    "block_id": "peftsize:1",
    "value": "R0000001",
    "action_ts": "1.2",
}
SEEDS: list[dict[str, Any]] = [
    WHO
    | {
        "type": "block_actions",
        "actions": [ACTION],
        "channel": {"id": "C0MLSERVE"},
        "container": {"type": "message", "message_ts": "1.2", "channel_id": "C0MLSERVE"},
        "message": {"ts": "1.2", "text": "x"},
    },
    WHO | {"type": "view_submission", "view": VIEW},
    WHO | {"type": "view_submission", "view": VIEW | {"callback_id": "peftsize.form"}},
    WHO | {"type": "view_closed", "view": VIEW, "is_cleared": False},
    WHO
    | {
        "type": "message_action",
        "callback_id": "nothing",
        "message": {"text": "10b"},
        "channel": {"id": "C0MLSERVE"},
    },
    {
        "command": "/peftsize",
        "text": "list",
        "user_id": "U0ROSA001",
        "user_name": "rosa",
        "team_id": "T0HOME001",
        "channel_id": "C0MLSERVE",
        "api_app_id": "A0PEFT001",
        "trigger_id": "1.2.abc",
        "response_url": "https://hooks.slack.com/commands/x",
    },
    *(
        {
            "type": "event_callback",
            "team_id": "T0HOME001",
            "api_app_id": "A0PEFT001",
            "event_id": "Ev1",
            "authorizations": [{"team_id": "T0HOME001", "user_id": "U0PEFT001", "is_bot": True}],
            "event": event,
        }
        for event in (
            {"type": "app_mention", "user": "U0ROSA001", "channel": "C0MLSERVE", "text": "<@U0PEFT001> 10b"},
            {"type": "member_joined_channel", "user": "U0PEFT001", "channel": "C0MLSERVE"},
            {"type": "app_home_opened", "user": "U0ROSA001", "tab": "home"},
            {
                "type": "function_executed",
                "function": {"callback_id": "size_and_request"},
                "inputs": {},
                "function_execution_id": "Fx1",
            },
            {"type": "tokens_revoked", "tokens": {"bot": ["U0PEFT001"]}},
        )
    ),
]
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=40),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
    st.sampled_from(
        [
            "peftsize.reject",
            "peftsize.form",
            "modal",
            "U0ADA0001",
            "{}",
            '{"revision": "x"}',
            {},
            [],
            [{}],
            "\x00",
            "\ud800",
        ]
    ),
)


def paths(value: Any, here: tuple = ()) -> list[tuple]:
    """Return the way to every value inside."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here] * bool(here) + [way for key, inner in items for way in paths(inner, (*here, key))]


@st.composite
def payloads(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a delivery in which one to three places hold something else, or nothing."""
    payload = copy.deepcopy(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 3))):
        ways = paths(payload)
        way = draw(st.sampled_from(ways))
        place = payload
        for key in way[:-1]:
            place = place[key]
        if isinstance(place, dict) and draw(st.booleans()):
            del place[way[-1]]
        else:
            place[way[-1]] = copy.deepcopy(draw(LEAVES))
        if not payload:
            break
    return payload


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(payloads())
def test_no_signed_delivery_makes_anything_raise(office, payload):
    """A broken or malicious payload with a valid signature is 2xx or 4xx, and breaks nothing inside."""
    if "command" in payload:
        body = urlencode(
            {key: value for key, value in payload.items() if isinstance(value, str)}, errors="replace"
        ).encode()
        kind = FORM
    elif "event_id" in payload or "event" in payload:
        body, kind = json.dumps(payload).encode(), "application/json"
    else:
        body, kind = urlencode({"payload": json.dumps(payload)}).encode(), FORM
    stamp = str(int(time.time()))
    told: list[str] = []
    list(
        office.gate(
            {
                "REQUEST_METHOD": "POST",
                "PATH_INFO": "/slack/events",
                "CONTENT_TYPE": kind,
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_X_SLACK_REQUEST_TIMESTAMP": stamp,
                "HTTP_X_SLACK_SIGNATURE": signature(office.slack.signing_secret, stamp, body),
                "wsgi.input": io.BytesIO(body),
            },
            lambda status, _headers: told.append(status),
        )
    )
    assert told[0][0] in "24", (told, payload)
    assert "not_handled" not in office.refused, payload
