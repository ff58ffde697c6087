"""Logs: one object a line, and no secret in any of them."""

from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING

import pytest

from bot.log_context import bind
from bot.redaction import MASK
from bot.runtime.logs import JsonFormatter, Redact, TextFormatter

if TYPE_CHECKING:
    from collections.abc import Callable

SECRETS = ("made-up-signing-secret", "p4ssw0rd!", 'quo"ted\\secret')


def line(shape: type[logging.Formatter], message: str, **facts: object) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(shape(Redact(SECRETS)))  # type: ignore[arg-type]  # both take it
    logger = logging.getLogger("tests.logs")
    logger.handlers[:], logger.propagate = [handler], False
    logger.warning(message, extra={"facts": facts})
    return stream.getvalue()


@pytest.mark.parametrize("shape", [JsonFormatter, TextFormatter])
@pytest.mark.parametrize(
    "hostile",
    [
        "xoxb-1234-abcdef",
        "xapp-1-A0-abc",
        "Bearer abcdefgh.ijkl",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
        "https://hooks.slack.com/commands/T0/1/abc",
        "http://127.0.0.1:5000/response/abc",
        "made-up-signing-secret",
        "p4ssw0rd!",
        'quo"ted\\secret',
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_abcdefghijklmnopqrstuvwxyz0123",
        "ApiKey-01234567-89ab-cdef-0123-456789abcdef",
        "xwfp-1234567890-abc",
    ],
)
def test_no_secret_passes_wherever_it_stands(shape: type[logging.Formatter], hostile: str) -> None:
    """Message, facts, nested facts: masked in all of them."""
    text = line(shape, f"said {hostile}", plain=hostile, nested={"deep": [hostile]})
    assert hostile not in text
    assert json.dumps(hostile)[1:-1] not in text
    assert MASK in text


@pytest.mark.parametrize("written", [json.dumps, repr])
def test_a_secret_inside_a_logged_text_is_masked_as_it_is_written_there(
    written: Callable[[str], str],
) -> None:
    """Quotes and backslashes of a secret are escaped inside JSON and reprs."""
    text = line(TextFormatter, f"sent {written(SECRETS[2])}")
    assert "ted" not in text.replace(MASK, "")


def test_a_password_in_an_address_is_masked() -> None:
    """Database URLs appear in drivers' messages."""
    assert "hunter2" not in line(JsonFormatter, "cannot reach postgresql://bot:hunter2@db/peftsize")


def test_a_line_is_one_json_object_with_what_it_is_about() -> None:
    """Request id and origin are on every line logged while handling a request."""
    with bind(request_id="R1", origin="cli"):
        got = json.loads(line(JsonFormatter, "two\nlines", count=2))
    assert (got["message"], got["request_id"], got["origin"], got["count"]) == ("two\nlines", "R1", "cli", 2)
