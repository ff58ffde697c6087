"""Socket Mode: the open connections of the app, and payloads that go to one of them.

Source: https://docs.slack.dev/apis/events-api/using-socket-mode.
"""

from __future__ import annotations

import json
import secrets
import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import parse_qs, urlsplit

from bot.sandbox.slack.websocket import CLOSE, CONTINUATION, PING, PONG, TEXT, accept_key, frame, read_frame

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.server import BaseHTTPRequestHandler
    from socket import socket

MOST_CONNECTIONS = 10


class NotConnected(Exception):
    """No connection took the payload."""


@dataclass
class _Waiting:
    """A delivery that waits for its acknowledgement."""

    done: threading.Event = field(default_factory=threading.Event)
    payload: dict[str, Any] | None = None


@dataclass(eq=False)
class Connection:
    """One open WebSocket; a draining one gets no new payloads."""

    sock: socket
    draining: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, opcode: int, payload: bytes) -> None:
        """Writes one frame, whole."""
        with self.lock:
            self.sock.sendall(frame(opcode, payload))

    def say(self, message: dict[str, Any]) -> None:
        """Writes one JSON message."""
        self.send(TEXT, json.dumps(message).encode())


class Sockets:
    """The open connections; every payload goes to one of them, in turn."""

    def __init__(self, app_id: str, changed: Callable[[], None]) -> None:
        self.app_id = app_id
        self.connections: list[Connection] = []
        self.delivered: list[tuple[int, str]] = []
        self._changed = changed
        self._tickets: set[str] = set()
        self._waiting: dict[str, _Waiting] = {}
        self._turn = 0
        self._lock = threading.Lock()

    def ticket(self) -> str:
        """Returns the query of an address for one connection, or nothing when ten are open."""
        with self._lock:
            if len(self.connections) >= MOST_CONNECTIONS:
                return ""
            name = secrets.token_urlsafe(16)
            self._tickets.add(name)
            return f"ticket={name}&app_id={self.app_id}"

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        """Upgrades a request and stays with it until the client is gone."""
        key = request.headers.get("Sec-WebSocket-Key", "").encode()
        ticket = parse_qs(urlsplit(request.path).query).get("ticket", [""])[0]
        with self._lock:
            known = ticket in self._tickets
            self._tickets.discard(ticket)
        if not known or request.headers.get("Upgrade", "").lower() != "websocket" or not key:
            request.send_error(403 if not known else 400)
            return
        request.send_response(101)
        request.send_header("Upgrade", "websocket")
        request.send_header("Connection", "Upgrade")
        request.send_header("Sec-WebSocket-Accept", accept_key(key))
        request.end_headers()
        request.connection.settimeout(None)
        connection = Connection(request.connection)
        try:
            with self._lock:
                count = len(self.connections) + 1
            connection.say(
                {
                    "type": "hello",
                    "num_connections": count,
                    "debug_info": {"host": "sandbox", "approximate_connection_time": 18060},
                    "connection_info": {"app_id": self.app_id},
                }
            )
            with self._lock:
                self.connections.append(connection)
            connection.send(PING, b"Ping from the sandbox")
            self._changed()
            self._listen(connection, request.rfile)  # type: ignore[arg-type]  # a buffered reader
        except OSError:
            pass  # the client is gone; the next payload goes to another connection
        finally:
            with self._lock:
                if connection in self.connections:
                    self.connections.remove(connection)
            self._changed()

    def _listen(self, connection: Connection, stream: BinaryIO) -> None:
        """Reads frames until the client closes."""
        message = b""
        while True:
            last, opcode, data = read_frame(stream)
            if opcode == CLOSE:
                connection.send(CLOSE, data)
                return
            if opcode == PING:
                connection.send(PONG, data)
            elif opcode in (TEXT, CONTINUATION):
                message += data
                if last:
                    self._acknowledged(message)
                    message = b""

    def _acknowledged(self, message: bytes) -> None:
        """Hands an acknowledgement to the delivery that waits for it; late and unknown ones are dropped."""
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
        """Sends a payload over one connection and waits for its acknowledgement.

        Args:
            kind: `slash_commands`, `interactive` or `events_api`.
            payload: what HTTP mode would post.
            timeout_s: seconds to wait.
            more: further keys of the envelope, such as `retry_attempt`.

        Returns:
            The acknowledgement's payload, or none when it did not come in time.

        Raises:
            NotConnected: no connection is open.
        """
        name, waiting = str(uuid.uuid4()), _Waiting()
        envelope = {"envelope_id": name, "type": kind, "payload": payload, **more}
        envelope["accepts_response_payload"] = kind != "events_api"
        self._waiting[name] = waiting
        try:
            for index, connection in self._in_turn():
                try:
                    connection.say(envelope)
                except OSError:
                    continue
                self.delivered.append((index, name))
                return waiting.payload if waiting.done.wait(timeout_s) else None
            raise NotConnected(kind)
        finally:
            del self._waiting[name]

    def _in_turn(self) -> list[tuple[int, Connection]]:
        """Returns the connections that take payloads, another one first every time."""
        with self._lock:
            ready = [(index, one) for index, one in enumerate(self.connections) if not one.draining]
            self._turn += 1
            start = self._turn % len(ready) if ready else 0
            return ready[start:] + ready[:start]

    def refresh(self, reason: str = "refresh_requested") -> None:
        """Tells every open connection to come again; nothing more is sent over them."""
        with self._lock:
            connections = list(self.connections)
        for connection in connections:
            connection.draining = True
            try:
                connection.say({"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}})
            except OSError:
                continue

    def close(self) -> None:
        """Cuts every connection."""
        with self._lock:
            connections = list(self.connections)
        for connection in connections:
            try:
                connection.sock.shutdown(2)
            except OSError:
                continue
