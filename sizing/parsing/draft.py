"""What has been understood of a text so far, and what has not.

The grammar adds items to a draft one by one. The rules about the request as a whole are checked afterwards.
"""

from collections.abc import Collection
from typing import NamedTuple

from sizing.models import BaseModel

CONFIG_FILE = "config.json"  # the name of a model that was read from a file


class Edit(NamedTuple):
    """Replace the characters from ``start`` to ``end`` with ``text``."""

    start: int
    end: int
    text: str


class Problem(NamedTuple):
    """A mistake: what and where it is, and how to correct it.

    Args:
        message: What is wrong, and what to do.
        edits: The correction. Without edits, the part from ``start`` to ``end`` is left out.
        invents: The edits contain a number or a name that was not typed.
        readings: The edits of each correction, if there are several.
        method: A method that belongs behind the correction, if the text has none anywhere.
    """

    code: str
    message: str
    start: int
    end: int
    edits: tuple[Edit, ...] = ()
    invents: bool = False
    readings: tuple[tuple[Edit, ...], ...] = ()
    method: str = ""


def instead(code: str, message: str, start: int, end: int, text: str, *, invents: bool = False) -> Problem:
    """Return a mistake that another text in its place corrects."""
    return Problem(code, message, start, end, (Edit(start, end, text),), invents)


class Model(NamedTuple):
    """A base model: a parameter count or a row of the table. ``params`` is None if the number is invalid."""

    params: int | None
    known: BaseModel | None
    start: int
    end: int


class Mixture(NamedTuple):
    """``NxMb`` that is no known model: a mixture of experts, or adapters with the wrong unit."""

    experts: str
    billions: str
    start: int
    end: int


class Group(NamedTuple):
    """Adapters of one size, which is None if invalid. ``counted`` distinguishes ``1x10GB`` from ``10GB``."""

    adapters: int
    microbytes: int | None
    counted: bool
    in_gb: bool
    start: int
    end: int


class Rank(NamedTuple):
    """Adapters of one LoRA rank. ``targets`` is None if not typed, ``counted`` as in ``Group``."""

    adapters: int
    rank: int
    targets: str | None
    counted: bool
    start: int
    end: int


class Spoken(NamedTuple):
    """Adapters in words, ``2 adapters of 128MB``. ``size`` is as typed."""

    adapters: int
    size: str
    start: int
    end: int


class Word(NamedTuple):
    """A word of the text, in lower case, with its position."""

    text: str
    start: int
    end: int


class Draft:
    """The items of a text, each kind in the order of the text."""

    __slots__ = (
        "adapter_words", "groups", "methods", "mixtures", "models", "nones", "numbers", "options", "problems",
        "ranks", "spaces", "spoken",
    )  # fmt: skip

    def __init__(self, spaces: Collection[str] | None = None) -> None:
        self.spaces = spaces
        self.models: list[Model] = []
        self.mixtures: list[Mixture] = []
        self.groups: list[Group] = []
        self.spoken: list[Spoken] = []  # each of them is also a group or a rank
        self.adapter_words: list[Word] = []  # "adapter", "adapters", "each" outside of these
        self.ranks: list[Rank] = []
        self.nones: list[Word] = []
        self.methods: list[Word] = []
        self.options: dict[str, str] = {}
        self.numbers: list[Word] = []  # what a bare number means depends on whether there is a model
        self.problems: list[Problem] = []
