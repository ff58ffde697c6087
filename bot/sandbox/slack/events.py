"""What happens in the stand-in's workspace and is sent to the app as an event."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from bot.sandbox.slack import payloads
from bot.sandbox.slack.lookups import open_im
from bot.sandbox.slack.workspace import Message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.sandbox.slack.delivery import Deliverer, Delivery
    from bot.sandbox.slack.people import Channel, Person
    from bot.sandbox.slack.web import Api


class Events:
    """Messages of people, joins, the Home tab, functions, and the end of the installation."""

    api: Api
    courier: Deliverer

    def event(self, inner: Mapping[str, Any]) -> Delivery:
        """Deliver any event in Slack's envelope; retried while it is not acknowledged."""
        return self.courier.bring_event(payloads.event(self.api, dict(inner)))

    def say(self, user: str | Person, channel: str | Channel, text: str, thread_ts: str = "") -> Message:
        """Post a message as a person, without telling the app."""
        workspace = self.api.workspace
        person, place = workspace.directory.person(user), workspace.directory.channel(channel)
        return workspace.put(Message(workspace.new_ts(), place.id, person.id, text, [], thread_ts=thread_ts))

    def mention(
        self, user: str | Person, channel: str | Channel, text: str, thread_ts: str = ""
    ) -> Delivery | None:
        """Post a message that mentions the bot; None if the bot is not a member."""
        bot = self.api.app.bot_user_id
        message = self.say(user, channel, f"<@{bot}> {text}", thread_ts)
        place = self.api.workspace.directory.channel(channel)
        if bot not in place.members:
            return None
        body = {
            "type": "app_mention",
            "user": message.user,
            "text": message.text,
            "ts": message.ts,
            "channel": place.id,
            "team": self.api.workspace.directory.person(user).team_id,
        }
        return self.event(body | ({"thread_ts": thread_ts} if thread_ts else {}))

    def open_home(self, user: str | Person) -> Delivery:
        """Open the app's Home tab."""
        workspace = self.api.workspace
        person = workspace.directory.person(user)
        place = open_im(self.api, person.id)
        body: dict[str, Any] = {
            "type": "app_home_opened",
            "user": person.id,
            "channel": place.id,
            "tab": "home",
        }
        view = workspace.homes.get(person.id)
        if view is not None:
            body["view"] = view.json(self.api.app.app_id, self.api.app.team_id, self.api.app.bot_id)
        return self.event(body)

    def member_joined(self, channel: str | Channel) -> Delivery:
        """Let the bot join a channel."""
        workspace, bot = self.api.workspace, self.api.app.bot_user_id
        place = workspace.directory.channel(channel)
        workspace.directory.change_channel(place, members=place.members | {bot})
        workspace.changed()
        body = {
            "type": "member_joined_channel",
            "user": bot,
            "channel": place.id,
            "channel_type": "G" if place.is_private else "C",
            "team": self.api.app.team_id,
            "inviter": min(place.members - {bot}, default=bot),
        }
        return self.event(body)

    def member_left(self, channel: str | Channel) -> None:
        """Let the bot leave a channel; the app does not listen to that."""
        workspace = self.api.workspace
        place = workspace.directory.channel(channel)
        workspace.directory.change_channel(place, members=place.members - {self.api.app.bot_user_id})
        workspace.changed()

    def run_function(
        self, user: str | Person, inputs: Mapping[str, Any], callback_id: str = "size_and_request"
    ) -> Delivery:
        """Run a workflow step; its outcome is in ``workspace.executions`` under its id."""
        person = self.api.workspace.directory.person(user)
        name = f"Fx{secrets.token_hex(5).upper()}"
        with self.api.workspace.lock:
            self.api.workspace.executions[name] = {
                "status": "running",
                "user": person.id,
                "inputs": dict(inputs),
            }
        body = {
            "type": "function_executed",
            "function": {
                "id": "Fn0PEFT001",
                "callback_id": callback_id,
                "title": callback_id,
                "description": "",
                "type": "app",
                "input_parameters": [],
                "output_parameters": [],
                "app_id": self.api.app.app_id,
                "date_created": 1700000000,
                "date_updated": 1700000000,
                "date_deleted": 0,
            },
            "inputs": dict(inputs),
            "function_execution_id": name,
            "workflow_execution_id": f"Wx{secrets.token_hex(5).upper()}",
            "bot_access_token": self.api.app.workflow_token,
        }
        return self.event(body)

    def app_uninstalled(self) -> Delivery:
        """Remove the app: its tokens become invalid, and Slack sends one event."""
        self.api.faults.revoked = "account_inactive"
        return self.event({"type": "app_uninstalled"})

    def tokens_revoked(self) -> Delivery:
        """Revoke the bot's token, and send the event."""
        self.api.faults.revoked = "token_revoked"
        return self.event(
            {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [self.api.app.bot_user_id]}}
        )

    def url_verification(self) -> Delivery:
        """Verify the app's address, as Slack does when it is entered."""
        challenge = secrets.token_urlsafe(24)
        asked = {"token": self.api.app.verification_token, "challenge": challenge, "type": "url_verification"}
        return self.courier.keep(self.courier.bring("events_api", asked))
