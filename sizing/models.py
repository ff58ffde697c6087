"""The base models that may be named instead of counted, and what is known of them.

The table is `models.csv` beside this file, read when the first name is looked up. `params_are` is `exact` (the count
of the shapes is the published one), `computed` (of the shapes; no count is published) or `nominal` (only the name
says it). `lora` and `qlora` repeat IBM's support table.
"""

import csv
import functools
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple, cast

from sizing.shapes import Bias, Latent, Mamba, Shapes

ParamsAre = Literal["exact", "computed", "nominal"]

# Published totals of mixtures that have no short name in the table, for the example in an error.
# Source: the Llama 4 Scout and Maverick model cards, "Total Params" 109B and 400B.
MIXTURE_TOTALS = {(16, 17): "109b", (128, 17): "400b"}

_SEPARATORS = re.compile(r"[\s._:-]+")
_ZERO_VERSION = re.compile(r"(?<=[0-9])\.0(?![0-9])")
PUBLISHERS = ("meta", "ibm", "google", "microsoft", "openai", "mistralai", "deepseek-ai", "alibaba")
_PUBLISHER = re.compile(rf"^(?:{'|'.join(PUBLISHERS)})-(?=[a-z])")
_NUMBER_AFTER_NAME = re.compile(r"(?<=[a-z])-(?=[0-9])")
# Variants of one base share its shapes; the words are no part of the size.
VARIANTS = ("instruct", "chat", "base", "it", "hf")
_VARIANT = re.compile(rf"-(?:{'|'.join(VARIANTS)})(?=-|$)")
# `-2407`, `-0528`, `-20240723`, `-2024-07-23`: the release of a variant.
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
        """Every name that the row is listed under."""
        return (self.name, *filter(None, [self.hub_id]), *self.aliases)

    def support(self, technique: Literal["LoRA", "QLoRA"]) -> str:
        """What IBM's support table says of the technique: `yes`, `no` or `unknown`."""
        return self.lora if technique == "LoRA" else self.qlora

    @property
    def is_mixture(self) -> bool:
        """Whether it has experts: all of them are in memory, though a token uses few."""
        return self.shapes is not None and self.shapes.experts > 0


def key(name: str) -> str:
    """Reduce a model's name, as people paste it, to what tells models apart.

    >>> key("meta-llama/Llama-3.1-8B-Instruct"), key("llama3.1:8b")
    ('llama3-1-8b', 'llama3-1-8b')
    """
    return _joined(_VARIANT.sub("", plain(name)))


def plain(name: str) -> str:
    """Write a name in lower case, without organisation, with dashes between its parts."""
    return _PUBLISHER.sub("", _SEPARATORS.sub("-", name.lower().rpartition("/")[2]))


def _joined(name: str) -> str:
    """Write `llama-3-1-8b` as `llama3-1-8b`: both are in use. Numbers stay apart."""
    return _NUMBER_AFTER_NAME.sub("", name)


@functools.cache
def table() -> dict[str, BaseModel]:
    """The table by canonical name, in the file's order."""
    with Path(__file__).with_name("models.csv").open(encoding="utf-8", newline="") as rows:
        return {row["name"]: _row(row) for row in csv.DictReader(rows)}


class _Index(NamedTuple):
    """The table by reduced name: as listed, and without the words for variants where that is one model."""

    listed: dict[str, BaseModel]
    bare: dict[str, BaseModel]
    dated: frozenset[str]


@functools.cache
def _index() -> _Index:
    """Index the table. `dated` names the models that tell their releases apart by dates."""
    listed: dict[str, BaseModel] = {}
    bare: dict[str, set[str]] = {}
    dated = set()
    for model in table().values():
        for name in model.names:
            for form in {name, _ZERO_VERSION.sub("", name)}:  # `granite-4-h-tiny` is 4.0
                listed[_joined(plain(form))] = model
                bare.setdefault(key(form), set()).add(model.name)
            if _DATE.search(plain(name)):
                dated.add(model.name)
    alone = {name: table()[models.pop()] for name, models in bare.items() if len(models) == 1}
    return _Index(listed, alone, frozenset(dated))


@functools.lru_cache(maxsize=1024)
def find(name: str) -> BaseModel | None:
    """Look a model up by what people paste.

    Args:
        name: a name or alias of the table in any case, with any organisation, variant (`-instruct`, `-it`, `-chat`,
            `-base`, `-hf`) or date, with spaces, points, colons or underscores for dashes.

    Returns:
        The row, or None. A date that the row's own releases do not have is another model.
    """
    typed, index = plain(name), _index()
    found = index.listed.get(_joined(typed)) or _without_variant(typed, index)
    if found is None and (undated := _DATE.sub("", typed)) != typed:
        found = index.listed.get(_joined(undated)) or _without_variant(undated, index)
        if found is not None and found.name in index.dated:
            return None
    return found


def _without_variant(name: str, index: _Index) -> BaseModel | None:
    """Look a name up without its words for variants: the last one first, for some variants are listed."""
    while variants := list(_VARIANT.finditer(name)):
        name = name[: variants[-1].start()] + name[variants[-1].end() :]
        if (found := index.listed.get(_joined(name))) is not None:
            return found
    return index.bare.get(_joined(name))


def model_names() -> tuple[str, ...]:
    """The canonical names, for completion and for did-you-mean."""
    return tuple(table())


def _row(row: dict[str, str]) -> BaseModel:
    """Read one line of the table."""
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
    """Read the shapes of one line; an empty cell is 0."""

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
