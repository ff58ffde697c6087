"""A team at work: the whole product in this process, between the stand-ins of Slack and of the cluster.

Slack's deliveries come signed over HTTP (or over real sockets) to the real server; time is the
real one plus what a test, or a wait that the product asked for, lets pass.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from html import unescape
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot import serve, wiring
from bot import settings as configuration
from bot.sandbox import slack_payloads as payloads
from bot.sandbox.slack import FakeSlack
from bot.sandbox.slack_inputs import find_element, pressed
from bot.sandbox.watsonx import FakeCluster
from bot.sandbox.watsonx_faults import ALWAYS
from bot.settings import Need
from tests.scenarios.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.approvals import Request, State
    from bot.sandbox.slack_delivery import Delivery
    from bot.sandbox.slack_people import Directory
    from bot.sandbox.slack_workspace import Message, View
    from bot.wiring import Product

ROSA, ADA, BEN, INES = "U0ROSA001", "U0ADA0001", "U0BEN0001", "U0INES001"
CHANNEL = "#ml-serving"
TEXT, NAME = "10b 2x128MB qlora4", "peft-10b-qlora4-2x128mb"
POLICY = f"""
[defaults]
approvers = ["S0APPROVE", "{ROSA}"]
admins = ["{INES}"]
"""
"""Rosa is an approver herself, so that her own requests are refused for the right reason."""
SOON_MS = 3_000
"""Waits up to this long pass at once."""
_BUSY = "SELECT 1 FROM requests WHERE state IN ('creating', 'deleting')"
_WAITING = """
SELECT 'inbox', key, due_at, claimed_by FROM inbox WHERE due_at IS NOT NULL
UNION ALL SELECT 'outbox', key, due_at, claimed_by FROM outbox
UNION ALL SELECT 'requests', id, due_at, claimed_by FROM requests WHERE due_at IS NOT NULL
"""


class Team:
    """The product, its people and its cluster.

    Args:
        folder: For the database, the anchor and the policy file.
        policy: The policy file's text.
        directory: Who lives in the workspace; the built-in people unless given.
        socket: Whether deliveries come over Socket Mode.
        dry_run: As ``serve --dry-run``.
        **settings: Environment variables by name, in lower case.
    """

    def __init__(
        self,
        folder: Path,
        *,
        policy: str = POLICY,
        directory: Directory | None = None,
        socket: bool = False,
        dry_run: bool = False,
        **settings: str,
    ) -> None:
        self.clock = Clock()
        self.slack = FakeSlack(directory, clock=self.clock.now_s)
        self.cluster = FakeCluster(now=self.clock.now_ms)
        self.folder = folder
        self.socket = socket
        self.dry_run = dry_run
        self.settings = settings
        self.product: Product
        self.port = 0
        self._stack = ExitStack()
        self._running = ExitStack()
        self.rules(policy)

    # --- the product's own life

    def rules(self, policy: str) -> None:
        """Write the policy file; a restart reads it."""
        (self.folder / "policy.toml").write_text(policy, encoding="utf-8")

    @property
    def environment(self) -> dict[str, str]:
        """The settings of the product, as its command line takes them too."""
        found = self.cluster.settings() | {
            "SLACK_BOT_TOKEN": self.slack.bot_token,
            "SLACK_SIGNING_SECRET": self.slack.signing_secret,
            "SLACK_API_URL": self.slack.url,
            "WATSONX_TIMEOUT_S": "1",
            "PEFTSIZE_SETTLE_S": "1",
            "PEFTSIZE_DATABASE_URL": f"sqlite:///{self.folder / 'team.db'}",
            "PEFTSIZE_POLICY_FILE": str(self.folder / "policy.toml"),
        }
        if self.socket:
            found["SLACK_APP_TOKEN"] = self.slack.app_token
        return found | {name.upper(): value for name, value in self.settings.items()}

    def open(self) -> Team:
        """Start the stand-ins and the product."""
        self._stack.enter_context(self.slack)
        self._stack.enter_context(self.cluster)
        self.start()
        return self

    def close(self) -> None:
        """Stop everything."""
        self.stop()
        self._stack.close()

    def start(self) -> None:
        """Start the product as ``peftsize serve`` does."""
        settings = configuration.load(self.environment, str(self.folder / "none.env"))
        configuration.check(settings, Need(slack=True, watsonx=True, approvers=True))
        origin = "slack-socket" if self.socket else "slack-http"
        self.product = wiring.build(settings, dry_run=self.dry_run, origin=origin, clock=self.clock.now_ms)
        self._running.callback(self.product.close)
        serve._start(self.product, settings)
        self._running.callback(self.product.dispatcher.stop)
        stopping = threading.Event()
        server = serve._server(self.product, socket=self.socket, host="127.0.0.1", port=0, stopping=stopping)
        self.port = int(server.effective_port)
        thread = threading.Thread(target=server.run, name="server", daemon=True)
        thread.start()

        def stop() -> None:
            stopping.set()
            server.trigger.pull_trigger(lambda: [one.close() for one in list(server._map.values())])
            thread.join(5)
            server.task_dispatcher.shutdown(timeout=1)

        self._running.callback(stop)
        if self.socket:
            line = serve._line(self.product)
            self._running.callback(line.close)
            self.until(lambda: line.connected == 2, "two sockets")
        else:
            self.slack.attach(f"http://127.0.0.1:{self.port}/slack/events")

    def stop(self) -> None:
        """Stop the product; Slack and the cluster go on."""
        self._running.close()

    def restart(self, **settings: str) -> None:
        """Stop the product and start it anew, with other settings where they are given."""
        self.stop()
        self.settings = self.settings | settings
        self.start()

    def cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``peftsize`` in a process of its own, with the product's settings."""
        kept = {"PATH": os.environ.get("PATH", ""), "HOME": str(self.folder)}
        said = subprocess.run(
            [sys.executable, "-c", "from bot.cli import main; main()", *words],
            env=kept | self.environment | {"PYTHONPATH": str(Path(serve.__file__).parents[1])},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        self.quiet()
        return said

    def get(self, path: str) -> tuple[int, str]:
        """Ask the product's server for a page, such as ``/readyz``."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=15)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    # --- time

    def until(self, true: Any, what: str, timeout_s: float = 10.0) -> None:
        """Wait until a condition holds, in real time."""
        deadline = time.monotonic() + timeout_s
        while not true():
            assert time.monotonic() < deadline, f"in vain: {what}"
            time.sleep(0.004)

    def quiet(self, timeout_s: float = 15.0) -> None:
        """Wait until the product has nothing to do; short waits of its own pass at once."""
        deadline = time.monotonic() + timeout_s
        while waiting := self._soon():
            busy = self.sql(_BUSY)
            soonest = min(due for _, _, due, _ in waiting)
            if not busy and not any(claimed for *_, claimed in waiting):
                self.clock.advance(max(0, soonest - self.clock.now_ms()))
            self.product.dispatcher.wake([(lane, key, due) for lane, key, due, _ in waiting])
            time.sleep(0.004)
            assert time.monotonic() < deadline, f"never quiet: {waiting}"

    def later(self, seconds: float) -> None:
        """Let time pass, and the product do what is due by then."""
        self.quiet()
        until = self.clock.now_ms() + int(seconds * 1000)
        while due := [row[2] for row in self.sql(_WAITING) if row[2] <= until]:
            self.clock.advance(max(0, min(due) - self.clock.now_ms()))
            self.quiet()
        self.clock.advance(max(0, until - self.clock.now_ms()))
        self.quiet()

    def _soon(self) -> list[tuple[Any, ...]]:
        now = self.clock.now_ms()
        return [row for row in self.sql(_WAITING) if row[3] is not None or row[2] <= now + SOON_MS]

    def sql(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """Read the database."""
        with self.product.store.database.read() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(statement, values)]

    # --- what people do

    def ask(self, text: str = TEXT, who: str = "rosa", channel: str = CHANNEL) -> Request:
        """Ask by slash command, and wait for the card."""
        before = {row.id for row in self.rows()}
        delivery = self.slack.command(who, channel, text)
        assert delivery.ok, delivery
        self.quiet()
        fresh = [row for row in self.rows() if row.id not in before]
        assert len(fresh) == 1, delivery.said
        return fresh[0]

    def command(self, text: str, who: str = "rosa", channel: str = CHANNEL) -> str:
        """Type a command and return the words of the private answer."""
        delivery = self.slack.command(who, channel, text)
        assert delivery.ok, delivery
        self.quiet()
        return "\n".join(self.words(message) for message in delivery.said)

    def click(self, who: str, action: str, request: Request, shown: Message | View | None = None) -> Delivery:
        """Press a button of a request's card, and wait until it is decided and shown."""
        delivery = self.slack.click(who, shown or self.card(request), f"peftsize.{action}")
        self.quiet()
        return delivery

    def approve(self, who: str, request: Request) -> Request:
        """Approve, and return the row."""
        assert self.click(who, "approve", request).ok
        return self.row(request)

    def reject(self, who: str, request: Request, reason: str) -> Delivery:
        """Press Reject, fill the modal in and submit it."""
        return self.fill(who, "reject", request, reason)

    def edit(self, who: str, request: Request, text: str) -> Delivery:
        """Press Edit, change the text and submit it."""
        return self.fill(who, "edit", request, text)

    def fill(self, who: str, action: str, request: Request, words: str) -> Delivery:
        """Open a modal from the card, fill in its only field and submit it."""
        assert self.click(who, action, request).ok
        delivery = self.slack.submit(who, self.slack.modals(who)[-1], {"text": words})
        self.quiet()
        return delivery

    def forge(
        self,
        who: str,
        action: str,
        shown: Message,
        change: Mapping[str, Any] | None = None,
        **pressed_as: str,
    ) -> Delivery:
        """Press a button as nobody's client would, but validly signed.

        Args:
            who: Who presses.
            action: As in ``click``.
            shown: The message with the button.
            change: Replaces parts of the payload.
            **pressed_as: Replaces parts of the action, such as ``value``.
        """
        block, element = find_element(shown.blocks, f"peftsize.{action}")
        done = pressed(block, element, None, self.slack.workspace.new_ts()) | pressed_as
        payload = payloads.click(self.slack.api, self.slack.person(who), shown, done) | dict(change or {})
        delivery = self.slack.courier.keep(self.slack.courier.bring("interactive", payload))
        self.quiet()
        return delivery

    # --- what there is

    def rows(self) -> list[Request]:
        """Return every request, newest first."""
        with self.product.store.read() as tx:
            return tx.requests.listed(limit=None)

    def row(self, request: Request | str) -> Request:
        """Return a request as it is now."""
        with self.product.store.read() as tx:
            found = tx.requests.get(request if isinstance(request, str) else request.id)
        assert found is not None
        return found

    def wait_for(self, request: Request, state: State) -> Request:
        """Wait, in real time, until a request is in a state."""
        self.until(lambda: self.row(request).state is state, f"{state}, not {self.row(request).state}")
        return self.row(request)

    def audit(self, request: Request | None = None) -> list[dict[str, Any]]:
        """Return the audit rows, of one request or all."""
        with self.product.store.read() as tx:
            found = list(tx.trail.rows())
        return [row for row in found if request is None or row["request_id"] == request.id]

    def story(self, request: Request) -> list[str]:
        """Return the names of a request's audit events."""
        return [row["event"] for row in self.audit(request)]

    def last(self, event: str) -> dict[str, Any]:
        """Return the last audit row of a kind."""
        found = [row for row in self.audit() if row["event"] == event]
        assert found, [row["event"] for row in self.audit()]
        return found[-1]

    def card(self, request: Request) -> Message:
        """Return the card in its channel as it stands."""
        row = self.row(request)
        assert row.message_ts is not None
        found = self.slack.message(row.channel_id, row.message_ts)
        assert found is not None
        return found

    def shows(self, request: Request) -> str:
        """Return the words of the card, as one line."""
        return self.words(self.card(request))

    def words(self, shown: Message | View) -> str:
        """Return what a message or view says, as one line."""
        drawn = self.slack.render_text(shown, 100_000)
        return " ".join(unescape(drawn).replace("│", " ").split())

    def heard(self, who: str) -> list[str]:
        """Return what only this person was told, oldest first, without what answered a command."""
        told = [message for message in self.slack.ephemerals(who) if message.user != "USLACKBOT"]
        return [self.words(message) for message in told]

    def posts(self) -> int:
        """Return how many creates reached the cluster, whatever became of them."""
        return sum(one.method == "POST" and "hardware" in one.path for one in self.cluster.requests())

    def break_cluster(self) -> None:
        """Have the cluster refuse connections: provably nothing is sent."""
        self.cluster.go_down()

    def fail_creates(self) -> None:
        """Answer every create with 500 before anything is done: nobody can say what happened."""
        self.cluster.faults.creates_only = True
        self.cluster.faults.broken = ALWAYS
