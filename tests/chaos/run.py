"""One run: people at work, bad weather, and a blow at one instant after the other; then the count."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from tests.chaos.judge import FINAL, Findings, judge, posted_twice
from tests.chaos.people import People
from tests.chaos.strike import INSTANTS, RANDOM
from tests.chaos.world import World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.chaos.replica import Replica
    from tests.chaos.strike import Blow, Instant

COMES_WITHIN_S = 4.0
"""How long a blow waits for its instant before it falls at any."""
FREEZES_S = (0.3, 1.5, 4.0)
FREEZE_EVERY = 5
"""Every so many kills there is a freeze as well."""
LONG_FREEZE_S, LONG_FREEZE_EVERY = 27.0, 40
"""With two replicas: longer than any lease, so that the other one takes over."""
ENDS_WITHIN_S = 150.0
"""A request that has not ended so long after the last blow is stuck."""
WORK_WITHIN_S = 30.0
"""How long a kill waits for another request, on a machine that does other things besides."""
RECOVERY_LIMIT_S = {"sqlite": 5.0, "postgresql": 30.0}


@dataclass
class Result:
    """What a run came to.

    Args:
        database: ``sqlite`` or ``postgresql``.
        findings: What went wrong.
        counts: What was done.
        blows: Kills and freezes by instant.
        recoveries_s: Seconds from each kill (on SQLite: from the next ready process) until all it left was taken up.
        slow: What lay there longest, where that took longer than it may.
        weather: What went wrong on the way, by kind.
        states: How the requests ended.
        seconds: Length of the run.
    """

    database: str
    findings: Findings
    counts: Counter[str] = field(default_factory=Counter)
    blows: Counter[str] = field(default_factory=Counter)
    recoveries_s: list[float] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    weather: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def run(
    folder: Path, url: str, *, kills: int, seed: int = 1, say: Callable[[str], None] = lambda _: None
) -> Result:
    """Make so many kills, and count.

    Args:
        folder: For the database file and the logs.
        url: The database.
        kills: At least so many are made.
        seed: Of all draws; threads and processes keep a will of their own.
        say: Hears of the progress.
    """
    began = time.monotonic()
    with World(folder, url, seed=seed, fair=False) as world:
        world.start()
        people = People(world, seed)
        result = Result("sqlite" if world.is_sqlite else "postgresql", Findings())
        people.start()
        try:
            _blows(world, people, result, kills, random.Random(seed), say)  # noqa: S311 - to be repeated
            world.weather.clear_up()
            people.ask_no_more()
            say("  waiting until every request has ended")
            _wait_for_the_end(world, people)
            assert people.awake, "the people of the run have stopped"
        finally:
            people.stop()
        for replica in world.replicas:
            result.counts["slowest stop, ms"] = max(
                result.counts["slowest stop, ms"], int(replica.stop() * 1000)
            )
        result.findings = judge(world, people)
        result.counts.update(people.done)
        result.counts["requests acknowledged"] = people.acknowledged
        result.counts["POSTs"] = sum(map(len, world.posts.values()))
        result.counts["specs"] = len(world.cluster.specs())
        result.counts["cards posted twice (allowed)"] = posted_twice(world)
        result.weather = world.weather.seen
        result.states = Counter(row["state"] for row in world.rows.requests())
    result.seconds = time.monotonic() - began
    return result


def _blows(
    world: World,
    people: People,
    result: Result,
    kills: int,
    draw: random.Random,
    say: Callable[[str], None],
) -> None:
    instants = [*INSTANTS, RANDOM]
    for number in range(kills):
        _wait_for_work(people, number)
        if number % len(instants) == 0:
            draw.shuffle(instants)
        instant = instants[number % len(instants)]
        _kill(world, result, instant, draw)
        if number % FREEZE_EVERY == 0:
            _freeze(world, result, draw.choice((*INSTANTS, RANDOM)), draw, draw.choice(FREEZES_S))
        if not world.is_sqlite and number % LONG_FREEZE_EVERY == LONG_FREEZE_EVERY - 1:
            _freeze(world, result, INSTANTS[0], draw, LONG_FREEZE_S)
        if (number + 1) % 10 == 0:
            found = Counter(row["state"] for row in world.rows.requests())
            states = ", ".join(f"{count} {state}" for state, count in sorted(found.items()))
            say(f"  {number + 1} kills, {result.counts['freezes']} freezes: {states}")


def _wait_for_work(people: People, kills: int) -> None:
    """Wait for a request more than there were kills: a kill while nothing goes on proves nothing."""
    until = time.monotonic() + WORK_WITHIN_S
    while people.acknowledged <= kills and time.monotonic() < until:
        time.sleep(0.05)


def _strike(world: World, instant: Instant, blow: Blow, draw: random.Random) -> tuple[Replica, str]:
    """Strike at an instant, or at any if it does not come."""
    victim = None
    if instant is RANDOM:
        time.sleep(draw.uniform(0.0, 1.0))
    else:
        world.striker.arm(instant, blow)
        victim = world.striker.wait(COMES_WITHIN_S)
    if victim is not None:
        return victim, instant.words
    victim = draw.choice(world.replicas)
    world.striker.strike(victim, blow)
    return victim, RANDOM.words


def _kill(world: World, result: Result, instant: Instant, draw: random.Random) -> None:
    victim, words = _strike(world, instant, "kill", draw)
    result.counts["kills"] += 1
    result.blows[f"kill {words}"] += 1
    dead, at_ms = victim.pid, world.striker.at_ms
    if world.is_sqlite:
        victim.start()
        victim.wait_ready()
        _taken_up(world, result, dead, at_ms)
        return
    _taken_up(world, result, dead, at_ms)
    victim.start()
    victim.wait_ready()


def _taken_up(world: World, result: Result, dead: int, at_ms: int) -> None:
    """Measure how long it takes from now until nothing of what a dead process left is still lying there."""
    limit, left, clock = RECOVERY_LIMIT_S[result.database], ["everything"], time.monotonic()
    while time.monotonic() - clock < 2 * limit:
        try:
            now_left = world.rows.left_by([dead], at_ms)
        except DBAPIError:  # the file is just being recovered
            continue
        if not now_left:
            break
        left = now_left
        time.sleep(0.05)
    seconds = time.monotonic() - clock
    result.recoveries_s.append(seconds)
    if seconds > limit:
        result.slow.append(f"recovered only after {seconds:.1f} s: {left}")


def _freeze(world: World, result: Result, instant: Instant, draw: random.Random, seconds: float) -> None:
    victim, words = _strike(world, instant, "freeze", draw)
    result.counts["freezes"] += 1
    result.blows[f"freeze {words}"] += 1
    time.sleep(seconds)
    victim.thaw()


def _wait_for_the_end(world: World, people: People) -> None:
    until = time.monotonic() + ENDS_WITHIN_S
    while time.monotonic() < until:
        rows = world.rows.requests()
        open_rows = [
            row
            for row in rows
            if row["state"] not in FINAL
            and (row["state"] != "pending" or people.wishes[row["name"]].plan != "leave")
        ]
        if not open_rows and not world.rows.outbox_messages() and not world.rows.undecided():
            return
        time.sleep(0.2)
