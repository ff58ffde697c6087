"""More of everything: replicas on PostgreSQL, channels, and what an hour of load leaves behind."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.load import Answers, closed
from benchmarks.servers import SERVE, running, send, start, stop, until
from benchmarks.table import Row
from bot.sandbox.slack.people import Channel
from tests.support.databases import shared_server

if TYPE_CHECKING:
    from benchmarks.servers import Bench

REPLICAS = (1, 2, 4)
CHANNELS = (1, 20, 200)
A_SECOND, HOUR_S = 5, 3600
"""A busy hour: a request every 0.2 seconds."""


def replicas(*, quick: bool = False) -> list[Row]:
    """Commands over 16 connections to one, two and four replicas on one PostgreSQL."""
    total, rounds, numbers = (16, 1, REPLICAS[:2]) if quick else (480, 3, REPLICAS)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        server = stack.enter_context(shared_server(Path(folder)))
        if server is None:
            return []
        bench = stack.enter_context(running(server.create()))
        ports = [bench.product.port]
        for number in range(1, max(numbers)):
            own = bench.environment | {"PEFTSIZE_ANCHOR_FILE": f"{folder}/{number}.anchor"}
            more = start(SERVE, own)
            stack.callback(stop, more)
            ports.append(more.port)
        rates: dict[int, list[float]] = {number: [] for number in numbers}
        for _ in range(rounds):
            for number in numbers:
                rates[number].append(_spread(bench, ports[:number], total))
    rate = {number: statistics.median(of) for number, of in rates.items()}
    return [
        Row(f"{number} replica{'s' * (number > 1)}, 16 connections", rate[number], rate[1], "a second")
        for number in numbers
    ]


def _spread(bench: Bench, ports: list[int], total: int) -> float:
    """Send to several servers at once; return the commands that all together took a second."""
    each, found = len(ports), list[Answers]()

    def one(port: int) -> None:
        found.append(closed(port, bench.secret, connections=16 // each, total=total // each))

    began = time.perf_counter()
    threads = [threading.Thread(target=one, args=(port,)) for port in ports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    assert not any(answers.errors for answers in found), found[0].errors[:3]
    return total / seconds


def channels(*, quick: bool = False) -> list[Row]:
    """A burst of requests until all their cards are seen, spread over more and more channels."""
    burst = 4 if quick else 30
    with running() as bench:
        taken, used = {}, {}
        for number in CHANNELS:
            names = [f"C0S{number:03}N{index:03}" for index in range(number)]
            bench.slack.directory.channels |= {
                name: Channel(name, name.lower(), frozenset(bench.slack.directory.people)) for name in names
            }
            began, cpu = time.perf_counter(), bench.product.cpu_s()
            for index in range(burst):
                send(bench, f"{index + 1}m {number}x1MB qlora4", names[index % number])
            until(lambda: sum(len(bench.slack.messages(name)) for name in names) >= burst, 120)  # noqa: B023
            taken[number] = time.perf_counter() - began
            used[number] = (bench.product.cpu_s() - cpu) / burst * 1000
    return [
        *(Row(f"{burst} cards in {n} channel{'s' * (n > 1)}", taken[n], taken[1], "s") for n in taken),
        *(Row(f"…processor time a request, {n}", used[n], used[1], "ms") for n in used),
    ]


def hour(*, quick: bool = False) -> list[Row]:
    """Memory and open files after an hour's requests, as fast as they go, and halfway."""
    total = 200 if quick else A_SECOND * HOUR_S
    with running() as bench:
        closed(bench.product.port, bench.secret, connections=16, total=100)
        files = bench.product.files()
        _load(bench, total // 2)
        middle = bench.product.memory_mb()
        _load(bench, total // 2)
        after = bench.product.memory_mb()
        return [
            Row(f"memory after {total:,} requests, halfway", after, middle, "MB", 1.05),
            Row("open files, at the beginning", bench.product.files(), files, "files"),
        ]


def _load(bench: Bench, total: int) -> None:
    answers = closed(bench.product.port, bench.secret, connections=16, total=total)
    assert not answers.errors, answers.errors[:3]
