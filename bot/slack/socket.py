"""Socket Mode: two connections, so that one may be refreshed without a lost click.

Source: https://docs.slack.dev/apis/events-api/using-socket-mode (up to ten connections; each payload
goes to one of them). slack_sdk's own client reconnects and answers pings.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from slack_sdk.socket_mode import SocketModeClient

if TYPE_CHECKING:
    from slack_sdk import WebClient

    from bot.slack.app import SocketDoor

CONNECTIONS = 2
CONCURRENCY = 8
"""Threads of each connection; a listener is one short transaction."""

log = logging.getLogger(__name__)


def connect(door: SocketDoor, web_client: WebClient, app_token: str) -> list[SocketModeClient]:
    """Open the connections.

    Args:
        door: Takes the payloads.
        web_client: Asks for the addresses.
        app_token: The app-level token (``xapp-…``).

    Returns:
        The clients, to be closed when stopping.
    """
    clients = []
    for _ in range(CONNECTIONS):
        client = SocketModeClient(
            app_token=app_token,
            web_client=web_client,
            auto_reconnect_enabled=True,
            concurrency=CONCURRENCY,
            trace_enabled=False,
        )
        client.socket_mode_request_listeners.append(door.handle)  # type: ignore[arg-type]  # the door takes the base client
        client.connect()
        clients.append(client)
    log.info("connected to Slack", extra={"facts": {"connections": len(clients)}})
    return clients
