"""The table at the end."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from tests.chaos.run import RECOVERY_LIMIT_S

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from tests.chaos.run import Result

WIDTH = 40
DONE = (
    "kills",
    "freezes",
    "requests acknowledged",
    "commands acknowledged",
    "commands not acknowledged",
    "clicks acknowledged",
    "clicks not acknowledged",
    "POSTs",
    "specs",
    "cards posted twice (allowed)",
    "slowest stop, ms",
)


def table(results: Sequence[Result]) -> str:
    """Return what was done and what was found, one column a run."""
    lines = [_row("", [result.database for result in results])]
    lines += [_row(name, [result.counts[name] for result in results]) for name in DONE]
    lines.append(
        _row("recovered within, s: median", [_seconds(result, statistics.median) for result in results])
    )
    lines.append(_row("recovered within, s: slowest", [_seconds(result, max) for result in results]))
    lines.append(_row("allowed, s", [f"{RECOVERY_LIMIT_S[result.database]:.0f}" for result in results]))
    lines.append(_row("length of the run, s", [f"{result.seconds:.0f}" for result in results]))
    lines += _section("struck", [result.blows for result in results])
    lines += _section("on the way", [result.weather for result in results])
    lines += _section("ended", [result.states for result in results])
    lines += ["", _row("must be 0", [""] * len(results))]
    for kind in results[0].findings.kinds:
        lines.append(_row(f"  {kind}", [len(result.findings.kinds[kind]) for result in results]))
    lines.append(_row("  recoveries too slow", [len(result.slow) for result in results]))
    return "\n".join(lines)


def _section(title: str, counters: Sequence[Counter[str]]) -> list[str]:
    names = sorted(set().union(*counters))
    return ["", title, *(_row(f"  {name}", [counter[name] for counter in counters]) for name in names)]


def _seconds(result: Result, pick: object) -> str:
    assert callable(pick)
    return f"{pick(result.recoveries_s):.2f}" if result.recoveries_s else "-"


def _row(name: str, values: Sequence[object]) -> str:
    return f"{name:<{WIDTH}}" + "".join(f"{value!s:>14}" for value in values)
