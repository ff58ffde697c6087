"""A small HTTP(S) server on loopback that can also break: drop, cut, hold back, refuse."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

MAX_BODY_BYTES = 1024 * 1024
IDLE_S = 30.0
LINGER_READS = 256


@dataclass(frozen=True)
class Call:
    """A request as it arrived.

    Args:
        method: Such as ``POST``.
        path: Without the query.
        query: First value of each parameter.
        headers: Names in lower case.
        body: As sent.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body's JSON, or None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True)
class Reply:
    """What is answered, and how.

    Args:
        status: HTTP status.
        body: Written as JSON, or as it is where it is text; None for an empty body.
        headers: Further headers.
        hold_s: Seconds to wait before answering.
        drop: Close the connection instead of answering.
        cut: Close the connection in the middle of the body.
    """

    status: int
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    hold_s: float = 0.0
    drop: bool = False
    cut: bool = False


Moment = Literal["arrived", "done", "answered"]
"""A call has arrived; has had its effect and nothing was written; its answer was written."""


def nobody(_moment: Moment, _call: Call, _port: int) -> None:
    """Maintenance nothing."""


class LoopbackServer:
    """Serves on 127.0.0.1 in threads of its own.

    Args:
        answer: Called with each request, in the thread of its connection.
        witness: Called at each moment of each request, with the client's port; the call waits for it.
        port: 0 for a free one.
        tls: The server's context, or None for plain http.
    """

    def __init__(
        self,
        answer: Callable[[Call], Reply],
        *,
        witness: Callable[[Moment, Call, int], None] = nobody,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.stopping = threading.Event()
        self.port = port
        self._answer = answer
        self._witness = witness
        self._tls = tls
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen; after a stop again on the same port."""
        self.stopping.clear()
        self._server = _Server(self.port, self._answer, self._witness, self._tls, self.stopping)
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True, name="stand-in"
        )
        self._thread.start()

    def stop(self) -> None:
        """Refuse connections from now on and close the open ones."""
        self.stopping.set()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server.close_connections()
            self._server = None


class _Server(ThreadingHTTPServer):
    """Knows its open connections, so that it can close them."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self,
        port: int,
        answer: Callable[[Call], Reply],
        witness: Callable[[Moment, Call, int], None],
        tls: ssl.SSLContext | None,
        stopping: threading.Event,
    ) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.answer = answer
        self.witness = witness
        self.stopping = stopping
        self._tls = tls
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection, its TLS handshake included."""
        with self._lock:
            self._open.add(request)
        try:
            if self._tls is None:
                super().finish_request(request, client_address)
                return
            request.settimeout(IDLE_S)
            with self._tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False) as secure:
                with self._lock:
                    self._open.add(secure)
                secure.do_handshake()
                super().finish_request(secure, client_address)
                with self._lock:
                    self._open.discard(secure)
        finally:
            with self._lock:
                self._open.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing about a client that went away."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def close_connections(self) -> None:
        """Close what is open; the threads that served it end."""
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """Translates between the wire and ``Call`` and ``Reply``."""

    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "stand-in"
    sys_version = ""
    timeout = IDLE_S
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Serve any method."""
        self.close_connection = False
        length = self.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES or "transfer-encoding" in self.headers:
            self.close_connection = True
            self._write(Reply(413 if length.isdigit() else 400, {"message": "The body cannot be read."}))
            self._linger()
            return
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True  # the client went away in the middle
            return
        parts = urlsplit(self.path)
        call = Call(
            self.command,
            parts.path,
            {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()},
            {name.lower(): value for name, value in self.headers.items()},
            body,
        )
        port = self.client_address[1]
        self.server.witness("arrived", call, port)
        reply = self.server.answer(call)
        self.server.witness("done", call, port)
        self._write(reply)
        self.server.witness("answered", call, port)

    do_POST = do_GET  # noqa: N815 - http.server's names
    do_PUT = do_GET  # noqa: N815
    do_PATCH = do_GET  # noqa: N815
    do_DELETE = do_GET  # noqa: N815

    def _write(self, reply: Reply) -> None:
        """Answer, or do what the reply says instead."""
        if reply.hold_s:
            self.server.stopping.wait(reply.hold_s)
        if reply.drop:
            self.close_connection = True
            return
        is_text = isinstance(reply.body, str)
        text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
        body = b"" if reply.body is None else text.encode()
        self.send_response(reply.status)
        if reply.body is not None:
            self.send_header("Content-Type", "text/html; charset=utf-8" if is_text else "application/json")
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != 204:  # noqa: PLR2004 - an answer without a body (RFC 9110, 15.3.5)
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if reply.cut else body)
        self.wfile.flush()
        self.close_connection = self.close_connection or reply.cut

    def _linger(self) -> None:
        """Read what the client still sends, else it is reset before it has read the answer (RFC 9112, 9.6)."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(1.0)
            for _ in range(LINGER_READS):
                if not self.connection.recv(65536):
                    return

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing: the cluster keeps its own record."""
