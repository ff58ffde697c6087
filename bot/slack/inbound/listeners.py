"""One short function for each kind of delivery: store it, acknowledge it, and no more.

What is pure is answered in the acknowledgement itself; what needs a look-up is decided by the worker. The one call to
Slack made here is ``views.open``, whose trigger lives for three seconds.
"""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from typing import TYPE_CHECKING, Any

from bot import messages
from bot.approvals import policy
from bot.approvals.policy import Person
from bot.approvals.state_machine import Action, Refusal, decide, has_live_spec, is_given_up, target
from bot.approvals.wording import linked
from bot.slack.blocks import answers, form, modals
from bot.slack.blocks.card import question
from bot.slack.blocks.details import details_view, explain_view, json_view
from bot.slack.inbound import commands, workflow_step
from bot.slack.inbound.context import (
    TIMESTAMP,
    Answer,
    Responder,
    channel_of,
    field,
    guarded,
    origin,
    person,
    private,
    under,
)
from bot.slack.inbound.form import FormListeners
from bot.slack.inbound.payload import action_of
from bot.slack.outbound import home_tab
from bot.workflow.audit_events import event_of, who_clicked
from bot.workflow.surface import Search, is_being_posted, misplaced
from sizing import SizingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from slack_bolt import App
    from slack_bolt.kwargs_injection.args import Args

    from bot.approvals.draft import Draft
    from bot.approvals.request import Request
    from bot.slack.inbound.context import ListenerContext
    from bot.workflow.ports import Click

DECISIONS = (
    "approve",
    "withdraw",
    "cancel",
    "retry",
    "give_up",
    "delete",
    "use_gpus",
    "use_existing",
    "post_again",
)
"""Buttons whose click is stored and decided by the worker."""

_ANYTHING = re.compile(".*", re.DOTALL)
_MENTION = re.compile(r"^\s*<@[UW][A-Z0-9]+(?:\|[^>]*)?>\s*")


def register(app: App, context: ListenerContext) -> None:
    """Register every listener, the frequent ones first, since Bolt tries them in order."""
    on = Listeners(context)
    app.command("/peftsize")(on.command)
    for action in DECISIONS:
        app.action(f"peftsize.{action}")(on.decision)
    app.action("peftsize.more")(on.more)
    app.action("peftsize.reject")(on.reject)
    app.action("peftsize.edit")(on.edit)
    app.view(modals.REJECT_REASON)(on.reason_given)
    app.view(modals.CONFIRM)(on.confirmed)
    app.view(form.FORM)(on.form.submitted)
    app.action("peftsize.field")(on.form.changed)
    app.options("peftsize.field")(on.form.suggest)
    app.action("peftsize.details")(on.details)
    app.action("peftsize.show_json")(on.show_json)
    app.action("peftsize.explain")(on.explain)
    app.action("peftsize.run_text")(on.run_text)
    app.action("peftsize.open_form")(on.open_form)
    app.action("peftsize.page")(on.page)
    app.action("peftsize.find")(on.find)
    app.shortcut("peftsize.from_message")(on.from_message)
    app.event("app_mention")(on.mention)
    app.event("member_joined_channel")(on.joined)
    app.event("app_home_opened")(on.home)
    app.function("size_and_request")(on.step)
    app.event("app_uninstalled")(on.revoked)
    app.event("tokens_revoked")(on.revoked)
    for others in (app.action, app.options, app.view, app.view_closed, app.shortcut, app.event, app.command):
        others(_ANYTHING)(on.unknown)


class Listeners(Responder):
    """The listeners, for one context."""

    def __init__(self, context: ListenerContext) -> None:
        super().__init__(context)
        self.form = FormListeners(context)

    @guarded
    def command(self, args: Args) -> Answer:
        """``/peftsize …``: submit a request or run a command; alone, open the form."""
        body = args.body
        text, channel_id = str(body.get("text") or ""), str(body["channel_id"])
        if not text.strip():
            return self.form.show(args, "", channel_id)
        typed = replace(self.typed(args, text, channel_id), response_url=self.context.answer_url(body))
        return private(args, commands.answer(self.context, typed))

    @guarded
    def decision(self, args: Args) -> Answer:
        """A button or menu option that the worker decides on."""
        action = action_of(args.body["actions"][0])
        if action == "approve" and self._asks_once_more(args):
            return self.ask_first(args, action)
        self.context.service.receive(self.click(args, action))
        return self.done(args)

    @guarded
    def more(self, args: Args) -> Answer:
        """An option of the card's menu: ``<action> <request id>``."""
        match action_of(args.body["actions"][0]):
            case "details":
                return self.details(args)
            case "edit":
                return self.edit(args)
            case "ask_again":
                return self.ask_again(args)
            case "cancel" | "delete" as action:
                return self.ask_first(args, action)
            case action if action in DECISIONS:
                return self.decision(args)
            case _:
                return args.ack()

    def ask_first(self, args: Args, action: str) -> Answer:
        """Cancel and Delete from the menu, and an approval that the policy wants confirmed."""
        request = self._shown(args, action)
        if request is None:
            return self.done(args)
        pressed = self.click(args, action)
        effect = question(request, self._drafted(request), self.context.service.site)
        place = (pressed.channel_id, pressed.message_ts, pressed.view_id)
        return self.open(args, modals.confirm_view(request, action, *place, effect))

    def _asks_once_more(self, args: Args) -> bool:
        """Return whether the policy wants an approval of this request confirmed."""
        service = self.context.service
        if service.rules.defaults.confirm_from_gpus is None:
            return False
        request = self.context.request(self.click(args, "approve").request_id)
        return request is not None and service.ruling_of(request).confirm

    @guarded
    def confirmed(self, args: Args) -> Answer:
        """Cancel, Delete or Approve, confirmed."""
        action = modals.metadata(args.body["view"]).get("action")
        if action not in {"cancel", "delete", "approve"}:
            return args.ack()
        return self._decided_in_modal(args, action)

    def ask_again(self, args: Args) -> Answer:
        """Submit again: the form for a new request, with this one's text."""
        pressed = self.click(args, "ask_again")
        request = self.context.request(pressed.request_id)
        if request is None:
            return self._unknown_request(args)
        return self.form.show(args, request.text, channel_of(args), request.purpose or "")

    @guarded
    def reject(self, args: Args) -> Answer:
        """Reject: ask for the reason."""
        request = self._shown(args, "reject")
        if request is None:
            return self.done(args)
        pressed = self.click(args, "reject")
        return self.open(
            args, modals.reject_view(request, pressed.channel_id, pressed.message_ts, pressed.view_id)
        )

    @guarded
    def edit(self, args: Args) -> Answer:
        """Edit: the form with the request's values."""
        request = self._shown(args, "edit")
        if request is None:
            return self.done(args)
        pressed = self.click(args, "edit")
        return self.form.edit(args, request, pressed)

    @guarded
    def reason_given(self, args: Args) -> Answer:
        """The reason of a rejection: an error under the field, or stored."""
        reason = field(args.body["view"], modals.REASON_BLOCK).strip()
        if (wrong := messages.reason_problem(reason)) is not None:
            return under(args, modals.reason_errors(wrong))
        return self._decided_in_modal(args, "reject", reason)

    @guarded
    def details(self, args: Args) -> Answer:
        """Everything that the card leaves out, in a modal; the audit notes who looked."""
        service = self.context.service

        def view(request: Request) -> dict[str, Any]:
            with service.store.read() as tx:
                events = tx.audit_log.story(request.id)
            drafted = self._drafted(request)
            leads = linked(service.rules.defaults, request.purpose) if request.purpose else None
            return details_view(
                request, drafted, site=service.site, now=service.clock(), events=events, linked=leads
            )

        return self._look(args, "details", view)

    @guarded
    def show_json(self, args: Args) -> Answer:
        """The exact body, in a modal; a button of older cards."""
        return self._look(args, "json", json_view)

    @guarded
    def explain(self, args: Args) -> Answer:
        """The second opinion, in a modal; a button of older cards."""
        return self._look(args, "explain", lambda request: explain_view(request, self._drafted(request)))

    @guarded
    def run_text(self, args: Args) -> Answer:
        """A button with request text, handled as if typed in this channel."""
        text = str(args.body["actions"][0].get("value") or "")
        typed = self.typed(args, text, channel_of(args))
        return self.later(args, typed, commands.answer(self.context, typed))

    @guarded
    def open_form(self, args: Args) -> Answer:
        """The form, with the button's text."""
        text = str(args.body["actions"][0].get("value") or "")
        return self.form.show(args, text, channel_of(args))

    @guarded
    def page(self, args: Args) -> Answer:
        """Another page of a list: the button's value is ``<page> <where>``."""
        page, _, where = str(args.body["actions"][0].get("value") or "").partition(" ")
        typed = self.typed(args, where, channel_of(args))
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 4 else 1  # noqa: PLR2004 - pages have at most two digits
        return self.later(args, typed, commands.turn(self.context, typed, number))

    @guarded
    def from_message(self, args: Args) -> Answer:
        """The message shortcut: the form with the request found in the message."""
        text = unescape(str((args.body.get("message") or {}).get("text") or ""))
        text = _MENTION.sub("", text).strip().removeprefix("/peftsize").strip()
        return self.form.show_found(args, text, channel_of(args))

    @guarded
    def mention(self, args: Args) -> Answer:
        """``@peftsize …``, which works in threads too; errors are answered privately there."""
        event = args.body["event"]
        if event.get("bot_id") or not event.get("user"):
            return args.ack()
        text = unescape(_MENTION.sub("", str(event.get("text") or ""))).strip()
        thread = str(event.get("thread_ts") or "")
        typed = replace(
            self.typed(args, text or "help", str(event["channel"])),
            thread_ts=thread if TIMESTAMP.fullmatch(thread) else None,
        )
        return self.later(args, typed, commands.answer(self.context, typed))

    @guarded
    def joined(self, args: Args) -> Answer:
        """Somebody joined a channel; if it was the bot, the waiting cards are due."""
        event, identity = args.body["event"], self.context.identity()
        if identity is not None and event.get("user") == identity.bot_user_id:
            with self.context.service.store.write() as tx:
                tx.queues.hasten(str(event["channel"]))
        return args.ack()

    @guarded
    def home(self, args: Args) -> Answer:
        """The Home tab was opened: draw it."""
        event = args.body["event"]
        if event.get("tab") == "home":
            self.draw_home(str(args.body.get("team_id") or ""), str(event["user"]))
        return args.ack()

    @guarded
    def find(self, args: Args) -> Answer:
        """A search in somebody's Home tab: redraw it with the results."""
        view, who = args.body.get("view") or {}, person(args.body)
        text = field(view, home_tab.SEARCH, home_tab.FIND).strip()[: home_tab.LONGEST_SEARCH]
        search = Search(text, field(view, home_tab.SHOW, home_tab.FIND)[: home_tab.LONGEST_SEARCH])
        self.draw_home(who.team_id, who.user_id, search=search)
        return args.ack()

    @guarded
    def step(self, args: Args) -> Answer:
        """A workflow's step: submit in the name it gives; the step ends when the request does."""
        workflow_step.begin(self.context, args.body, origin(args))
        return args.ack()

    @guarded
    def revoked(self, args: Args) -> Answer:
        """The app was uninstalled, or its token revoked: tell the operator."""
        event = args.body["event"]
        if event["type"] != "tokens_revoked" or (event.get("tokens") or {}).get("bot"):
            self.context.on_revoked(str(event["type"]))
        return args.ack()

    def unknown(self, args: Args) -> Answer:
        """Acknowledge what we do not know."""
        return args.ack()

    # --- shared

    def _shown(self, args: Args, action: str) -> Request | None:
        """Return the row that a modal is about; if it has moved on, the click is decided, and told, instead."""
        pressed = self.click(args, action)
        with self.context.service.store.read() as tx:
            request = tx.requests.get(pressed.request_id)
            current = (
                request is not None
                and _applies(request, action)
                and request.revision == pressed.revision
                and (is_being_posted(tx, pressed) or misplaced(tx, request, pressed) is None)
            )
        if current and request is not None and not self._refused(request, pressed):
            return request
        self.context.service.receive(pressed)
        return None

    def _refused(self, request: Request, pressed: Click) -> bool:
        """Return whether a click is refused whatever groups the person is in; then no modal opens."""
        if pressed.action not in {Action.APPROVE, Action.REJECT, Action.EDIT}:
            return False
        service = self.context.service
        groups = frozenset(entry for entry in service.rules.entries() if entry.startswith("S"))
        best = Person(pressed.team_id, pressed.user_id, pressed.name, pressed.enterprise_id, groups=groups)
        ruling = service.ruling_of(request)
        actor, action = policy.standing(ruling, best), Action(pressed.action)
        return isinstance(decide(request, action, actor, ruling, pressed.at, reason="later"), Refusal)

    def _decided_in_modal(self, args: Args, action: str, reason: str | None = None) -> Answer:
        """Store a decision made in a modal."""
        service = self.context.service
        service.receive(self.click_in_modal(args, action, reason=reason))
        return args.ack()

    def _look(self, args: Args, what: str, view: Callable[[Request], dict[str, Any]]) -> Answer:
        """Audit who looks, then show it."""
        pressed = self.click(args, what)
        request = self.context.request(pressed.request_id)
        if request is None:
            return self._unknown_request(args)
        with self.context.service.store.write() as tx:
            if not tx.queues.receive(pressed.key, None):
                return args.ack()
            who = who_clicked(pressed)
            tx.audit_log.append(event_of(request, f"{what}.viewed", who, pressed, at=pressed.at))
        return self.open(args, view(request))

    def _unknown_request(self, args: Args) -> Answer:
        return self.later(args, self.typed(args, "", channel_of(args)), answers.refused("unknown_request"))

    def _drafted(self, request: Request) -> Draft | None:
        """Parse a row's text again, if that is still possible."""
        try:
            return self.context.service.draft(request.text, request.use_gpus)
        except SizingError:
            return None


def _applies(request: Request, action: str) -> bool:
    """Return whether a modal for an action makes sense in a request's state."""
    if action == "delete":
        return has_live_spec(request)
    return target(request.state, Action(action), request.kind) is not None and not is_given_up(request)
