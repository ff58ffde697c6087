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

from benchmarks.load import CHANNELS, command
from bot.audit import signing_key
from bot.sandbox.slack.fake_slack import FakeSlack
from bot.sandbox.slack.people import Channel
from bot.sandbox.watsonx.fake_watsonx import FakeCluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.sandbox.slack.workspace import Message

ROOT = Path(__file__).parent.parent
PEFTSIZE = Path(sys.executable).with_name("peftsize")
AS_INSTALLED = "import sys; sys.modules['click'] = None; from bot.cli import main; main()"
"""``peftsize`` as users have it: here development tools bring click, with which httpx loads its own command line."""
SERVE = [sys.executable, "-c", AS_INSTALLED, "serve", "--host", "127.0.0.1", "--port", "{port}"]


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

    def cpu_s(self) -> float:
        """Return the processor time that it has used (Linux)."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def files(self) -> int:
        """Return how many file descriptors it has open (Linux)."""
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())

    def metric(self, name: str) -> float:
        """Return the sum of a metric of the product; ``name`` may begin a line up to some of its labels."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
        connection.close()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


@dataclass
class Bench:
    """Everything that runs during a measurement."""

    slack: FakeSlack
    cluster: FakeCluster
    product: Server
    noop: Server
    environment: dict[str, str]

    @property
    def secret(self) -> str:
        """The signing secret of both servers."""
        return self.slack.signing_secret


@contextmanager
def running(database_url: str | None = None) -> Iterator[Bench]:
    """Start the stand-ins and both servers; stop everything at the end."""
    with tempfile.TemporaryDirectory() as folder, FakeSlack() as slack, FakeCluster() as cluster:
        slack.rates.on = False
        everybody = frozenset(slack.directory.people)
        slack.directory.channels |= {name: Channel(name, name.lower(), everybody) for name in CHANNELS}
        url = database_url or f"sqlite:///{folder}/bench.db"
        environment = {**os.environ, **settings(slack, cluster), "PEFTSIZE_DATABASE_URL": url}
        signing_key.create(Path(folder) / "signing.key")
        environment["PEFTSIZE_SIGNING_KEY_FILE"] = f"{folder}/signing.key"
        environment["PEFTSIZE_ANCHOR_FILE"] = f"{folder}/bench.anchor"
        noop = start([sys.executable, str(ROOT / "benchmarks/noop.py"), "{port}", slack.signing_secret])
        # a start after the first, which would keep what only migrations need in memory
        subprocess.run([PEFTSIZE, "database", "upgrade"], env=environment, check=True, capture_output=True)
        product = start(SERVE, environment)
        slack.attach(f"http://127.0.0.1:{product.port}/slack/events")
        try:
            yield Bench(slack, cluster, product, noop, environment)
        finally:
            stop(product, noop)


def stop(*servers: Server) -> None:
    """Ask servers to stop, and wait until they have."""
    for server in servers:
        server.process.terminate()
    for server in servers:
        server.process.wait(30)


def until(condition: Callable[[], object], within_s: float = 30) -> None:
    """Wait until something is so; raises ``AssertionError`` where it takes too long."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.002)


def send(bench: Bench, text: str, channel: str) -> None:
    """Type a command, and have it acknowledged."""
    body, headers = command(bench.secret, text, channel=channel)
    connection = http.client.HTTPConnection("127.0.0.1", bench.product.port, timeout=30)
    connection.request("POST", "/slack/events", body, headers)
    assert connection.getresponse().status == 200
    connection.close()


def asked(bench: Bench, number: int, text: str) -> Message:
    """Ask for something and return its card; in one channel after the other, since each takes one a second."""
    channel = CHANNELS[number % len(CHANNELS)]
    before = {message.ts for message in bench.slack.messages(channel)}
    send(bench, text, channel)

    def card() -> Message | None:
        shown = (one for one in bench.slack.messages(channel) if one.ts not in before and not one.thread_ts)
        return next(shown, None)

    until(card)
    found = card()
    assert found is not None
    return found


def settings(slack: FakeSlack, cluster: FakeCluster) -> dict[str, str]:
    """Return the product's settings for the stand-ins."""
    return {
        **cluster.settings(),
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_SIGNING_SECRET": slack.signing_secret,
        "SLACK_API_URL": slack.url,
        "PEFTSIZE_APPROVERS": "S0APPROVE",
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
    while time.perf_counter() - started < 60:
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
