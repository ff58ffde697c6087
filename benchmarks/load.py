"""Sending signed slash commands over loopback and measuring how they are answered."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import random
import threading
import time
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import urlencode

_numbers = count(1)


@dataclass
class Answers:
    """What a load came to.

    Args:
        seconds: From the first request to the last answer.
        times_s: How long each answer took, from when it was due.
        errors: Answers that were not 200, or none at all.
    """

    seconds: float = 0.0
    times_s: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def percentile_ms(self, share: float) -> float:
        """Return the time in ms that this share of the answers kept within."""
        ordered = sorted(self.times_s)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.times_s) / self.seconds


CHANNELS = tuple(f"C0BENCH{number:02}" for number in range(20))
"""Where the cards of the commands belong, in turn: each channel takes one a second."""


def fields(text: str | None = None, method: str = "qlora4", channel: str | None = None) -> dict[str, str]:
    """Return the fields of a slash command; each one is new."""
    number = next(_numbers)
    return {
        "token": "x",
        "team_id": "T0HOME001",
        "team_domain": "home",
        "channel_id": channel or CHANNELS[number % len(CHANNELS)],
        "channel_name": "bench",
        "user_id": "U0ROSA001",
        "user_name": "rosa",
        "command": "/peftsize",
        "text": text or f"{1 + number / 1_000_000:.6f}b 2x128MB {method}",
        "api_app_id": "A0PEFT001",
        "is_enterprise_install": "false",
        "response_url": f"http://127.0.0.1:1/response/{number}",
        "trigger_id": f"{number}.{time.time_ns()}",
    }


def command(
    secret: str, text: str | None = None, method: str = "qlora4", channel: str | None = None
) -> tuple[bytes, dict[str, str]]:
    """Return a signed slash command; each one is new."""
    body = urlencode(fields(text, method, channel)).encode()
    return body, _signed(secret, body, "application/x-www-form-urlencoded")


def _signed(secret: str, body: bytes, kind: str) -> dict[str, str]:
    stamp = str(int(time.time()))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {"Content-Type": kind, "X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}


def closed(port: int, secret: str, *, connections: int, total: int, method: str = "qlora4") -> Answers:
    """Send as fast as the answers come, over so many kept connections."""
    answers, lock, left = Answers(), threading.Lock(), iter(range(total))

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        mine: list[float] = []
        while True:
            with lock:
                if next(left, None) is None:
                    break
            _one(connection, secret, time.perf_counter(), mine, answers, method)
        connection.close()
        with lock:
            answers.times_s.extend(mine)

    started = time.perf_counter()
    _run([threading.Thread(target=client) for _ in range(connections)])
    answers.seconds = time.perf_counter() - started
    return answers


def open_(
    port: int,
    secret: str,
    *,
    rate: float,
    total: int,
    clients: int = 16,
    seed: int = 1,
    method: str = "qlora4",
) -> Answers:
    """Send at random instants, so many a second on average; times count from when each was due."""
    rng, answers, lock = random.Random(seed), Answers(), threading.Lock()  # noqa: S311 - no secret is made
    due, instants = time.perf_counter() + 0.2, []
    for _ in range(total):
        due += rng.expovariate(rate)
        instants.append(due)
    waiting = iter(instants)

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        mine: list[float] = []
        while True:
            with lock:
                instant = next(waiting, None)
            if instant is None:
                break
            time.sleep(max(0.0, instant - time.perf_counter()))
            _one(connection, secret, instant, mine, answers, method)
        connection.close()
        with lock:
            answers.times_s.extend(mine)

    started = time.perf_counter()
    _run([threading.Thread(target=client) for _ in range(clients)])
    answers.seconds = time.perf_counter() - started
    return answers


def _one(
    connection: http.client.HTTPConnection,
    secret: str,
    since: float,
    mine: list[float],
    answers: Answers,
    method: str,
) -> None:
    body, headers = command(secret, method=method)
    try:
        connection.request("POST", "/slack/events", body, headers)
        response = connection.getresponse()
        said = response.read()
        if response.status != 200 or b"not handled" in said or b"stored" in said:
            answers.errors.append(f"{response.status} {said[:80]!r}")
    except (OSError, http.client.HTTPException) as error:
        answers.errors.append(type(error).__name__)
        connection.close()
    mine.append(time.perf_counter() - since)


def _run(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
