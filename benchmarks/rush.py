"""Commands as a user meets them: cards are posted, live specs looked up and clicks decided meanwhile.

The commands ask for 16-bit serving, so that each looks for a live spec that serves it already; the cluster takes
50 ms for every answer. Base and product take turns, and the base waits until the product has done what is due.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from benchmarks.load import CHANNELS, Answers, closed, open_
from benchmarks.servers import asked, running, send, until
from benchmarks.table import Row

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.servers import Bench

ROUNDS = 5
CLUSTER_S = 0.05
_LISTS = 'peftsize_call_seconds_count{operation="list"'
_DUE = 'peftsize_due_age_seconds{lane="requests"}'


def rows(new_url: Callable[[], str] | None = None, *, quick: bool = False) -> list[Row]:
    """Measure the load with the product on new databases; on SQLite unless told."""
    rounds, total = (3, 300) if quick else (ROUNDS, 1500)
    with running(new_url and new_url()) as bench:
        bench.cluster.faults.every_answer_s = CLUSTER_S
        for server in (bench.noop, bench.product):
            closed(server.port, bench.secret, connections=16, total=300, method="lora")
        began, lists = time.monotonic(), bench.product.metric(_LISTS)
        found = [*_throughput(bench, rounds, total), *_latency(bench, rounds, total // 3)]
        a_second = (bench.product.metric(_LISTS) - lists) / (time.monotonic() - began)
        found.append(Row("look-ups of the list of specs", a_second, 0, "a second", 1, of_value=True))
        found.append(
            Row(
                "with cards posted: memory, above the bare app",
                bench.product.memory_mb() - bench.noop.memory_mb(),
                0,
                "MB",
                60,
                of_value=True,
            )
        )
        found.append(Row("open files", bench.product.files(), 0, "files"))
    with running(new_url and new_url()) as bench:  # without the cards that wait for Slack's limits
        bench.cluster.faults.every_answer_s = CLUSTER_S
        return [*found, *_seen(bench, 20 if quick else 100), *_created(bench, 5 if quick else 30)]


def _throughput(bench: Bench, rounds: int, total: int) -> list[Row]:
    rates: dict[str, list[float]] = {"noop": [], "product": []}
    cpu_ms: dict[str, list[float]] = {"noop": [], "product": []}
    for _ in range(rounds):
        for name, server in (("noop", bench.noop), ("product", bench.product)):
            _settle(bench)
            used = server.cpu_s()
            answers = closed(server.port, bench.secret, connections=16, total=total, method="lora")
            cpu_ms[name].append((server.cpu_s() - used) / total * 1000)
            rates[name].append(_checked(answers).per_second)
    return [
        Row("with cards posted: commands, 16 connections", *_medians(rates), "a second", 0.35, higher=True),
        Row("processor time a command", *_medians(cpu_ms), "ms"),
    ]


def _latency(bench: Bench, rounds: int, total: int) -> list[Row]:
    p50: dict[str, list[float]] = {"noop": [], "product": []}
    p99: dict[str, list[float]] = {"noop": [], "product": []}
    for number in range(rounds):
        for name, server in (("noop", bench.noop), ("product", bench.product)):
            _settle(bench)
            answers = _checked(
                open_(server.port, bench.secret, rate=50, total=total, seed=number, method="lora")
            )
            p50[name].append(answers.percentile_ms(0.5))
            p99[name].append(answers.percentile_ms(0.99))
    return [
        Row("with cards posted: acknowledged, 50 a second, p50", *_medians(p50), "ms", 2),
        Row("with cards posted: acknowledged, 50 a second, p99", *_medians(p99), "ms", 3),
    ]


def _seen(bench: Bench, total: int) -> list[Row]:
    """From the command to its card in the channel, five a second."""
    times = []
    for number in range(total):
        channel = CHANNELS[number % len(CHANNELS)]
        before, began = len(bench.slack.messages(channel)), time.perf_counter()
        send(bench, f"{number + 1}m 1x1MB lora", channel)
        until(lambda: len(bench.slack.messages(channel)) > before)  # noqa: B023 - called before the next one
        times.append((time.perf_counter() - began) * 1000)
        time.sleep(max(0.0, 0.2 - (time.perf_counter() - began)))
    return [
        Row("command to card seen, 5 a second, p50", _at(times, 0.5), 0, "ms", 150, of_value=True),
        Row("command to card seen, 5 a second, p99", _at(times, 0.99), 0, "ms"),
    ]


def _created(bench: Bench, total: int) -> list[Row]:
    """From pressing Approve to the spec at the cluster, whose answers take 50 ms."""
    times = []
    for number in range(total):
        specs = len(bench.cluster.specs())
        card = asked(bench, number, f"{number + 1}m 2x1MB lora")
        pressed = time.perf_counter()
        bench.slack.click("ada", card, "peftsize.approve")
        until(lambda: len(bench.cluster.specs()) > specs)  # noqa: B023
        times.append((time.perf_counter() - pressed) * 1000)
    return [
        Row("click to spec created, p50", _at(times, 0.5), 0, "ms", 300, of_value=True),
        Row("click to spec created, p99", _at(times, 0.99), 0, "ms"),
    ]


def _settle(bench: Bench) -> None:
    """Wait until the product has done what is due, but for what waits for Slack's limits."""
    deadline = time.monotonic() + 60
    while bench.product.metric(_DUE) > 0 and time.monotonic() < deadline:
        time.sleep(0.1)


def _checked(answers: Answers) -> Answers:
    assert not answers.errors, answers.errors[:3]
    return answers


def _medians(of: dict[str, list[float]]) -> tuple[float, float]:
    return statistics.median(of["product"]), statistics.median(of["noop"])


def _at(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]
