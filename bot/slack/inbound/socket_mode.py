"""Socket Mode: two connections, so that one may be refreshed without a lost click.

Source: https://docs.slack.dev/apis/events-api/using-socket-mode (up to ten connections; each payload
goes to one of them). slack_sdk's own client answers pings and reconnects once it is connected.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from slack_sdk.socket_mode import SocketModeClient

from bot.slack.outbound.web_api import FAILURES, word_of

if TYPE_CHECKING:
    from slack_sdk import WebClient

    from bot.slack.inbound.app import SocketDoor

CONNECTIONS = 2
CONCURRENCY = 8
"""Threads of each connection; a listener is one short transaction."""
PAUSES_S = (1, 2, 5, 15, 30)
"""Waits between tries of the first connection."""

log = logging.getLogger(__name__)


class Line:
    """The connections to Slack.

    Args:
        door: Takes the payloads.
        web_client: Asks for the addresses.
        app_token: The app-level token (``xapp-…``).
    """

    def __init__(self, door: SocketDoor, web_client: WebClient, app_token: str) -> None:
        self._stopping = threading.Event()
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
        """How many connections are open."""
        return sum(client.is_connected() for client in self._clients)

    def open(self) -> None:
        """Connect, each in a thread of its own that tries until Slack answers."""
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
