"""A working stretch of network to a server, which can be cut and mended."""

from __future__ import annotations

import contextlib
import socket
import threading
from abc import ABC, abstractmethod
from urllib.parse import urlsplit


class Port(ABC):
    """A port on loopback in front of a server.

    Args:
        url: Of the server; ``self.url`` leads there through the port.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.far = (parts.hostname or "127.0.0.1", parts.port or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        user, _, _ = parts.netloc.rpartition("@")
        here = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = parts._replace(netloc=f"{user}@{here}" if user else here).geturl()
        threading.Thread(target=self._accept, daemon=True).start()

    @abstractmethod
    def connected(self, near: socket.socket) -> None:
        """Serve a client without blocking."""

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.connected(near)


class Relay(Port):
    """Passes bytes on between a port and a server, as for ``Port``."""

    def __init__(self, url: str) -> None:
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._whole = True
        super().__init__(url)

    def cut(self) -> None:
        """End every connection and take no new one."""
        with self._lock:
            self._whole = False
            for end in self._open:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Take connections again."""
        with self._lock:
            self._whole = True

    def close(self) -> None:
        self.cut()
        super().close()

    def connected(self, near: socket.socket) -> None:
        with self._lock:
            if not self._whole:
                near.close()
                return
            far = socket.create_connection(self.far)
            self._open |= {near, far}
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                sink.sendall(chunk)
        with self._lock:
            for end in (source, sink):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            self._open -= {source}
            source.close()
