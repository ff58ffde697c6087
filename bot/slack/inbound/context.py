"""What every listener has at hand: how it reads a delivery, and how it answers."""

from __future__ import annotations

import logging
import re
import secrets
import sys
from dataclasses import dataclass, replace
from functools import wraps
from html import unescape
from typing import TYPE_CHECKING, Any

from slack_bolt import BoltResponse

from bot.approvals.policy import Person
from bot.errors import StoreError
from bot.log_context import bind
from bot.slack.blocks import answers, form, modals
from bot.slack.blocks.slack_refusals import not_opened
from bot.slack.inbound.payload import delivery_key, trigger_hash
from bot.slack.outbound.people import card_link
from bot.slack.outbound.private import said
from bot.slack.outbound.web_api import FAILURES, is_refusal, may_post, word_of
from bot.workflow import outbox, surface
from bot.workflow.ports import Ask, Click, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from slack_bolt.kwargs_injection.args import Args
    from slack_sdk import WebClient

    from bot.approvals.parties import Shortage
    from bot.approvals.policy import Ruling
    from bot.approvals.request import Request
    from bot.slack.blocks.kit import Message
    from bot.slack.outbound.people import Identity
    from bot.workflow.service import RequestService

log = logging.getLogger(__name__)

Answer = BoltResponse | None
HOME_WAIT_MS = 2_000
"""How long after a click the Home tab is redrawn; by then, the worker has decided."""
_HELD = ("value", "selected_option", "selected_conversation")
"""The key of a field's value in its state, by kind of element."""
_REQUEST_ID = re.compile(r"(?:[a-z_]{1,20} )?([A-Za-z0-9]{1,16})", re.ASCII)
TIMESTAMP = re.compile(r"[0-9]{1,12}\.[0-9]{1,9}", re.ASCII)
_BLOCK_ID = re.compile(r"peftsize:([0-9]{1,9})(?::.*)?", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class ListenerContext:
    """What the listeners work with.

    Args:
        identity: Returns who we are; None until Slack has said.
        modals: For ``views.open`` and ``views.update``, with a timeout of 2 s.
        api_url: Base of the Web API; a ``response_url`` may be on its host.
        approval_channel: Where cards are posted instead of the command's channel, if anywhere.
        on_revoked: Called with the event that ended the installation.
        short: Returns the parties that a requester cannot reach under a ruling, as last seen.
    """

    service: RequestService
    identity: Callable[[], Identity | None]
    modals: WebClient
    api_url: str
    approval_channel: str | None
    on_revoked: Callable[[str], None]
    short: Callable[[Ruling, str], Sequence[Shortage]] = lambda *_: ()

    def link(self, request: Request | None) -> str | None:
        """Return the address of a request's card, if it has one."""
        return card_link(self.identity(), request)

    def answer_url(self, body: Mapping[str, Any]) -> str | None:
        """Return the delivery's response URL if we may post to its host."""
        url = str(body.get("response_url") or "")
        return url if may_post(url, self.api_url) else None

    def request(self, request_id: str) -> Request | None:
        """Read a request, to show it."""
        with self.service.store.read() as tx:
            return tx.requests.get(request_id)


def origin(args: Args) -> str:
    """Return the delivery's origin, as named in the audit."""
    return str(args.context.get("origin") or "slack-http")


def person(body: Mapping[str, Any]) -> Person:
    """Return who sent a delivery, as claimed in it: enough for asking, never for deciding."""
    if "event" in body:
        event, user_id = body["event"], str(body["event"].get("user") or "")
        team_id = event.get("user_team") or event.get("team") or body.get("team_id") or ""
        return Person(str(team_id), user_id, user_id, body.get("enterprise_id") or None)
    if "command" in body:
        name = body.get("user_name") or body["user_id"]
        return Person(body.get("team_id") or "", body["user_id"], name, body.get("enterprise_id") or None)
    user, team, enterprise = body["user"], body.get("team") or {}, body.get("enterprise") or {}
    return Person(
        user.get("team_id") or team.get("id") or "",
        user["id"],
        user.get("username") or user.get("name") or user["id"],
        enterprise.get("id") or team.get("enterprise_id") or None,
    )


def request_of(pressed: Mapping[str, Any]) -> str:
    """Return the request id of a button or a menu's option; a dash if it cannot be one."""
    value = str(pressed.get("value") or (pressed.get("selected_option") or {}).get("value") or "")
    match = _REQUEST_ID.fullmatch(value)
    return match[1] if match else "-"


def subject(body: Mapping[str, Any]) -> str | None:
    """Return the request id of a delivery, for the log; None if it names none."""
    pressed: Mapping[str, Any] = (body.get("actions") or [{}])[0]
    request_id = request_of(pressed)
    return None if request_id == "-" else request_id


def revision_of(pressed: Mapping[str, Any]) -> int | None:
    """Return the revision in a button's block id; -1, which no row has, for a foreign block."""
    block_id = str(pressed.get("block_id") or "")
    match = _BLOCK_ID.fullmatch(block_id)
    return int(match[1]) if match else -1


def reference(log: logging.Logger, error: BaseException | None = None) -> str:
    """Log an exception (by default the current one) under a short reference, and return that."""
    code = secrets.token_hex(4)
    caught = error or sys.exception()
    log.error("processing a delivery failed", exc_info=caught, extra={"facts": {"reference": code}})
    return code


class Responder:
    """How the listeners read what people press and type, and answer it."""

    def __init__(self, context: ListenerContext) -> None:
        self.context = context

    def typed(self, args: Args, text: str, channel_id: str) -> Ask:
        """Return a text with its sender and place."""
        body = args.body
        key, trigger = delivery_key(body), trigger_hash(body)
        return Ask(key, text, person(body), channel_id, origin(args), trigger, asked_in=channel_id)

    def click(self, args: Args, action: str) -> Click:
        """Return what a person pressed, as an action of ``bot.workflow.ports.Click``."""
        body, who = args.body, person(args.body)
        pressed: Mapping[str, Any] = (body.get("actions") or [{}])[0]
        container: Mapping[str, Any] = body.get("container") or {}
        ts = str(container.get("message_ts") or "")
        channel = (body.get("channel") or {}).get("id") or container.get("channel_id")
        view: Mapping[str, Any] = body.get("view") or {}
        at_home = view.get("type") == "home"
        return Click(
            key=delivery_key(body),
            action=action,
            request_id=request_of(pressed),
            revision=revision_of(pressed),
            team_id=who.team_id,
            user_id=who.user_id,
            name=who.name,
            at=self.context.service.clock(),
            origin=origin(args),
            enterprise_id=who.enterprise_id,
            channel_id=str(channel)[:32] if channel else None,
            message_ts=ts if TIMESTAMP.fullmatch(ts) else None,
            trigger_hash=trigger_hash(body),
            source=Source.HOME if at_home else Source.CARD,
            view_id=str(view.get("id"))[:64] if at_home else None,
            view_hash=str(view.get("hash"))[:64] if at_home else None,
        )

    def click_in_modal(
        self,
        args: Args,
        action: str,
        *,
        reason: str | None = None,
        text: str | None = None,
        purpose: str | None = None,
    ) -> Click:
        """Return the action decided in a modal, by the person who submitted it.

        The modal's metadata says where it was opened; it is checked like any click's place, and grants nothing.
        """
        about = modals.metadata(args.body["view"])
        channel_id, ts, view_id = (about.get(key) for key in ("channel_id", "message_ts", "view_id"))
        return replace(
            self.click(args, action),
            request_id=request_of({"value": about.get("request_id")}),
            revision=about["revision"] if isinstance(about.get("revision"), int) else -1,
            reason=reason,
            text=text,
            purpose=purpose,
            source=Source.MODAL,
            channel_id=str(channel_id)[:32] if channel_id else None,
            message_ts=str(ts)[:32] if ts else None,
            view_id=str(view_id)[:64] if view_id else None,
        )

    def open(self, args: Args, view: dict[str, Any]) -> Answer:
        """Open a modal, the only call to Slack before the acknowledgement."""
        try:
            self.context.modals.views_open(trigger_id=str(args.body.get("trigger_id") or ""), view=view)
        except FAILURES as error:
            log.warning("a modal could not be opened", extra={"facts": {"what": word_of(error)}})
            message = said(not_opened(word_of(error) if is_refusal(error) else None))
            if "command" in args.body:
                return private(args, message)
            return self.later(args, self.typed(args, "", channel_of(args)), message)
        return args.ack()

    def later(self, args: Args, typed: Ask, message: Message | None) -> Answer:
        """Let the worker post a private answer, once, if an acknowledgement cannot carry it."""
        with self.context.service.store.write() as tx:
            if tx.queues.receive(f"{typed.key}:answer", None) and message is not None:
                outbox.answer(
                    tx,
                    typed.key,
                    typed.person.user_id,
                    typed.channel_id or None,
                    blocks=message.blocks,
                    text=message.text,
                    thread_ts=typed.thread_ts,
                )
        return args.ack()

    def done(self, args: Args) -> Answer:
        """Acknowledge a click; if it was made in App Home, redraw that."""
        body = args.body
        if (body.get("view") or {}).get("type") == "home":
            who = person(body)
            self.draw_home(who.team_id, who.user_id, HOME_WAIT_MS)
        return args.ack()

    def draw_home(
        self, team_id: str, user_id: str, wait_ms: int = 0, search: surface.Search | None = None
    ) -> None:
        """Let the worker draw a person's Home tab, now and for a while after each change."""
        with self.context.service.store.write() as tx:
            surface.note_reader(tx, team_id, user_id, search)
            outbox.home_tab(tx, team_id, user_id, wait_ms)


def guarded(listener: Callable[[Any, Args], Answer]) -> Callable[[Any, Args], Answer]:
    """Catch every exception of a listener: the person gets a sentence, the log the rest."""

    @wraps(listener)
    def run(self: Responder, args: Args) -> Answer:
        with bind(request_id=subject(args.body), origin=origin(args)):
            try:
                return listener(self, args)
            except StoreError as error:
                log.warning("a delivery could not be stored", extra={"facts": {"what": error.what}})
                return _failed(args, answers.nothing_stored(error.what))
            except Exception:  # noqa: BLE001 - the outermost edge of a listener
                return _failed(args, answers.unexpected(reference(log)))

    return run


def private(args: Args, message: Message | None) -> Answer:
    """Acknowledge a command, with a private answer or without."""
    if message is None:
        return args.ack()
    reply: dict[str, Any] = {"response_type": "ephemeral", "text": message.text, "blocks": message.blocks}
    return args.ack(reply | {"unfurl_links": False, "unfurl_media": False})


def under(args: Args, errors: dict[str, str]) -> Answer:
    """Keep a modal open, with an error under each invalid field."""
    return args.ack(response_action="errors", errors=errors)


def channel_of(args: Args) -> str:
    """Return the channel of an interaction; empty in App Home."""
    body = args.body
    container = body.get("container") or {}
    return str((body.get("channel") or {}).get("id") or container.get("channel_id") or "")[:32]


def field(view: Mapping[str, Any], block: str, action: str = modals.FIELD) -> str:
    """Return what was typed or chosen in a field of a submitted view, whatever it holds."""
    values = (view.get("state") or {}).get("values") or {}
    state = (values.get(block) or {}).get(action) or {}
    held = next((state[key] for key in _HELD if state.get(key)), "")
    chosen = held.get("value") if isinstance(held, dict) else held
    return chosen if isinstance(chosen, str) else ""


def _failed(args: Args, message: Message) -> Answer:
    """Say that nothing was stored, as far as this kind of delivery allows."""
    body = args.body
    if "command" in body:
        return private(args, message)
    if body.get("type") == "view_submission":
        rejects = body["view"]["callback_id"] == modals.REJECT_REASON
        block = modals.REASON_BLOCK if rejects else form.TEXT
        return under(args, {block: unescape(message.text)})
    return BoltResponse(status=503, body="")  # Slack tells the person, and sends an event again
