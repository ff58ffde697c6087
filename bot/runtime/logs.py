"""Logs: one JSON object a line, or text on a terminal; secrets never pass.

Facts go in ``extra={"facts": {...}}``. Every line is scrubbed as a whole before it is written,
whoever logged it: known secret values, anything that looks like a token, and response URLs.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MASK = "[masked]"

_SHAPES = re.compile(
    r"xox[a-z]-[\w-]+|xapp-[\w-]+|xwfp-[\w-]+"  # Slack tokens, https://docs.slack.dev/authentication/tokens
    r"|eyJ[\w-]{8,}\.[\w-]+\.[\w-]*"  # JSON Web Tokens, RFC 7519
    r"|(?i:bearer\s+)[\w.~+/=-]{8,}"
    r"|https?://[^\s\"'/]+/(?:commands|actions|workflows|response)/[^\s\"']+"  # response_url
    r"|(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"  # user:password in a URL
)
_about: ContextVar[dict[str, str]] = ContextVar("about", default={})  # noqa: B039 - never changed in place


@contextmanager
def about(**facts: str | None) -> Iterator[None]:
    """Put facts (``request_id``, ``origin``) on every line logged inside the block."""
    token = _about.set(_about.get() | {key: value for key, value in facts.items() if value})
    try:
        yield
    finally:
        _about.reset(token)


class Scrub:
    """Removes secrets from text.

    Args:
        secrets: Known values; longer than three characters, or they would mask everything.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({re.escape(value) for value in secrets if len(value) > 3}, key=len, reverse=True)  # noqa: PLR2004 - see above
        self._known = re.compile("|".join(known)) if known else None

    def __call__(self, text: str) -> str:
        """Return the text without secrets."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        return _SHAPES.sub(MASK, text)


class _Formatter(logging.Formatter):
    def __init__(self, scrub: Scrub) -> None:
        super().__init__()
        self._scrub = scrub

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return what a line says."""
        fields: dict[str, Any] = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_about.get(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return fields


class JsonFormatter(_Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return self._scrub(json.dumps(self.fields(record), ensure_ascii=False, default=str))


class TextFormatter(_Formatter):
    """A line for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = self.fields(record)
        head = f"{fields.pop('at')} {fields.pop('level').upper():7} {fields.pop('message')}"
        traceback = fields.pop("traceback", None)
        fields.pop("logger")
        facts = " ".join(f"{key}={value}" for key, value in fields.items())
        line = f"{head}  {facts}".rstrip()
        return self._scrub(f"{line}\n{traceback}" if traceback else line)


def set_up(shape: str | None, secrets: Iterable[str], stream: TextIO | None = None) -> None:
    """Send every log line through the scrubbing formatter, and nowhere else.

    Args:
        shape: ``json`` or ``text``; None chooses text on a terminal.
        secrets: Values that must never appear.
        stream: Standard error unless given.
    """
    out = stream or sys.stderr
    handler = logging.StreamHandler(out)
    text = shape == "text" or (shape is None and out.isatty())
    scrub = Scrub(secrets)
    handler.setFormatter(TextFormatter(scrub) if text else JsonFormatter(scrub))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for noisy in ("httpx", "httpcore", "slack_sdk", "slack_bolt", "alembic", "waitress.queue"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
