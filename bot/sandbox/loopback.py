"""The loopback HTTP(S) server of the page and both stand-ins, which can break connections on purpose."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
LARGEST_BODY = 1024 * 1024
IDLE_S = 30.0
LINGER_READS = 256


@dataclass(frozen=True)
class Call:
    """A received request.

    Args:
        path: Without the query.
        query: First value of each parameter.
        headers: Names in lower case.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """The body's type without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """Return the body's JSON, or None if it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def form(self) -> dict[str, str]:
        """Return the first value of each field of a form."""
        return _first(self.body.decode("utf-8", "replace"))


@dataclass(frozen=True)
class Reply:
    """An answer, and how to give it.

    Args:
        body: Written as JSON, except text and bytes; None for an empty body.
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
"""A call has arrived; it has taken effect and nothing was written; its answer was written."""


def nobody(_moment: Moment, _call: Any, _port: int) -> None:
    """Watch nothing."""


class Loopback:
    """Serves on 127.0.0.1 in its own threads.

    Args:
        answer: Called with each request, in the thread of its connection.
        witness: Called at each moment of each request, with the client's port; the call waits for it.
        port: 0 for a free one.
        tls: The server's context, or None for plain http.
        largest: Bytes of the longest accepted body.
        clock: Returns UTC epoch seconds, for the Date header.
    """

    def __init__(
        self,
        answer: Callable[[Call], Reply],
        *,
        witness: Callable[[Moment, Call, int], None] = nobody,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        largest: int = LARGEST_BODY,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.answer = answer
        self.witness = witness
        self.port = port
        self.tls = tls
        self.largest = largest
        self.clock = clock
        self.stopping = threading.Event()
        self.busy = 0
        self._idle = threading.Condition()
        self._server: _Server | None = None

    @property
    def address(self) -> tuple[str, int]:
        """The address it is bound to."""
        host, port = self._server.server_address[:2] if self._server else (HOST, self.port)
        return str(host), port

    def start(self) -> None:
        """Listen; after a stop, again on the same port.

        Raises:
            OSError: The port is taken.
        """
        server = _Server(self)
        self._server = server
        self.port = server.server_port
        self.stopping.clear()
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True, name="loopback").start()

    def stop(self, finish_s: float = 0.0) -> None:
        """Refuse new connections, give requests in progress ``finish_s`` seconds to finish, and close the open ones."""
        self.stopping.set()
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        with self._idle:
            self._idle.wait_for(lambda: self.busy == 0, finish_s)
        self._server.close_connections()
        self._server = None

    @contextlib.contextmanager
    def working(self) -> Iterator[bool]:
        """Count one request; yields whether to answer it."""
        with self._idle:
            is_open = not self.stopping.is_set()
            self.busy += is_open
        try:
            yield is_open
        finally:
            with self._idle:
                self.busy -= is_open
                self._idle.notify_all()


class _Server(ThreadingHTTPServer):
    """Knows its open connections, so that it can close them."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, owner: Loopback) -> None:
        super().__init__((HOST, owner.port), _Handler)
        self.owner = owner
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection, its TLS handshake included."""
        with self._kept(request):
            if self.owner.tls is None:
                super().finish_request(request, client_address)
                return
            request.settimeout(IDLE_S)
            secure = self.owner.tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
            with secure, self._kept(secure):
                secure.do_handshake()
                super().finish_request(secure, client_address)

    @contextlib.contextmanager
    def _kept(self, connection: socket.socket) -> Iterator[None]:
        """Track a connection while it is open."""
        with self._lock:
            self._open.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - socketserver's signature
        """Ignore clients that disconnected; report anything else, which is a bug."""
        if not isinstance(sys.exception(), OSError):
            log.error("a request on loopback failed", exc_info=sys.exception())

    def close_connections(self) -> None:
        """Close all connections, which ends their threads."""
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """Translates HTTP to ``Call`` and from ``Reply``."""

    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "loopback"
    sys_version = ""
    timeout = IDLE_S
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Serve any method, unless the server is being stopped."""
        with self.server.owner.working() as is_open:
            if is_open:
                self._serve(self.server.owner)
            else:
                self.close_connection = True

    do_POST = do_GET  # noqa: N815 - http.server's names
    do_PUT = do_GET  # noqa: N815
    do_PATCH = do_GET  # noqa: N815
    do_DELETE = do_GET  # noqa: N815

    def _serve(self, owner: Loopback) -> None:
        self.close_connection = False
        length = self.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > owner.largest or "transfer-encoding" in self.headers:
            self.close_connection = True
            self._write(Reply(413 if length.isdecimal() else 400, {"message": "The body cannot be read."}))
            self._linger()
            return
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True  # the client went away in the middle
            return
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = Call(self.command, parts.path, _first(parts.query), headers, body)
        port = self.client_address[1]
        owner.witness("arrived", call, port)
        reply = owner.answer(call)
        owner.witness("done", call, port)
        self._write(reply)
        owner.witness("answered", call, port)

    def _write(self, reply: Reply) -> None:
        """Answer, or break the connection as the reply says."""
        if reply.hold_s:
            self.server.owner.stopping.wait(reply.hold_s)
        if reply.drop:
            self.close_connection = True
            return
        body, kind = _written(reply.body)
        self.send_response(reply.status)
        if kind and "Content-Type" not in reply.headers:
            self.send_header("Content-Type", kind)
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
        """Read what the client still sends; otherwise a reset may overtake the answer (RFC 9112, 9.6)."""
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(1.0)
            for _ in range(LINGER_READS):
                if not self.connection.recv(65536):
                    return

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the time of the server's clock."""
        return super().date_time_string(self.server.owner.clock() if timestamp is None else timestamp)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Log nothing, since both stand-ins keep their own record."""


def _first(encoded: str) -> dict[str, str]:
    """Return the first value of each field of a query or form."""
    return dict(reversed(parse_qsl(encoded, keep_blank_values=True)))


def _written(body: object) -> tuple[bytes, str]:
    """Return a reply's body as bytes, and its content type."""
    if body is None:
        return b"", ""
    if isinstance(body, bytes):
        return body, "application/octet-stream"
    if isinstance(body, str):
        return body.encode(), "text/html; charset=utf-8"
    return json.dumps(body).encode(), "application/json"
