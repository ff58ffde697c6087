"""Logs: one JSON object per line, or text on a terminal, without secrets.

Facts go in ``extra={"facts": {...}}``. Every text in a line is redacted before it is written, whoever logged it: known
secret values, anything with the form of a credential, and response URLs.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

from bot.log_context import bound
from bot.redaction import MASK, mask_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 2_000
"""Characters of a text in a line; tracebacks are not cut."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Redact:
    """Removes secrets from what is logged.

    Args:
        secrets: Known values; those of up to three characters are ignored, or they would mask everything.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        values = [value for value in secrets if len(value) > 3]  # noqa: PLR2004 - see above
        # inside a logged JSON text or a repr, quotes and backslashes of a secret are escaped
        forms = {form for value in values for form in (value, json.dumps(value)[1:-1], repr(value)[1:-1])}
        known = sorted(map(re.escape, forms), key=len, reverse=True)
        self._known = re.compile("|".join(known)) if known else None

    def __call__(self, value: Any) -> Any:
        """Return a value with the secrets in its texts masked, at any depth."""
        if isinstance(value, str):
            text = self._known.sub(MASK, value) if self._known is not None else value
            return mask_credentials(text)
        if isinstance(value, Mapping):
            return {self(key): self(inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self(inner) for inner in value]
        return value if value is None or isinstance(value, (bool, int, float)) else self(str(value))


class _Formatter(logging.Formatter):
    def __init__(self, redact: Redact) -> None:
        super().__init__()
        self._redact = redact

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return the fields of a line, without secrets."""
        fields: dict[str, Any] = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **bound(),
            **getattr(record, "facts", {}),
        }
        redacted: dict[str, Any] = {key: _cut(value) for key, value in self._redact(fields).items()}
        if record.exc_info:
            redacted["traceback"] = self._redact(self.formatException(record.exc_info))
        return redacted


def _cut(value: Any) -> Any:
    """Shorten a redacted text, so that a gateway's page does not fill the log."""
    return value[: LONGEST - 1] + "…" if isinstance(value, str) and len(value) > LONGEST else value


class JsonFormatter(_Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = json.dumps(self.fields(record), ensure_ascii=False)
        return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", line)


class TextFormatter(_Formatter):
    """A line for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = self.fields(record)
        head = f"{fields.pop('at')} {fields.pop('level').upper():7} {fields.pop('message')}"
        traceback = fields.pop("traceback", None)
        fields.pop("logger")
        facts = " ".join(f"{key}={value}" for key, value in fields.items())
        line = _CONTROL.sub(" ", f"{head}  {facts}".rstrip())
        return f"{line}\n{traceback}" if traceback else line


def set_up(shape: str | None, secrets: Iterable[str], stream: TextIO | None = None) -> None:
    """Send every log line through the redacting formatter, and nowhere else.

    Args:
        shape: ``json`` or ``text``; None chooses text on a terminal.
        secrets: Values that must never appear.
        stream: Standard error by default.
    """
    out = stream or sys.stderr
    handler = logging.StreamHandler(out)
    text = shape == "text" or (shape is None and out.isatty())
    redact = Redact(secrets)
    handler.setFormatter(TextFormatter(redact) if text else JsonFormatter(redact))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for noisy in ("httpx", "httpcore", "slack_sdk", "slack_bolt", "alembic", "waitress.queue"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
