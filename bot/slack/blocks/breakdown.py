"""The numbers of a request as blocks: what it needs, how that was computed, what it means."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import sizing
from bot.messages import gigabytes, gpus
from bot.slack.blocks.kit import bar, context, fields, section
from bot.slack.blocks.text import safe
from sizing import estimate, units

if TYPE_CHECKING:
    from bot.approvals.draft import Draft
    from bot.slack.blocks.kit import Block
    from sizing import Advice, Row, SizingRequest

_KEPT = 128

MOST_TERMS = 10
"""Lines of the calculation that a card shows; a request may have some seventy."""
_LONGEST_FORMULA = 160
_LONGEST_LABEL = 28
_LONGEST_SUM = 34
_LONGEST_MODEL = 40
_HOW_COUNTED = {
    "exact": "exact count",
    "computed": "counted from its layer shapes",
    "nominal": "by its name, no exact count is known",
}


class Numbers(NamedTuple):
    """The part of a card that no decision changes.

    Args:
        blocks: Shared between cards, so nobody may change them.
        next_valid_gpus: The GPU count to offer instead of the computed one, if any.
        estimate: Whether a second opinion can be given.
    """

    blocks: tuple[Block, ...]
    next_valid_gpus: int | None
    estimate: bool


@dataclass(frozen=True, slots=True)
class _Shown:
    """Everything of a draft that its numbers show; equal ones are drawn once."""

    canonical: str
    use_gpus: int | None
    method_word: str | None
    assumptions: tuple[str, ...]
    drafted: Draft = field(compare=False)


def numbers(drafted: Draft) -> Numbers:
    """Return a draft's numbers as blocks: results, meaning, calculation, methods, origin, warnings.

    A card is redrawn at every step of its life and in every copy; what depends on the text alone is
    drawn once and kept.
    """
    sized = drafted.sized
    return _drawn(_Shown(sized.canonical, drafted.use_gpus, sized.method_word, sized.assumptions, drafted))


@lru_cache(maxsize=_KEPT)
def _drawn(shown: _Shown) -> Numbers:
    drafted = shown.drafted
    advice = sizing.advise(drafted.sized, drafted.breakdown)
    blocks = [
        needs(drafted),
        meaning(drafted, advice),
        calculation(drafted),
        methods(drafted, advice),
        provenance(drafted),
    ]
    if warned := warnings(advice):
        blocks.append(warned)
    if doubted := doubt(drafted):
        blocks.append(doubted)
    return Numbers(tuple(blocks), advice.next_valid_gpus, has_estimate(drafted.sized))


def needs(drafted: Draft) -> Block:
    """Return the four results, each with where it comes from."""
    found, chosen = drafted.breakdown, drafted.use_gpus
    exact = gigabytes(found.gpu_memory_gb_exact, 9)
    per_gpu = drafted.sized.gpu_gb
    if chosen is None:
        gpu_words = f"{found.num_gpus} × {per_gpu} GB  ({exact} ÷ {per_gpu}, rounded up)"
        cpu_words = f"{found.num_cpus}  (GPUs + 1)"
    else:
        gpu_words = f"{chosen} × {per_gpu} GB, *chosen by hand*  (computed: {found.num_gpus})"
        cpu_words = f"{chosen + 1}  (GPUs + 1)"
    return fields(
        f"*GPU memory*\n{found.gpu_memory_gb} GB  (exactly {exact})",
        f"*GPUs*\n{gpu_words}",
        f"*CPUs*\n{cpu_words}",
        f"*CPU memory*\n{found.cpu_memory_gb} GB  (equal to GPU memory)",
    )


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
            f"{row.num_cpus:>5} {row.cpu_memory_gb:>7} GB"
            for row in advice.methods
        ]
    )
    return section(f"*The three methods*\n```\n  method  GPU memory  GPUs  CPUs  CPU memory\n{lines}\n```")


def meaning(drafted: Draft, advice: Advice) -> Block:
    """Return the use bar and what else would fit."""
    found, chosen = drafted.breakdown, drafted.use_gpus
    count = chosen or found.num_gpus
    room_gb = count * drafted.sized.gpu_gb
    percent = advice.use_percent
    if chosen:
        percent = units.half_even(found.raw_ticks * 100, room_gb * units.TICKS_PER_GB, 2)
    lines = [f"*Use*  `{bar(float(percent))}` {percent} % of {room_gb} GB"]
    where = "it" if found.num_gpus == 1 else "them"
    where = f"the computed {gpus(found.num_gpus)}" if chosen else where
    told = []
    if advice.more_fit is not None and advice.more_fit_size is not None:
        told.append(f"{advice.more_fit} more adapters of {advice.more_fit_size} still fit on {where}")
    told.append(f"the largest base model is {advice.largest_base}")
    lines.append(f"Room: {'; '.join(told)}.")
    if advice.cheaper is not None:
        lines.append(f"Cheapest way to lose a GPU: {_in_words(advice.cheaper)}.")
    return section("\n".join(lines))


def provenance(drafted: Draft) -> Block:
    """Return where the model's size comes from, and what was assumed."""
    sized = drafted.sized
    told = [_model(sized)]
    if sized.assumptions:
        told.append(safe(f"Assumed: {'; '.join(sized.assumptions)}.", 600))
    return context(*told)


def warnings(advice: Advice) -> Block | None:
    """Return the warnings, or None where there are none."""
    if not advice.warnings:
        return None
    return section("\n".join([f"*Warning {code}:* {safe(words, 300)}" for code, words in advice.warnings]))


def doubt(drafted: Draft) -> Block | None:
    """Return one line where the second opinion contradicts the formula, or None; Explain tells why."""
    found = sizing.explain(drafted.sized, drafted.breakdown, drafted.use_gpus)
    said = sizing.contradiction(drafted.breakdown, found) if found is not None else None
    return section(f"*Second opinion:* {safe(said, 400)}") if said is not None else None


def has_estimate(sized: SizingRequest) -> bool:
    """Return whether a second opinion can be given: the model's layer shapes are known."""
    return estimate.shapes_of(sized) is not None


def _model(sized: SizingRequest) -> str:
    if sized.params_are == "typed":
        return f"Base model: {units.params_text(sized.params)[:_LONGEST_MODEL]} parameters, as typed."
    how = _HOW_COUNTED[sized.params_are]
    return f"Base model: {safe(sized.model_text, 80)}, {sized.params:,} parameters ({how})."


def _in_words(row: Row) -> str:
    return f"{row.method} ({row.gpu_memory_gb} GB on {gpus(row.num_gpus)})"


def _fit(words: str, width: int) -> str:
    return words if len(words) <= width else words[: width - 1] + "…"


def forget() -> None:
    """Forget every drawing that was kept."""
    _drawn.cache_clear()
