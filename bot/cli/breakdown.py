"""The breakdown for people: the result first, then how it is computed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import sizing
from bot.cli.output import BOLD, GAP, YELLOW, columns, pairs, prose, result_line, say, title
from bot.messages import gpus, verdict

if TYPE_CHECKING:
    from sizing.serving import Serving, Span

BAR = 16


def print_breakdown(
    request: sizing.SizingRequest, breakdown: sizing.Breakdown, serving: Serving | None
) -> None:
    """Print what a request needs, and why; with a second opinion if a server is given."""
    advice = sizing.advise(request, breakdown)
    result = result_line(request.canonical, breakdown.gpu_memory_gb, breakdown.num_gpus)
    prose(result, style=BOLD)
    for warning in advice.warnings:
        prose(f"Warning: {warning.message}", style=YELLOW)
    say()
    pairs(
        ("GPU memory", f"{breakdown.gpu_memory_gb} GB ({breakdown.gpu_memory_gb_exact} exactly)"),
        ("GPUs", f"{breakdown.num_gpus} of {request.gpu_gb} GB"),
        ("CPUs", str(breakdown.num_cpus)),
        ("CPU memory", f"{breakdown.cpu_memory_gb} GB"),
    )
    title("How it is calculated")
    columns([(term.label, term.text, f"{term.gb} GB") for term in breakdown.terms])
    prose(breakdown.formula, indent=GAP)
    title("What else fits")
    percent = f"{_bar(advice.use_percent)} {advice.use_percent} % of {gpus(breakdown.num_gpus)}"
    pairs(("use", percent), *_advice(advice))
    title("The methods compared")
    _methods(request, advice)
    if request.assumptions:
        title("Assumed")
        for assumption in request.assumptions:
            prose(assumption, indent=GAP)
    title("What would be created")
    say(GAP + json.dumps(sizing.spec_for(request, breakdown).body()))  # one line: it can be copied
    if serving is not None:
        _second_opinion(request, breakdown, serving)


def _advice(advice: sizing.Advice) -> list[tuple[str, str]]:
    rows = []
    if advice.more_fit is not None:
        rows.append(("still fit", f"{advice.more_fit} more of {advice.more_fit_size} before the next GPU"))
    rows.append(("largest base model", f"{advice.largest_base} on the same GPUs"))
    if advice.cheaper is not None:
        rows.append(("fewer GPUs", f"{advice.cheaper.method}: {advice.cheaper.num_gpus}"))
    return rows


def _methods(request: sizing.SizingRequest, advice: sizing.Advice) -> None:
    """Print the three methods side by side."""
    rows = [
        (
            f"{'→' if row.method == request.method else ' '} {row.method}",
            f"{row.gpu_memory_gb} GB",
            str(row.num_gpus),
            str(row.num_cpus),
            row.gpu_memory_gb_exact,
        )
        for row in advice.methods
    ]
    columns(rows, head=("  method", "memory", "GPUs", "CPUs", "exactly"), right={1, 2, 3})


def _second_opinion(request: sizing.SizingRequest, breakdown: sizing.Breakdown, serving: Serving) -> None:
    """Print an estimate of a server on these GPUs; it changes no number above."""
    estimate = sizing.explain(request, breakdown, serving=serving)
    if estimate is None:
        say()
        prose(
            "No second opinion: the layer shapes of this model are not known. Name a model such as llama-3.1-8b."
        )
        return
    title("Second opinion (an estimate; the numbers above stay)")
    gib = 1024**3
    low, high = estimate.tokens_left
    pairs(
        ("verdict", verdict(estimate.verdict)),
        ("weights", f"{estimate.weights_bytes / gib:.2f} GiB"),
        ("adapter slots", f"{estimate.adapter_bytes / gib:.2f} GiB"),
        ("kept free per GPU", _span(estimate.reserve_gib)),
        ("left for KV cache", _span(estimate.kv_gib)),
        ("KV cache per token", f"{estimate.kv_bytes_per_token / 1024:.0f} KiB"),
        ("tokens left", f"{low:,} to {high:,}"),
        ("concurrent 8k contexts", f"{estimate.contexts_8k:,}"),
        ("serve with", " ".join(estimate.serving_flags)),
        ("set by default", " ".join(estimate.vllm_defaults) or "nothing"),
    )
    if (line := sizing.contradiction(breakdown, estimate)) is not None:
        say()
        prose(line)
    for head, lines in (("Why it is a range", estimate.range_because), ("Assumptions", estimate.assumptions)):
        title(head)
        for words in lines:
            prose(words, indent=GAP)
    title("Options (default)")
    for option in estimate.options:
        prose(f"{option.name} {option.value} ({option.default})", indent=GAP)


def _span(gib: Span) -> str:
    return f"{gib.low:.2f} to {gib.high:.2f} GiB"


def _bar(percent: str) -> str:
    filled = min(BAR, round(float(percent) / 100 * BAR))
    return "█" * filled + "░" * (BAR - filled)
