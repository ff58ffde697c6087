"""The whole product in this process, between the stand-ins of Slack and of the cluster.

Slack's deliveries come signed over HTTP (or over real sockets) to the real server; time is the
real one plus what a test, or a wait that the product asked for, lets pass.
"""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import event
from typer.testing import CliRunner

from bot.audit import signing_key
from bot.cli.commands import app as commands
from bot.runtime import serve, shutdown, wiring
from bot.runtime import settings as configuration
from bot.runtime.settings import Need, check_settings
from bot.sandbox.clock import Clock
from bot.sandbox.slack.fake_slack import FakeSlack
from bot.sandbox.watsonx.fake_watsonx import FakeCluster

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from bot.runtime.wiring import Product
    from bot.sandbox.slack.people import Directory

SOON_MS = 3_000
"""Waits up to this long pass at once."""
REFILL_MS = 250
"""How much time passes at once while messages wait for Slack's limits."""
_BUSY = "SELECT 1 FROM requests WHERE state IN ('creating', 'deleting')"
_WAITING = """
SELECT 'inbox', key, due_at, claimed_by FROM inbox WHERE due_at IS NOT NULL
UNION ALL SELECT 'outbox', key, due_at, claimed_by FROM outbox
UNION ALL SELECT 'requests', id, due_at, claimed_by FROM requests WHERE due_at IS NOT NULL
"""


class RunningProduct:
    """The product, started and stopped as ``peftsize serve`` does it.

    Args:
        folder: For the database, the anchor and the policy file.
        policy: The policy file's text.
        directory: Who lives in the workspace; the built-in people unless given.
        socket: Whether deliveries come over Socket Mode.
        dry_run: As ``serve --dry-run``.
        clock: The real time plus what is let pass, unless given.
        **settings: Environment variables by name, in lower case.
    """

    def __init__(
        self,
        folder: Path,
        *,
        policy: str,
        directory: Directory | None = None,
        socket: bool = False,
        dry_run: bool = False,
        clock: Clock | None = None,
        **settings: str,
    ) -> None:
        self.clock = clock or Clock()
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
        self._pragmas: dict[str, str] = {}
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
        if "peftsize_database_url" in self.settings:  # PostgreSQL
            signing_key.load_or_create(self.folder / "signing.key")
            found["PEFTSIZE_SIGNING_KEY_FILE"] = str(self.folder / "signing.key")
            found["PEFTSIZE_ANCHOR_FILE"] = str(self.folder / "audit.anchor")
        if self.socket:
            found["SLACK_APP_TOKEN"] = self.slack.app_token
        return found | {name.upper(): value for name, value in self.settings.items()}

    def open(self) -> Self:
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
        check_settings(settings, Need(slack=True, watsonx=True, approvers=True))
        origin = "slack-socket" if self.socket else "slack-http"
        self.product = wiring.build(settings, dry_run=self.dry_run, origin=origin, clock=self.clock.now_ms)
        self._running.callback(self.product.close)
        for engine in (self.product.store.database.engine, self.product.store.database.writing):
            event.listen(engine, "checkout", self._apply)
        self.start_work()
        stopping = threading.Event()
        line = serve.socket_line(self.product) if self.socket else None
        server = serve.http_server(self.product, host="127.0.0.1", port=0, stopping=stopping, line=line)
        self.port = int(server.effective_port)
        self._running.enter_context(shutdown.running(server, within_s=5))
        self._running.callback(stopping.set)
        self.line = line
        if line is not None:
            line.open()
            self._running.callback(line.close)
            self.until(lambda: line.connected == 2, "two sockets")
        else:
            self.slack.attach(f"http://127.0.0.1:{self.port}/slack/events")

    def start_work(self) -> None:
        """Say who we are and start the worker's threads."""
        serve.start(self.product)
        self._running.callback(self.product.stop)

    def stop(self) -> None:
        """Stop the product; Slack and the cluster go on."""
        self._running.close()

    def restart(self, **settings: str) -> None:
        """Stop the product and start it anew, with other settings where they are given."""
        self.stop()
        self.settings = self.settings | settings
        self.start()

    def cli(self, *words: str) -> Result:
        """Run ``peftsize`` beside the product, with its settings."""
        said = CliRunner().invoke(commands, words, env=self.environment)
        self.quiet()
        return said

    def database(self, pragma: str, value: str) -> None:
        """Set a pragma on every connection of the product's, from now on."""
        self._pragmas[pragma] = value

    def _apply(self, connection: Any, *_: object) -> None:
        for pragma, value in self._pragmas.items():
            connection.execute(f"PRAGMA {pragma}={value}")

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
                patience = REFILL_MS if self.product.worker.holds else 0
                self.clock.advance(max(patience, soonest - self.clock.now_ms()))
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
