"""Decisions alone: the service on a database, with people and a clock by hand, and what it wrote."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from bot.approvals.draft import Site
from bot.approvals.policy import Person
from bot.approvals.policy_file import Policy
from bot.log_context import bound
from bot.store import Database, Store
from bot.store.requests import Copy
from bot.store.tables import outbox, requests
from bot.workflow.ports import Ask, Click
from bot.workflow.service import RequestService
from tests.support.rows import KEY, Clock

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from bot.approvals.request import GroupEdit, Request
    from bot.errors import PeopleError
    from bot.workflow.ports import Outcome, Specs

SITE = Site("https://cpd.example", "space-0", {"dev": "space-1"})
ROSA = Person("T1", "U0ROSA", "Rosa", "E1")
ADA = Person("T1", "U0ADA", "Ada", "E1")
BEN = Person("T1", "U0BEN", "Ben", "E1")


class Everybody:
    """A directory in which everybody is a full member, unless they are ``barred``.

    ``is_known`` says whether somebody who asks need not be looked up; ``groups`` are everybody's, and ``edited`` are
    the edits of groups; ``silent`` and ``silent_edits`` say why nothing is known for now; ``log_facts`` is what a line
    logged during the last look-up bears, and ``live`` whether it was one.
    """

    def __init__(self) -> None:
        self.barred: str | None = None
        self.is_known = True
        self.groups: frozenset[str] = frozenset()
        self.edited: tuple[GroupEdit, ...] = ()
        self.silent: PeopleError | None = None
        self.silent_edits: PeopleError | None = None
        self.log_facts: dict[str, str] = {}
        self.live = False

    def look_up(
        self,
        team_id: str,
        user_id: str,
        _groups: Collection[str],
        *,
        live: bool = False,
    ) -> Person:
        self.log_facts, self.live = dict(bound()), live
        if self.silent is not None:
            raise self.silent
        return Person(team_id, user_id, user_id.title(), barred=self.barred, groups=self.groups)

    def asker(self, team_id: str, user_id: str) -> Person:
        return replace(self.look_up(team_id, user_id, ()), groups=frozenset())

    def known(self, team_id: str, user_id: str) -> Person | None:
        return self.asker(team_id, user_id) if self.is_known else None

    def members(self, group_id: str, *, live: bool = False) -> frozenset[str] | None:  # noqa: ARG002 - never older
        return frozenset({"U0ROSA", "U0ADA", "U0BEN"}) if group_id in self.groups else None

    def edits(self, _groups: Collection[str], _since: int) -> tuple[GroupEdit, ...]:
        if self.silent_edits is not None:
            raise self.silent_edits
        return self.edited


class Dispatcher:
    """Notes what it is woken for."""

    def __init__(self) -> None:
        self.woken: list[tuple[str, str, int]] = []

    def defer(self, *_: object) -> None:
        """Nothing is put off here."""

    def wake(self, woken: Sequence[tuple[str, str, int]]) -> None:
        self.woken += woken


class Desk:
    """Where people ask and press buttons; the clock stands still unless a test moves it.

    Args:
        url: Of a migrated database.
        site: Target and spaces.
        specs: The cluster, if it is asked anything.
        ids: Numbers of requests and deliveries, where several desks share a database.
        **rules: Sections of the policy; Ada approves unless they say otherwise.
    """

    def __init__(
        self,
        url: str,
        *,
        site: Site = SITE,
        specs: Specs | None = None,
        ids: Iterator[int] | None = None,
        **rules: Any,
    ) -> None:
        numbers, self._keys = ids or count(1), ids or count(1)
        self.clock, self.people = Clock(), Everybody()
        self.outcomes: list[Outcome] = []
        self.service = RequestService(
            key=KEY,
            store=Store(Database(url), self.clock),
            people=self.people,
            site=site,
            rules=Policy.model_validate({"defaults": {"approvers": ["U0ADA"]}} | rules),
            clock=self.clock,
            new_id=lambda: f"R{next(numbers):07d}",
            specs=specs,
            on_outcome=self.outcomes.append,
        )
        self.store, self.dispatcher = self.service.store, Dispatcher()
        self.store.waker = self.dispatcher

    # --- what people do

    def ask(self, text: str, who: Person = ROSA, key: str | None = None, **more: Any) -> Outcome:
        """Ask in channel C1, by a delivery of its own unless its key is given."""
        return self.service.submit(Ask(key or self.next_key(), text, who, "C1", "slack-http", **more))

    def carded(self, text: str, **more: Any) -> Request:
        """Return a new request whose card Slack has; all else that Slack was to be told is forgotten."""
        request = self.ask(text, **more).request
        assert request is not None
        message_ts = f"{int(request.id[1:])}.1"
        with self.store.write() as tx:
            tx.requests.add_copy(request.id, Copy("C1", message_ts))
            tx.requests.note(request.id, message_ts=message_ts)
            tx.connection.execute(outbox.delete())
        return self.row(request.id)

    def press(self, who: Person, action: str, request_id: str, **more: Any) -> Outcome:
        """Press a button of the card, 300 ms before it is decided."""
        return self.service.decide(self.click(who, action, request_id, **more), who)

    def click(self, who: Person, action: str, request_id: str, **more: Any) -> Click:
        """Return a press on a button of the card, 300 ms ago."""
        with self.store.read() as tx:
            row = tx.requests.get(request_id)
        pressed = {
            "key": self.next_key(),
            "revision": 1,
            "name": "typed",
            "at": self.clock.ms - 300,
            "origin": "slack-http",
            "channel_id": "C1",
            "message_ts": row.message_ts if row else None,
        }
        own = {"team_id": who.team_id, "user_id": who.user_id, "enterprise_id": who.enterprise_id}
        return Click(action=action, request_id=request_id, **pressed | own | more)

    def next_key(self) -> str:
        """Return the key of another delivery."""
        return f"k{next(self._keys)}"

    # --- what there is

    def row(self, request_id: str) -> Request:
        """Return a request as it is now."""
        with self.store.read() as tx:
            found = tx.requests.get(request_id)
        assert found is not None
        return found

    def rows(self) -> list[Request]:
        """Return every request, newest first."""
        with self.store.read() as tx:
            return tx.requests.listed(limit=None)

    def due_at(self, request_id: str) -> int | None:
        """Return when somebody must look at a request."""
        with self.store.read() as tx:
            query = select(requests.c.due_at).where(requests.c.id == request_id)
            return tx.connection.execute(query).scalar()

    def events(self) -> list[dict[str, Any]]:
        """Return the audit rows."""
        with self.store.read() as tx:
            return list(tx.audit_log.rows())

    def story(self) -> list[str]:
        """Return the names of the audit rows."""
        return [event["event"] for event in self.events()]

    def told(self) -> list[tuple[str, dict[str, Any]]]:
        """Return what Slack is to be told since last asked, in the order of the keys."""
        with self.store.write() as tx:
            rows = tx.connection.execute(select(outbox).order_by(outbox.c.key)).mappings().all()
            tx.connection.execute(outbox.delete())
        return [(row["key"], json.loads(row["body"])) for row in rows]
