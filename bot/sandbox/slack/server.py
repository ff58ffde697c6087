"""The stand-in's HTTP server on loopback: Web API, response URLs and the door to Socket Mode."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from bot.sandbox.slack.chat import CHAT, respond
from bot.sandbox.slack.lookups import LOOKUPS
from bot.sandbox.slack.views import VIEWS
from bot.sandbox.slack.web import Api, Args, Call, SlackRefusal, answer, masked

if TYPE_CHECKING:
    from email.message import Message as Headers

    from bot.sandbox.slack.socket import Sockets

METHODS = {**CHAT, **LOOKUPS, **VIEWS}
LARGEST_BODY = 1_000_000


class Broken(Exception):
    """The connection is to be broken without an answer."""


class SlackServer(ThreadingHTTPServer):
    """Serves an `Api` and keeps its calls."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, api: Api, sockets: Sockets, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.api = api
        self.sockets = sockets
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name="slack", daemon=True)

    def start(self) -> None:
        """Begins to serve in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the sockets and the server."""
        self.sockets.close()
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keeps quiet about clients that went away; anything else is a bug and is told."""
        import sys

        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def web(self, name: str, args: Args, token: str) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Answers a Web API call under the faults and rates that are set.

        Returns:
            HTTP status, JSON and extra headers.

        Raises:
            Broken: a fault breaks the connection.
        """
        faults, rates = self.api.faults, self.api.rates
        if faults.hits(name):
            time.sleep(faults.slow_s)
            if faults.down == "reset":
                raise Broken
            if faults.down == "503":
                return 503, {"ok": False, "error": "service_unavailable"}, {}
        if faults.take("http_500", name):
            return 500, {"ok": False, "error": "internal_error"}, {}
        wait = faults.retry_after_s if faults.take("rate_limited", name) else 0
        wait = wait or rates.wait_s(name, str(args.get("channel")), self.api.workspace.clock())
        if wait:
            return 429, {"ok": False, "error": "ratelimited"}, {"Retry-After": str(wait)}
        said = answer(self.api, METHODS.get(name), args, token)
        if faults.take("lose_answers", name):
            raise Broken
        return 200, said, {"X-OAuth-Scopes": ",".join(sorted(self.api.app.scopes))}

    def response(self, name: str, args: Args) -> tuple[int, dict[str, Any]]:
        """Answers a post to a response URL: five times, within thirty minutes, no token."""
        faults, workspace = self.api.faults, self.api.workspace
        if faults.hits("response_url"):
            time.sleep(faults.slow_s)
            if faults.down == "reset":
                raise Broken
            if faults.down == "503":
                return 503, {"ok": False, "error": "service_unavailable"}
        with workspace.lock:
            to = workspace.response_urls.get(name)
            if to is None or to.uses_left <= 0:
                return 404, {"ok": False, "error": "used_url"}
            if workspace.clock() > to.until_s:
                return 404, {"ok": False, "error": "expired_url"}
            to.uses_left -= 1
        try:
            respond(self.api, to, args)
        except SlackRefusal as refusal:
            return 200, {"ok": False, "error": refusal.error, **refusal.more}
        return 200, {"ok": True}

    def note(self, method: str, args: Args, status: int, said: dict[str, Any]) -> None:
        """Remembers a call without its secrets."""
        if method == "apps.connections.open" and "url" in said:
            said = said | {"url": "<url>"}
        workspace = self.api.workspace
        with workspace.lock:
            self.api.calls.append(Call(method, masked(args), status, masked(said), workspace.clock()))
        workspace.changed()


class _Handler(BaseHTTPRequestHandler):
    """One request, one connection."""

    protocol_version = "HTTP/1.1"
    server_version = "FakeSlack"
    sys_version = ""
    timeout = 30
    server: SlackServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class names it so
        """Says nothing: the calls are kept in `Api.calls`."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Tells the time of the stand-in's clock in the Date header."""
        return super().date_time_string(self.server.api.workspace.clock() if timestamp is None else timestamp)

    def do_GET(self) -> None:
        """Takes Web API calls with a query, and WebSocket upgrades."""
        if urlsplit(self.path).path == "/link/":
            self.close_connection = True
            self.server.sockets.serve(self)
            return
        self.do_POST()

    def do_POST(self) -> None:
        """Takes Web API calls and posts to response URLs."""
        self.close_connection = True
        target = urlsplit(self.path)
        folder, _, name = target.path.lstrip("/").partition("/")
        try:
            args = _arguments(target.query, self.headers, self._body())
        except ValueError:
            self._send(200, {"ok": False, "error": "invalid_post_type"}, {})
            return
        extra: dict[str, str] = {}
        label = name if folder == "api" else "response_url"
        witness, port = self.server.api.witness, self.client_address[1]
        witness("arrived", label, port)
        try:
            if folder == "api":
                token = str(args.pop("token", "") or "")
                bearer = self.headers.get("Authorization", "").removeprefix("Bearer ").strip()
                status, said, extra = self.server.web(name, args, bearer or token)
            elif folder == "response" and self.command == "POST":
                status, said = self.server.response(name, args)
            else:
                status, said = 404, {"ok": False, "error": "not_found"}
        except Broken:
            self.server.note(label, args, 0, {})
            # A zero linger time makes close() send a reset instead of an orderly end.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return
        self.server.note(label, args, status, said)
        witness("done", label, port)
        self._send(status, said, extra)
        witness("answered", label, port)

    def _body(self) -> bytes:
        """Reads the request's body."""
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= LARGEST_BODY:
            raise ValueError(length)
        return self.rfile.read(length)

    def _send(self, status: int, said: dict[str, Any], extra: dict[str, str]) -> None:
        """Writes the answer and ends the connection."""
        body = json.dumps(said).encode()
        self.send_response(status)
        for name, value in extra.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


def _arguments(query: str, headers: Headers, body: bytes) -> Args:
    """Decodes a call's arguments: the query, then a form or a JSON object.

    Raises:
        ValueError: the body is neither.
    """
    args: Args = dict(parse_qsl(query, keep_blank_values=True))
    if not body:
        return args
    if headers.get_content_type() == "application/json":
        decoded = json.loads(body)
        if not isinstance(decoded, dict):
            raise ValueError("not an object")
        return args | decoded
    return args | dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True))
