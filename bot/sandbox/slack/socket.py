"""Socket Mode: the app's open connections, and payloads sent over one of them.

Source: https://docs.slack.dev/apis/events-api/using-socket-mode.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import threading
import uuid
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from bot.sandbox.loopback import HOST

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.http11 import Request, Response
    from websockets.sync.server import Server, ServerConnection

MOST_CONNECTIONS = 10
LEAVE_WITHIN_S = 1.0


class NotConnected(Exception):
    """No connection accepted the payload."""


@dataclass
class _Waiting:
    """A delivery waiting for its acknowledgement."""

    done: threading.Event = field(default_factory=threading.Event)
    payload: dict[str, Any] | None = None


@dataclass(eq=False)
class Connection:
    """One open WebSocket; a draining one gets no new payloads."""

    link: ServerConnection
    draining: bool = False

    def say(self, message: dict[str, Any]) -> None:
        """Write one JSON message.

        Raises:
            ConnectionClosed: The client has disconnected.
        """
        self.link.send(json.dumps(message))


class Sockets:
    """The open connections; payloads go to them in turn."""

    def __init__(self, app_id: str, changed: Callable[[], None]) -> None:
        self.app_id = app_id
        self.connections: list[Connection] = []
        self.delivered: list[tuple[int, str]] = []
        self._changed = changed
        self._server: Server | None = None
        self._tickets: set[str] = set()
        self._waiting: dict[str, _Waiting] = {}
        self._turn = 0
        self._lock = threading.Lock()

    def address(self) -> str:
        """Return an address for one connection, or None if ten are open."""
        with self._lock:
            if len(self.connections) >= MOST_CONNECTIONS:
                return ""
            if self._server is None:
                self._server = self._start()
            ticket = secrets.token_urlsafe(16)
            self._tickets.add(ticket)
            port = self._server.socket.getsockname()[1]
            return f"ws://{HOST}:{port}/link/?ticket={ticket}&app_id={self.app_id}"

    def _start(self) -> Server:
        """Accept connections, on a separate port."""
        server = serve(
            self._stay,
            HOST,
            0,
            process_request=self._admit,
            compression=None,
            close_timeout=LEAVE_WITHIN_S,
        )
        threading.Thread(target=server.serve_forever, name="socket-mode", daemon=True).start()
        return server

    def _admit(self, link: ServerConnection, request: Request) -> Response | None:
        """Refuse an upgrade whose ticket is unknown or used."""
        ticket = parse_qs(urlsplit(request.path).query).get("ticket", [""])[0]
        with self._lock:
            known = ticket in self._tickets
            self._tickets.discard(ticket)
        return None if known else link.respond(HTTPStatus.FORBIDDEN, "The ticket is used or unknown.\n")

    def _stay(self, link: ServerConnection) -> None:
        """Greet a client, and receive its acknowledgements until it disconnects."""
        connection = Connection(link)
        hello = {
            "type": "hello",
            "num_connections": len(self.connections) + 1,
            "debug_info": {"host": "sandbox", "approximate_connection_time": 18060},
            "connection_info": {"app_id": self.app_id},
        }
        with contextlib.suppress(ConnectionClosed):  # the next payload goes to another connection
            connection.say(hello)
            with self._lock:
                self.connections.append(connection)
            self._changed()
            for message in link:
                self._acknowledged(message)
        with self._lock:
            if connection in self.connections:
                self.connections.remove(connection)
        self._changed()

    def _acknowledged(self, message: str | bytes) -> None:
        """Pass an acknowledgement to the waiting delivery; late and unknown ones are dropped."""
        try:
            said = json.loads(message)
        except ValueError:
            return
        waiting = self._waiting.get(str(said.get("envelope_id"))) if isinstance(said, dict) else None
        if waiting is not None:
            waiting.payload = said.get("payload") or {}
            waiting.done.set()

    def deliver(
        self, kind: str, payload: dict[str, Any], timeout_s: float, **more: Any
    ) -> dict[str, Any] | None:
        """Send a payload over one connection and wait for its acknowledgement.

        Args:
            kind: ``slash_commands``, ``interactive`` or ``events_api``.
            payload: What HTTP mode would post.
            more: Further keys of the envelope, such as ``retry_attempt``.

        Returns:
            The acknowledgement's payload, or None if it did not come in time.

        Raises:
            NotConnected: No connection is open.
        """
        name, waiting = str(uuid.uuid4()), _Waiting()
        envelope = {"envelope_id": name, "type": kind, "payload": payload, **more}
        envelope["accepts_response_payload"] = kind != "events_api"
        self._waiting[name] = waiting
        try:
            for index, connection in self._in_turn():
                try:
                    connection.say(envelope)
                except ConnectionClosed:
                    continue
                self.delivered.append((index, name))
                return waiting.payload if waiting.done.wait(timeout_s) else None
            raise NotConnected(kind)
        finally:
            del self._waiting[name]

    def _in_turn(self) -> list[tuple[int, Connection]]:
        """Return the connections that accept payloads, starting with another one every time."""
        with self._lock:
            ready = [(index, one) for index, one in enumerate(self.connections) if not one.draining]
            self._turn += 1
            start = self._turn % len(ready) if ready else 0
            return ready[start:] + ready[:start]

    def close(self) -> None:
        """Cut every connection; new ones are accepted."""
        with self._lock:
            connections = list(self.connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.link.socket.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        """Cut every connection and accept no new one."""
        self.close()
        with self._lock:
            server, self._server = self._server, None
        if server is not None:
            server.shutdown()
