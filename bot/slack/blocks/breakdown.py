"""The numbers of a request as blocks: what it needs, how that was computed, what it means."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import sizing
from bot.messages import gigabytes, gpus
from bot.slack.blocks.kit import bar, context, section
from bot.slack.blocks.notes import warnings
from bot.slack.blocks.text import safe
from sizing import units
from sizing.formula import group_text
from sizing.methods import METHODS

if TYPE_CHECKING:
    from bot.approvals.draft import Draft
    from bot.slack.blocks.kit import Block
    from sizing import Advice, Row, SizingRequest

_KEPT = 128

MOST_TERMS = 40
"""Lines of the calculation that Details shows; a request may have some seventy."""
_LONGEST_FORMULA = 160
_LONGEST_LABEL = 28
_LONGEST_SUM = 34
_LONGEST_MODEL = 40
_GB = "\u00a0GB"
"""Keeps a number and its unit on one line."""
_NARROW_SUM = 13
"""Characters of a sum on the card, so that its line fits a phone."""
_HOW_COUNTED = {
    "exact": "exact count",
    "computed": "counted from its layer shapes",
    "nominal": "by its name, no exact count is known",
}


class Numbers(NamedTuple):
    """The part of a card that no decision changes. ``block`` is shared between cards: never modify it.

    Args:
        warnings: What to know before deciding, as mrkdwn.
        next_valid_gpus: The GPU count to offer instead of the computed one, if any.
    """

    block: Block
    warnings: tuple[str, ...]
    next_valid_gpus: int | None


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the numbers of a draft depend on; equal ones are drawn once."""

    canonical: str
    use_gpus: int | None
    method_word: str | None
    assumptions: tuple[str, ...]
    drafted: Draft = field(compare=False)


def numbers(drafted: Draft) -> Numbers:
    """Return a draft's numbers for its card.

    A card is redrawn at each step and in each copy; what depends on the text alone is drawn once and cached.
    """
    sized = drafted.sized
    return _drawn(_Shown(sized.canonical, drafted.use_gpus, sized.method_word, sized.assumptions, drafted))


@lru_cache(maxsize=_KEPT)
def _drawn(shown: _Shown) -> Numbers:
    drafted = shown.drafted
    advice = sizing.advise(drafted.sized, drafted.breakdown)
    return Numbers(needs(drafted), warnings(drafted, advice), advice.next_valid_gpus)


def forget() -> None:
    """Empty the cache of drawings."""
    _drawn.cache_clear()


def cost(drafted: Draft) -> str:
    """Return what a request costs: ``1 × 80 GB GPU``."""
    count = drafted.use_gpus or drafted.breakdown.num_gpus
    return f"{count:,} × {drafted.sized.gpu_gb} GB GPU{'' if count == 1 else 's'}"


def workload(sized: SizingRequest) -> str:
    """Return what a request serves: ``10b + 2 adapters, QLoRA 4-bit``; plain text."""
    count = sum(group.count for group in sized.adapters)
    adapters = f"{count:,} adapter{'' if count == 1 else 's'}" if count else "no adapters"
    method = METHODS[sized.method]
    return f"{sized.model_text[:_LONGEST_MODEL]} + {adapters}, {method.technique} {method.bits}-bit"


def needs(drafted: Draft) -> Block:
    """Return the calculation as base + adapters + overhead = total, and the four results under it.

    No line is longer than a phone shows without wrapping.
    """
    computed, chosen = drafted.breakdown, drafted.use_gpus
    count = chosen or computed.num_gpus
    by_hand = f" (computed: {computed.num_gpus:,})" if chosen else ""
    results = (
        ("GPU memory", f"{computed.gpu_memory_gb:,}{_GB} ({gigabytes(computed.gpu_memory_gb_exact)})"),
        ("GPUs", f"{count:,} × {drafted.sized.gpu_gb} GB{by_hand}"),
        ("CPUs", f"{count + 1:,}"),
        ("CPU memory", f"{computed.cpu_memory_gb:,}{_GB}"),
    )
    return section(f"```\n{_sum(drafted)}\n```", fields=[f"*{name}*  {value}" for name, value in results])


def calculation(drafted: Draft) -> Block:
    """Return the formula line by line with the user's numbers."""
    terms = drafted.breakdown.terms
    left = 0
    if len(terms) > MOST_TERMS:
        left = len(terms) - MOST_TERMS
        terms = (*terms[: MOST_TERMS - 2], *terms[-2:])
    rows = [(_fit(t.label, _LONGEST_LABEL), _fit(t.text, _LONGEST_SUM), gigabytes(t.gb, 9)) for t in terms]
    if left:
        rows.insert(-2, (f"… {left} more groups", "in the sum below", ""))
    first, second = max([len(row[0]) for row in rows]), max([len(row[1]) for row in rows])
    lines = "\n".join([f"{a:<{first}}  {b:<{second}}  {c}{' GB' if c else ''}" for a, b, c in rows])
    formula = drafted.breakdown.formula if left == 0 else ""
    shown = f"\n{formula}" if formula and len(formula) <= _LONGEST_FORMULA else ""
    return section(f"*How it is computed*\n```\n{lines}{shown}\n```")


def methods(drafted: Draft, advice: Advice) -> Block:
    """Return the three methods side by side, the request's own marked by an arrow."""
    own = drafted.sized.method
    lines = "\n".join(
        [
            f"{'→' if row.method == own else ' '} {row.method:<7} {row.gpu_memory_gb:>7} GB {row.num_gpus:>5} "
            f"{row.num_cpus:>5}"
            for row in advice.methods
        ]
    )
    return section(f"*The three methods*\n```\n  method  GPU memory  GPUs  CPUs\n{lines}\n```")


def meaning(drafted: Draft, advice: Advice) -> Block:
    """Return the usage bar, and what else would fit."""
    computed, chosen = drafted.breakdown, drafted.use_gpus
    count = chosen or computed.num_gpus
    room_gb = count * drafted.sized.gpu_gb
    percent = advice.use_percent
    if chosen:
        percent = units.half_even(computed.raw_ticks * 100, room_gb * units.TICKS_PER_GB, 2)
    lines = [f"*Use*  `{bar(float(percent))}` {percent} % of {room_gb:,} GB"]
    where = "it" if computed.num_gpus == 1 else "them"
    where = f"the computed {gpus(computed.num_gpus)}" if chosen else where
    room = []
    if advice.more_fit is not None and advice.more_fit_size is not None:
        room.append(f"{advice.more_fit} more adapters of {advice.more_fit_size} still fit on {where}")
    room.append(f"the largest base model is {advice.largest_base}")
    lines.append(f"Room: {'; '.join(room)}.")
    if advice.cheaper is not None:
        lines.append(f"To need fewer GPUs: {_in_words(advice.cheaper)}.")
    return section("\n".join(lines))


def provenance(drafted: Draft) -> Block:
    """Return where the model's size comes from, and what was assumed."""
    sized = drafted.sized
    lines = [_model(sized)]
    if sized.assumptions:
        lines.append(safe(f"Assumed: {'; '.join(sized.assumptions)}.", 600))
    return context(*lines)


def explained(drafted: Draft) -> list[Block]:
    """Return the numbers in full: line by line, the three methods, room, origin."""
    advice = sizing.advise(drafted.sized, drafted.breakdown)
    return [calculation(drafted), methods(drafted, advice), meaning(drafted, advice), provenance(drafted)]


def _sum(drafted: Draft) -> str:
    """Return base, adapters, overhead and total, one a line, with their decimal points in one column."""
    computed, request = drafted.breakdown, drafted.sized
    groups = request.adapters
    billions = gigabytes(units.decimal_text(request.params, units.PARAMS_PER["b"]))
    adapters = group_text(groups[0]) if len(groups) == 1 else f"{len(groups)} groups" if groups else "none"
    rows = (
        ("base", f"{billions} × {METHODS[request.method].factor}", computed.base_ticks),
        ("adapters", adapters, computed.adapter_ticks),
        ("overhead", "50 %", (computed.base_ticks + computed.adapter_ticks) // 2),
        ("total", "", computed.raw_ticks),
    )
    shown = [
        (label, _fit(text, _NARROW_SUM), gigabytes(units.gb_text(ticks)).partition("."))
        for label, text, ticks in rows
    ]
    width = max(len(text) for _, text, _ in shown)
    whole = max(len(number[0]) for _, _, number in shown)
    part = max(len(number[1] + number[2]) for _, _, number in shown)
    lines = [
        f"{label:<8}  {text:<{width}}  {number[0]:>{whole}}{number[1] + number[2]:<{part}}"
        for label, text, number in shown
    ]
    return "\n".join([*[line.rstrip() for line in lines[:-1]], f"{lines[-1]} GB"])


def _model(sized: SizingRequest) -> str:
    if sized.params_are == "typed":
        return f"Base model: {units.params_text(sized.params)[:_LONGEST_MODEL]} parameters, as typed."
    how = _HOW_COUNTED[sized.params_are]
    return f"Base model: {safe(sized.model_text, 80)}, {sized.params:,} parameters ({how})."


def _in_words(row: Row) -> str:
    return f"{row.method} ({row.gpu_memory_gb} GB on {gpus(row.num_gpus)})"


def _fit(words: str, width: int) -> str:
    return words if len(words) <= width else words[: width - 1] + "…"
