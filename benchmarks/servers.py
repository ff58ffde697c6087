"""The two servers under load: the product with its stand-ins, and the bare Bolt app."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bot.audit import signing_key
from bot.sandbox.slack.fake_slack import FakeSlack
from bot.sandbox.watsonx.fake_watsonx import FakeCluster

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PEFTSIZE = Path(sys.executable).with_name("peftsize")


@dataclass
class Server:
    """A server as a process.

    Args:
        port: Where it listens on loopback.
        process: The process.
        ready_s: From its start to its first good answer.
    """

    port: int
    process: subprocess.Popen[bytes]
    ready_s: float

    def memory_mb(self) -> float:
        """Return the resident memory in MB (Linux)."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass
class Bench:
    """Everything that runs during a measurement."""

    slack: FakeSlack
    cluster: FakeCluster
    product: Server
    noop: Server

    @property
    def secret(self) -> str:
        """The signing secret of both servers."""
        return self.slack.signing_secret


@contextmanager
def running(database_url: str | None = None) -> Iterator[Bench]:
    """Start the stand-ins and both servers; stop everything at the end."""
    with tempfile.TemporaryDirectory() as folder, FakeSlack() as slack, FakeCluster() as cluster:
        slack.rates.on = False
        url = database_url or f"sqlite:///{folder}/bench.db"
        environment = {**os.environ, **settings(slack, cluster), "PEFTSIZE_DATABASE_URL": url}
        signing_key.create(Path(folder) / "signing.key")
        environment["PEFTSIZE_SIGNING_KEY_FILE"] = f"{folder}/signing.key"
        noop = start([sys.executable, str(ROOT / "benchmarks/noop.py"), "{port}", slack.signing_secret])
        product = start([str(PEFTSIZE), "serve", "--host", "127.0.0.1", "--port", "{port}"], environment)
        slack.attach(f"http://127.0.0.1:{product.port}/slack/events")
        try:
            yield Bench(slack, cluster, product, noop)
        finally:
            for server in (product, noop):
                server.process.terminate()
            product.process.wait(15)
            noop.process.kill()
            noop.process.wait(5)


def settings(slack: FakeSlack, cluster: FakeCluster) -> dict[str, str]:
    """Return the product's settings for the stand-ins."""
    return {
        **cluster.settings(),
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_SIGNING_SECRET": slack.signing_secret,
        "SLACK_API_URL": slack.url,
        "PEFTSIZE_APPROVERS": "U0ADA0001,U0BEN0001",
        "PEFTSIZE_LOG_FORMAT": "json",
    }


def start(command: list[str], environment: dict[str, str] | None = None) -> Server:
    """Start a server and wait for its first good answer."""
    port = _free_port()
    ready = "/readyz" if environment else "/"
    started = time.perf_counter()
    process = subprocess.Popen(
        [part.replace("{port}", str(port)) for part in command],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while time.perf_counter() - started < 30:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", ready)
            status = connection.getresponse().status
            connection.close()
        except OSError:
            status = 0
        if status and (ready == "/" or status == 200):
            return Server(port, process, time.perf_counter() - started)
        time.sleep(0.005)
    process.kill()
    raise AssertionError(f"not ready: {command[0]}")


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
