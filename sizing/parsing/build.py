"""Build the request from a draft without problems: its values, adapter groups and assumptions."""

from collections.abc import Iterator
from typing import Any, cast

from sizing import methods, models
from sizing.parsing.draft import CONFIG_FILE, Draft, Rank
from sizing.request import DEFAULT_GPU_GB, AdapterGroup, SizingRequest
from sizing.units import MICROBYTES_PER_BYTE, params_text


def build(draft: Draft, text: str) -> SizingRequest:
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
        if known.shapes is not None:  # checked by ``validate``
            one = known.shapes.adapter_bytes(number, targets) * MICROBYTES_PER_BYTE
            sizes.setdefault(one, []).extend(ranks)
    return sizes


def _largest(ranks: list[Rank] | None) -> tuple[int | None, str | None]:
    """Return the largest rank and its targets: what a server must be able to load."""
    if not ranks:
        return None, None
    largest = max(ranks, key=lambda rank: rank.rank)
    return largest.rank, largest.targets or "all"
