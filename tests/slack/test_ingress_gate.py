"""The gate before Bolt, over real HTTP and called as WSGI."""

from __future__ import annotations

import io
import json
import time
from urllib.parse import urlencode

import pytest
from freezegun import freeze_time
from slack_bolt import App
from slack_sdk import WebClient

from bot.sandbox.slack.delivery import FORM, signature
from bot.slack.inbound.gate import LARGEST_BODY, Gate
from bot.slack.outbound.people import Identity

JSON = "application/json"
SECRET = "0123456789abcdef0123456789abcdef"
ME = Identity(frozenset({"T0HOME001"}), "A0PEFT001", "B0PEFT001", "U0PEFT001")
COMMAND = {
    "command": "/peftsize",
    "text": "help",
    "user_id": "U0ROSA001",
    "user_name": "rosa",
    "team_id": "T0HOME001",
    "channel_id": "C0MLSERVE",
    "api_app_id": "A0PEFT001",
    "trigger_id": "1.2.abc",
}
CLICK = {
    "type": "block_actions",
    "user": {"id": "U0ROSA001", "team_id": "T0HOME001"},
    "team": {"id": "T0HOME001"},
    "api_app_id": "A0PEFT001",
    "trigger_id": "1.2.abc",
    "actions": [{"type": "button", "action_id": "nothing", "block_id": "b", "value": "x"}],
}
EVENT = {
    "type": "event_callback",
    "team_id": "T0HOME001",
    "api_app_id": "A0PEFT001",
    "event_id": "Ev1",
    "event": {"type": "app_home_opened", "user": "U0ROSA001", "tab": "messages"},
}


class Door:
    """A gate before a Bolt app that acknowledges everything, called as WSGI."""

    def __init__(self, identity: Identity | None = ME) -> None:
        self.seen: list[dict] = []
        self.reasons: list[str] = []
        self.foreign: list[str] = []
        app = App(
            client=WebClient(token="xoxb-none"),
            signing_secret=SECRET,
            token_verification_enabled=False,
            authorize=lambda: None,
        )

        @app.middleware
        def take(args):
            self.seen.append(args.body)
            args.context.ack()
            return args.context.ack.response

        app._middleware_list[:] = [m for m in app._middleware_list if "Authoriz" not in type(m).__name__]
        self.gate = Gate(
            app,
            secret=SECRET,
            identity=lambda: identity,
            clock=lambda: int(time.time() * 1000),
            on_refused=self.reasons.append,
            on_foreign=lambda tried, _payload: self.foreign.append(tried),
        )

    def post(self, body: bytes, kind: str = FORM, *, at: int | None = None, **environ: str) -> int:
        stamp = str(int(time.time()) if at is None else at)
        told: dict[str, str] = {}
        answer = self.gate(
            {
                "REQUEST_METHOD": "POST",
                "PATH_INFO": "/slack/events",
                "CONTENT_TYPE": kind,
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_X_SLACK_REQUEST_TIMESTAMP": stamp,
                "HTTP_X_SLACK_SIGNATURE": signature(SECRET, stamp, body),
                "wsgi.input": io.BytesIO(body),
                **environ,
            },
            lambda status, headers: told.update(status=status, **dict(headers)),
        )
        self.answer, self.told = b"".join(answer).decode(), told
        return int(told["status"].split()[0])


def form(payload: dict | list | str) -> bytes:
    return urlencode({"payload": payload if isinstance(payload, str) else json.dumps(payload)}).encode()


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (urlencode(COMMAND).encode(), FORM),
        (urlencode(COMMAND | {"text": "payload=1&x"}).encode(), f"{FORM}; charset=utf-8"),
        (form(CLICK), FORM),
        (json.dumps(EVENT).encode(), JSON),
        (form(CLICK | {"team": None, "enterprise": {"id": "T0HOME001"}}), FORM),
    ],
)
def test_a_signed_delivery_of_ours_reaches_bolt_as_it_was_sent(door, body, kind):
    """What Slack sends us goes through, with its content unchanged."""
    assert door.post(body, kind) == 200, door.reasons
    assert len(door.seen) == 1
    assert door.reasons == []


def test_a_command_that_says_payload_keeps_its_text(door):
    """Bolt's own form parser would lose a command whose text contains the word."""
    door.post(urlencode(COMMAND | {"text": "name=payload 10b"}).encode())
    assert door.seen[0]["text"] == "name=payload 10b"


@pytest.mark.parametrize(
    ("status", "environ"),
    [
        (404, {"PATH_INFO": "/"}),
        (404, {"PATH_INFO": "/slack/events/"}),
        (405, {"REQUEST_METHOD": "GET"}),
        (405, {"REQUEST_METHOD": "PUT"}),
        (413, {"CONTENT_LENGTH": str(LARGEST_BODY + 1)}),
        (413, {"CONTENT_LENGTH": "9" * 5000}),
        (400, {"CONTENT_LENGTH": "-1"}),
        (400, {"CONTENT_LENGTH": "1e3"}),
        (400, {"CONTENT_LENGTH": "999"}),
        (415, {"CONTENT_TYPE": "text/plain"}),
        (415, {"CONTENT_TYPE": "multipart/form-data"}),
        (415, {"CONTENT_TYPE": ""}),
        *[
            (401, {"HTTP_X_SLACK_REQUEST_TIMESTAMP": stamp})
            for stamp in (
                "",
                "abc",
                "-1",
                "1" * 13,
                "1e9",
                "１２３４",
                "²³",
                " 1700000000",
                "nan",
                "1700000000.0",
            )
        ],
        *[
            (401, {"HTTP_X_SLACK_SIGNATURE": sign})
            for sign in ("", "v0=", "v0=é" + "0" * 63, "v0=" + "A" * 64, "v1=" + "0" * 64, "v0=" + "0" * 65)
        ],
        (401, {"HTTP_X_SLACK_SIGNATURE": "v0=" + "0" * 64}),
    ],
)
def test_what_is_not_certainly_from_slack_never_reaches_bolt(door, status, environ):
    """Every malformed or unsigned request is answered 4xx and counted."""
    assert door.post(urlencode(COMMAND).encode(), **environ) == status
    assert door.seen == []
    assert len(door.reasons) == 1


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", FORM),
        (b"\xff\xfe", FORM),
        (b"payload=%ff", FORM),
        (b"payload=%7Bnot", FORM),
        (form([1]), FORM),
        (form("null"), FORM),
        (form('"text"'), FORM),
        (form("[" * 100_000), FORM),
        (form('{"a":' * 20_000), FORM),
        (form('{"type":' + "9" * 6000 + "}"), FORM),
        (form(CLICK | {"actions": []}), FORM),
        (form(CLICK | {"actions": None}), FORM),
        (form(CLICK | {"actions": {}}), FORM),
        (form(CLICK | {"actions": ["x"]}), FORM),
        (form(CLICK | {"actions": [{"action_id": 1, "type": "button"}]}), FORM),
        (form(CLICK | {"user": None}), FORM),
        (form(CLICK | {"user": {"id": 7}}), FORM),
        (form(CLICK | {"user": {"id": "x" * 200}}), FORM),
        (form(CLICK | {"team": "T0HOME001"}), FORM),
        (form(CLICK | {"team": None}), FORM),
        (form(CLICK | {"channel": "C1"}), FORM),
        (form(CLICK | {"type": "unheard_of"}), FORM),
        (form(CLICK | {"type": ["block_actions"]}), FORM),
        (form(CLICK | {"type": "view_submission"}), FORM),
        (form(CLICK | {"type": "view_submission", "view": {"callback_id": "x", "state": []}}), FORM),
        (
            form(
                CLICK
                | {"type": "view_submission", "view": {"callback_id": "x", "state": {"values": {"a": 1}}}}
            ),
            FORM,
        ),
        (form(json.dumps(CLICK).replace('"x"', '"\\ud800"')), FORM),
        (form(json.dumps(CLICK).replace('"x"', '"\\u0000"')), FORM),
        (form(CLICK) + b"&payload=1", FORM),
        (urlencode(COMMAND).encode() + b"&text=second", FORM),
        (urlencode(COMMAND | {"user_id": ""}).encode(), FORM),
        (urlencode({"command": "/peftsize"}).encode(), FORM),
        (urlencode({f"k{i}": "v" for i in range(500)}).encode(), FORM),
        (b"[]", JSON),
        (b"{not", JSON),
        (json.dumps(EVENT | {"event": None}).encode(), JSON),
        (json.dumps(EVENT | {"event": {"type": 1}}).encode(), JSON),
        (json.dumps(EVENT | {"authorizations": [1]}).encode(), JSON),
        (json.dumps(EVENT | {"event_id": None}).encode(), JSON),
        (json.dumps(EVENT | {"event": {"type": "app_mention", "user": ["U1"]}}).encode(), JSON),
        (json.dumps({"type": "url_verification"}).encode(), JSON),
    ],
)
def test_signed_nonsense_is_4xx_and_never_reaches_bolt(door, body, kind):
    """A valid signature on an unknown shape changes nothing: 400, no exception, no trace of the content."""
    assert door.post(body, kind) == 400
    assert door.seen == []
    assert door.reasons[0] in {"shape", "json", "encoding"}
    assert "Traceback" not in door.answer


@pytest.mark.parametrize(
    ("payload", "tried", "reason"),
    [
        (CLICK | {"team": {"id": "T0AWAY001"}}, "nothing", "foreign_team"),
        (CLICK | {"api_app_id": "A0OTHER01"}, "nothing", "foreign_app"),
        ({key: value for key, value in CLICK.items() if key != "api_app_id"}, "nothing", "foreign_app"),
        (COMMAND | {"team_id": "T0AWAY001"}, "request", "foreign_team"),
        (EVENT | {"api_app_id": "A0OTHER01"}, "app_home_opened", "foreign_app"),
    ],
)
def test_a_foreign_team_or_app_is_refused_and_told(door, payload, tried, reason):
    """A valid signature does not make a foreign workspace or app ours; who keeps the audit hears of it."""
    body = json.dumps(payload).encode() if "event" in payload else form(payload)
    if "command" in payload:
        body = urlencode(payload).encode()
    assert door.post(body, JSON if "event" in payload else FORM) == 403
    assert (door.reasons, door.foreign, door.seen) == ([reason], [tried], [])


def test_a_character_that_no_database_holds_reaches_the_grammar_as_another(door):
    """NUL in a typed text is answered in words like any stray character, and not with silence."""
    assert door.post(urlencode(COMMAND | {"text": "a\x00b"}).encode()) == 200
    assert door.seen[0]["text"] == "a\ufffdb"


def test_before_slack_said_who_we_are_deliveries_are_put_off():
    """Without an identity nobody can be told from a foreigner: 503, so that Slack sends it again."""
    door = Door(identity=None)
    assert door.post(form(CLICK)) == 503
    assert door.seen == []


@pytest.mark.parametrize(
    ("seconds", "status"), [(-301, 401), (-299, 200), (299, 200), (301, 401), (10**9, 401)]
)
def test_a_signature_counts_for_five_minutes_either_way(door, seconds, status):
    """An old recording is refused, and so is one from the far future."""
    with freeze_time("2026-05-01 12:00:00"):
        now = int(time.time())
        assert door.post(form(CLICK), at=now + seconds) == status


def test_an_exception_behind_the_gate_is_a_reference_and_no_traceback(caplog):
    """Whatever breaks behind the gate, the answer is 4xx with a reference that the log has too."""
    door = Door()

    def broken(_reason: str, _payload: object) -> None:
        msg = "the audit is on fire"
        raise RuntimeError(msg)

    door.gate._on_foreign = broken
    assert door.post(form(CLICK | {"team": {"id": "T0AWAY001"}})) == 400
    reference = door.answer.rsplit(" ", 1)[1]
    assert "Traceback" not in door.answer
    assert caplog.records[-1].facts == {"reference": reference}


def test_refusals_log_no_payload(door, caplog):
    """Junk is counted, never written down."""
    caplog.set_level(0)
    door.post(form(CLICK | {"actions": []}) + b"&xoxb-1-secret", FORM)
    door.post(b"xoxb-1-secret", HTTP_X_SLACK_SIGNATURE="v0=" + "0" * 64)
    assert "xoxb-1-secret" not in caplog.text
