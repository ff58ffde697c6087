"""The base models that may be named instead of counted, and what is known of them.

The table is `models.csv` beside this file, read when the first name is looked up. `params_are` is `exact` (from the
shapes, or a published total) or `nominal` (only the name says it). `lora` and `qlora` repeat IBM's support table.
Where the layer shapes are known, they turn a LoRA rank into an adapter size.
"""

import csv
import functools
import re
from pathlib import Path
from typing import NamedTuple

TARGETS = ("all", "attn", "qv")
_ADAPTER_BYTES_PER_PARAM = 2  # adapters are served in 16 bits, whatever the base is quantized to

# Published totals of mixtures that are not in the table, for the example in an error.
# Source: the Llama 4 Scout and Maverick model cards, "Total Params" 109B and 400B.
MIXTURE_TOTALS = {(16, 17): "109b", (128, 17): "400b"}

# Variants of one base share its shapes; the words are no part of the size.
_VARIANT = re.compile(r"-(?:instruct|chat|base|it|hf)(?=-|$)|^meta-(?=llama)")


class Shapes(NamedTuple):
    """The layer shapes of a dense transformer, as its `config.json` gives them."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    vocab: int
    tied_embeddings: bool

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.hidden // self.heads

    @property
    def kv_dim(self) -> int:
        """Width of the key (and of the value) of one token in one layer."""
        return self.head_dim * self.kv_heads

    def linears(self, targets: str) -> tuple[tuple[int, int], ...]:
        """The (input, output) widths of one layer's target modules.

        Args:
            targets: `qv`, `attn` (q k v o) or `all` (q k v o gate up down).
        """
        q, k = (self.hidden, self.hidden), (self.hidden, self.kv_dim)
        if targets == "qv":
            return (q, k)
        attention = (q, k, k, q)
        if targets == "attn":
            return attention
        up = (self.hidden, self.intermediate)
        return (*attention, up, up, (self.intermediate, self.hidden))

    def adapter_bytes(self, rank: int, targets: str = "all") -> int:
        """Size of one LoRA adapter as it is served.

        A pair of matrices, `rank x input` and `output x rank`, stands beside each target module: that is
        rank * (input + output) parameters of 2 bytes. A saved file is often fp32, and so twice this.

        Source: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", section 4.1.
        """
        widths = sum(d_in + d_out for d_in, d_out in self.linears(targets))
        return rank * widths * self.layers * _ADAPTER_BYTES_PER_PARAM


class BaseModel(NamedTuple):
    """One row of the table."""

    name: str
    aliases: tuple[str, ...]
    architecture: str
    params: int
    params_are: str
    shapes: Shapes | None
    lora: str
    qlora: str
    source: str


def key(name: str) -> str:
    """Reduce a model id, as people paste it, to what tells models apart.

    >>> key("meta-llama/Llama-3.1-8B-Instruct")
    'llama-3-1-8b'
    """
    last = name.lower().rpartition("/")[2]
    return _VARIANT.sub("", last.replace(".", "-").replace("_", "-"))


@functools.cache
def table() -> dict[str, BaseModel]:
    """The table by canonical name, in the file's order."""
    with Path(__file__).with_name("models.csv").open(encoding="utf-8", newline="") as rows:
        return {row["name"]: _row(row) for row in csv.DictReader(rows)}


@functools.cache
def _by_key() -> dict[str, BaseModel]:
    """The table by reduced name and alias."""
    return {key(name): model for model in table().values() for name in (model.name, *model.aliases)}


def find(name: str) -> BaseModel | None:
    """Look a model up by its name, an alias, or an id with organisation and variant."""
    return _by_key().get(key(name))


def model_names() -> tuple[str, ...]:
    """The canonical names, for completion and for did-you-mean."""
    return tuple(table())


def _row(row: dict[str, str]) -> BaseModel:
    """Read one line of the table."""
    shapes = None
    if row["hidden"]:
        shapes = Shapes(
            hidden=int(row["hidden"]),
            intermediate=int(row["intermediate"]),
            layers=int(row["layers"]),
            heads=int(row["heads"]),
            kv_heads=int(row["kv_heads"]),
            vocab=int(row["vocab"]),
            tied_embeddings=row["tied_embeddings"] == "yes",
        )
    return BaseModel(
        name=row["name"],
        aliases=tuple(filter(None, row["aliases"].split(";"))),
        architecture=row["architecture"],
        params=int(row["params"]),
        params_are=row["params_are"],
        shapes=shapes,
        lora=row["lora"],
        qlora=row["qlora"],
        source=row["source"],
    )
