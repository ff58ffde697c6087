"""What people do on the sandbox page, passed to the Slack stand-in and to the switches."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bot.sandbox.page import workflow
from bot.sandbox.slack.interactions import SLACKBOT
from bot.sandbox.slack.payloads import escaped
from bot.sandbox.slack.workspace import Message
from bot.sandbox.switches import pass_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.sandbox.page.state import PageState
    from bot.sandbox.slack.delivery import Delivery
    from bot.sandbox.slack.people import Person
    from bot.sandbox.slack.workspace import View
    from bot.sandbox.world import World

LONGEST_TEXT = 12_000
"""Characters of one message; Slack cuts at 40,000, the page refuses sooner."""
_SLASH = re.compile(r"(/[a-z0-9_-]+)(?:\s+(.*))?", re.DOTALL)
_BOT = re.compile(r"<@U0PEFT001>|@peftsize\b")
_MEMBERSHIP = frozenset({"/invite", "/remove", "/kick"})

Json = dict[str, Any]


class Acts:
    """Carries out the page's posts."""

    def __init__(self, world: World, state: PageState) -> None:
        self._slack = world.slack
        self._world = world
        self._state = state
        self._acts: dict[str, Callable[[Json], Json]] = {
            "say": self._say,
            "click": self._click,
            "suggest": self._suggest,
            "submit": self._submit,
            "close": self._close,
            "home": self._home,
            "shortcut": self._shortcut,
            "workflow": self._workflow,
            "switch": self._switch,
            "pass": self._pass,
        }

    def do(self, name: str, asked: Json) -> Json:
        """Carry out one post.

        Returns:
            ``{"ok": true}``, or ``{"ok": false, "error": sentence}`` if Slack would tell the person.

        Raises:
            KeyError: No such act, person, channel or message, or a key is missing.
            LookupError: Nothing with this name can be pressed.
            ValueError: A value has the wrong form.
        """
        return self._acts[name](asked)

    def _say(self, asked: Json) -> Json:
        """Type into a conversation: a slash command, a mention of the bot, or plain words."""
        who, place, text = self._who(asked), _text(asked, "channel"), _text(asked, "text")
        thread = _text(asked, "thread_ts", "")
        if not text.strip():
            raise ValueError("text is empty")
        self._may_see(who, place)
        slash = _SLASH.fullmatch(text.strip())
        if slash is None:
            if _BOT.search(text):
                words = escaped(_BOT.sub("", text, count=1).strip(), self._slack.directory)
                return _outcome(self._slack.mention(who, place, words, thread))
            self._slack.say(who, place, escaped(text, self._slack.directory), thread)
            return {"ok": True}
        command, rest = slash.group(1), (slash.group(2) or "")
        if thread:
            return self._slackbot(who, place, f"{command} is not supported in threads. Sorry!", thread)
        if command in _MEMBERSHIP:
            return self._membership(who, place, command, rest)
        if command != "/peftsize":
            return self._slackbot(who, place, f"{command} is not a valid command.")
        return _outcome(self._slack.command(who, place, rest))

    def _membership(self, who: Person, place: str, command: str, rest: str) -> Json:
        """Add the bot to a conversation, or remove it."""
        if _BOT.search(rest) is None:
            return self._slackbot(who, place, f"{command} works here for @peftsize only.")
        if command == "/invite":
            return _outcome(self._slack.member_joined(place))
        self._slack.member_left(place)
        return {"ok": True}

    def _click(self, asked: Json) -> Json:
        who, shown = self._shown(asked)
        delivery = self._slack.click(
            who,
            shown,
            _text(asked, "action"),
            asked.get("value"),
            block_id=_text(asked, "block_id", ""),
            values=asked.get("values") or {},
        )
        return _outcome(delivery)

    def _suggest(self, asked: Json) -> Json:
        """Type into an external select; the answer has the options that the app offers."""
        who, shown = self._shown(asked)
        delivery = self._slack.suggest(
            who,
            shown,
            _text(asked, "action"),
            _text(asked, "query"),
            block_id=_text(asked, "block_id", ""),
            values=asked.get("values") or {},
        )
        return _outcome(delivery) | {"options": delivery.options}

    def _submit(self, asked: Json) -> Json:
        who = self._who(asked)
        view, values = self._view(who, asked), asked.get("values") or {}
        if view.body.get("callback_id") == workflow.CALLBACK:
            errors = workflow.run(self._slack, who, view, values)
            return {"ok": True} | ({"errors": errors} if errors else {})
        delivery = self._slack.submit(who, view, values)
        if delivery.errors:
            return {"ok": True, "errors": delivery.errors}
        return _outcome(delivery) | {"closed": view not in self._slack.modals(who)}

    def _close(self, asked: Json) -> Json:
        who = self._who(asked)
        self._slack.close(who, self._view(who, asked))
        return {"ok": True}

    def _home(self, asked: Json) -> Json:
        return _outcome(self._slack.open_home(self._who(asked)))

    def _shortcut(self, asked: Json) -> Json:
        who = self._who(asked)
        return _outcome(self._slack.shortcut(who, self._message(who, asked), _text(asked, "callback_id")))

    def _workflow(self, asked: Json) -> Json:
        workflow.open_form(self._slack, self._who(asked))
        return {"ok": True}

    def _switch(self, asked: Json) -> Json:
        wanted = {one.name: one for one in self._state.switches}[_text(asked, "name")]
        wanted.set(asked.get("on") is True)
        self._slack.workspace.changed()
        return {"ok": True}

    def _pass(self, asked: Json) -> Json:
        minutes = asked["minutes"]
        if not isinstance(minutes, int):
            raise ValueError("minutes is not a number")  # noqa: TRY004 - a value of the page, not of the code
        pass_time(self._world, minutes)
        return {"ok": True}

    def _who(self, asked: Json) -> Person:
        return self._state.person(_text(asked, "person"))

    def _shown(self, asked: Json) -> tuple[Person, Message | View]:
        """Return who looks at which message or view."""
        who = self._who(asked)
        return who, self._view(who, asked) if "view" in asked else self._message(who, asked)

    def _may_see(self, who: Person, place: str) -> None:
        """Refuse a conversation that is not shown to this person."""
        visible = {one.id for one in self._slack.directory.visible_to(who)} | {self._slack.dm(who).id}
        if place not in visible:
            raise KeyError(place)

    def _message(self, who: Person, asked: Json) -> Message:
        """Return the message that the person looks at."""
        place, ts = _text(asked, "channel"), _text(asked, "ts")
        self._may_see(who, place)
        private = (one for one in self._slack.ephemerals(who, place) if one.ts == ts)
        message = self._slack.message(place, ts) or next(private, None)
        if message is None:
            raise KeyError(ts)
        return message

    def _view(self, who: Person, asked: Json) -> View:
        """Return the person's Home tab, or the modal on top."""
        name = _text(asked, "view")
        home = self._slack.home(who)
        for view in [*self._slack.modals(who)[-1:], *([home] if home else [])]:
            if view.id == name:
                return view
        raise KeyError(name)

    def _slackbot(self, who: Person, place: str, words: str, thread: str = "") -> Json:
        """Return what Slack itself tells the person."""
        workspace = self._slack.workspace
        message = Message(
            workspace.new_ts(), place, SLACKBOT, words, [], thread_ts=thread, ephemeral_to=who.id
        )
        workspace.put(message)
        return {"ok": True}


def _outcome(delivery: Delivery | None) -> Json:
    if delivery is None or not delivery.error:
        return {"ok": True}
    return {"ok": False, "error": f"The app did not answer as it should: {delivery.error}."}


def _text(asked: Json, key: str, default: str | None = None) -> str:
    """Return a string of the post.

    Raises:
        KeyError: It is missing.
        ValueError: It is not a string, or too long.
    """
    value = asked[key] if default is None else asked.get(key, default)
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise ValueError(f"{key} is no text, or too long")
    return value
