"""Commands answered with the habits of other Bolt apps, beside a bare app without them, and the product."""

from __future__ import annotations

import statistics
import sys
import tempfile
from contextlib import ExitStack
from typing import TYPE_CHECKING

from benchmarks.load import closed, open_
from benchmarks.peer import HABITS
from benchmarks.servers import ROOT, running, start, stop
from benchmarks.table import Row

if TYPE_CHECKING:
    from benchmarks.servers import Server

ROUNDS = 3
SAID = {
    "default": "Bolt's default acknowledgement",
    "client": "an HTTP client for each call",
    "template": "Bolt's SQLite template",
    "product": "the product, which stores them",
}


def rows(*, quick: bool = False) -> list[Row]:
    """Measure each habit: commands over 16 connections, and their median at 20 a second."""
    total = 48 if quick else 400
    with running() as bench, tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        servers: dict[str, Server] = {"noop": bench.noop, "product": bench.product}
        for habit in HABITS:
            program = [sys.executable, str(ROOT / "benchmarks/peer.py"), "{port}", bench.secret, habit]
            servers[habit] = start([*program, bench.slack.url, bench.slack.bot_token, folder])
            stack.callback(stop, servers[habit])
        rates: dict[str, list[float]] = {name: [] for name in servers}
        p50: dict[str, list[float]] = {name: [] for name in servers}
        for number in range(1 if quick else ROUNDS):
            for name, server in servers.items():
                answers = closed(server.port, bench.secret, connections=16, total=total)
                assert not answers.errors, (name, answers.errors[:3])
                rates[name].append(answers.per_second)
                calm = open_(server.port, bench.secret, rate=20, total=total // 8, seed=number)
                p50[name].append(calm.percentile_ms(0.5))
    rate, time_ms = ({name: statistics.median(of[name]) for name in of} for of in (rates, p50))
    return [
        *(Row(f"16 connections: {SAID[name]}", rate[name], rate["noop"], "a second") for name in SAID),
        *(Row(f"20 a second, p50: {SAID[name]}", time_ms[name], time_ms["noop"], "ms") for name in SAID),
    ]
