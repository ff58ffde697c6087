"""Commands over Socket Mode: the product and a bare Bolt app, each connected to a Slack of its own."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.load import Answers, fields
from benchmarks.servers import ROOT, SERVE, settings, start, stop, until
from benchmarks.table import Row
from bot.audit import signing_key
from bot.sandbox.slack.fake_slack import FakeSlack
from bot.sandbox.watsonx.fake_watsonx import FakeCluster

ROUNDS = 5


def rows(*, quick: bool = False) -> list[Row]:
    """Measure commands over 16 at once, and one after the other."""
    total, rounds = (48, 1) if quick else (400, ROUNDS)
    with (
        tempfile.TemporaryDirectory() as folder,
        FakeSlack() as slack,
        FakeSlack() as other,
        FakeCluster() as cluster,
    ):
        signing_key.create(Path(folder) / "signing.key")
        environment = os.environ | settings(slack, cluster)
        environment |= {
            "SLACK_APP_TOKEN": slack.app_token,
            "PEFTSIZE_DATABASE_URL": f"sqlite:///{folder}/s.db",
        }
        environment["PEFTSIZE_SIGNING_KEY_FILE"] = f"{folder}/signing.key"
        bare = [sys.executable, str(ROOT / "benchmarks/peer.py"), "{port}", other.app_token, "socket"]
        servers = [start([*bare, other.url, other.bot_token, folder]), start(SERVE, environment)]
        sides = {"base": other, "product": slack}
        until(lambda: all(side.sockets.connections for side in sides.values()))
        many: dict[str, list[float]] = {name: [] for name in sides}
        one: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(rounds):
            for name, side in sides.items():
                many[name].append(_sent(side, total, at_once=16).per_second)
                one[name].append(_sent(side, total // 8, at_once=1).percentile_ms(0.5))
        stop(*servers)
    rates, times = ({name: statistics.median(of[name]) for name in of} for of in (many, one))
    return [
        Row("commands, 16 at once", rates["product"], rates["base"], "a second", higher=True),
        Row("acknowledged, one by one, p50", times["product"], times["base"], "ms"),
    ]


def _sent(slack: FakeSlack, total: int, *, at_once: int) -> Answers:
    """Send commands, so many at once, and wait for every acknowledgement."""
    answers, left, lock = Answers(), iter(range(total)), threading.Lock()

    def person() -> None:
        while True:
            with lock:
                if next(left, None) is None:
                    return
            began = time.perf_counter()
            said = slack.sockets.deliver("slash_commands", fields(), 10)
            assert said is not None, "not acknowledged"
            answers.times_s.append(time.perf_counter() - began)

    began = time.perf_counter()
    people = [threading.Thread(target=person) for _ in range(at_once)]
    for one in people:
        one.start()
    for one in people:
        one.join()
    answers.seconds = time.perf_counter() - began
    assert len(answers.times_s) == total
    return answers
