"""The Bolt app: built on request, without network access, with two entrances.

``process_before_response`` makes "committed before acknowledged" hold by construction.
"""

from __future__ import annotations

import json
import logging
import ssl
from contextlib import nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any

from slack_bolt import App, BoltResponse
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request import BoltRequest
from slack_sdk import WebClient
from slack_sdk.socket_mode.response import SocketModeResponse

from bot.audit.chain import Event, Where, Who
from bot.slack.inbound.context import person, reference
from bot.slack.inbound.listeners import register
from bot.slack.inbound.payload import FOREIGN, admit, delivery_key, trigger_hash, what
from bot.workflow import outbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from slack_bolt.context import BoltContext
    from slack_sdk.socket_mode.client import BaseSocketModeClient
    from slack_sdk.socket_mode.request import SocketModeRequest

    from bot.slack.inbound.context import ListenerContext
    from bot.slack.outbound.people import Identity
    from bot.store import Store

log = logging.getLogger(__name__)


def web_client(token: str, api_url: str, timeout_s: int) -> WebClient:
    """Return a client that neither sleeps nor retries.

    Args:
        timeout_s: Seconds for each step of a call.
    """
    return WebClient(
        token=token,
        base_url=api_url if api_url.endswith("/") else f"{api_url}/",
        timeout=timeout_s,
        ssl=_tls() if api_url.startswith("https") else None,
        retry_handlers=[],
        logger=_quiet("bot.slack.web"),
    )


@cache
def _tls() -> ssl.SSLContext:
    """Return the TLS context of all clients: reading the system's authorities takes 33 ms and 0.9 MB each time."""
    return ssl.create_default_context()


def build(listeners: ListenerContext, signing_secret: str) -> App:
    """Return the Bolt app with every listener; calls nobody.

    Args:
        signing_secret: For deliveries dispatched as HTTP; the gate checks its own.
    """

    def authorize(context: BoltContext) -> AuthorizeResult:
        """Return who we are without asking Slack; the token stays with the code that calls Slack."""
        identity = listeners.identity()
        return AuthorizeResult(
            enterprise_id=context.enterprise_id,
            team_id=context.team_id,
            bot_id=identity.bot_id if identity else None,
            bot_user_id=identity.bot_user_id if identity else None,
        )

    app = App(
        name="peftsize",
        logger=_quiet("bot.slack.bolt"),
        client=WebClient(base_url=listeners.modals.base_url, retry_handlers=[]),
        signing_secret=signing_secret,
        authorize=authorize,
        token_verification_enabled=False,
        process_before_response=True,
        attaching_function_token_enabled=False,
    )
    app.error(_failed)
    register(app, listeners)
    return app


class SocketDoor:
    """Accepts Socket Mode payloads: the same checks as over HTTP, except the signature.

    Args:
        identity: Returns who we are.
        on_refused: Called with the reason of every refusal.
        on_foreign: Called with what a payload of a foreign team or app tried, and the payload.
        under_way: As for ``Gate``.
    """

    def __init__(
        self,
        app: App,
        *,
        identity: Callable[[], Identity | None],
        on_refused: Callable[[str], None],
        on_foreign: Callable[[str, dict[str, Any]], None],
        origin: str = "slack-socket",
        under_way: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._app = app
        self._under_way = under_way
        self._identity = identity
        self._on_refused = on_refused
        self._on_foreign = on_foreign
        self._origin = origin

    def handle(self, client: BaseSocketModeClient, request: SocketModeRequest) -> None:
        """Answer one envelope; without an answer, Slack tells the person or sends it again."""
        try:
            with self._under_way():
                said = self.deliver(request.payload)
        except Exception:  # noqa: BLE001 - the outermost edge: the connection must go on
            reference(log)
            return
        if said is None or said.status != 200:  # noqa: PLR2004 - HTTP's own number
            return
        payload: dict[str, Any] | None = None
        if said.body:
            kind = said.headers.get("content-type", [""])[0]
            payload = json.loads(said.body) if kind.startswith("application/json") else {"text": said.body}
        client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id, payload=payload))

    def deliver(self, payload: dict[str, Any]) -> BoltResponse | None:
        """Admit and dispatch a payload; None if it was refused."""
        reason = admit(payload, self._identity())
        if reason in FOREIGN:
            self._on_foreign(what(payload), payload)
        if reason is not None:
            self._on_refused(reason)
            return None
        return self._app.dispatch(
            BoltRequest(body=payload, mode="socket_mode", context={"origin": self._origin})
        )


def note_foreign(store: Store, tried: str, payload: dict[str, Any], origin: str = "slack-http") -> None:
    """Audit that a foreign team or app tried something, and tell the person why nothing happened.

    Args:
        tried: As named by ``bot.slack.inbound.payload.what``.
        payload: Its shape is known.

    Raises:
        StoreError: It was not written.
    """
    user = _who(payload)
    channel = payload.get("channel_id") or (payload.get("channel") or {}).get("id")
    reason = f"foreign: app {payload.get('api_app_id')}, team {user.team_id}"
    with store.write() as tx:
        where = Where(channel, None, trigger_hash(payload))
        event = f"{tried}.refused"[:64]
        tx.audit_log.append(Event(tx.now, event, actor=user, origin=origin, reason=reason, slack=where))
        key = delivery_key(payload)
        if user.user_id and "event" not in payload and tx.queues.receive(key, None):
            outbox.answer(tx, key, user.user_id, channel, code="stranger")


def _who(payload: dict[str, Any]) -> Who:
    """Return the actor that the payload claims."""
    if "event" in payload:
        user = payload["event"].get("user")
        return Who(
            payload.get("enterprise_id"), payload.get("team_id"), user if isinstance(user, str) else None
        )
    claimed = person(payload)
    return Who(claimed.enterprise_id, claimed.team_id or None, claimed.user_id, claimed.name)


def _failed(error: Exception) -> BoltResponse:
    """Answer an exception that a listener let through; none should."""
    return BoltResponse(status=500, body=f"not handled, reference {reference(log, error)}")


def _quiet(name: str) -> logging.Logger:
    """Return a logger for a library whose warnings print what people sent."""
    logger = logging.getLogger(name)
    logger.setLevel(logging.ERROR)
    return logger
