"""Starting: whole processes, each beside its base, interleaved."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

from benchmarks.servers import PEFTSIZE, ROOT, SERVE, settings, start
from benchmarks.table import Row
from bot.sandbox.slack.fake_slack import FakeSlack
from bot.sandbox.watsonx.fake_watsonx import FakeCluster

ROUNDS = 9


def rows(*, quick: bool = False) -> list[Row]:
    """Measure ``peftsize size`` and ``peftsize serve``."""
    return [*_size(3 if quick else ROUNDS), *_serve(2 if quick else 5)]


def _size(rounds: int) -> list[Row]:
    product, base = [], []
    for _ in range(rounds):
        base.append(_seconds([sys.executable, "-c", "import slack_bolt"]))
        product.append(_seconds([str(PEFTSIZE), "size", "10b", "2x128MB", "qlora4"]))
    return [
        Row("peftsize size / import slack_bolt", statistics.median(product), statistics.median(base), "s", 2)
    ]


def _serve(rounds: int) -> list[Row]:
    product, base, memory, bare = [], [], [], []
    with tempfile.TemporaryDirectory() as folder, FakeSlack() as slack, FakeCluster() as cluster:
        environment = {
            **os.environ,
            **settings(slack, cluster),
            "PEFTSIZE_DATABASE_URL": f"sqlite:///{folder}/start.db",
        }
        for round_ in range(rounds + 1):
            noop = start([sys.executable, str(ROOT / "benchmarks/noop.py"), "{port}", slack.signing_secret])
            server = start(SERVE, environment)
            if round_:  # the first one migrates
                base.append(noop.ready_s)
                product.append(server.ready_s)
                memory.append(server.memory_mb())
                bare.append(noop.memory_mb())
            for one in (noop, server):
                one.process.terminate()
                one.process.wait(15)
    return [
        Row(
            "serve, start to ready / bare app's first answer",
            statistics.median(product),
            statistics.median(base),
            "s",
            4.5,
        ),
        Row("memory at start / bare app", statistics.median(memory), statistics.median(bare), "MB"),
    ]


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started
