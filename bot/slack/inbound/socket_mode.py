"""Socket Mode over two connections, so that one may be refreshed without losing a click.

Source: https://docs.slack.dev/apis/events-api/using-socket-mode (up to ten connections; each payload
goes to one of them). slack_sdk's own client answers pings and reconnects once it is connected.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from slack_sdk.socket_mode import SocketModeClient

from bot.slack.outbound.web_api import FAILURES, word_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from slack_sdk import WebClient

    from bot.slack.inbound.app import SocketDoor

CONNECTIONS = 2
CONCURRENCY = 8
"""Threads of each connection; a listener is one short transaction."""
PAUSES_S = (1, 2, 5, 15, 30)
"""Waits between tries of the first connection."""
GRACE_MS = 30_000
"""How long all connections may be closed before the bot counts as not ready."""
LOOK_S = 0.5
SILENT_S = 15.0
"""A connection without a pong for this long is lost; slack_sdk calls it connected for up to 25 s."""

log = logging.getLogger(__name__)


class Line:
    """The connections to Slack."""

    def __init__(
        self, door: SocketDoor, web_client: WebClient, app_token: str, clock: Callable[[], int]
    ) -> None:
        self._stopping = threading.Event()
        self._clock = clock
        self._alone_since: int | None = clock()
        self._clients = [
            SocketModeClient(
                app_token=app_token,
                web_client=web_client,
                auto_reconnect_enabled=True,
                concurrency=CONCURRENCY,
            )
            for _ in range(CONNECTIONS)
        ]
        for client in self._clients:
            client.socket_mode_request_listeners.append(door.handle)

    @property
    def connected(self) -> int:
        """The number of open connections."""
        return sum(_is_open(client) for client in self._clients)

    def problems(self) -> list[str]:
        """Return why nothing arrives from Slack, if that has lasted longer than ``GRACE_MS``."""
        alone = 0 if self._alone_since is None else self._clock() - self._alone_since
        if alone < GRACE_MS or self.connected:
            return []
        return [f"no Socket Mode connection to Slack for {alone // 1000} s"]

    def open(self) -> None:
        """Connect, each connection in a thread that tries until Slack answers."""
        threading.Thread(target=self._watch, name="socket-watch", daemon=True).start()
        for number, client in enumerate(self._clients):
            threading.Thread(
                target=self._connect, args=(client,), name=f"connect-{number}", daemon=True
            ).start()

    def close(self) -> None:
        """Close all at once; the client waits for its own threads."""
        self._stopping.set()
        closers = [threading.Thread(target=client.close, daemon=True) for client in self._clients]
        for closer in closers:
            closer.start()
        for closer in closers:
            closer.join(3)

    def _watch(self) -> None:
        """Log when the last connection is lost, and when one is restored."""
        was_open = False
        while not self._stopping.wait(LOOK_S):
            if self.connected:
                if self._alone_since is not None and was_open:
                    facts = {"seconds": (self._clock() - self._alone_since) // 1000}
                    log.info("Socket Mode is connected again", extra={"facts": facts})
                self._alone_since, was_open = None, True
            elif self._alone_since is None:
                self._alone_since = self._clock()
                log.warning("Socket Mode lost its connections: no click or command arrives; reconnecting")

    def _connect(self, client: SocketModeClient) -> None:
        tries = 0
        while not self._stopping.is_set():
            try:
                client.connect()
            except FAILURES as error:
                log.warning("connecting to Slack failed; retrying", extra={"facts": {"what": word_of(error)}})
                self._stopping.wait(PAUSES_S[min(tries, len(PAUSES_S) - 1)])
                tries += 1
            else:
                log.info("connected to Slack")
                return


def _is_open(client: SocketModeClient) -> bool:
    """Return whether a connection is open and Slack answers on it."""
    session = client.current_session
    if session is None or not session.is_active():
        return False
    heard_s = session.last_ping_pong_time
    return heard_s is None or time.time() - heard_s < SILENT_S  # by the clock that slack_sdk noted it with
