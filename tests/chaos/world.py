"""Everything that a run needs, wired: stand-ins, database, replicas, balancer, striker and weather."""

from __future__ import annotations

import os
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from bot.audit import signing_key
from bot.sandbox.slack.fake_slack import FakeSlack
from bot.sandbox.watsonx.api import PATH
from bot.sandbox.watsonx.fake_watsonx import FakeCluster
from tests.chaos.balancer import Balancer
from tests.chaos.replica import Replica
from tests.chaos.rows import Rows
from tests.chaos.strike import Striker
from tests.chaos.weather import Weather

if TYPE_CHECKING:
    from pathlib import Path

    from bot.sandbox.loopback import Call

TIMEOUT_S, SETTLE_S = 1, 2
LATEST_COMMIT_S = TIMEOUT_S + SETTLE_S + 1.0
"""After this a create that has arrived is there or never will be."""


class World:
    """A product under fire.

    Args:
        folder: For the SQLite file and the logs.
        url: The database; on SQLite there is one replica, on PostgreSQL there are two.
        seed: Of the weather.
        fair: Whether nothing goes wrong on the way at first.
    """

    def __init__(self, folder: Path, url: str, *, seed: int = 1, fair: bool = True) -> None:
        self.folder = folder
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self.key = signing_key.load_or_create(folder / "signing.key")
        self.slack = FakeSlack()
        self.slack.rates.on = False  # the bot's own pacing stays; the limits have tests of their own
        self.cluster = FakeCluster()
        self.rows = Rows(url)
        self.weather = Weather(self.cluster.faults, self.slack.faults, seed)
        self.weather.fair = fair
        self.posts: dict[str, list[tuple[float, str]]] = {}
        """By spec name: when each create arrived (monotonic seconds), and its transaction id."""
        self.calm_since = time.monotonic()
        self._lock = threading.Lock()
        self._stack = ExitStack()
        self.replicas: list[Replica] = []
        self.striker = Striker(self.replicas)

    def __enter__(self) -> Self:
        self._stack.enter_context(self.slack)
        self._stack.enter_context(self.cluster)
        self.replicas += [
            Replica(self._env(), self.folder / f"replica-{number}.log")
            for number in range(1 if self.is_sqlite else 2)
        ]
        balancer = self._stack.enter_context(Balancer(self.replicas))
        self.slack.attach(balancer.url)
        self.cluster.witness = self._cluster_call
        self.slack.witness = self._slack_call
        return self

    def __exit__(self, *_: object) -> None:
        for replica in self.replicas:
            if replica.alive:
                replica.kill()
        self._stack.close()
        self.rows.close()

    def start(self) -> None:
        """Start all replicas at once: they also race for the migration of an empty database."""
        for replica in self.replicas:
            replica.start()
        for replica in self.replicas:
            replica.wait_ready()

    def certain(self, name: str) -> bool:
        """Return whether no create for a name can take effect any more, unless somebody sends a new one."""
        now = time.monotonic()
        with self._lock:
            last = self.posts.get(name, [(0.0, "")])[-1][0]
        if any(replica.frozen for replica in self.replicas):
            self.calm_since = now
        return now - max(last, self.calm_since) > LATEST_COMMIT_S

    def specs(self, name: str) -> list[dict[str, Any]]:
        return self.cluster.specs(name)

    def _env(self) -> dict[str, str]:
        return {
            **os.environ,
            **self.cluster.settings(),
            "SLACK_BOT_TOKEN": self.slack.bot_token,
            "SLACK_SIGNING_SECRET": self.slack.signing_secret,
            "SLACK_API_URL": self.slack.url,
            "WATSONX_TIMEOUT_S": str(TIMEOUT_S),
            "PEFTSIZE_SETTLE_S": str(SETTLE_S),
            "PEFTSIZE_APPROVERS": "U0ADA0001,U0BEN0001",
            "PEFTSIZE_ADMINS": "U0INES001",
            "PEFTSIZE_DATABASE_URL": self.url,
            "PEFTSIZE_ANCHOR_FILE": str(self.folder / "audit.anchor"),
            "PEFTSIZE_SIGNING_KEY_FILE": str(self.folder / "signing.key"),
        }

    def _cluster_call(self, moment: str, call: Call, port: int) -> None:
        kind = "other"
        if call.path == PATH:
            kind = {"GET": "find" if "name" in call.query else "list", "POST": "create"}.get(call.method, "")
        if moment == "arrived":
            if kind == "create":
                with self._lock:
                    sent = (time.monotonic(), call.headers.get("x-global-transaction-id", ""))
                    self.posts.setdefault(str(call.json()["name"]), []).append(sent)
            self.weather.before("cluster", kind)
        self.striker.see("cluster", moment, kind, port)

    def _slack_call(self, moment: str, method: str, port: int) -> None:
        if moment == "arrived":
            self.weather.before("slack", method)
        self.striker.see("slack", moment, method, port)
