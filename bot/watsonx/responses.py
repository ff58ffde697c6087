"""Parses what services answer: JSON envelopes of several kinds, HTML pages, nothing at all.

The status decides; the text is only shown. No service is trusted to keep its own format.
"""

from __future__ import annotations

import html
import json
import re
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from bot.watsonx.transport import WatsonxHttp

MAX_ANSWER_BYTES = 8 * 1024 * 1024
MAX_ERROR_BYTES = 64 * 1024
MAX_WORDS = 300
MAX_RETRY_AFTER_S = 86_400.0
OnCall = Callable[[str, int | None, float], None]
"""Called after every exchange: operation, status or None, seconds."""

_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_EXPIRED = re.compile(r"\b(?:jwt|token)\b[^.]{0,20}\bexpired\b", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer.

    Args:
        body: At most ``MAX_ANSWER_BYTES``; of an error, whatever arrived.
        secret: The bearer token that was sent, masked in everything the service says.
    """

    status: int
    headers: httpx.Headers
    body: bytes
    secret: str = ""

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the range is HTTP's own

    @property
    def expired(self) -> bool:
        """Whether the token was not accepted; such an answer proves that nothing was done."""
        return self.status == httpx.codes.UNAUTHORIZED or (
            self.status == httpx.codes.BAD_REQUEST
            and _EXPIRED.search(self.body.decode("utf-8", "replace")) is not None
        )

    def json(self) -> Any:
        """Return the body's JSON with the bearer token masked, or None if it is not JSON."""
        try:
            return self._mask_all(json.loads(self.body))
        except (ValueError, RecursionError):
            return None

    @property
    def is_page(self) -> bool:
        """Whether the body is an HTML page, from a gateway or a log-in, and not the API's."""
        start = self.body[:1000].lower()
        return b"<html" in start or b"<!doctype html" in start

    @property
    def trace(self) -> str | None:
        """The service's trace id, from the body or the usual headers."""
        body = self.json()
        named = body.get("trace") if isinstance(body, dict) else None
        headers = (self.headers.get(name) for name in ("x-global-transaction-id", "x-request-id"))
        for value in (named, *headers):
            if isinstance(value, str) and (clean := clean_text(self._masked(value), limit=100)):
                return clean
        return None

    @property
    def code(self) -> str | None:
        """The service's error code, such as ``already_exists`` or ``BXNIM0415E``."""
        body = self.json()
        if not isinstance(body, dict):
            return None
        errors = body.get("errors")
        first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
        value = first.get("code") or body.get("errorCode")
        return (clean_text(self._masked(value), limit=60) or None) if isinstance(value, str) else None

    def _masked(self, text: str) -> str:
        return text.replace(self.secret, "***") if self.secret else text

    def _mask_all(self, value: Any) -> Any:
        """Mask all texts of a JSON value, keys included, after escapes are resolved."""
        if isinstance(value, str):
            return self._masked(value)
        if isinstance(value, dict):
            return {self._masked(key): self._mask_all(inner) for key, inner in value.items()}
        return [self._mask_all(inner) for inner in value] if isinstance(value, list) else value

    def words(self, secrets: Sequence[str] = ()) -> str:
        """Return the service's message, fit to be shown.

        Args:
            secrets: Values to mask if the service repeats them.

        Returns:
            At most ``MAX_WORDS`` characters on one line; never empty.
        """
        text = self.body.decode("utf-8", "replace")
        body = self.json()
        if isinstance(body, dict):
            text = _said(body)
        elif self.is_page:
            title = _TITLE.search(text)
            text = html.unescape(title.group(1)) if title else ""
        for secret in secrets:
            text = text.replace(secret, "***") if secret else text
        return clean_text(text) or f"HTTP {self.status} without a message"

    def retry_after_s(self, now_ms: int) -> float | None:
        """Return how long the service asks to wait.

        Args:
            now_ms: UTC epoch milliseconds, for a ``Retry-After`` that is a date.

        Returns:
            Seconds, 0 to ``MAX_RETRY_AFTER_S``; None if it does not say.
        """
        value = self.headers.get("retry-after", "").strip()
        try:
            seconds = float(value) if value.isascii() and value.isdigit() else _until_s(value, now_ms)
        except ValueError:
            return None
        return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)


def ask(http: WatsonxHttp, request: httpx.Request, op: str, on_call: OnCall | None = None) -> Answer:
    """Send one request and read its answer, bounded in size; the caller bounds the time.

    Raises:
        httpx.HTTPError: There was no complete answer.
        TooLate: Nothing was sent because the call was over.
    """
    began_s = time.perf_counter()
    status: int | None = None
    try:
        response = http.send(request, stream=True)
        try:
            status = response.status_code
            bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
            return Answer(status, response.headers, _body(response), bearer)
        finally:
            response.close()
    finally:
        if on_call is not None:
            on_call(op, status, time.perf_counter() - began_s)


def clean_text(text: str, *, limit: int = MAX_WORDS) -> str:
    """Return foreign text on one line, without control or invisible characters, cut to ``limit`` with an ellipsis."""
    sample = text[: 20 * limit]
    shown = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in sample)
    line = " ".join(shown.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _body(response: httpx.Response) -> bytes:
    """Read the body; of an error whatever arrives, since there the status is the answer."""
    limit = MAX_ANSWER_BYTES if response.is_success else MAX_ERROR_BYTES
    read = bytearray()
    try:
        for chunk in response.iter_bytes():
            read += chunk
            if len(read) > limit:
                if response.is_success:
                    raise httpx.DecodingError(
                        f"the answer is larger than {limit} bytes", request=response.request
                    )
                break
    except httpx.HTTPError:
        if response.is_success:
            raise
    return bytes(read[:limit])


def _said(body: Mapping[str, Any]) -> str:
    """Return the sentences of an error envelope of either kind."""
    errors = body.get("errors")
    entries = [e for e in errors if isinstance(e, dict)] if isinstance(errors, list) else []
    texts = [entry.get("message") or entry.get("code") for entry in entries]
    texts += [body.get(key) for key in ("message", "errorMessage", "reason", "error", "error_description")]
    return "; ".join(dict.fromkeys(text for text in texts if isinstance(text, str) and text.strip()))


def _until_s(date: str, now_ms: int) -> float:
    """Return the seconds from now to an HTTP date."""
    return parsedate_to_datetime(date).timestamp() - now_ms / 1000
