"""The content of the sandbox page, as one JSON object for the person who looks at it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from bot import messages
from bot.approvals import policy
from bot.approvals.request import Kind, State
from bot.approvals.state_machine import TABLE, TERMINAL, Action, Transition, decide, target
from bot.audit import anchor
from bot.audit.anchor import Anchors
from bot.audit.verification import verify
from bot.sandbox.page import workflow
from bot.sandbox.switches import LEAPS, switches
from bot.sandbox.traffic import content, traffic
from bot.slack.manifest import manifest

if TYPE_CHECKING:
    from bot.approvals.request import Request
    from bot.sandbox.slack.people import Channel, Person
    from bot.sandbox.slack.workspace import Message, View
    from bot.sandbox.switches import Switch
    from bot.sandbox.world import World
    from bot.store import Tx

MOST_MESSAGES, MOST_EVENTS, MOST_REQUESTS = 100, 200, 30
BOT_ROLE = "bot"


class PageState:
    """Draws the state of a world; verifies the audit chain only after it has grown."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._switches = switches(world)
        self._checked: tuple[str, dict[str, Any]] = ("", {})

    @property
    def switches(self) -> list[Switch]:
        """The fault switches."""
        return self._switches

    def person(self, who: str) -> Person:
        """Return a person who can be on the page.

        Raises:
            KeyError: There is no such person, or it is the bot.
        """
        person = self._world.slack.person(who)
        if person.is_bot:
            raise KeyError(who)
        return person

    def stamp(self) -> str:
        """Return a value that changes whenever anything on the page does."""
        world = self._world
        with world.product.store.read() as tx:
            head = tx.audit_log.head()
            counts = tx.counts()
        calls = [(one.status, one.path) for one in world.cluster.requests()[-3:]]
        looked = [
            world.slack.version,
            head.seq,
            counts,
            len(world.slack.api.calls),
            len(world.cluster.requests()),
            calls,
            len(world.cluster.specs()),
            [switch.is_on() for switch in self._switches],
            world.clock.offset_ms,
        ]
        return hashlib.sha256(json.dumps(looked).encode()).hexdigest()[:16]

    def first(self) -> dict[str, Any]:
        """Return what does not change while the page is open."""
        import yaml

        features = yaml.safe_load(manifest())["features"]
        directory = self._world.slack.directory
        return {
            "team": directory.team_name,
            "bot": self._world.slack.bot_user_id,
            "command": features["slash_commands"][0],
            "shortcut": features["shortcuts"][0],
            "workflow": workflow.step()[1]["title"],
            "people": [_person(person) for person in directory.people.values()],
            "groups": {group.id: group.handle for group in directory.groups.values()},
            "diagrams": {kind.value: _diagram(kind) for kind in Kind},
            "leaps": LEAPS,
        }

    def now(self, who: Person) -> dict[str, Any]:
        """Return what one person sees, and what happens behind it."""
        slack = self._world.slack
        stamp = self.stamp()
        place = slack.dm(who)
        seen = [*(one for one in slack.directory.visible_to(who) if not one.is_im), place]
        home = slack.home(who)
        with self._world.product.store.read() as tx:
            requests = tx.requests.listed(limit=MOST_REQUESTS)
            behind = {"audit": self._audit(tx), "requests": [_request(tx, one) for one in requests]}
        return {
            "stamp": stamp,
            "me": who.id,
            "now_ms": self._world.clock.now_ms(),
            "offset_ms": self._world.clock.offset_ms,
            "channels": [_channel(one, slack.bot_user_id) for one in seen],
            "names": {one.id: one.name for one in slack.directory.channels.values() if not one.is_private},
            "messages": {one.id: self._messages(who, one) for one in seen},
            "home": _view(home) if home else None,
            "modals": [_view(view) for view in slack.modals(who)],
            "inboxes": self._inboxes(),
            "waiting": self._waiting(requests),
            "runs": workflow.runs(slack),
            "specs": [_spec(spec) for spec in self._world.cluster.specs()],
            "traffic": traffic(self._world),
            "switches": [
                {"name": one.name, "words": one.words, "hint": one.hint, "on": one.is_on()}
                for one in self._switches
            ],
            **behind,
        }

    def exchange(self, exchange_id: str) -> dict[str, Any]:
        """Return one exchange of the traffic in full.

        Raises:
            KeyError: It does not exist.
        """
        return {"detail": content(self._world, exchange_id)}

    def _messages(self, who: Person, place: Channel) -> list[dict[str, Any]]:
        slack = self._world.slack
        shown = [*slack.messages(place), *slack.ephemerals(who, place)]
        return [_message(one) for one in sorted(shown, key=lambda one: one.ts)[-MOST_MESSAGES:]]

    def _inboxes(self) -> dict[str, int]:
        """Return the number of direct messages of each person, so that the page can highlight new ones."""
        slack = self._world.slack
        people = [person for person in slack.directory.people.values() if not person.is_bot]
        return {one.id: sum(bool(m.bot_id) for m in slack.dms(one)) for one in people}

    def _waiting(self, requests: list[Request]) -> dict[str, int]:
        """Return how many requests each person can approve now, by the rule that decides a click."""
        service, directory = self._world.product.service, self._world.slack.directory
        waiting: dict[str, int] = {}
        for request in (one for one in requests if one.state is State.PENDING):
            ruling = service.ruling_of(request)
            for person in directory.people.values():
                groups = frozenset(one.id for one in directory.groups.values() if person.id in one.members)
                barred = None if person.is_full else "guest"
                who = policy.Person(person.team_id, person.id, person.name, None, barred, groups)
                actor = policy.standing(ruling, who)
                if isinstance(decide(request, Action.APPROVE, actor, ruling, service.clock()), Transition):
                    waiting[person.id] = waiting.get(person.id, 0) + 1
        return waiting

    def _audit(self, tx: Tx) -> dict[str, Any]:
        """Return the last events, and whether the chain is intact."""
        head = tx.audit_log.head()
        if self._checked[0] != head.hash:
            rows = list(tx.audit_log.rows())
            path = self._world.product.settings.anchor_file
            verdict = verify(rows, anchor.read(path) if path else Anchors())
            audit = {
                "ok": verdict.ok,
                "reason": verdict.reason,
                "rows": verdict.rows,
                "head": head.hash,
                "events": rows[-MOST_EVENTS:],
            }
            self._checked = (head.hash, audit)
        return self._checked[1]


def _person(person: Person) -> dict[str, Any]:
    return {
        "id": person.id,
        "name": person.name,
        "real_name": person.real_name,
        "role": BOT_ROLE if person.is_bot else person.role,
        "tz": person.tz,
        "is_bot": person.is_bot,
    }


def _channel(channel: Channel, bot: str) -> dict[str, Any]:
    kind = "app" if channel.is_im else "private" if channel.is_private else "channel"
    return {
        "id": channel.id,
        "name": "peftsize" if channel.is_im else channel.name,
        "kind": kind,
        "members": len(channel.members),
        "bot_in": bot in channel.members,
        "shared": channel.is_ext_shared,
    }


def _message(message: Message) -> dict[str, Any]:
    return {
        "ts": message.ts,
        "channel": message.channel,
        "user": message.user,
        "text": message.text,
        "blocks": message.blocks,
        "thread_ts": message.thread_ts,
        "edited": bool(message.edited_ts),
        "only_you": bool(message.ephemeral_to),
    }


def _view(view: View) -> dict[str, Any]:
    return {
        "id": view.id,
        "hash": view.hash,
        "title": view.body.get("title", {}).get("text", "Home"),
        "submit": (view.body.get("submit") or {}).get("text"),
        "close": (view.body.get("close") or {}).get("text", "Cancel"),
        "blocks": view.body["blocks"],
        "errors": view.errors,
    }


def _request(tx: Tx, request: Request) -> dict[str, Any]:
    steps = [(one["from_state"], one["to_state"]) for one in tx.audit_log.story(request.id)]
    moves = [list(step) for step in steps if step[0] and step[1] and step[0] != step[1]]
    return {
        "id": request.id,
        "kind": request.kind.value,
        "state": request.state.value,
        "words": messages.state_words(request),
        "name": request.name,
        "canonical": request.canonical,
        "revision": request.revision,
        "votes": len(request.votes),
        "quorum": request.quorum,
        "moves": moves,
    }


def _spec(spec: dict[str, Any]) -> dict[str, Any]:
    entity, metadata = spec["entity"]["hardware_specification"], spec["metadata"]
    return {
        "id": metadata["asset_id"],
        "name": metadata["name"],
        "body": {**{key: metadata[key] for key in ("name", "description") if key in metadata}, **entity},
    }


def _diagram(kind: Kind) -> dict[str, Any]:
    """Return the state machine for a kind of request as nodes and edges."""
    edges = [
        {"from": state.value, "action": action.value, "to": to.value}
        for state, actions in TABLE.items()
        for action in actions
        if (to := target(state, action, kind)) is not None and to is not state
    ]
    start = State.PENDING.value
    reached, fresh = {start}, {start}
    while fresh:
        fresh = {edge["to"] for edge in edges if edge["from"] in fresh} - reached
        reached |= fresh
    return {
        "states": [state.value for state in State if state.value in reached],
        "ends": sorted(state.value for state in TERMINAL),
        "edges": [edge for edge in edges if edge["from"] in reached],
    }
