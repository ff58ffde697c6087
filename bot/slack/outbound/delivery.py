"""Delivers outbox messages to Slack, each drawn from the row as it is now and never read back.

Delivery is at least once: a post whose answer was lost may appear twice. Clicks on a message that is not a stored
copy are refused, so the row stays the only truth.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from bot import messages
from bot.approvals.policy_file import ANYONE
from bot.approvals.request import Request, State
from bot.approvals.state_machine import TERMINAL
from bot.errors import PeopleError, SlackTrouble
from bot.slack.blocks import answers
from bot.slack.outbound.card_view import CardView, Names
from bot.slack.outbound.home_tab import home_view, waiting_for
from bot.slack.outbound.people import card_link
from bot.slack.outbound.private import (
    answer,
    digest,
    lead_to_card,
    not_posted,
    notice,
    thread_line,
)
from bot.slack.outbound.reading import Wish, read
from bot.slack.outbound.web_api import CallFailed, Calls, may_post
from bot.store.requests import Copy
from bot.workflow import outbox
from bot.workflow.notify import in_direct_message
from bot.workflow.outbox import RESPONSE_URL_MS, posts
from bot.workflow.surface import note_home

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from slack_sdk import WebClient

    from bot.approvals.parties import Shortage
    from bot.approvals.policy import Ruling
    from bot.slack.blocks.kit import Message
    from bot.slack.outbound.people import Identity, SlackPeople
    from bot.store import Tx
    from bot.store.queues import OutboxMessage
    from bot.workflow.ports import Specs
    from bot.workflow.service import RequestService

    Written = Callable[[Tx], None] | None
    """What to write in the transaction that removes a delivered message."""

log = logging.getLogger(__name__)

OVERTAKEN_MS = 20_000
"""A thread line delayed by this much is dropped: the card and a direct message say the same."""
UNKNOWN_KIND_S = 60.0
"""How soon a message of an unknown kind, written by a newer release, is tried again."""
PARKED_S = 3_600.0
"""How soon a card that Slack refused is tried again, unless something happens before."""

_NOT_IN = frozenset({"not_in_channel", "channel_not_found"})
_NOT_THERE = _NOT_IN | {"is_archived", "restricted_action"}
_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found"})
_NOBODY = frozenset(
    {"user_not_found", "user_disabled", "cannot_dm_bot", "user_not_visible", "messages_tab_disabled"}
)
_CHECKING = frozenset({"checking", "checking_asker"})
"""Answers that are pointless once it is decided."""
_STEP_OVER = frozenset(
    {"function_execution_not_found", "function_execution_already_completed", "function_execution_not_running"}
)


class OutboxDelivery:
    """Delivers outbox messages to Slack.

    Args:
        client: With the bot's token, a timeout, and no retry handlers.
        people: The instance that decisions use, so that they share look-ups.
        specs: The live specs; None in a dry run.
        identity: Returns who we are; None until Slack has said.
        api_url: Base of the Web API; a ``response_url`` may be on its host.
        short: As in ``CardView``.
        on_call: Called after every call: method, HTTP status or Slack's error, seconds.
    """

    def __init__(
        self,
        *,
        client: WebClient,
        people: SlackPeople,
        service: RequestService,
        specs: Specs | None,
        identity: Callable[[], Identity | None],
        clock: Callable[[], int],
        api_url: str,
        short: Callable[[Ruling, str], Sequence[Shortage]] = lambda *_: (),
        on_call: Callable[[str, int | str, float], None] = lambda *_: None,
    ) -> None:
        self._people = people
        self._calls = Calls(client, clock, on_call)
        self._names = Names(people.name, clock)
        self._cards = CardView(service, self._names, short)
        self._identity = identity
        self._clock = clock
        self._api_url = api_url
        self._specs = specs
        self._service = service
        self._store = service.store
        self._drawn: dict[str, tuple[OutboxMessage, set[Copy]]] = {}
        self._kinds: dict[str, Callable[[OutboxMessage], Written]] = {
            "card": self._card,
            "private": self._private,
            "reading": self._private,
            "dm": self._dm,
            "copy": self._copy,
            "remind": self._copy,  # as the previous release stored it
            "digest": self._digest,
            "thread": self._thread,
            "members": self._members,
            "lead": self._lead,
            "home": self._home,
            "step": self._step,
            "notice": self._notice,
        }

    def deliver(self, item: OutboxMessage) -> Written:
        """Deliver one message; the caller removes it, and writes what this returns.

        Raises:
            SlackTrouble: Delivery failed; ``retry_after_s`` says when to try again, if known.
        """
        handler = self._kinds.get(item.kind)
        if handler is None:
            raise SlackTrouble(f"{item.kind}: not a kind of this release", retry_after_s=UNKNOWN_KIND_S)
        if "response_url" in item.body and self._clock() - item.created_at >= RESPONSE_URL_MS:
            self._scrub(item)
        return handler(item)

    def closed(self) -> frozenset[str]:
        """Return the spent budgets, whose messages must wait."""
        return self._calls.pace.closed()

    # --- the card and its copies

    def _card(self, item: OutboxMessage) -> Written:
        request, copies = self._row(item)
        if request is None or not request.admitted:
            return None
        message = self._cards.message(request)
        refused = None
        drawn = self._drawn_so_far(item)
        for copy in copies:
            if copy in drawn:
                continue
            try:
                self._redraw(request, copy, message)
            except CallFailed as failed:
                if not failed.refused:
                    raise  # the next try skips the copies drawn so far
                refused = failed  # for one copy; the others are still drawn
            drawn.add(copy)
        self._drawn.pop(item.key, None)
        if copies:  # the card itself may be gone
            request, _ = self._row(item)
        written = (
            self._first(item, request, message)
            if request is not None and request.message_ts is None
            else None
        )
        if refused is not None:
            if written is not None:
                self._store.run(written)
            raise SlackTrouble(refused.what, retry_after_s=PARKED_S)
        return written

    def _drawn_so_far(self, item: OutboxMessage) -> set[Copy]:
        """Return the copies that this message had drawn when a budget ran out."""
        before, drawn = self._drawn.get(item.key, (item, set[Copy]()))
        if (before.created_at, before.generation) != (item.created_at, item.generation):
            drawn = set()
        self._drawn[item.key] = item, drawn
        return drawn

    def _redraw(self, request: Request, copy: Copy, message: Message) -> None:
        if copy.user_id is not None:
            message = answers.reminder(message, request, self._link(request), copy.user_id)
        try:
            self._calls("chat.update", channel=copy.channel_id, ts=copy.message_ts, **_content(message))
        except CallFailed as failed:
            if failed.word not in _GONE | _NOT_THERE:
                raise
            with self._store.write() as tx:
                tx.requests.drop_copy(copy)
                if copy.user_id is None and copy.message_ts == request.message_ts:
                    tx.requests.note(request.id, message_ts=None)

    def _first(self, item: OutboxMessage, request: Request, message: Message) -> Written:
        """Post the card, and return what notes where it is; if Slack refuses it, tell the requester why, and wait."""
        try:
            said = self._post(request.channel_id, message, request.thread_ts)
        except CallFailed as failed:
            if failed.word == "thread_not_found":
                with self._store.write() as tx:
                    tx.requests.note(request.id, thread_ts=None)
                raise SlackTrouble(failed.what, retry_after_s=0) from None
            if not failed.refused:
                raise
            if request.state in TERMINAL and failed.word in _NOT_THERE:
                return None
            self._tell_not_posted(item, request, failed.word)
            raise SlackTrouble(failed.what, retry_after_s=PARKED_S) from None
        where = Copy(str(said["channel"]), str(said["ts"]))  # Slack turns a user id into their DM channel

        def written(tx: Tx) -> None:
            tx.requests.note(request.id, message_ts=where.message_ts, channel_id=where.channel_id)
            tx.requests.add_copy(request.id, where)
            if tx.requests.copies(request.id)[1:]:
                outbox.card(tx, tx.requests.get(request.id) or request)  # the copies get a link to the card

        return written

    def _tell_not_posted(self, item: OutboxMessage, request: Request, word: str) -> None:
        """Tell the requester, once, why the card was not posted; this uses up the response URL."""
        body = item.body
        if body.get("invited"):
            return
        url = str(body.get("response_url") or "")
        if self._clock() - item.created_at >= RESPONSE_URL_MS or not may_post(url, self._api_url):
            url = ""
        if word in _NOT_IN:
            message = answers.invite(request.channel_id, self._bot_name(), request)
        else:
            message = not_posted(request, word)
        try:
            if not (url and self._calls.respond(url, **_content(message))):
                self._to_person(request.requester_id, message)
        except CallFailed as failed:
            if not failed.refused:
                raise
            log.warning(
                "the requester could not be notified", extra={"facts": {"what": failed.what, "card": word}}
            )
            return
        self._scrub(item, invited=True)

    def _scrub(self, item: OutboxMessage, **kept: Any) -> None:
        """Remove the response URL from the stored message."""
        body = {key: value for key, value in item.body.items() if key != "response_url"} | kept
        with self._store.write() as tx:
            now = tx.queues.message(item.key)
            if now is not None and now.generation == item.generation:
                tx.queues.rewrite(item.key, body)

    def _copy(self, item: OutboxMessage) -> Written:
        request, copies = self._row(item)
        if request is None or request.state is not State.PENDING or self._clock() >= request.expires_at:
            return None
        user_id = str(item.body["user_id"])
        if any(copy.user_id == user_id for copy in copies):
            return None
        card = self._cards.message(request)
        said = self._to_person(user_id, answers.reminder(card, request, self._link(request), user_id))
        if said is None:
            return None
        copy = Copy(str(said["channel"]), str(said["ts"]), user_id)
        return lambda tx: tx.requests.add_copy(request.id, copy)

    def _thread(self, item: OutboxMessage) -> None:
        """Write a line under the card, if there is a card."""
        request, _ = self._row(item)
        overtaken = not item.tries and self._clock() - item.created_at > OVERTAKEN_MS
        if request is None or request.message_ts is None or overtaken:
            return
        by = item.body.get("by")
        entries = item.body.get("reached") or ()
        names = self._names({by or "", *entries} - {"", ANYONE})
        reached = [names.get(entry, entry) for entry in entries]
        line = thread_line(request, item.body, names.get(by, by) if by else None, reached)
        try:
            self._post(request.channel_id, line, request.thread_ts or request.message_ts)
        except CallFailed as failed:
            if not failed.refused:
                raise
            log.info("a line in a thread was not posted", extra={"facts": {"what": failed.what}})

    def _members(self, item: OutboxMessage) -> None:
        """Queue one message for each current member of a group."""
        body = item.body
        try:
            members = self._people.members(str(body["group_id"])) or frozenset()
        except PeopleError as error:
            raise SlackTrouble(error.what, retry_after_s=error.retry_after_s) from None
        with self._store.write() as tx:
            for user_id in sorted(members - set(body["but"])):
                each = body["body"] | {"user_id": user_id}
                tx.queues.put(
                    f"{body['key']}:{user_id}",
                    body["kind"],
                    request_id=item.request_id,
                    body=each,
                    budget=posts(user_id),
                )

    def _digest(self, item: OutboxMessage) -> Written:
        """Post a person's list of waiting requests in place of the last one, or redraw that one."""
        user_id = str(item.body["user_id"])
        note = f"digest:{user_id}"
        with self._store.read() as tx:
            last = tx.noted(note)
        if last is None and not item.body["anew"]:
            return None
        waiting = waiting_for(self._cards, user_id)
        message = digest([(row, self._link_for(row, user_id)) for row in waiting])
        if not item.body["anew"]:
            self._try("chat.update", **last, **_content(message))
            return None
        if not waiting:
            return None
        if last is not None:
            self._try("chat.delete", **last)
        said = self._to_person(user_id, message)
        if said is None:
            return None
        posted = {"channel": str(said["channel"]), "ts": str(said["ts"])}
        return lambda tx: tx.note(note, posted)

    def _try(self, method: str, **arguments: Any) -> None:
        """Change a message of ours; if Slack refuses, it is gone."""
        try:
            self._calls(method, **arguments)
        except CallFailed as failed:
            if not failed.refused:
                raise

    def _lead(self, item: OutboxMessage) -> None:
        """Turn a message that is no copy of the card into a link to it; leave messages that are not ours."""
        request, copies = self._row(item)
        where = item.body["channel_id"], item.body["message_ts"]
        link = self._link(request)
        if (
            request is None
            or link is None
            or where in {(copy.channel_id, copy.message_ts) for copy in copies}
        ):
            return
        self._try("chat.update", channel=where[0], ts=where[1], **_content(lead_to_card(request, link)))

    # --- words for one person

    def _private(self, item: OutboxMessage) -> None:
        body = item.body
        request, _ = self._row(item)
        if body.get("code") in _CHECKING and self._is_decided(item.key.removeprefix("private:")):
            return
        user_id, channel_id = str(body["user_id"]), body.get("channel_id")
        reads = item.kind == "reading"
        message = self._read(body) if reads else answer(body, request, self._link(request))
        url = str(body.get("response_url") or "")
        if may_post(url, self._api_url) and self._calls.respond(url, **_content(message)):
            return
        if channel_id:
            try:
                self._calls(
                    "chat.postEphemeral",
                    channel=channel_id,
                    user=user_id,
                    **({"thread_ts": body["thread_ts"]} if body.get("thread_ts") else {}),
                    **_content(message),
                )
            except CallFailed as failed:
                if not failed.refused:
                    raise
            else:
                return
        self._to_person(user_id, message)

    def _is_decided(self, key: str) -> bool:
        """Return whether a request or a click has been decided in the meantime."""
        with self._store.read() as tx:
            return tx.queues.received(key) is None

    def _read(self, body: dict[str, Any]) -> Message:
        """Return what somebody wants to read, once Slack has said whether they are a full member."""
        wish = Wish(str(body["team_id"]), str(body["user_id"]), str(body["where"]), int(body["page"]))
        try:
            reader = self._people.asker(wish.team_id, wish.user_id)
        except PeopleError as error:
            raise SlackTrouble(error.what, retry_after_s=error.retry_after_s) from None
        return read(self._service, self._specs, wish, self._link, is_member=reader.barred is None)

    def _dm(self, item: OutboxMessage) -> None:
        request, _ = self._row(item)
        if request is not None:
            self._to_person(str(item.body["user_id"]), answers.dm(request, self._link(request)))

    def _notice(self, item: OutboxMessage) -> None:
        body = item.body
        request, _ = self._row(item)
        message = notice(str(body["code"]), body.get("lines") or (), self._link(request))
        if body.get("channel_id"):
            self._post(str(body["channel_id"]), message)
        if body.get("user_id"):
            self._to_person(str(body["user_id"]), message)

    # --- the Home tab and workflow steps

    def _home(self, item: OutboxMessage) -> Written:
        team_id, user_id = str(item.body.get("team_id") or ""), str(item.body["user_id"])
        view = home_view(self._cards, team_id, user_id, self._link)
        try:
            answer = self._calls("views.publish", user_id=user_id, view=view)
        except CallFailed as failed:
            if failed.word not in _NOBODY:
                raise
            return None
        published = answer.get("view") or {}
        return lambda tx: note_home(tx, user_id, str(published.get("id")), str(published.get("hash")))

    def _step(self, item: OutboxMessage) -> None:
        request, _ = self._row(item)
        body = item.body
        execution_id = body.get("execution_id") or (request.execution_id if request else None)
        if execution_id is None:
            return
        outcome = body.get("outcome") or (
            answers.step_result(request)
            if request is not None
            else {"error": messages.refusal(str(body.get("code")), str(body.get("detail") or ""))}
        )
        method = "functions.completeError" if "error" in outcome else "functions.completeSuccess"
        try:
            self._calls(method, function_execution_id=execution_id, **outcome)
        except CallFailed as failed:
            if failed.word not in _STEP_OVER:
                raise

    # --- shared

    def _row(self, item: OutboxMessage) -> tuple[Request | None, tuple[Copy, ...]]:
        if item.request_id is None:
            return None, ()
        with self._store.read() as tx:
            return tx.requests.get(item.request_id), tx.requests.copies(item.request_id)

    def _bot_name(self) -> str:
        """Return the bot user's current name, as typed after ``/invite``."""
        identity = self._identity()
        names = self._names({identity.bot_user_id}) if identity else {}
        return next(iter(names.values()), "peftsize")

    def _link(self, request: Request | None) -> str | None:
        return card_link(self._identity(), request)

    def _link_for(self, request: Request, user_id: str) -> str | None:
        """Return the address of the card, or of a person's own copy if the card is in a direct message."""
        if not in_direct_message(request):
            return self._link(request)
        with self._store.read() as tx:
            own = [copy for copy in tx.requests.copies(request.id) if copy.user_id == user_id]
        identity = self._identity()
        return identity.link(own[0].channel_id, own[0].message_ts) if own and identity else None

    def _post(
        self, channel_id: str, message: Message, thread_ts: str | None = None, *, to: str | None = None
    ) -> dict[str, Any]:
        return self._calls(
            "chat.postMessage",
            to=to,
            channel=channel_id,
            unfurl_links=False,
            unfurl_media=False,
            **({"thread_ts": thread_ts} if thread_ts else {}),
            **_content(message),
        )

    def _to_person(self, user_id: str, message: Message) -> dict[str, Any] | None:
        """Send a direct message; None if the person cannot receive any."""
        try:
            try:
                return self._post(self._calls.direct(user_id), message, to=user_id)
            except CallFailed as failed:
                if failed.word != "channel_not_found":
                    raise
                self._calls.forget(user_id)
                return self._post(self._calls.direct(user_id), message, to=user_id)
        except CallFailed as failed:
            if failed.word not in _NOBODY:
                raise
            return None


def _content(message: Message) -> dict[str, Any]:
    return {"blocks": message.blocks, "text": message.text}
