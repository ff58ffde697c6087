"""A load balancer as simple as can be: in turn, and never a second time once something was sent."""

from __future__ import annotations

import http.client
import itertools
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.chaos.replica import Replica

_HOP = {"connection", "content-length", "transfer-encoding", "date", "server"}


class Balancer:
    """Brings Slack's deliveries to whichever replica accepts the connection.

    A replica that refuses the connection is passed over: nothing was sent to it. One that dies
    with the delivery in hand costs Slack a 502, and is not made up for.

    Args:
        replicas: Behind it.
    """

    def __init__(self, replicas: Sequence[Replica]) -> None:
        self._replicas = replicas
        self._turn = itertools.count()
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_port}/slack/events"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def forward(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        first = next(self._turn)
        for place in range(len(self._replicas)):
            replica = self._replicas[(first + place) % len(self._replicas)]
            connection = http.client.HTTPConnection("127.0.0.1", replica.port, timeout=15)
            try:
                connection.connect()
            except OSError:
                continue
            try:
                connection.request("POST", path, body, headers)
                answer = connection.getresponse()
                told = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
                return answer.status, told, answer.read()
            except (OSError, http.client.HTTPException):
                return 502, {}, b"bad gateway"
            finally:
                connection.close()
        return 503, {}, b"no replica"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, balancer: Balancer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.balancer = balancer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Slack did not wait for the answer."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        self.close_connection = True
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        sent = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        status, headers, answer = self.server.balancer.forward(self.path, sent, body)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""
