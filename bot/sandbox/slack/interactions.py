"""What people do with the app: commands, buttons, modals and shortcuts."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from bot.sandbox.slack import payloads
from bot.sandbox.slack.chat import respond
from bot.sandbox.slack.delivery import Delivery
from bot.sandbox.slack.inputs import NotThere, field_errors, find_element, pressed, state_values
from bot.sandbox.slack.limits import SUGGESTIONS, with_elements
from bot.sandbox.slack.views import checked_view
from bot.sandbox.slack.web import SlackRefusal
from bot.sandbox.slack.workspace import Message, ResponseUrl, View

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.sandbox.slack.delivery import Deliverer
    from bot.sandbox.slack.people import Channel, Person
    from bot.sandbox.slack.web import Api

SLACKBOT = "USLACKBOT"
SHORTEST_QUERY = 3
"""Characters before Slack's client asks an app for options, unless the select says otherwise."""


class Interactions:
    """Commands, clicks, submissions and shortcuts; each returns its outcome."""

    api: Api
    courier: Deliverer

    def command(
        self, user: str | Person, channel: str | Channel, text: str = "", command: str = "/peftsize"
    ) -> Delivery:
        """Type a slash command into a conversation."""
        directory = self.api.workspace.directory
        person, place = directory.person(user), directory.channel(channel)
        form = payloads.command(self.api, person, place, command, text)
        delivery = self.courier.bring("slash_commands", form)
        to = ResponseUrl(person.id, place.id, 0)
        if delivery.ok and delivery.answer.strip():
            delivery = self._said(delivery, to, "invalid_command_response")
        if delivery.error:
            self._slackbot(to, f'{command} failed with the error "{delivery.error}"')
        return self.courier.keep(delivery)

    def click(
        self,
        user: str | Person,
        shown: Message | View,
        action: str,
        value: Any = None,
        *,
        block_id: str = "",
        values: Mapping[str, Any] | None = None,
    ) -> Delivery:
        """Press a button, or choose in a menu.

        An old version of a message has its old buttons. An action goes by its id or by the words on the button,
        together with a ``block_id`` if several blocks have it; a choice is an option's value or words, or an id.
        ``values`` is what is filled in elsewhere in the view.

        Raises:
            NotThere: No such element.
        """
        person = self._who_sees(user, shown)
        blocks = self._blocks(shown)
        block, element = find_element(blocks, action, block_id)
        if block["type"] == "input" and not block.get("dispatch_action"):
            raise NotThere(f"{action} acts on its own: its block has no dispatch_action")
        done = pressed(block, element, value, self.api.workspace.new_ts())
        if isinstance(shown, Message):
            payload = payloads.click(self.api, person, shown, done)
        else:
            state = state_values(blocks, values or {})
            if element["type"] not in {"button", "overflow"}:
                state[block["block_id"]][element["action_id"]] = {
                    k: v for k, v in done.items() if k not in {"action_id", "block_id", "action_ts"}
                }
            payload = payloads.view_click(self.api, person, shown, done, state)
        return self.courier.keep(self.courier.bring("interactive", payload))

    def suggest(
        self,
        user: str | Person,
        shown: Message | View,
        action: str,
        query: str = "",
        *,
        block_id: str = "",
        values: Mapping[str, Any] | None = None,
    ) -> Delivery:
        """Type into an external select; from then on, the app's options can be chosen.

        The app has three seconds to answer with at most 100 options.

        Raises:
            NotThere: No such external select, or the query is too short for Slack's client to ask.
        """
        person = self._who_sees(user, shown)
        blocks = self._blocks(shown)
        block, element = find_element(blocks, action, block_id)
        if element["type"] != "external_select":
            raise NotThere(f"{action} as an external select")
        if len(query) < element.get("min_query_length", SHORTEST_QUERY):
            raise NotThere(f"a query of {len(query)} characters for {action}")
        where = {"action_id": element["action_id"], "block_id": block["block_id"], "value": query}
        state = {} if isinstance(shown, Message) else state_values(blocks, values or {})
        payload = payloads.suggestion(self.api, person, shown, where, state)
        if not self.courier.options_url and not self.courier.socket_mode:
            return self.courier.keep(Delivery("interactive", payload, error="no_options_load_url"))
        delivery = self.courier.bring("interactive", payload, url=self.courier.options_url)
        if delivery.ok:
            if list(SUGGESTIONS(delivery.json, "")):
                delivery = replace(delivery, error="invalid_options")
            offered = self.api.workspace.offers.setdefault(_key(shown, block, element), {})
            offered.update({option["value"]: option for option in delivery.options})
        return self.courier.keep(delivery)

    def submit(self, user: str | Person, view: View, values: Mapping[str, Any] | None = None) -> Delivery:
        """Fill in a modal and submit it; other fields keep their initial values.

        What Slack's client refuses itself (an empty required field, a text too long) is never sent: the delivery
        then has the error ``required`` and its sentences in ``errors``.

        Raises:
            NotThere: A value is for nothing in the modal, or the modal is not open.
        """
        person = self.api.workspace.directory.person(user)
        self._must_be_open(person, view)
        state = state_values(self._blocks(view), values or {})
        payload = payloads.submission(self.api, person, view, state)
        if errors := field_errors(view.body["blocks"], state):
            self.api.workspace.change_view(view, errors=errors)
            return Delivery("interactive", payload, error="required", errors=errors)
        delivery = self.courier.bring("interactive", payload)
        if delivery.ok:
            try:
                delivery = self._after_submission(person, view, delivery)
            except SlackRefusal as refusal:
                delivery = replace(delivery, error=refusal.error)
        if delivery.error:
            trouble = "We had some trouble connecting. Try again?"
            self.api.workspace.change_view(view, errors={"": trouble})
        return self.courier.keep(delivery)

    def close(self, user: str | Person, view: View) -> None:
        """Close a modal; the app is not told."""
        person = self.api.workspace.directory.person(user)
        self._must_be_open(person, view)
        self.api.workspace.close_top_view(person.id)

    def shortcut(self, user: str | Person, message: Message | None, callback_id: str) -> Delivery:
        """Use a shortcut on a message, or a global one without a message."""
        person = self.api.workspace.directory.person(user)
        payload = payloads.shortcut(self.api, person, callback_id, message)
        return self.courier.keep(self.courier.bring("interactive", payload))

    def _who_sees(self, user: str | Person, shown: Message | View) -> Person:
        """Return the person, who must be the recipient of an ephemeral message."""
        person = self.api.workspace.directory.person(user)
        if isinstance(shown, Message) and shown.ephemeral_to not in ("", person.id):
            raise NotThere(f"{person.name} does not see this message")
        return person

    def _blocks(self, shown: Message | View) -> list[dict[str, Any]]:
        """Return the blocks of a message or view, external selects with the options they were offered."""
        blocks = shown.blocks if isinstance(shown, Message) else shown.body["blocks"]
        offers = self.api.workspace.offers

        def offered(block: dict[str, Any], element: dict[str, Any]) -> dict[str, Any]:
            if element["type"] != "external_select":
                return element
            return {**element, "options": list(offers.get(_key(shown, block, element), {}).values())}

        return [with_elements(block, partial(offered, block)) for block in blocks]

    def _must_be_open(self, person: Person, view: View) -> None:
        """Refuse to act on a modal that is not this person's top one."""
        if self.api.workspace.stacks.get(person.id, [""])[-1] != view.id:
            raise NotThere(f"{person.name} has no such modal open")

    def _after_submission(self, person: Person, view: View, delivery: Delivery) -> Delivery:
        """Carry out the answer to a submission: close, update or errors."""
        workspace, answer = self.api.workspace, delivery.json
        match answer.get("response_action"):
            case None:
                workspace.close_top_view(person.id)
            case "update":
                workspace.change_view(view, checked_view(answer.get("view"), "modal"))
            case "errors":
                errors = answer.get("errors")
                inputs = {block["block_id"] for block in view.body["blocks"] if block["type"] == "input"}
                if not isinstance(errors, dict) or not errors or not errors.keys() <= inputs:
                    raise SlackRefusal("invalid_errors")
                workspace.change_view(view, errors=errors)
                return replace(delivery, errors=errors)
            case _:
                raise SlackRefusal("unknown_response_action")
        return delivery

    def _said(self, delivery: Delivery, to: ResponseUrl, refusal: str) -> Delivery:
        """Show the message that an acknowledgement carries."""
        try:
            message = respond(self.api, to, delivery.json)
        except SlackRefusal:
            return replace(delivery, error=refusal)
        return replace(delivery, said=(message,))

    def _slackbot(self, to: ResponseUrl, words: str) -> None:
        """Show what Slack itself tells the person who typed."""
        workspace = self.api.workspace
        workspace.put(Message(workspace.new_ts(), to.channel, SLACKBOT, words, [], ephemeral_to=to.user))


def _key(shown: Message | View, block: Mapping[str, Any], element: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return what distinguishes an element from all others in the workspace."""
    surface = f"{shown.channel}/{shown.ts}" if isinstance(shown, Message) else shown.id
    return surface, block["block_id"], element["action_id"]
