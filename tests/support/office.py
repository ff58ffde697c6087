"""An office for the tests: the real app behind the real gate on loopback HTTP, beside the stand-in of Slack."""

from __future__ import annotations

import time
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

from waitress.server import create_server

from bot.approvals.draft import Site
from bot.approvals.policy_file import Policy
from bot.dispatch.worker import Worker
from bot.runtime import shutdown
from bot.sandbox.slack.fake_slack import FakeSlack
from bot.slack.inbound.app import build, note_foreign, web_client
from bot.slack.inbound.context import ListenerContext
from bot.slack.inbound.gate import Gate
from bot.slack.outbound.delivery import OutboxDelivery
from bot.slack.outbound.people import Identity, SlackPeople, identify
from bot.store import Database, Store
from bot.workflow.service import RequestService
from tests.support.menu import press
from tests.support.rows import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bot.approvals.request import Request
    from bot.sandbox.slack.workspace import Message

ROSA, ADA, BEN, INES, GUS, FAY = "rosa", "ada", "ben", "ines", "gus", "fay"
TEAM, RANDOM = "#ml-serving", "#random"
RULES = Policy.model_validate({"defaults": {"approvers": ["S0APPROVE"], "admins": ["U0INES001"]}})


class Clock:
    """The real time, and what the test adds to it; UTC epoch milliseconds."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms

    def seconds(self) -> float:
        return self() / 1000


class Office:
    """One wired bot and its workspace; due work is done when the test says so."""

    def __init__(self, path: Path, rules: Policy, approval_channel: str | None, **more: Any) -> None:
        self.clock = Clock()
        self.slack = FakeSlack(clock=self.clock.seconds).start()
        self.slack.rates.on = False
        self.store = Store(Database(f"sqlite:///{path}"), self.clock)
        self.refused: list[str] = []
        self.revoked: list[str] = []
        self.who: Identity | None = None
        self.client = web_client(self.slack.bot_token, self.slack.url, 5)
        self.people = SlackPeople(self.client, lambda: self.who, self.clock)
        ids = count(1)
        self.service = RequestService(
            key=KEY,
            store=self.store,
            people=self.people,
            site=Site("https://cpd.example", "space-1"),
            rules=rules,
            clock=self.clock,
            new_id=lambda: f"R{next(ids):07d}",
        )
        context = ListenerContext(
            service=self.service,
            identity=lambda: self.who,
            modals=web_client(self.slack.bot_token, self.slack.url, 2),
            api_url=self.slack.url,
            approval_channel=approval_channel,
            on_revoked=self.revoked.append,
        )
        self.app = build(context, self.slack.signing_secret)
        self.gate = Gate(
            self.app,
            secret=self.slack.signing_secret,
            identity=lambda: self.who,
            clock=self.clock,
            on_refused=self.refused.append,
            on_foreign=lambda tried, payload: note_foreign(self.store, tried, payload),
        )
        self.calls: list[tuple[str, int | str]] = []
        self.announcer = OutboxDelivery(
            client=self.client,
            people=self.people,
            service=self.service,
            specs=more.get("specs"),
            identity=lambda: self.who,
            clock=self.clock,
            api_url=self.slack.url,
            on_call=lambda method, status, _seconds: self.calls.append((method, status)),
        )
        self.worker = Worker(self.store, self.service, None, self.announcer, "office")  # type: ignore[arg-type]  # nothing is carried out here
        self._server: Any = None

    @contextmanager
    def open(self) -> Iterator[Office]:
        """Serve on loopback until the end of the block."""
        self.who = identify(self.client)
        self._server = create_server(
            self.gate, host="127.0.0.1", port=0, threads=4, asyncore_loop_timeout=0.02
        )
        self.slack.attach(f"http://127.0.0.1:{self._server.effective_port}/slack/events")
        try:
            with shutdown.running(self._server, within_s=5):
                yield self
        finally:
            self.store.close()
            self.slack.stop()

    def work(self) -> None:
        """Do everything that is due now: decisions, then Slack effects."""
        while self.worker.take("inbox") or self.worker.take("outbox"):
            pass

    def later(self, seconds: float) -> None:
        """Let time pass, and do what is due by then."""
        self.clock.ahead_ms += int(seconds * 1000)
        self.work()

    def ask(self, text: str = "10b 2x128MB qlora4", user: str = ROSA, channel: str = TEAM) -> Request:
        """Ask by slash command, and have the card posted."""
        delivery = self.slack.command(user, channel, text)
        assert delivery.status == 200, delivery
        self.work()
        return self.rows()[0]

    def rows(self) -> list[Request]:
        """Return every request, newest first."""
        with self.store.read() as tx:
            return tx.requests.listed(limit=None)

    def row(self) -> Request:
        """Return the newest request."""
        return self.rows()[0]

    def card(self, channel: str = TEAM) -> Message:
        """Return the newest message of the bot in a channel, not counting lines under a card."""
        return [m for m in self.slack.messages(channel) if m.bot_id and not m.thread_ts][-1]

    def line(self, channel: str = TEAM) -> Message:
        """Return the newest message of the bot in a thread."""
        return [m for m in self.slack.messages(channel) if m.bot_id and m.thread_ts][-1]

    def events(self) -> list[dict[str, Any]]:
        """Return the audit, oldest first."""
        with self.store.read() as tx:
            return list(tx.audit_log.rows())

    def names(self) -> list[str]:
        """Return the names of the audit's events."""
        return [event["event"] for event in self.events()]

    def outbox_messages(self) -> list[Any]:
        """Return the Slack effects still to be had."""
        with self.store.read() as tx:
            keys = tx.connection.exec_driver_sql("SELECT key FROM outbox ORDER BY created_at").scalars()
            return [tx.queues.message(key) for key in keys.all()]

    def press(self, user: str, action: str, message: Message | None = None) -> Any:
        """Press a button on the card, and have it decided and drawn."""
        delivery = press(self.slack, user, message or self.card(), action)
        self.work()
        return delivery
