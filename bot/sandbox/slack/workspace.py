"""The state of the Slack stand-in: messages, open modals, Home tabs, triggers and response URLs.

One lock guards everything; every change increases ``version``.
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bot.sandbox.slack.limits import with_elements

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.sandbox.slack.people import Directory

TRIGGER_LIVES_S = 3.0
RESPONSE_URL_LIVES_S = 30 * 60.0
RESPONSE_URL_USES = 5


def now_s() -> float:
    """Return UTC epoch seconds; looked up at each call, so that tests can freeze the clock."""
    return time.time()


@dataclass(frozen=True)
class Message:
    """One message; an update makes a new one with the same ``ts``.

    Args:
        ts: Slack's id and time of the message, unique in its channel.
        text: The text, or the fallback of the blocks.
        blocks: Block Kit blocks, with missing block and action ids filled in.
        bot_id: Empty for a person's message.
        thread_ts: The thread's first message, empty outside threads.
        edited_ts: When it was last edited, empty if never.
        ephemeral_to: The only person who sees it, empty for everybody.
        unfurl_links: Whether links show previews.
    """

    ts: str
    channel: str
    user: str
    text: str
    blocks: list[dict[str, Any]]
    bot_id: str = ""
    thread_ts: str = ""
    edited_ts: str = ""
    ephemeral_to: str = ""
    unfurl_links: bool = True

    def json(self, app_id: str, team_id: str) -> dict[str, Any]:
        """Return the message as in answers and payloads."""
        said: dict[str, Any] = {"type": "message", "user": self.user, "ts": self.ts, "text": self.text}
        said["team"] = team_id
        if self.bot_id:
            said |= {"bot_id": self.bot_id, "app_id": app_id, "blocks": self.blocks}
        if self.thread_ts:
            said["thread_ts"] = self.thread_ts
        if self.edited_ts:
            said["edited"] = {"user": self.user, "ts": self.edited_ts}
        return said


@dataclass(frozen=True)
class View:
    """A modal or Home tab of one person; ``errors`` are the sentences under its fields, by block id."""

    id: str
    user: str
    body: dict[str, Any]
    hash: str
    root: str
    previous: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    def json(self, app_id: str, team_id: str, bot_id: str) -> dict[str, Any]:
        """Return the view as in answers and payloads, without typed values."""
        defaults = {
            "private_metadata": "",
            "callback_id": "",
            "clear_on_close": False,
            "notify_on_close": False,
            "submit": None,
            "close": None,
        }
        return {
            **defaults,
            **self.body,
            "id": self.id,
            "team_id": team_id,
            "state": {"values": {}},
            "hash": self.hash,
            "root_view_id": self.root,
            "previous_view_id": self.previous or None,
            "app_id": app_id,
            "app_installed_team_id": team_id,
            "bot_id": bot_id,
        }


@dataclass
class Trigger:
    """A ``trigger_id`` given to the app: whose, until when (epoch seconds), and whether it was used."""

    user: str
    until_s: float
    in_view: str = ""
    used: bool = False


@dataclass
class ResponseUrl:
    """A ``response_url`` given to the app: where its posts go, until when, and how many are left."""

    user: str
    channel: str
    until_s: float
    message: Message | None = None
    uses_left: int = RESPONSE_URL_USES


def with_ids(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the blocks with missing block and action ids filled in, as Slack does."""

    def named(element: dict[str, Any]) -> dict[str, Any]:
        return {**element, "action_id": element.get("action_id") or secrets.token_hex(3)}

    return [
        with_elements({**block, "block_id": block.get("block_id") or secrets.token_hex(3)}, named)
        for block in blocks
    ]


class Workspace:
    """The state behind the stand-in."""

    def __init__(self, directory: Directory, clock: Callable[[], float] = now_s) -> None:
        self.directory = directory
        self.clock = clock
        self.lock = threading.RLock()
        self.version = 0
        self.listeners: list[Callable[[], None]] = []
        self.messages: dict[str, list[Message]] = {}
        self.ephemerals: list[Message] = []
        self.views: dict[str, View] = {}
        self.stacks: dict[str, list[str]] = {}
        self.homes: dict[str, View] = {}
        self.executions: dict[str, dict[str, Any]] = {}
        self.offers: dict[tuple[str, str, str], dict[str, dict[str, Any]]] = {}
        self.triggers: dict[str, Trigger] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self._last_ts = 0

    def new_ts(self) -> str:
        """Return a message timestamp, never the same twice."""
        with self.lock:
            self._last_ts = max(self._last_ts + 1, int(self.clock() * 1_000_000))
            return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def changed(self) -> None:
        """Increase the version and call the listeners."""
        with self.lock:
            self.version += 1
        for listener in self.listeners:
            listener()

    def put(self, message: Message) -> Message:
        """Add a message, or replace the one with its ``ts``."""
        with self.lock:
            there = self.ephemerals if message.ephemeral_to else self.messages.setdefault(message.channel, [])
            for index, old in enumerate(there):
                if old.ts == message.ts and old.channel == message.channel:
                    there[index] = message
                    break
            else:
                there.append(message)
        self.changed()
        return message

    def remove(self, message: Message) -> None:
        """Delete a message."""
        with self.lock:
            there = self.ephemerals if message.ephemeral_to else self.messages.get(message.channel, [])
            there[:] = [old for old in there if (old.ts, old.channel) != (message.ts, message.channel)]
        self.changed()

    def find(self, channel: str, ts: str) -> Message | None:
        """Return the public message with this ``ts``, if there is one."""
        with self.lock:
            return next((m for m in self.messages.get(channel, []) if m.ts == ts), None)

    def open_view(self, user: str, body: dict[str, Any], *, push: bool = False) -> View:
        """Show a modal to somebody, in place of the open one or on top of it."""
        with self.lock:
            stack = self.stacks.get(user, []) if push else []
            name = f"V{secrets.token_hex(5).upper()}"
            root = self.views[stack[0]].root if stack else name
            view = View(name, user, body, self._hash(), root, stack[-1] if stack else "")
            self.views[name] = view
            self.stacks[user] = [*stack, name]
        self.changed()
        return view

    def change_view(
        self, view: View, body: dict[str, Any] | None = None, errors: dict[str, str] | None = None
    ) -> View:
        """Replace a view's body (None: keep it) and its field errors; its hash changes."""
        with self.lock:
            view = replace(view, body=body or view.body, errors=errors or {}, hash=self._hash())
            self.views[view.id] = view
        self.changed()
        return view

    def close_top_view(self, user: str) -> None:
        """Close the modal that somebody sees."""
        with self.lock:
            if below := self.stacks.pop(user, [])[:-1]:
                self.stacks[user] = below
        self.changed()

    def show_home(self, user: str, body: dict[str, Any]) -> View:
        """Publish somebody's Home tab."""
        with self.lock:
            old = self.homes.get(user)
            name = old.id if old else f"V{secrets.token_hex(5).upper()}"
            view = View(name, user, body, self._hash(), name)
            self.homes[user] = self.views[name] = view
        self.changed()
        return view

    def new_trigger(self, user: str, in_view: str = "") -> str:
        """Create a trigger: good for one modal, within three seconds."""
        with self.lock:
            name = f"{secrets.randbelow(10**13)}.{secrets.randbelow(10**13)}.{secrets.token_hex(16)}"
            self.triggers[name] = Trigger(user, self.clock() + TRIGGER_LIVES_S, in_view)
            return name

    def new_response_url(self, user: str, channel: str, message: Message | None = None) -> str:
        """Create the path part of a response URL: five posts, within thirty minutes."""
        with self.lock:
            name = secrets.token_urlsafe(24)
            self.response_urls[name] = ResponseUrl(
                user, channel, self.clock() + RESPONSE_URL_LIVES_S, message
            )
            return name

    def _hash(self) -> str:
        """Return the hash of a view's next version."""
        return f"{int(self.clock())}.{secrets.token_hex(4)}"
