"""The breakdown as people read it: a table on a terminal, plain lines when piped."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import sizing
from bot.cli.output import say
from bot.messages import verdict

if TYPE_CHECKING:
    from sizing.serving import Serving, Span

BAR = 24


def print_breakdown(
    request: sizing.SizingRequest, breakdown: sizing.Breakdown, serving: Serving | None
) -> None:
    """Print what a request comes to, and why; with a second opinion where a server is given."""
    advice = sizing.advise(request, breakdown)
    say(f"{request.canonical}\n")
    for term in breakdown.terms:
        say(f"  {term.label:<22} {term.text:>30}  {term.gb} GB")
    say(f"  {breakdown.formula}\n")
    gpus = "GPU" if breakdown.num_gpus == 1 else "GPUs"
    _pairs(
        ("GPU memory", f"{breakdown.gpu_memory_gb} GB  ({breakdown.gpu_memory_gb_exact} exactly)"),
        ("GPUs", f"{breakdown.num_gpus}  ({request.gpu_gb} GB each)"),
        ("CPUs", str(breakdown.num_cpus)),
        ("CPU memory", f"{breakdown.cpu_memory_gb} GB"),
        ("use", f"{_bar(advice.use_percent)} {advice.use_percent} % of {breakdown.num_gpus} {gpus}"),
        *_advice(advice),
    )
    say("")
    _methods(request, advice)
    for assumption in request.assumptions:
        say(f"\nassumed: {assumption}")
    for warning in advice.warnings:
        say(f"\n{warning.code}: {warning.message}")
    body = sizing.spec_for(request, breakdown).body()
    say(f"\nwould be created: {json.dumps(body)}")
    if serving is not None:
        _second_opinion(request, breakdown, serving)


def _pairs(*pairs: tuple[str, str]) -> None:
    for label, value in pairs:
        say(f"  {label:<22} {value}")


def _advice(advice: sizing.Advice) -> list[tuple[str, str]]:
    found = []
    if advice.more_fit is not None:
        found.append(("still fit", f"{advice.more_fit} more of {advice.more_fit_size} before the next GPU"))
    found.append(("largest base model", f"{advice.largest_base} on the same GPUs"))
    if advice.cheaper is not None:
        found.append(("fewer GPUs", f"{advice.cheaper.method}: {advice.cheaper.num_gpus}"))
    return found


def _methods(request: sizing.SizingRequest, advice: sizing.Advice) -> None:
    """Print the three methods side by side."""
    columns = ("", "method", "GPU memory", "GPUs", "CPUs", "exactly")
    rows = [
        (
            "→" if row.method == request.method else "",
            row.method,
            f"{row.gpu_memory_gb} GB",
            str(row.num_gpus),
            str(row.num_cpus),
            row.gpu_memory_gb_exact,
        )
        for row in advice.methods
    ]
    if sys.stdout.isatty():
        from bot.cli.output import table

        table(columns, rows)
        return
    for row in (columns, *rows):
        say("  {:1} {:8} {:>10} {:>5} {:>5}  {}".format(*row).rstrip())


def _second_opinion(request: sizing.SizingRequest, breakdown: sizing.Breakdown, serving: Serving) -> None:
    """Print the estimate of what a server does with these GPUs; it changes no number above."""
    estimate = sizing.explain(request, breakdown, serving=serving)
    if estimate is None:
        say(
            "\nNo second opinion: the layer shapes of this model are not known. Name a model such as llama-3.1-8b."
        )
        return
    say("\nSecond opinion (an estimate; the numbers above stay)")
    gib = 1024**3
    low, high = estimate.tokens_left
    _pairs(
        ("verdict", verdict(estimate.verdict)),
        ("weights", f"{estimate.weights_bytes / gib:.2f} GiB"),
        ("adapter slots", f"{estimate.adapter_bytes / gib:.2f} GiB"),
        ("kept free a GPU", _span(estimate.reserve_gib)),
        ("left for KV cache", _span(estimate.kv_gib)),
        ("KV cache a token", f"{estimate.kv_bytes_per_token / 1024:.0f} KiB"),
        ("tokens left", f"{low:,} to {high:,}"),
        ("8k contexts at once", f"{estimate.contexts_8k:,}"),
        ("serve with", " ".join(estimate.serving_flags)),
        ("of that by default", " ".join(estimate.vllm_defaults) or "nothing"),
    )
    if (line := sizing.contradiction(breakdown, estimate)) is not None:
        say(f"\n{line}")
    for title, lines in (("a range, because", estimate.range_because), ("it assumes", estimate.assumptions)):
        say(f"\n  {title}")
        for words in lines:
            say(f"  - {words}")
    say("\n  options (default)")
    for option in estimate.options:
        say(f"  - {option.name} {option.value} ({option.default})")


def _span(gib: Span) -> str:
    return f"{gib.low:.2f} to {gib.high:.2f} GiB"


def _bar(percent: str) -> str:
    filled = min(BAR, round(float(percent) / 100 * BAR))
    return "█" * filled + "░" * (BAR - filled)
