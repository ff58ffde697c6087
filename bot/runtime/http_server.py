"""The HTTP server: waitress, with a deadline for each whole request."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from waitress.channel import HTTPChannel
from waitress.server import create_server

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

REQUEST_WITHIN_S = 10.0
"""How long a request may take to arrive, head and body together; Slack sends at once."""
IDLE_S = 30
MOST_CONNECTIONS = 500
"""110 clients that sent a byte now and then could hold all of waitress' own 100 open."""
LARGEST_BODY = 1_048_576


class DeadlineChannel(HTTPChannel):
    """A connection that is closed if a request takes too long to arrive.

    waitress' ``channel_timeout`` starts again with every byte, so a slow sender outlasts it.

    Args:
        within_s: Seconds from the connection, or from the first byte of a later request, to the request's last byte.
        *args: As for ``HTTPChannel``.
        **kwargs: Likewise.
    """

    def __init__(self, within_s: float, *args: Any, **kwargs: Any) -> None:
        self._within_s = within_s
        self._began_s: float | None = time.monotonic()
        super().__init__(*args, **kwargs)

    def received(self, data: bytes) -> bool:
        """Receive bytes; a complete request ends the wait, empty lines between requests do not."""
        if self._began_s is None:
            self._began_s = time.monotonic()
        taken = bool(super().received(data))
        if self.request is None and data.strip(b"\r\n"):
            self._began_s = None
        return taken

    def readable(self) -> bool:
        """Return whether to keep reading; called in every round of the loop, at least once a second."""
        if self._began_s is not None and time.monotonic() - self._began_s > self._within_s:
            self.will_close = True
        return bool(super().readable())


def listen(
    app: WSGIApplication,
    *,
    host: str,
    port: int,
    threads: int,
    trust_proxy: bool = False,
    request_within_s: float = REQUEST_WITHIN_S,
) -> Any:
    """Return a listening server, which runs when its ``run`` is called.

    Args:
        port: 0 takes a free one, see ``effective_port``.
        threads: How many requests are answered concurrently.
        trust_proxy: Whether to trust ``X-Forwarded-*``.
        request_within_s: See ``DeadlineChannel``.
    """
    trusted: dict[str, Any] = {
        "trusted_proxy": "*",
        "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto"},
    }
    server: Any = create_server(
        app,
        host=host,
        port=port,
        threads=threads,
        ident=None,
        max_request_body_size=LARGEST_BODY,
        channel_timeout=IDLE_S,
        connection_limit=MOST_CONNECTIONS,
        asyncore_use_poll=True,  # select() is limited to descriptors up to 1023
        clear_untrusted_proxy_headers=True,
        **(trusted if trust_proxy else {}),
    )
    server.channel_class = partial(DeadlineChannel, request_within_s)
    return server
