"""What has been understood of a text so far, and what has not.

The grammar fills a draft item by item; the rules about the whole request are judged on it afterwards.
"""

from collections.abc import Collection
from typing import NamedTuple

from sizing.models import BaseModel

CONFIG_FILE = "config.json"  # what a model is called that was read from a file


class Edit(NamedTuple):
    """Put `text` in the place of the characters `start` to `end`."""

    start: int
    end: int
    text: str


class Problem(NamedTuple):
    """One mistake: what was seen, where, and what should stand there.

    Args:
        code: `E01` to `E17`.
        message: what was seen, and what to do.
        start: where it begins.
        end: where it ends.
        edits: what should stand there; without any, nothing better is known than to leave the part out.
        invents: the edits hold a number or a name that nobody typed.
        readings: where there are several ways out, the edits of each.
    """

    code: str
    message: str
    start: int
    end: int
    edits: tuple[Edit, ...] = ()
    invents: bool = False
    readings: tuple[tuple[Edit, ...], ...] = ()


class Model(NamedTuple):
    """A base model: a typed number of parameters, or a row of the table; None where its number is at fault."""

    params: int | None
    known: BaseModel | None
    start: int
    end: int


class Mixture(NamedTuple):
    """`NxMb` of no known model: a mixture of experts, or adapters with a wrong unit."""

    experts: str
    billions: str
    start: int
    end: int


class Group(NamedTuple):
    """Adapters of one size, None where it is at fault. `counted` tells `1x10GB` from a bare `10GB`."""

    adapters: int
    microbytes: int | None
    counted: bool
    in_gb: bool
    start: int
    end: int


class Rank(NamedTuple):
    """Adapters of one LoRA rank; `targets` is None where none were typed, `counted` as in a group."""

    adapters: int
    rank: int
    targets: str | None
    counted: bool
    start: int
    end: int


class Spoken(NamedTuple):
    """A count and a size in words, `2 adapters of 128MB`; `size` is the latter as typed."""

    adapters: int
    size: str
    start: int
    end: int


class Word(NamedTuple):
    """A word of the text, lower case, with its place."""

    text: str
    start: int
    end: int


class Draft:
    """The items of one text, each kind in the order in which it was read."""

    __slots__ = (
        "adapter_words", "groups", "methods", "mixtures", "models", "nones", "numbers", "options", "problems",
        "ranks", "spaces", "spoken",
    )  # fmt: skip

    def __init__(self, spaces: Collection[str] | None = None) -> None:
        self.spaces = spaces
        self.models: list[Model] = []
        self.mixtures: list[Mixture] = []
        self.groups: list[Group] = []
        self.spoken: list[Spoken] = []  # each is a group or a rank too
        self.adapter_words: list[Word] = []  # "adapter", "adapters", "each" outside of these
        self.ranks: list[Rank] = []
        self.nones: list[Word] = []
        self.methods: list[Word] = []
        self.options: dict[str, str] = {}
        self.numbers: list[Word] = []  # a bare number means something else once a model is known
        self.problems: list[Problem] = []

    def crowd(self) -> int:
        """How many there are of the items that a request has once."""
        return len(self.models) + len(self.mixtures) + len(self.numbers) + len(self.methods) + len(self.nones)
