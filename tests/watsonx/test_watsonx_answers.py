"""Foreign answers become short, harmless words."""

from __future__ import annotations

import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.watsonx.responses import MAX_WORDS, Answer, clean_text
from bot.watsonx.specs import spec_in, specs_in, warnings_in


def answer(body=b"", *, status=400, **headers):
    return Answer(
        status,
        httpx.Headers({name.replace("_", "-"): value for name, value in headers.items()}),
        body if isinstance(body, bytes) else json.dumps(body).encode(),
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"trace": "t", "errors": [{"code": "x", "message": "Too large."}]}, "Too large."),
        ({"errors": [{"message": "One."}, {"message": "Two."}]}, "One.; Two."),
        ({"errors": [{"code": "only_code"}]}, "only_code"),
        ({"errors": []}, "HTTP 400 without a message"),
        ({"errors": "odd", "message": "Still told."}, "Still told."),
        (
            {"code": 400, "error": "Bad Request", "reason": "No space", "message": "Why"},
            "Why; No space; Bad Request",
        ),
        ({"errorCode": "BXNIM0415E", "errorMessage": "No such key."}, "No such key."),
        (b"<!DOCTYPE html><html><title>Gateway &amp; more</title><script>x</script>", "Gateway & more"),
        (b"<html><body>no title</body>", "HTTP 400 without a message"),
        (b"plain\r\nwords\x00\x1b[31m \xe2\x80\xae!", "plain words [31m !"),
        (b"", "HTTP 400 without a message"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ([1, 2], "[1, 2]"),
    ],
)
def test_words_of_an_answer(body, words):
    """Every known envelope, pages, plain text and nothing at all."""
    assert answer(body).words() == words


def test_words_are_cut():
    """A stack trace becomes one line of bounded length."""
    words = answer({"message": "x" * 5000}).words()
    assert len(words) == MAX_WORDS
    assert words.endswith("x…")


@given(st.binary(max_size=2000) | st.text(max_size=2000).map(str.encode))
def test_any_body_has_words(body):
    """Any bytes become one printable line that is neither empty nor too long."""
    found = answer(body)
    words = found.words()
    assert 0 < len(words) <= MAX_WORDS
    assert words.isprintable()
    assert found.trace is None or found.trace.isprintable()
    assert found.expired in (True, False)
    specs_in(found)


FIELDS = [
    "metadata",
    "entity",
    "asset_id",
    "errors",
    "system",
    "warnings",
    "message",
    "resources",
    "name",
    "trace",
    "nodes",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_read_without_an_exception(body):
    """A service that does not keep its own format breaks nothing."""
    found = answer(body)
    assert found.words()
    assert found.code is None or isinstance(found.code, str)
    assert spec_in(body) is None or spec_in(body).id
    assert isinstance(warnings_in(body), tuple)


@pytest.mark.parametrize(
    ("found", "trace"),
    [
        (answer({"trace": "in-body"}, x_request_id="in-header"), "in-body"),
        (answer(b"", x_global_transaction_id="global", x_request_id="request"), "global"),
        (answer(b"", x_request_id="request"), "request"),
        (answer({"trace": ""}), None),
    ],
)
def test_the_trace_id_is_found(found, trace):
    """From the body, else from either header."""
    assert found.trace == trace


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("-1", None),
        ("1.5", None),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("9" * 400, 86_400.0),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(value, seconds):
    """Both forms of RFC 9110, bounded; nonsense is no wish."""
    now_ms = 1_772_366_400_000  # 2026-03-01T12:00:00Z
    assert answer(retry_after=value).retry_after_s(now_ms) == seconds


@pytest.mark.parametrize(
    ("status", "body", "expired"),
    [
        (401, {"errors": [{"code": "not_authenticated"}]}, True),
        (400, {"message": "jwt expired"}, True),
        (400, {"message": "Token has expired"}, True),
        (400, {"message": "The offer expired"}, False),
        (400, {"message": "Invalid token. The name has expired"}, False),
        (403, {"message": "jwt expired"}, False),
        (500, {"message": "jwt expired"}, False),
    ],
)
def test_which_answers_mean_an_expired_token(status, body, expired):
    """401, or 400 that says so: only these prove that nothing was done and a new token may help."""
    assert answer(body, status=status).expired is expired


def test_clean_text_keeps_words_and_drops_tricks():
    """Line breaks become spaces; bidi overrides, zero-width and private characters vanish."""
    assert clean_text("a\u202e\u2066b\u200bc\u00ad\n\td\ue000") == "a b c d"
