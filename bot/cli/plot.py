"""``peftsize size --plot``: the breakdown as a chart. Only this file imports the plotting library, an extra."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

import sizing
from sizing.growth import growth
from sizing.units import TICKS_PER_GB

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from sizing import Breakdown, Row, SizingRequest

FORMATS = (".png", ".svg", ".pdf")
_COLOURS = {"base": "#0f62fe", "adapters": "#08bdba", "overhead": "#c6c6c6"}
_LINES = {"lora": "#0f62fe", "qlora8": "#8a3ffc", "qlora4": "#198038"}
_MOST_EDGES = 12
_NEEDS_EXTRA = "charts need more packages: pip install 'peftsize[plot]'."


def plot(request: SizingRequest, path: Path) -> None:
    """Draw what a request needs, and how it grows with its adapters.

    Raises:
        typer.BadParameter: The format is unknown, the library is not installed, or the file cannot be written.
    """
    if path.suffix.lower() not in FORMATS:
        raise _refused(f"“{path.name}” ends with none of {', '.join(FORMATS)}. Name the file out.png.")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise _refused(_NEEDS_EXTRA) from None
    breakdown = sizing.size(request)
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    figure.suptitle(f"{request.canonical[:100]}: {breakdown.gpu_memory_gb} GB")
    memory, counts = figure.subplots(1, 2)
    _memory(memory, request, sizing.advise(request, breakdown).methods)
    _growth(counts, request)
    try:
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    except OSError as error:
        raise _refused(f"“{path}” cannot be written: {error.strerror}. Name another file.") from None


def _memory(axes: Axes, request: SizingRequest, methods: tuple[Row, ...]) -> None:
    """Draw a bar per method: base, adapters and overhead, against the edges of GPUs."""
    names = [f"{row.method} ←" if row.method == request.method else row.method for row in methods]
    left = [0.0] * len(methods)
    for part, colour in _COLOURS.items():
        widths = [_gb(row.breakdown)[part] for row in methods]
        axes.barh(names, widths, left=left, color=colour, label=part)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    edges = range(1, max(row.num_gpus for row in methods) + 1)
    for edge in edges[:: -(-len(edges) // _MOST_EDGES)]:
        axes.axvline(edge * request.gpu_gb, color="#da1e28", linewidth=1, linestyle="--")
        axes.text(edge * request.gpu_gb, -0.6, f"{edge} GPU", color="#da1e28", fontsize=8, ha="center")
    axes.invert_yaxis()
    axes.set_xlabel(f"GPU memory, GB (a GPU has {request.gpu_gb})")
    axes.legend(loc="lower right", framealpha=1, edgecolor="none", fontsize=8)


def _gb(breakdown: Breakdown) -> dict[str, float]:
    """Return the three parts of a breakdown in GB."""
    base, adapters = breakdown.base_ticks, breakdown.adapter_ticks
    overhead = breakdown.raw_ticks - base - adapters
    parts = {"base": base, "adapters": adapters, "overhead": overhead}
    return {part: ticks / TICKS_PER_GB for part, ticks in parts.items()}


def _growth(axes: Axes, request: SizingRequest) -> None:
    """Draw GPUs over the number of adapters, a line per method."""
    from matplotlib.ticker import MaxNLocator

    curve = growth(request)
    for method, gpus in curve.gpus.items():
        own = method == request.method
        axes.step(
            curve.counts,
            gpus,
            where="post",
            color=_LINES[method],
            label=method,
            linewidth=2.5 if own else 1.2,
        )
    axes.axvline(curve.own, color="#8d8d8d", linewidth=1, linestyle=":")
    axes.set_xlabel(f"adapters of {curve.adapter} (dotted: the {curve.own} of the request)")
    axes.set_ylabel("GPUs")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8)


def _refused(words: str) -> typer.BadParameter:
    return typer.BadParameter(words, param_hint="--plot")
