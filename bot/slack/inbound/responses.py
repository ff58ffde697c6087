"""How a listener answers: in the acknowledgement, through the worker, with a modal, or with a refusal."""

from __future__ import annotations

import logging
from functools import wraps
from html import unescape
from typing import TYPE_CHECKING, Any

from slack_bolt import BoltResponse

from bot.errors import StoreError
from bot.log_context import bind
from bot.slack.blocks import answers, form, modals
from bot.slack.blocks.slack_refusals import not_opened
from bot.slack.inbound.context import origin, person, reference, subject
from bot.slack.inbound.payload import delivery_key, trigger_hash
from bot.slack.inbound.workflow_step import person_of_event
from bot.slack.outbound.private import said
from bot.slack.outbound.web_api import FAILURES, is_refusal, word_of
from bot.workflow import outbox, surface
from bot.workflow.ports import Ask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from slack_bolt.kwargs_injection.args import Args

    from bot.slack.blocks.kit import Message
    from bot.slack.inbound.context import ListenerContext

log = logging.getLogger(__name__)

Answer = BoltResponse | None
_HELD = ("value", "selected_option", "selected_conversation")
"""The key of a field's value in its state, by kind of element."""
HOME_WAIT_MS = 2_000
"""How long after a click the Home tab is redrawn; by then, the worker has decided."""


class Responder:
    """How the listeners answer."""

    def __init__(self, context: ListenerContext) -> None:
        self.context = context

    def typed(self, args: Args, text: str, channel_id: str) -> Ask:
        """Return a text with its sender and place."""
        body = args.body
        who = person_of_event(body) if "event" in body else person(body)
        key, trigger = delivery_key(body), trigger_hash(body)
        return Ask(key, text, who, channel_id, origin(args), trigger, asked_in=channel_id)

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
