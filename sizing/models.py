"""The table of base models that a request may name instead of giving a parameter count.

The table is ``models.csv`` beside this file. It is read when the first name is looked up. ``params_are`` is ``exact``
(computed from the shapes, equal to the published count), ``computed`` (from the shapes; no count is published) or
``nominal`` (only the name gives it). ``lora`` and ``qlora`` are copied from IBM's support table.
"""

import csv
import functools
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple, cast

from sizing.shapes import Bias, Latent, Mamba, Shapes

ParamsAre = Literal["exact", "computed", "nominal"]

# Published totals of mixtures that have no short name in the table, for examples in errors.
# Source: the Llama 4 Scout and Maverick model cards, "Total Params" 109B and 400B.
MIXTURE_TOTALS = {(16, 17): "109b", (128, 17): "400b"}

_SEPARATORS = re.compile(r"[\s._:-]+")
_ZERO_VERSION = re.compile(r"(?<=[0-9])\.0(?![0-9])")
PUBLISHERS = ("meta", "ibm", "google", "microsoft", "openai", "mistralai", "deepseek-ai", "alibaba")
_PUBLISHER = re.compile(rf"^(?:{'|'.join(PUBLISHERS)})-(?=[a-z])")
_NUMBER_AFTER_NAME = re.compile(r"(?<=[a-z])-(?=[0-9])")
# Variants have the shapes of their base model.
VARIANTS = ("instruct", "chat", "base", "it", "hf")
_VARIANT = re.compile(rf"-(?:{'|'.join(VARIANTS)})(?=-|$)")
# The release date of a variant: ``-2407``, ``-0528``, ``-20240723``, ``-2024-07-23``.
_DATE = re.compile(
    r"-(?:20[2-3][0-9]-?(?:0[1-9]|1[0-2])(?:-?[0-3][0-9])?"
    r"|2[2-9](?:0[1-9]|1[0-2])|(?:0[1-9]|1[0-2])(?:[0-2][0-9]|3[01]))(?=-|$)"
)


class BaseModel(NamedTuple):
    """One row of the table."""

    name: str
    hub_id: str
    aliases: tuple[str, ...]
    architecture: str
    params: int
    params_are: ParamsAre
    active_params: int | None
    shapes: Shapes | None
    lora: str
    qlora: str
    note: str
    source: str

    @property
    def names(self) -> tuple[str, ...]:
        """All names of the model."""
        return (self.name, *filter(None, [self.hub_id]), *self.aliases)

    def support(self, technique: Literal["LoRA", "QLoRA"]) -> str:
        """Return what IBM's support table says about the technique: ``yes``, ``no`` or ``unknown``."""
        return self.lora if technique == "LoRA" else self.qlora

    @property
    def is_mixture(self) -> bool:
        """Whether it has experts. All of them are in memory, although a token uses only a few."""
        return self.shapes is not None and self.shapes.experts > 0


def key(name: str) -> str:
    """Reduce a model's name, as people paste it, to the part that distinguishes models.

    >>> key("meta-llama/Llama-3.1-8B-Instruct"), key("llama3.1:8b")
    ('llama3-1-8b', 'llama3-1-8b')
    """
    return _joined(_VARIANT.sub("", plain(name)))


def plain(name: str) -> str:
    """Write a name in lower case, without its organization, with dashes between its parts."""
    return _PUBLISHER.sub("", _SEPARATORS.sub("-", name.lower().rpartition("/")[2]))


def _joined(name: str) -> str:
    """Write ``llama-3-1-8b`` as ``llama3-1-8b``, since both are in use. Numbers stay separate."""
    return _NUMBER_AFTER_NAME.sub("", name)


@functools.cache
def table() -> dict[str, BaseModel]:
    """Return the table by canonical name, in the order of the file."""
    with Path(__file__).with_name("models.csv").open(encoding="utf-8", newline="") as rows:
        return {row["name"]: _row(row) for row in csv.DictReader(rows)}


class _Index(NamedTuple):
    """The table by reduced name.

    Args:
        listed: Names as in the table.
        bare: Names without variants, where only one model has that name.
        dated: Models whose releases differ by their dates.
    """

    listed: dict[str, BaseModel]
    bare: dict[str, BaseModel]
    dated: frozenset[str]


@functools.cache
def _index() -> _Index:
    """Index the table."""
    listed: dict[str, BaseModel] = {}
    bare: dict[str, set[str]] = {}
    dated = set()
    for model in table().values():
        for name in model.names:
            for form in {name, _ZERO_VERSION.sub("", name)}:  # ``granite-4-h-tiny`` is 4.0
                listed[_joined(plain(form))] = model
                bare.setdefault(key(form), set()).add(model.name)
            if _DATE.search(plain(name)):
                dated.add(model.name)
    alone = {name: table()[models.pop()] for name, models in bare.items() if len(models) == 1}
    return _Index(listed, alone, frozenset(dated))


@functools.lru_cache(maxsize=1024)
def find(name: str) -> BaseModel | None:
    """Look up a model by any name that people paste.

    Args:
        name: A name or alias from the table, in upper or lower case. It may have an organization, a variant
            (``-instruct``, ``-it``, ``-chat``, ``-base``, ``-hf``) or a date, and spaces, points, colons or
            underscores instead of dashes.

    Returns:
        The row, or None. If the table distinguishes a model's releases by date, an unknown date is another model.
    """
    typed, index = plain(name), _index()
    found = index.listed.get(_joined(typed)) or _without_variant(typed, index)
    if found is None and (undated := _DATE.sub("", typed)) != typed:
        found = index.listed.get(_joined(undated)) or _without_variant(undated, index)
        if found is not None and found.name in index.dated:
            return None
    return found


def _without_variant(name: str, index: _Index) -> BaseModel | None:
    """Look up a name without its variants. They are removed from the end, because some variants are listed."""
    while variants := list(_VARIANT.finditer(name)):
        name = name[: variants[-1].start()] + name[variants[-1].end() :]
        if (found := index.listed.get(_joined(name))) is not None:
            return found
    return index.bare.get(_joined(name))


def model_names() -> tuple[str, ...]:
    """Return the canonical names, for completion and suggestions."""
    return tuple(table())


def _row(row: dict[str, str]) -> BaseModel:
    """Read a line of the table."""
    return BaseModel(
        name=row["name"],
        hub_id=row["hf_id"],
        aliases=tuple(filter(None, row["aliases"].split(";"))),
        architecture=row["architecture"],
        params=int(row["params"]),
        params_are=cast("ParamsAre", row["params_are"]),
        active_params=int(row["active_params"]) if row["active_params"] else None,
        shapes=_shapes(row) if row["hidden"] else None,
        lora=row["lora"],
        qlora=row["qlora"],
        note=row["note"],
        source=row["source"],
    )


def _shapes(row: dict[str, str]) -> Shapes:
    """Read the shapes in a line of the table. An empty cell means 0."""

    def number(column: str) -> int:
        return int(row[column] or 0)

    def numbers(column: str) -> Iterable[int]:
        return map(int, row[column].split(";"))

    return Shapes(
        architecture=row["architecture"],
        hidden=number("hidden"),
        intermediate=number("intermediate"),
        layers=number("layers"),
        heads=number("heads"),
        kv_heads=number("kv_heads"),
        head_dim=number("head_dim"),
        vocab=number("vocab"),
        tied_embeddings=row["tied"] == "yes",
        bias=cast("Bias", row["bias"]),
        mlp_bias=row["bias"] == "all" and not row["experts"],
        experts=number("experts"),
        experts_per_token=number("experts_per_token"),
        moe_intermediate=number("moe_intermediate"),
        shared_intermediate=number("shared_intermediate"),
        dense_layers=number("dense_layers"),
        window=number("window"),
        windowed_layers=number("windowed_layers"),
        mamba=Mamba(*numbers("mamba")) if row["mamba"] else None,
        latent=Latent(*numbers("mla")) if row["mla"] else None,
        vision=number("vision_params"),
    )
