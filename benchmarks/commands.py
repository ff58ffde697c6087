"""Commands and clicks: how fast they are acknowledged, beside a bare Bolt app on the same server."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from benchmarks.load import closed, open_
from benchmarks.servers import asked, running, until
from benchmarks.table import Row

if TYPE_CHECKING:
    from benchmarks.servers import Bench

ROUNDS = 5


def rows(database_url: str | None = None, *, quick: bool = False) -> list[Row]:
    """Measure with the product on a database."""
    with running(database_url) as bench:
        clicks = _click(bench, 3 if quick else 15)  # before a load leaves cards that wait for Slack's limits
        for server in (bench.noop, bench.product):
            closed(server.port, bench.secret, connections=16, total=300)
        return [
            *_throughput(bench, 300 if quick else 1500),
            *_latency(bench, 200 if quick else 1500),
            *_slow_outside(bench, 100 if quick else 500),
            *clicks,
            *_crowd(bench, 500 if quick else 5000),
            *_memory(bench, 500 if quick else 10_000),
        ]


def _throughput(bench: Bench, total: int) -> list[Row]:
    found: dict[str, list[float]] = {"noop": [], "product": []}
    for _ in range(ROUNDS):
        for name, server in (("noop", bench.noop), ("product", bench.product)):
            answers = closed(server.port, bench.secret, connections=16, total=total)
            assert not answers.errors, answers.errors[:3]
            found[name].append(answers.per_second)
    product, base = statistics.median(found["product"]), statistics.median(found["noop"])
    return [Row("commands, 16 connections", product, base, "a second", 0.40, higher=True)]


def _latency(bench: Bench, total: int) -> list[Row]:
    base = open_(bench.noop.port, bench.secret, rate=50, total=total)
    product = open_(bench.product.port, bench.secret, rate=50, total=total)
    assert not product.errors, product.errors[:3]
    return [
        Row("acknowledged, 50 a second, p50", product.percentile_ms(0.5), base.percentile_ms(0.5), "ms", 2),
        Row("acknowledged, 50 a second, p99", product.percentile_ms(0.99), base.percentile_ms(0.99), "ms", 3),
    ]


def _slow_outside(bench: Bench, total: int) -> list[Row]:
    """Slack and watsonx each answer after half a second; nobody who types or clicks may feel it."""
    bench.slack.faults.slow_s = 0.5
    bench.cluster.faults.every_answer_s = 0.5
    answers = open_(bench.product.port, bench.secret, rate=20, total=total)
    started = time.perf_counter()
    opened = bench.slack.command("rosa", "#ml-serving", "")
    modal_s = time.perf_counter() - started
    assert opened.ok, opened
    bench.slack.faults.clear()
    bench.cluster.faults.clear()
    assert not answers.errors, answers.errors[:3]
    return [
        Row(
            "acknowledged while all outside is slow, p99",
            answers.percentile_ms(0.99),
            0,
            "ms",
            50,
            of_value=True,
        ),
        Row("modal while all outside is slow", modal_s, 0, "s", 2.5, of_value=True),
    ]


def _click(bench: Bench, total: int) -> list[Row]:
    """From pressing Approve to the one POST at the cluster."""
    times = []
    for number in range(total):
        text = f"7b {number + 1}x64MB qlora8 name=click-{number}-{time.time_ns() % 10**9}"
        name = text.partition("name=")[2]
        card = asked(bench, number, text)
        pressed = time.perf_counter()
        bench.slack.click("ada", card, "peftsize.approve")
        until(lambda: bench.cluster.posts_for(name))  # noqa: B023
        times.append((time.perf_counter() - pressed) * 1000)
        assert len(bench.cluster.posts_for(name)) == 1
    return [Row("click to one POST, p50", statistics.median(times), 0, "ms")]


def _crowd(bench: Bench, total: int) -> list[Row]:
    answers = closed(bench.product.port, bench.secret, connections=64, total=total)
    assert not answers.errors, answers.errors[:3]
    name = f"{total} commands, 64 connections, slowest"
    return [Row(name, max(answers.times_s), 0, "s", 3, of_value=True)]


def _memory(bench: Bench, total: int) -> list[Row]:
    for server in (bench.noop, bench.product):
        closed(server.port, bench.secret, connections=16, total=total // 2)
    middle = bench.product.memory_mb()
    for server in (bench.noop, bench.product):
        closed(server.port, bench.secret, connections=16, total=total // 2)
    product, base = bench.product.memory_mb(), bench.noop.memory_mb()
    return [
        Row(f"memory after {total} commands, above the bare app", product - base, 0, "MB", 60, of_value=True),
        Row(f"growth over the last {total // 2} of them", product, middle, "MB", 1.05),
    ]
