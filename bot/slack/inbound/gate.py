"""The gate before Bolt: what is not certainly from Slack, and for us, ends here.

Bolt raises on several inputs before it has checked a signature, and loses a command whose text contains the word
"payload" (its form parser takes it for an interaction). So the bytes are measured, verified and decoded here, once, and
Bolt gets the payload as in Socket Mode.

Source of the signature: https://docs.slack.dev/authentication/verifying-requests-from-slack.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
from contextlib import nullcontext
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from slack_bolt.request import BoltRequest

from bot.slack.inbound.context import reference
from bot.slack.inbound.payload import FOREIGN, PATH, SHAPE, UNKNOWN_SELF, admit, what

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager
    from wsgiref.types import StartResponse, WSGIEnvironment

    from slack_bolt import App

    from bot.slack.outbound.people import Identity

LARGEST_BODY = 1_048_576
"""Bytes; Slack's own payloads stay far below."""
WINDOW_S = 300
"""How old, or how far ahead, a signature's timestamp may be."""

_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}", re.ASCII)
_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"
_DEEPEST_FORM = 100

log = logging.getLogger(__name__)


class Refused(Exception):
    """A delivery that the gate answers.

    Args:
        reason: One word, for the count and the answer.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Gate:
    """A WSGI app that passes only Slack's own deliveries for us to Bolt.

    Args:
        secret: The signing secret.
        identity: Returns who we are; None until Slack has said (answered 503, so that Slack tries again).
        on_refused: Called with the reason of every refusal, for the count; never with the payload.
        on_foreign: Called with what a validly signed payload of a foreign team or app tried, and the payload.
        origin: As in the audit.
        under_way: Opened for each delivery, so that other work can give way to it.
    """

    def __init__(
        self,
        app: App,
        *,
        secret: str,
        identity: Callable[[], Identity | None],
        clock: Callable[[], int],
        on_refused: Callable[[str], None],
        on_foreign: Callable[[str, dict[str, Any]], None],
        origin: str = "slack-http",
        under_way: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._app = app
        self._under_way = under_way
        self._secret = secret.encode()
        self._identity = identity
        self._clock = clock
        self._on_refused = on_refused
        self._on_foreign = on_foreign
        self._origin = origin

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        headers: dict[str, list[str]] = {"content-type": ["text/plain;charset=utf-8"]}
        try:
            with self._under_way():
                status, headers, text = self._taken(environ)
        except Refused as refused:
            self._on_refused(refused.reason)
            status, text = refused.status, refused.reason
            if status == HTTPStatus.METHOD_NOT_ALLOWED:
                headers["allow"] = ["POST"]
        except Exception:  # noqa: BLE001 - the outermost edge: nobody may see a traceback
            status, text = HTTPStatus.BAD_REQUEST, f"not handled, reference {reference(log)}"
            self._on_refused("not_handled")
        body = text.encode()
        sent = [(name, value) for name, values in headers.items() for value in values]
        phrase = HTTPStatus(status).phrase
        start_response(f"{int(status)} {phrase}", [*sent, ("content-length", str(len(body)))])
        return [body]

    def _taken(self, environ: WSGIEnvironment) -> tuple[int, dict[str, list[str]], str]:
        """Verify, decode, admit and dispatch; raises ``Refused`` at the first problem."""
        if environ.get("PATH_INFO") != PATH:
            raise Refused(HTTPStatus.NOT_FOUND, "path")
        if environ.get("REQUEST_METHOD") != "POST":
            raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "method")
        raw = _read(environ)
        kind = str(environ.get("CONTENT_TYPE") or "").partition(";")[0].strip().lower()
        if kind not in {_FORM, _JSON}:
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "content_type")
        self._verify(environ, raw)
        payload = decode(raw, kind)
        if payload.get("ssl_check") == "1":
            return HTTPStatus.OK, {}, ""
        self._admit(payload)
        retry: dict[str, str | Sequence[str]] = {
            name: str(environ[key])
            for name, key in (
                ("x-slack-retry-num", "HTTP_X_SLACK_RETRY_NUM"),
                ("x-slack-retry-reason", "HTTP_X_SLACK_RETRY_REASON"),
            )
            if key in environ
        }
        # "socket_mode": already verified and decoded, exactly as that mode's payloads are
        said = self._app.dispatch(
            BoltRequest(body=payload, headers=retry, mode="socket_mode", context={"origin": self._origin})
        )
        if said.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Refused(HTTPStatus.BAD_REQUEST, "not_handled")
        kept = {name: list(values) for name, values in said.headers.items() if name != "content-length"}
        return said.status, kept, said.body or ""

    def _verify(self, environ: WSGIEnvironment, raw: bytes) -> None:
        timestamp = str(environ.get("HTTP_X_SLACK_REQUEST_TIMESTAMP") or "")
        signature = str(environ.get("HTTP_X_SLACK_SIGNATURE") or "")
        if not (_TIMESTAMP.fullmatch(timestamp) and _SIGNATURE.fullmatch(signature)):
            raise Refused(HTTPStatus.UNAUTHORIZED, "headers")
        if abs(self._clock() / 1000 - int(timestamp)) > WINDOW_S:
            raise Refused(HTTPStatus.UNAUTHORIZED, "timestamp")
        signed = hmac.new(self._secret, b"v0:" + timestamp.encode() + b":" + raw, hashlib.sha256)
        if not hmac.compare_digest(f"v0={signed.hexdigest()}", signature):
            raise Refused(HTTPStatus.UNAUTHORIZED, "signature")

    def _admit(self, payload: dict[str, Any]) -> None:
        reason = admit(payload, self._identity())
        if reason in FOREIGN:
            self._on_foreign(what(payload), payload)
            raise Refused(HTTPStatus.FORBIDDEN, reason)
        if reason == UNKNOWN_SELF:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, reason)
        if reason is not None:
            raise Refused(HTTPStatus.BAD_REQUEST, reason)


def decode(raw: bytes, kind: str) -> dict[str, Any]:
    """Return the payload of a verified body.

    Args:
        kind: Its media type, form or JSON.

    Raises:
        Refused: Not UTF-8, or not a form or JSON object as Slack sends them.
    """
    try:
        text = raw.decode()
        if kind == _JSON:
            return _object(text)
        pairs = parse_qsl(text, True, errors="strict", max_num_fields=_DEEPEST_FORM)
    except UnicodeDecodeError:
        raise Refused(HTTPStatus.BAD_REQUEST, "encoding") from None
    except ValueError:
        raise Refused(HTTPStatus.BAD_REQUEST, SHAPE) from None
    form: dict[str, Any] = dict(pairs)
    if len(form) != len(pairs):  # two readers could choose differently
        raise Refused(HTTPStatus.BAD_REQUEST, SHAPE)
    if "payload" in form:
        return _object(form["payload"])
    if "text" in form:
        form["text"] = form["text"].replace("\0", "\ufffd")  # no database holds it; the grammar says why not
    return form


def _object(text: str) -> dict[str, Any]:
    try:
        decoded = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused(HTTPStatus.BAD_REQUEST, "json") from None
    if not isinstance(decoded, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, SHAPE)
    return decoded


def _read(environ: WSGIEnvironment) -> bytes:
    """Return the body, if its length is declared honestly and acceptable."""
    length = str(environ.get("CONTENT_LENGTH") or "0")
    if not (length.isascii() and length.isdigit()):
        raise Refused(HTTPStatus.BAD_REQUEST, "length")
    if len(length) > len(str(LARGEST_BODY)) or int(length) > LARGEST_BODY:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "size")
    raw = environ["wsgi.input"].read(int(length))
    if len(raw) != int(length):
        raise Refused(HTTPStatus.BAD_REQUEST, "length")
    return bytes(raw)
