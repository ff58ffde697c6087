"""How Slack delivers to the app: signed, over HTTP or Socket Mode, with three seconds to acknowledge.

Source: https://docs.slack.dev/authentication/verifying-requests-from-slack.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode, urlsplit

from bot.sandbox.slack.inputs import options_of
from bot.sandbox.slack.socket import NotConnected
from bot.sandbox.slack.web import masked

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bot.sandbox.slack.socket import Sockets
    from bot.sandbox.slack.workspace import Message, Workspace

DEADLINE_S = 3.0
EVENT_RETRIES = 3
Envelope = Literal["slash_commands", "interactive", "events_api"]
FORM = "application/x-www-form-urlencoded"
_SECRET_HEADERS = frozenset({"x-slack-signature"})
_CLIENT_ERROR, _SERVER_ERROR = 400, 500


@dataclass(frozen=True)
class Delivery:
    """One delivery to the app, and its outcome.

    Args:
        kind: ``slash_commands``, ``interactive`` or ``events_api``.
        payload: As the app sees it after decoding.
        via: ``http``, ``socket``, or empty if it was never sent.
        headers: Signature included.
        status: HTTP status; over a socket 200 once acknowledged; None without an answer.
        seconds: From sending to the answer.
        error: Empty, or Slack's name for what people are shown: ``operation_timeout``, ``dispatch_failed``,
            ``http_client_error``, ``http_service_error``, ``invalid_command_response``, ``required`` and so on.
        errors: Sentences under the fields of a modal, by block id.
        said: Messages that the answer itself made.
        attempt: 0, or the number of the retry.
        at_s: UTC epoch seconds when it was sent.
    """

    kind: Envelope
    payload: dict[str, Any] = field(repr=False)
    via: Literal["http", "socket", ""] = ""
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    status: int | None = None
    answer: str = field(default="", repr=False)
    seconds: float = 0.0
    error: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    said: tuple[Message, ...] = field(default=(), repr=False)
    attempt: int = 0
    at_s: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether it was acknowledged in time with a valid answer."""
        return not self.error and not self.errors

    @property
    def json(self) -> dict[str, Any]:
        """The answer as a JSON object; a text answer is ``{"text": …}``, an empty one ``{}``."""
        if not self.answer.strip():
            return {}
        try:
            decoded = json.loads(self.answer)
        except ValueError:
            return {"text": self.answer}
        return decoded if isinstance(decoded, dict) else {"text": self.answer}

    @property
    def options(self) -> list[dict[str, Any]]:
        """The options in the answer; none if it was refused."""
        return options_of(self.json) if self.ok else []

    @property
    def ephemerals(self) -> tuple[Message, ...]:
        """The private messages that the answer itself made."""
        return tuple(message for message in self.said if message.ephemeral_to)

    def masked(self) -> dict[str, Any]:
        """Return the delivery as JSON without secrets, fit for a file that tests read."""
        return {
            "kind": self.kind,
            "via": self.via,
            "headers": {k: f"<{k}>" if k.lower() in _SECRET_HEADERS else v for k, v in self.headers.items()},
            "payload": masked(self.payload),
            "status": self.status,
            "answer": masked(self.json),
            "error": self.error,
            "seconds": round(self.seconds, 3),
        }


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return ``X-Slack-Signature`` for a body and its ``X-Slack-Request-Timestamp``."""
    return (
        "v0="
        + hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    )


def encoded(kind: Envelope, payload: Mapping[str, Any]) -> tuple[bytes, str]:
    """Return body and content type of a payload as Slack posts it."""
    if kind == "slash_commands":
        return urlencode(payload).encode(), FORM
    if kind == "interactive":
        return urlencode({"payload": json.dumps(payload)}).encode(), FORM
    return json.dumps(payload).encode(), "application/json"


class Deliverer:
    """Delivers payloads to the app and records each."""

    def __init__(self, workspace: Workspace, sockets: Sockets, signing_secret: str) -> None:
        self.url = ""
        self.options_url = ""
        self.deadline_s = DEADLINE_S
        """The app's time to answer; may be changed, to test a slow app faster."""
        self.socket_mode = False
        self.recorded: list[Delivery] = []
        self._workspace = workspace
        self._sockets = sockets
        self._secret = signing_secret
        self._folder: Path | None = None

    def record_to(self, folder: Path) -> None:
        """Also write every delivery into a numbered JSON file of this folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def keep(self, delivery: Delivery) -> Delivery:
        """Record a delivery, and return it."""
        with self._workspace.lock:
            self.recorded.append(delivery)
            number = len(self.recorded)
        if self._folder is not None:
            what = delivery.payload.get("type") or delivery.kind
            what = delivery.payload.get("event", {}).get("type", what) if what == "event_callback" else what
            path = self._folder / f"{number:04d}-{what}.json"
            path.write_text(
                json.dumps(delivery.masked(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
            )
        self._workspace.changed()
        return delivery

    def bring(
        self, kind: Envelope, payload: dict[str, Any], attempt: int = 0, reason: str = "", *, url: str = ""
    ) -> Delivery:
        """Deliver a payload to the app, over HTTP or its socket; do not record it."""
        if self.socket_mode:
            return self._over_socket(kind, payload, attempt, reason)
        retry = {"X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": reason} if attempt else {}
        body, content_type = encoded(kind, payload)
        sent = self.post(body, content_type, retry, url=url)
        return replace(sent, kind=kind, payload=payload, attempt=attempt)

    def bring_event(self, payload: dict[str, Any]) -> Delivery:
        """Deliver an event, up to three more times while it is not acknowledged; record every try.

        Slack retries at once, after a minute and after five minutes; the stand-in does not wait.
        """
        delivery = self.keep(self.bring("events_api", payload))
        for attempt in range(1, EVENT_RETRIES + 1):
            if delivery.ok:
                break
            reason = {"operation_timeout": "http_timeout", "dispatch_failed": "connection_failed"}
            why = reason.get(delivery.error, "http_error")
            delivery = self.keep(self.bring("events_api", payload, attempt, why))
        return delivery

    def post(
        self,
        body: bytes,
        content_type: str = FORM,
        headers: Mapping[str, str] | None = None,
        *,
        url: str = "",
    ) -> Delivery:
        """Post raw bytes to the app, signed; ``headers`` replace the signed ones, an empty value drops one."""
        timestamp = str(int(self._workspace.clock()))
        signed = {
            "Content-Type": content_type,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": signature(self._secret, timestamp, body),
        } | dict(headers or {})
        signed = {name: value for name, value in signed.items() if value}
        sent = Delivery("interactive", {}, "http", signed, body, at_s=self._workspace.clock())
        started = time.perf_counter()
        try:
            status, answer = _post(url or self.url, body, signed, self.deadline_s)
        except TimeoutError:
            return replace(sent, seconds=time.perf_counter() - started, error="operation_timeout")
        except (OSError, http.client.HTTPException):
            return replace(sent, seconds=time.perf_counter() - started, error="dispatch_failed")
        seconds = time.perf_counter() - started
        error = "http_service_error" if status >= _SERVER_ERROR else ""
        if _CLIENT_ERROR <= status < _SERVER_ERROR:
            error = "http_client_error"
        if seconds > self.deadline_s:
            error = "operation_timeout"
        return replace(sent, status=status, answer=answer, seconds=seconds, error=error)

    def _over_socket(self, kind: Envelope, payload: dict[str, Any], attempt: int, reason: str) -> Delivery:
        """Deliver a payload over one of the open connections."""
        sent = Delivery(kind, payload, "socket", attempt=attempt, at_s=self._workspace.clock())
        retry = {"retry_attempt": attempt, "retry_reason": reason} if kind == "events_api" else {}
        started = time.perf_counter()
        try:
            acknowledged = self._sockets.deliver(kind, payload, self.deadline_s, **retry)
        except NotConnected:
            return replace(sent, via="", error="dispatch_failed")
        seconds = time.perf_counter() - started
        if acknowledged is None:
            return replace(sent, seconds=seconds, error="operation_timeout")
        answer = json.dumps(acknowledged) if acknowledged else ""
        return replace(sent, status=200, seconds=seconds, answer=answer)


def _post(url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> tuple[int, str]:
    """Post bytes with exactly these headers; return status and text."""
    target = urlsplit(url)
    connection = http.client.HTTPConnection(target.hostname or "127.0.0.1", target.port, timeout=timeout_s)
    try:
        connection.request("POST", target.path or "/", body, dict(headers))
        response = connection.getresponse()
        return response.status, response.read().decode("utf-8", "replace")
    finally:
        connection.close()
