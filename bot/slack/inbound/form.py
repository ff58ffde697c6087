"""The form's listeners: they open it filled in, update its numbers, and submit or edit."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot.approvals.wording import refuse_words
from bot.slack.blocks import form
from bot.slack.blocks.form import Filled
from bot.slack.blocks.modals import about, metadata
from bot.slack.inbound import commands
from bot.slack.inbound.context import Answer, Responder, field, guarded, log, under
from bot.slack.outbound.web_api import FAILURES, word_of
from bot.workflow.ports import Outcome
from bot.workflow.submit import read_purpose
from sizing import SizingError, extract, split_purpose
from sizing.methods import DEFAULT, METHODS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slack_bolt.kwargs_injection.args import Args

    from bot.approvals.request import Request
    from bot.workflow.ports import Click

_CONVERSATION = re.compile(r"[CDG][A-Z0-9]{2,30}", re.ASCII)
_OVERTAKEN = frozenset({"hash_conflict", "not_found"})
"""A later change has already drawn the form, or it was closed."""


class FormListeners(Responder):
    """The listeners that open the form, and those of its events."""

    def show(self, args: Args, text: str, channel_id: str, purpose: str = "") -> Answer:
        """Open the form for a new request, with a text parsed into its fields if possible."""
        return self.open(args, self._view(self._sorted(text, purpose), about(None, channel_id, None, None)))

    def show_found(self, args: Args, text: str, channel_id: str) -> Answer:
        """Open the form with the request found in a sentence."""
        request = extract(text)
        return self.show(args, text if request is None else request.canonical, channel_id)

    def edit(self, args: Args, request: Request, pressed: Click) -> Answer:
        """Open the form with a request, to make its next revision."""
        channel_id = pressed.channel_id or request.channel_id
        opened = about(request, channel_id, pressed.message_ts, pressed.view_id)
        return self.open(args, self._view(self._sorted(request.text, request.purpose or ""), opened))

    @guarded
    def changed(self, args: Args) -> Answer:
        """Redraw the numbers after a field has changed. A lost update does no harm: the next one has everything."""
        view = args.body.get("view") or {}
        try:
            self.context.modals.views_update(
                view_id=str(view.get("id") or ""),
                hash=str(view.get("hash") or ""),
                view=self._view(self._read(view), metadata(view)),
            )
        except FAILURES as error:
            if (word := word_of(error)) not in _OVERTAKEN:
                log.warning("the form's numbers were not drawn", extra={"facts": {"what": word}})
        return args.ack()

    @guarded
    def suggest(self, args: Args) -> Answer:
        """Offer the base models that match what a person types, and a number as typed."""
        return args.ack(options=form.suggestions(str(args.body.get("value") or "")))

    @guarded
    def submitted(self, args: Args) -> Answer:
        """Submit a new request or revision; errors appear under their fields."""
        view = args.body["view"]
        filled, opened = self._read(view), metadata(view)
        text = filled.request_text
        if not text:
            return under(args, {form.MODEL: "Choose a base model, or type a number such as 13b."})
        try:
            outcome = (
                self._edited(args, filled) if opened.get("request_id") else self._asked(args, filled, opened)
            )
        except SizingError as error:
            return under(args, form.field_errors(error, filled))
        wrong = commands.problem(outcome)
        return args.ack() if wrong is None else under(args, form.problem(wrong, filled, outcome.code))

    def _asked(self, args: Args, filled: Filled, opened: Mapping[str, Any]) -> Outcome:
        """Ask."""
        opened_in = str(opened.get("channel_id") or "")[:32]
        typed = self.typed(args, filled.request_text, filled.channel_id or opened_in)
        typed = replace(
            typed, purpose=filled.purpose, asked_in=opened_in
        )  # whoever chooses a channel is not in it
        return self.context.service.submit(commands.placed(self.context, typed))

    def _edited(self, args: Args, filled: Filled) -> Outcome:
        """Store the edit for the worker to decide, unless it is refused at once."""
        service = self.context.service
        text, purpose = read_purpose(filled.request_text, filled.purpose)
        drafted = service.draft(text)
        if (refusal := refuse_words(service.rules.defaults, purpose, drafted)) is not None:
            return Outcome(refusal.code, None, refusal.detail)
        if (deny := service.ruling(drafted).deny) is not None:
            return Outcome("denied", None, deny)
        edit = self.click_in_modal(args, "edit", text=text, purpose=purpose or "")
        service.receive(edit)
        return Outcome("submitted")

    def _sorted(self, text: str, purpose: str) -> Filled:
        """Parse a request into the fields; one that cannot be parsed goes into the box."""
        if not text.strip():
            return Filled(purpose=purpose)
        try:
            request, typed = split_purpose(text)
            return Filled.of(request, self.context.service.draft(request).sized, typed or purpose)
        except SizingError:
            return Filled(text=text, purpose=purpose)

    def _view(self, filled: Filled, opened: Mapping[str, Any]) -> dict[str, Any]:
        service = self.context.service
        return form.form_view(
            filled,
            self._numbers(filled),
            opened,
            service.site,
            asks_channel=self.context.approval_channel is None,
            asks_purpose=form.asks_purpose(service.rules.defaults),
        )

    def _numbers(self, filled: Filled) -> str:
        service = self.context.service
        if not filled.request_text:
            return form.numbers(None)
        try:
            drafted = service.draft(filled.request_text)
        except SizingError as error:
            return form.numbers(error)
        return form.numbers(drafted, service.ruling(drafted).deny)

    def _read(self, view: Mapping[str, Any]) -> Filled:
        """Read the fields of a submitted view, whatever it holds."""
        blocks = (
            form.MODEL,
            form.ADAPTERS,
            form.METHOD,
            form.SPACE,
            form.CHANNEL,
            form.TEXT,
            form.PURPOSE,
        )
        model, adapters, method, space, channel_id, text, purpose = (
            field(view, block, form.FIELD) for block in blocks
        )
        return Filled(
            model=model,
            adapters=adapters,
            method=method if method in METHODS else DEFAULT,
            space="" if space == self.context.service.site.space_id else space,
            channel_id=channel_id if _CONVERSATION.fullmatch(channel_id) else "",
            text=text,
            purpose=purpose,
        )
