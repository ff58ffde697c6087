"""The second opinion against measured vLLM servers: python -m benchmarks.measured [FILE] [--picture OUT].

FILE has the columns of `data/lora_memory.csv`: one start of a server a row, with what its log said. The given rows
come from the server logs published with arXiv 2508.08343 (Agullo et al., BSC and IBM Research): two Llama-2 models,
vLLM 0.5.0, one GPU of 63.43 GiB, 16 bits. Empty or 0 `kv_tokens` means that there was no room to serve.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import sizing
from sizing.serving import Serving, parse_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

GIVEN = Path(__file__).with_name("data") / "lora_memory.csv"
COLOURS = ("#0f62fe", "#da1e28", "#198038", "#8a3ffc", "#b28600", "#08bdba")


class Run(NamedTuple):
    """One start of a server: what was measured, and what the second opinion says of it.

    Args:
        kv_gib: Measured memory for keys and values; 0 where the log says there is none, None where it ends before.
        load_gib: Measured size of the loaded model, None where the log ends before.
        served: Whether there was room to serve.
        estimate: The second opinion.
    """

    model: str
    rank: int
    slots: int
    max_num_seqs: int
    kv_gib: float | None
    load_gib: float | None
    served: bool
    estimate: sizing.Estimate

    @property
    def expected(self) -> float:
        """The middle of the range."""
        return (self.estimate.kv_gib.low + self.estimate.kv_gib.high) / 2

    @property
    def error(self) -> float:
        """GiB of KV memory that the middle says too much."""
        return self.expected - (self.kv_gib or 0)

    @property
    def inside(self) -> bool:
        """Whether the measurement is in the range."""
        return self.estimate.kv_gib.low <= (self.kv_gib or 0) <= self.estimate.kv_gib.high


class Score(NamedTuple):
    """How a group of runs was judged.

    Args:
        false_fits: Runs without room that are said to fit.
        false_refusals: Runs that served and are said not to fit.
    """

    runs: int
    fits: int
    tight: int
    does_not_fit: int
    false_fits: int
    false_refusals: int
    median_error: float
    p90_error: float
    median_width: float
    inside_percent: float


def runs(path: Path = GIVEN) -> list[Run]:
    """Read a file and ask the second opinion about each row.

    Raises:
        SystemExit: A row names a model or a release that is not known.
    """
    with path.open(encoding="utf-8", newline="") as rows:
        return [_run(row) for row in csv.DictReader(rows)]


def _run(row: dict[str, str]) -> Run:
    slots = int(row["max_loras"]) if row["enable_lora"].lower() == "true" else 0
    rank = int(row["max_lora_rank"]) if slots else 0
    version = parse_version(row["vllm"])
    if version is None:
        raise SystemExit(f"{row['vllm']}: not a release of vLLM that the model of memory knows")
    serving = Serving(
        vllm=version,
        gpu_gib=float(row["gpu_gib"]),
        gpu_memory_utilization=float(row["gpu_memory_utilization"]),
        max_num_seqs=int(row["max_num_seqs"] or Serving().max_num_seqs),
    )
    try:
        request = sizing.parse(f"{row['model']} {f'{slots}xr{rank}' if slots else 'none'} lora")
    except sizing.SizingError as error:
        raise SystemExit(f"{row['model']}: {error.message}") from None
    estimate = sizing.explain(request, sizing.size(request), 1, serving)
    assert estimate is not None, row["model"]
    return Run(
        model=row["model"],
        rank=rank,
        slots=slots,
        max_num_seqs=serving.max_num_seqs,
        kv_gib=float(row["kv_gib"]) if row["kv_gib"] else None,
        load_gib=float(row["model_load_gib"]) if row["model_load_gib"] else None,
        served=float(row["kv_tokens"] or 0) > 0,
        estimate=estimate,
    )


def score(judged: Iterable[Run]) -> Score:
    """Judge a group of runs. Errors are those of runs whose log says how much KV memory there is."""
    group = list(judged)
    said = [run.estimate.verdict for run in group]
    measured = [run for run in group if run.kv_gib is not None]
    errors = sorted(abs(run.error) for run in measured) or [0.0]
    widths = [run.estimate.kv_gib.high - run.estimate.kv_gib.low for run in measured] or [0.0]
    return Score(
        runs=len(group),
        fits=said.count("fits"),
        tight=said.count("tight"),
        does_not_fit=said.count("does_not_fit"),
        false_fits=sum(not run.served and run.estimate.verdict == "fits" for run in group),
        false_refusals=sum(run.served and run.estimate.verdict == "does_not_fit" for run in group),
        median_error=statistics.median(errors),
        p90_error=errors[-(-9 * len(errors) // 10) - 1],
        median_width=statistics.median(widths),
        inside_percent=100 * sum(run.inside for run in measured) / max(1, len(measured)),
    )


def groups(judged: Sequence[Run]) -> list[tuple[str, list[Run]]]:
    """Divide the runs: all, then by model, rank, slots and sequences."""
    divisions: list[Callable[[Run], str]] = [
        lambda run: run.model,
        lambda run: f"rank {run.rank:>3}",
        lambda run: f"slots {_hundreds(run.slots)}",
        lambda run: f"{run.max_num_seqs:>4} sequences",
    ]
    found = [("all", list(judged))]
    for name_of in divisions:
        names = sorted({name_of(run) for run in judged})
        found += [(name, [run for run in judged if name_of(run) == name]) for name in names]
    return found


def _hundreds(slots: int) -> str:
    return next(
        words for most, words in ((63, "  0- 63"), (255, " 64-255"), (10_000, "256-   ")) if slots <= most
    )


def held_out(judged: Sequence[Run]) -> list[tuple[str, float, float]]:
    """Fit the one constant without a group and judge the group by it.

    Returns:
        (group, how far the constant moves in GiB, median error of the group by it), by model, rank and slots.
    """
    served = [run for run in judged if run.served]
    found = []
    for name, group in groups(served)[1:]:
        others = [run.error for run in served if run not in group]
        if others:
            shift = statistics.median(others)
            found.append((name, shift, statistics.median(abs(run.error - shift) for run in group)))
    return found


def table(judged: Sequence[Run]) -> str:
    """Return the scores as a Markdown table."""
    columns = ("", "runs", "fits", "tight", "does not fit", "false “fits”", "false refusals")
    columns += ("median error", "p90", "width", "inside")
    lines = [f"| {' | '.join(columns)} |", "| --- " * len(columns) + "|"]
    for name, group in groups(judged):
        found = score(group)
        lines.append(
            f"| {name} | {found.runs} | {found.fits} | {found.tight} | {found.does_not_fit} | {found.false_fits} "
            f"| {found.false_refusals} | {found.median_error:.2f} GiB | {found.p90_error:.2f} GiB "
            f"| {found.median_width:.2f} GiB | {found.inside_percent:.0f} % |"
        )
    return "\n".join(lines)


def picture(judged: Sequence[Run], path: Path) -> None:
    """Draw predicted over measured KV memory, and the error over the slots with the range's ends."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    whole, error = figure.subplots(1, 2)
    measured = [run for run in judged if run.kv_gib is not None]
    most = max((run.kv_gib or 0) for run in measured) * 1.05
    whole.plot([0, most], [0, most], color="#8d8d8d", linewidth=1, label="exact")
    for model, colour in zip(sorted({run.model for run in measured}), COLOURS, strict=False):
        mine = [run for run in measured if run.model == model]
        whole.scatter(
            [run.kv_gib or 0 for run in mine], [run.expected for run in mine], s=10, c=colour, label=model
        )
        served = [run for run in mine if run.served]
        half = [(run.estimate.kv_gib.high - run.estimate.kv_gib.low) / 2 for run in served]
        points = ([run.slots for run in served], [run.error for run in served])
        error.errorbar(*points, yerr=half, fmt="o", markersize=3, linewidth=0.5, color=colour)
    error.axhline(0, color="#8d8d8d", linewidth=1)
    whole.set_xlabel("measured KV memory, GiB")
    whole.set_ylabel("predicted (middle of the range), GiB")
    whole.legend(frameon=False)
    error.set_xlabel("adapter slots")
    error.set_ylabel("predicted less measured, with the range, GiB")
    figure.savefig(path)


def main(arguments: Sequence[str]) -> None:
    """Judge a file and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measured", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=GIVEN)
    parser.add_argument("--picture", type=Path, help="draw measured against predicted")
    options = parser.parse_args(arguments)
    judged = runs(options.file)
    print(table(judged))
    loads = [abs(run.estimate.model_load_gib - run.load_gib) for run in judged if run.load_gib is not None]
    print(f"\nSize of the loaded model: off by {max(loads, default=0):.4f} GiB at most.")
    print("\nThe one fitted constant, fitted without a group and judged on it:")
    for name, shift, error in held_out(judged):
        print(f"  {name:<16} moves by {shift:+.3f} GiB, median error {error:.3f} GiB")
    print(
        "\nDo not trust it, for want of data, on: several GPUs (tensor parallelism), a quantized base model, vLLM from"
        "\n0.6 on, Granite and every family but Llama-2. It says “not validated” there, and the range is wider."
    )
    if options.picture is not None:
        picture(judged, options.picture)


if __name__ == "__main__":
    main(sys.argv[1:])
