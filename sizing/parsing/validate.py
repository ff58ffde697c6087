"""The request as a whole: what is duplicate, contradictory or missing in a draft, and the request that it makes."""

import re
from collections.abc import Iterator
from typing import Any, cast

from sizing import methods, models
from sizing.parsing import limits
from sizing.parsing.draft import (
    CONFIG_FILE,
    Draft,
    Edit,
    Group,
    Mixture,
    Model,
    Problem,
    Rank,
    Spoken,
    Word,
    instead,
)
from sizing.parsing.nearest import quote
from sizing.request import DEFAULT_GPU_GB, AdapterGroup, SizingRequest
from sizing.units import MICROBYTES_PER_BYTE, params_text

_ENOUGH = 4  # problems of one kind: the first is reported, the others only matter for the suggestion
_LIKELY_A_COUNT = 8  # a smaller bare number may also be the number of adapters
_WIDTHS = frozenset(map(str, methods.WIDTHS))
_RAW_COUNT = 10**6  # a bare number of at least this much is a raw parameter count


def settle(draft: Draft, text: str) -> SizingRequest | None:
    """Build the request from a draft, or add to the draft why there is none.

    Returns:
        The request, or None if the draft has problems.
    """
    _one_model(draft, text)
    if len(draft.methods) > 1:
        _one_method(draft, text)
    if draft.nones:
        _none_or_some(draft, text)
    if draft.ranks:
        _known_shapes(draft, text)
    if draft.spoken or draft.adapter_words:
        _how_many(draft, text)
    _not_too_many(draft, text)
    return None if draft.problems else _built(draft, text)


def _one_model(draft: Draft, text: str) -> None:
    """Require one model."""
    if len(draft.models) == 1 and not draft.mixtures and not draft.numbers:
        return
    others = bool(draft.models)
    for mixture in draft.mixtures[:_ENOUGH]:
        draft.problems.append(_not_bytes(mixture, text) if others else _unknown_mixture(mixture, text))
        others = True
    for number in draft.numbers[:_ENOUGH]:
        problem = _beside_a_model(number, draft, text) if others else _without_scale(number)
        others = others or problem.code == "E13"
        draft.problems.append(problem)
    if not others:
        draft.problems.append(_no_model(draft, text))
    elif len(draft.models) > 1:
        draft.problems.append(_two_models(draft.models[0], draft.models[1], text))


def _unknown_mixture(mixture: Mixture, text: str) -> Problem:
    """Explain a mixture of experts that is not in the model table."""
    start, end = mixture.start, mixture.end
    experts, billions = int(mixture.experts), int(mixture.billions)
    typed = quote(text[start:end])
    if mixture.experts.startswith("0"):
        return instead("E06", f"{typed} is not a size I can read.", start, end, f"{billions}b")
    total = models.MIXTURE_TOTALS.get((experts, billions))
    product = quote(f"{experts * billions}b", "")
    if total is None and experts * billions <= limits.MOST_PARAMS // 10**9:
        total = product
    message = (
        f"{typed} is mixture-of-experts shorthand; {product} over-counts. Give the total from the model card."
    )
    return instead("E10", message, start, end, total or "46.7b", invents=True)


def _not_bytes(mixture: Mixture, text: str) -> Problem:
    """Explain ``NxMb`` next to a model: adapters in a unit of parameters."""
    start, end = mixture.start, mixture.end
    typed = quote(text[start:end])
    fixed = f"{mixture.experts}x{mixture.billions}MB"
    message = (
        f"{typed} would be a mixture-of-experts model size. For adapters write bytes: {quote(fixed, '')}."
    )
    return instead("E04", message, start, end, fixed)


def _without_scale(number: Word) -> Problem:
    """Explain a bare number in the place of the model."""
    start, end = number.start, number.end
    if "." not in number.text and int(number.text) >= _RAW_COUNT:
        message = f"{quote(number.text)} looks like a raw parameter count; write it with a scale."
        params = int(number.text)
        if params <= limits.MOST_PARAMS:
            return instead("E13", message, start, end, params_text(params))
        return instead("E13", message, start, end, "10b", invents=True)
    message = f"{quote(number.text)} has no scale: b (billion), m (million) or t (trillion) parameters."
    if float(number.text) <= limits.MOST_PARAMS // 10**9:
        return instead("E13", message, start, end, f"{number.text}b")
    return instead("E13", message, start, end, "10b", invents=True)


def _beside_a_model(number: Word, draft: Draft, text: str) -> Problem:
    """Explain a bare number next to a model: a width without its method, a count without x, or a size without unit."""
    start, end = number.start, number.end
    before = next((w for w in draft.methods if w.end <= start and not text[w.end : start].strip()), None)
    if before is not None and number.text in _WIDTHS:
        row = methods.for_bits(int(number.text))
        message = f"{quote(number.text)} on its own means nothing here. For {number.text}-bit write {row}."
        return Problem(
            "E03", message, start, end, (Edit(before.start, before.end, row), Edit(start, end, ""))
        )
    after = min(
        (g for g in draft.groups if g.start >= end and not g.counted), key=lambda g: g.start, default=None
    )
    if after is not None and "." not in number.text:
        message = f"{quote(number.text)} on its own means nothing here. A count is joined to its size by x."
        return instead("E04", message, start, end, f"{number.text}x")
    if number.text in _WIDTHS and not draft.methods and draft.groups:
        row = methods.for_bits(int(number.text))
        message = f"{quote(number.text)} on its own means nothing here. For {number.text}-bit write {row}."
        return instead("E03", message, start, end, row)
    message = f"{quote(number.text)} has no unit. Adapters are sized in KB, MB or GB."
    if float(number.text) < _LIKELY_A_COUNT:
        return instead("E04", message, start, end, f"{number.text}x128MB", invents=True)
    return instead("E04", message, start, end, f"{number.text}MB")


def _no_model(draft: Draft, text: str) -> Problem:
    """Explain that there is no model. Its size may have been given in bytes."""
    bare = next((g for g in draft.groups if g.in_gb and not g.counted), None)
    if bare is not None:
        message = (
            f"{quote(text[bare.start : bare.end])} is a size in bytes, so I read it as one adapter; "
            "the model size (in parameters) is missing."
        )
        return instead("E13", message, bare.start, bare.end, "10b", invents=True)
    have = []
    if draft.groups or draft.ranks or draft.nones:
        have.append("the adapters")
    if draft.methods:
        have.append("the method")
    message = f"I have {' and '.join(have)}, but no model size." if have else "There is no model size."
    whole = have or draft.options or draft.problems
    named = "llama-3.1-8b" if draft.ranks else "10b"
    edit = Edit(0, 0, f"{named} " if whole else "10b 2x128MB lora")
    return Problem("E01", message, len(text), len(text) + 1, (edit,), invents=True)


def _two_models(first: Model, second: Model, text: str) -> Problem:
    """Explain that there are two models. Suggest the named one, whose count is exact."""
    drop = first if second.known is not None and first.known is None else second
    shown = (quote(text[m.start : m.end] or CONFIG_FILE) for m in (first, second))
    message = f"Two models: {' and '.join(shown)}. Keep one."
    drops = tuple((Edit(m.start, m.end, ""),) for m in (drop, first if drop is second else second))
    return Problem("E05", message, second.start, second.end, drops[0], readings=drops)


def _one_method(draft: Draft, text: str) -> None:
    """Require one method. A technique and its width are one: ``qlora 8bit``."""
    first, second, *more = draft.methods
    meant = methods.one_method(first.text, second.text)
    if meant is not None and not more:
        draft.methods = [first if first.text == meant else second]
        return
    vague = first.text in methods.WIDTH_ASSUMED and second.text not in methods.WIDTH_ASSUMED
    drops = [(Edit(word.start, word.end, ""),) for word in (first, second)]
    typed = " and ".join(quote(text[word.start : word.end]) for word in (first, second))
    message = f"Two methods: {typed}. I show all three side by side anyway; pick one."
    different = methods.WORDS[first.text] != methods.WORDS[second.text]
    draft.problems.append(
        Problem(
            "E05",
            message,
            second.start,
            second.end,
            drops[0] if vague else drops[1],
            readings=(drops[1], drops[0]) if different and not more else (),
        )
    )


def _how_many(draft: Draft, text: str) -> None:
    """Require a count, a size and only one reading of adapters in words."""
    for spoken in draft.spoken:
        bare = [(g.start, g.end) for g in draft.groups if g.start > spoken.start and not g.counted]
        bare += [(r.start, r.end) for r in draft.ranks if r.start > spoken.start and not r.counted]
        if bare and spoken.adapters > 1:
            draft.problems.append(_two_readings(spoken, bare, text))
            return
    if not draft.adapter_words or draft.problems:
        return
    word = draft.adapter_words[0]
    sizes: list[Group | Rank] = [*draft.groups, *draft.ranks]
    if not (sizes or draft.nones):
        message = f"{quote(word.text)} says neither how many nor how big. For none, write none."
        draft.problems.append(instead("E04", message, word.start, word.end, "2x128MB", invents=True))
    elif len(sizes) == 1 and not sizes[0].counted and any(w.text != "adapter" for w in draft.adapter_words):
        size = text[sizes[0].start : sizes[0].end]
        message = f"{quote(word.text)} doesn't say how many. Write {quote(f'1x{size}', '')} for one."
        edit = Edit(sizes[0].start, sizes[0].end, f"1x{size}")
        draft.problems.append(Problem("E04", message, word.start, word.end, (edit,)))


def _two_readings(spoken: Spoken, bare: list[tuple[int, int]], text: str) -> Problem:
    """Explain ``2 adapters of 128MB and 64MB``: two and one more, or one of each."""
    ones = tuple(Edit(start, end, f"1x{text[start:end]}") for start, end in bare)
    more = (Edit(spoken.start, spoken.end, f"{spoken.adapters}x{spoken.size}"), *ones)
    if spoken.adapters == len(bare) + 1:
        other = (Edit(spoken.start, spoken.end, f"1x{spoken.size}"), *ones)
    else:
        each = [Edit(start, end, f"{spoken.adapters}x{text[start:end]}") for start, end in bare]
        other = (more[0], *each)
    shown = (quote("+".join(edit.text for edit in edits), "") for edits in (more, other))
    typed = text[spoken.start : bare[0][1]]
    message = f"{quote(typed)} has two readings: {' or '.join(shown)}."
    return Problem("E04", message, spoken.start, spoken.end, more, True, (more, other))


def _none_or_some(draft: Draft, text: str) -> None:
    """Require that ``none`` is given once, and without adapters."""
    none = draft.nones[0]
    some = [(g.start, g.end) for g in draft.groups if g.adapters] or [
        (r.start, r.end) for r in draft.ranks if r.adapters
    ]
    if some:
        typed = quote(text[slice(*some[0])])
        message = f"“{none.text}” and {typed} contradict each other."
    elif len(draft.nones) > 1:
        none = draft.nones[1]
        message = f"“{draft.nones[0].text}” and “{none.text}” say the same. Keep one."
    else:
        return
    draft.problems.append(instead("E05", message, none.start, none.end, ""))


def _known_shapes(draft: Draft, text: str) -> None:
    """Require known layer shapes for a LoRA rank, with the same dense attention layers throughout."""
    model = draft.models[0] if draft.models else None
    if model is None or model.params is None:
        return
    name = (model.known.name or CONFIG_FILE) if model.known else quote(text[model.start : model.end])
    shapes = model.known.shapes if model.known is not None else None
    for rank in draft.ranks[:_ENOUGH]:
        if shapes is None:
            why = f"I don't have layer shapes for {name}"
        elif not shapes.uniform:
            why = f"The layers of {name} differ, so a rank has no one size there"
        elif not shapes.linears(rank.targets or "all"):
            why = f"{name} has q, k and v in one module"
        else:
            continue
        fixed = f"{rank.adapters}x128MB"
        message = f"{why}. Give the adapter size instead of its rank."
        draft.problems.append(instead("E12", message, rank.start, rank.end, fixed, invents=True))


def _not_too_many(draft: Draft, text: str) -> None:
    """Require at most 1000 adapters in total."""
    counts = [group.adapters for group in draft.groups] + [rank.adapters for rank in draft.ranks]
    if sum(counts) <= limits.MOST_ADAPTERS:
        return
    total = 0
    placed = [(g.start, g.end, g.adapters) for g in draft.groups]
    for start, end, adapters in sorted(placed + [(r.start, r.end, r.adapters) for r in draft.ranks]):
        total += adapters
        if total > limits.MOST_ADAPTERS:
            message = f"At most {limits.MOST_ADAPTERS} adapters; you have {quote(str(total), '')} here."
            fewer = limits.MOST_ADAPTERS - (total - adapters)
            fixed = (
                re.sub(rf"(?<![0-9.])0*{adapters}(?![0-9.])", str(fewer), text[start:end], count=1)
                if fewer
                else ""
            )
            draft.problems.append(instead("E08", message, start, end, fixed, invents=True))
            return


def _built(draft: Draft, text: str) -> SizingRequest:
    """Build the request from a draft that has one model, at most one method and no problems."""
    model, options = draft.models[0], draft.options
    word = draft.methods[0].text if draft.methods else None
    values: dict[str, Any] = {}
    if options:
        values = {"space": options.get("space"), "name": options.get("name")}
        values["gpu_gb"] = int(options.get("gpu", DEFAULT_GPU_GB))
    if model.known is not None:
        values["params_are"] = model.known.params_are
        values |= {"model": model.known.name} if model.known.name else {"shapes": model.known.shapes}
    return SizingRequest(
        params=cast("int", model.params),
        method=methods.DEFAULT if word is None else methods.WORDS[word],
        method_word=word,
        adapters=_groups(draft),
        assumptions=tuple(_assumed(draft, word, text[model.start : model.end])),
        **values,
    )


def _assumed(draft: Draft, word: str | None, typed: str) -> Iterator[str]:
    """Yield what was not typed and had to be assumed."""
    known = draft.models[0].known
    if known is not None:
        yield from _about(known, typed)
    if word is None:
        yield f"method omitted -> {methods.DEFAULT}"
    elif word in methods.WIDTH_ASSUMED:
        yield f"{word} -> assumed {methods.METHODS[methods.WORDS[word]].bits}-bit"
    elif word == "fp8":
        yield "fp8 uses the 8-bit row"
    if draft.ranks:
        if any(rank.targets is None for rank in draft.ranks):
            yield "rank targets omitted -> all (q k v o gate up down)"
        yield "rank -> size in 16-bit; a saved PEFT file is often fp32 and so twice that"
    elif not draft.groups and not draft.nones:
        yield "adapters omitted -> base only"


def _about(known: models.BaseModel, typed: str) -> Iterator[str]:
    """Yield which row of the model table was used, if it was typed differently, and where its count comes from."""
    if not known.name:
        yield f"{CONFIG_FILE} -> {params_text(known.params)} from its layer shapes ({known.architecture})"
        return
    if typed.lower() != known.name:
        yield f"{typed} -> {known.name}"
    if known.params_are == "nominal":
        yield f"{known.name} -> {params_text(known.params)} by its name"
    elif known.params_are == "computed":
        yield f"{known.name} -> {params_text(known.params)} from its layer shapes, no count is published"
    if known.is_mixture:
        yield f"{known.name} -> all {params_text(known.params)}, since every expert is in memory"


def _groups(draft: Draft) -> tuple[AdapterGroup, ...]:
    """Return the adapter groups, largest first. Groups of one size are merged, empty ones left out."""
    if len(draft.groups) == 1 and not draft.ranks and draft.groups[0].adapters:
        only = draft.groups[0]
        return (AdapterGroup(only.adapters, cast("int", only.microbytes)),)
    counts: dict[int, int] = {}
    for group in draft.groups:
        size = cast("int", group.microbytes)
        counts[size] = counts.get(size, 0) + group.adapters
    origin = _sizes_of_ranks(draft)
    for size, ranks in origin.items():
        counts[size] = counts.get(size, 0) + sum(rank.adapters for rank in ranks)
    return tuple(
        AdapterGroup(counts[size], size, *_largest(origin.get(size)))
        for size in sorted(counts, reverse=True)
        if counts[size]
    )


def _sizes_of_ranks(draft: Draft) -> dict[int, list[Rank]]:
    """Group the ranks by the adapter size that follows from the model's shapes."""
    alike: dict[tuple[int, str], list[Rank]] = {}
    for rank in draft.ranks:
        alike.setdefault((rank.rank, rank.targets or "all"), []).append(rank)
    sizes: dict[int, list[Rank]] = {}
    for (number, targets), ranks in alike.items():
        known = cast("models.BaseModel", draft.models[0].known)
        if known.shapes is not None:  # else ``_known_shapes`` has refused it
            one = known.shapes.adapter_bytes(number, targets) * MICROBYTES_PER_BYTE
            sizes.setdefault(one, []).extend(ranks)
    return sizes


def _largest(ranks: list[Rank] | None) -> tuple[int | None, str | None]:
    """Return the largest rank and its targets: what a server must be able to load."""
    if not ranks:
        return None, None
    largest = max(ranks, key=lambda rank: rank.rank)
    return largest.rank, largest.targets or "all"
