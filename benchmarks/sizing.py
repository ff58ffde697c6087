"""How long sizing takes, each measure beside a base of the same run: medians of interleaved rounds."""

import json
import statistics
import time
from collections.abc import Callable

from sizing import SizingError, parse, result_json, size

REQUEST = "10b 2x128MB qlora4"
# Texts of 300 characters that make the reader work: near misses, glued words, brackets, bare numbers, groups.
HARD = {
    "near misses": "lama-3.1-8b qlroa4 " * 16,
    "unknown words": "abc " * 75,
    "glued": "10b;" * 75,
    "brackets": "[10b] " * 50,
    "bare numbers": "1 " * 150,
    "groups": "1x1MB " * 50,
    "one character": "-" * 300,
    "emoji": "🚀" * 300,
}
BODY = {
    "name": "peft-10b-qlora4-2x128mb",
    "description": "Custom hardware specification for foundation models",
    "nodes": {"cpu": {"units": "2"}, "mem": {"size": "8Gi"}, "gpu": {"num_gpu": 1}},
}

Row = tuple[str, float, float, float]


def refused(text: str) -> None:
    """Read a text that cannot be sized."""
    try:
        parse(text[:300])
    except SizingError:
        return
    raise AssertionError(text)


def microseconds(work: Callable[[], object], times: int) -> float:
    """Time one call, averaged over a short burst."""
    start = time.perf_counter_ns()
    for _ in range(times):
        work()
    return (time.perf_counter_ns() - start) / times / 1000


def rows(rounds: int = 40) -> list[Row]:
    """Measure everything.

    Returns:
        (name, median in microseconds, median of the base, ratio): the base writes one request body with `json.dumps`.
    """
    measured: dict[str, Callable[[], object]] = {
        "parse + size (aim 15 µs)": lambda: size(parse(REQUEST)),
        "size --json object (aim 60 µs)": lambda: result_json(REQUEST),
        **{
            f"300 characters, {name} (aim 600 µs)": lambda text=text: refused(text)
            for name, text in HARD.items()
        },
    }
    taken: dict[str, list[float]] = {name: [] for name in measured}
    base: list[float] = []
    for _ in range(rounds):
        base.append(microseconds(lambda: json.dumps(BODY), 200))
        for name, work in measured.items():
            taken[name].append(microseconds(work, 20 if "300" in name else 200))
    one = statistics.median(base)
    return [
        (name, statistics.median(times), one, statistics.median(times) / one) for name, times in taken.items()
    ]


def main() -> None:
    """Print the table."""
    print(f"{'measure':<48} {'median µs':>10} {'base µs':>8} {'ratio':>7}")
    for name, value, base, ratio in rows():
        print(f"{name:<48} {value:>10.1f} {base:>8.1f} {ratio:>7.1f}")


if __name__ == "__main__":
    main()
