"""A stretch of network to PostgreSQL that can hold up one commit, on either side of it."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Literal

from tests.support.relay import Port

Side = Literal["request", "answer"]


class Stall(Port):
    """Passes bytes on, and holds up the commit of the transaction that contains some words.

    ``request`` keeps the commit from the server: the transaction stays open with all its locks.
    ``answer`` lets the server commit and keeps the client from hearing of it.

    Args:
        url: Of the database; ``self.url`` leads there through here.
    """

    def __init__(self, url: str) -> None:
        self._order: tuple[bytes, Side] | None = None
        self.held = threading.Event()
        self._go_on = threading.Event()
        super().__init__(url)

    def order(self, words: bytes, side: Side) -> None:
        """Hold up the next such commit."""
        self.held.clear()
        self._go_on.clear()
        self._order = (words, side)

    def release(self) -> None:
        self._order = None
        self._go_on.set()

    def close(self) -> None:
        self.release()
        super().close()

    def connected(self, near: socket.socket) -> None:
        threading.Thread(target=self._between, args=(near,), daemon=True).start()

    def _between(self, near: socket.socket) -> None:
        """Serve one connection until both directions are at their end."""
        with near, socket.create_connection(self.far) as far:
            waits = threading.Event()
            back = threading.Thread(target=self._back, args=(far, near, waits), daemon=True)
            back.start()
            self._there(near, far, waits)
            back.join()

    def _there(self, near: socket.socket, far: socket.socket, waits: threading.Event) -> None:
        """Pass on what the client says; the commit after the words is the one to hold up."""
        marked: tuple[bytes, Side] | None = None
        with contextlib.suppress(OSError):
            while chunk := near.recv(65536):
                order = self._order
                if order is not None and order[0] in chunk:
                    marked, self._order = order, None
                if marked is not None and b"COMMIT" in chunk:
                    side, marked = marked[1], None
                    if side == "answer":
                        waits.set()
                    else:
                        self.held.set()
                        self._go_on.wait()
                far.sendall(chunk)
        _end(near, far)

    def _back(self, far: socket.socket, near: socket.socket, waits: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while chunk := far.recv(65536):
                if waits.is_set():
                    waits.clear()
                    self.held.set()
                    self._go_on.wait()
                near.sendall(chunk)
        _end(near, far)


def _end(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
