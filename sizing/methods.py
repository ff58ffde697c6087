"""The rows of the sizing table and the words that people use for them.

To add a method, add a row: grammar, suggestions, advice, policy files, help and card all read this table.

Source: IBM watsonx documentation, "Creating customized hardware specifications", section "Calculating GPU memory
for LoRA and QLoRA models". The page's worked 8-bit example multiplies by 1 (as its total, 15.375, requires), so we
treat the sentence "multiplied by 0.5" below it as a mistake, and also its ``0.128`` for a 128 MB adapter.
"""

from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator


class Method(NamedTuple):
    """One row of the sizing table.

    Args:
        name: As in the canonical text.
        bits: Width of one weight of the base model.
        half_bytes: Memory of one parameter in half bytes, so that 4-bit weights are integers.
        factor: The same in bytes, as the formula prints it.
        technique: The name in IBM's support table.
        words: Synonyms that imply the width, besides ``8bit`` and ``8-bit``.
        vague: Synonyms that exist in several widths. They select this row, with a warning.
    """

    name: str
    bits: int
    half_bytes: int
    factor: str
    technique: Literal["LoRA", "QLoRA"]
    words: tuple[str, ...]
    vague: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The method as the card shows it: ``QLoRA, 4-bit``."""
        return f"{self.technique}, {self.bits}-bit"

    @property
    def quantized(self) -> bool:
        """Whether the base model's weights have fewer than 16 bits."""
        return self.bits < _FULL_WIDTH


_FULL_WIDTH = 16

METHODS: dict[str, Method] = {
    row.name: row
    for row in (
        # Table of non-quantized models: "Number of Billion parameters * 2"
        Method("lora", 16, 4, "2", "LoRA", ("fp16", "bf16")),
        # Table "For 8-bit quantized models": billions of parameters, without a factor
        Method("qlora8", 8, 2, "1", "QLoRA", ("int8", "q8", "fp8", "w8a8", "bnb-8bit")),
        # Table "For 4-bit quantized models": "Number of Billion parameters * 0.5"
        Method(
            "qlora4",
            4,
            1,
            "0.5",
            "QLoRA",
            ("nf4", "int4", "q4", "w4a16", "bnb-4bit"),
            ("qlora", "awq", "gptq"),
        ),
    )
}

DEFAULT = "lora"  # the largest row: leaving the method out can only oversize

WIDTH_ASSUMED = frozenset(word for row in METHODS.values() for word in row.vague)


def _words(row: Method) -> tuple[str, ...]:
    """Return all words for a row: its own, its width (``8bit``), and a technique with a width (``gptq-int8``)."""
    found = [row.name, *row.words, *row.vague, f"{row.bits}bit", f"{row.bits}-bit"]
    if row.quantized:
        forms = (f"{row.bits}bit", f"{row.bits}-bit", f"int{row.bits}")
        found += [f"{technique}-{form}" for technique in WIDTH_ASSUMED for form in forms]
    return tuple(found)


WORDS: dict[str, str] = {word: row.name for row in METHODS.values() for word in _words(row)}
WIDTHS = frozenset(row.bits for row in METHODS.values())
LISTED = ", ".join(METHODS)
_LISTED_WIDTHS = ", ".join(f"{row.bits}-bit ({row.name})" for row in METHODS.values())


def _known(name: str) -> str:
    """Check that a row has this name."""
    if name not in METHODS:
        raise ValueError(f"is none of {LISTED}")
    return name


MethodName = Annotated[str, AfterValidator(_known)]


def for_bits(bits: int) -> str:
    """Return the name of the narrowest row that holds weights of this width."""
    rows = sorted(METHODS.values(), key=lambda row: row.bits)
    return next((row.name for row in rows if bits <= row.bits), DEFAULT)


def no_row_for(bits: str) -> str:
    """Return the sentence that the table has no row for weights of this width."""
    return f"{bits}-bit is not in the sizing table: it has {_LISTED_WIDTHS}."


def one_method(first: str, second: str) -> str | None:
    """Combine a technique and a width into one method: ``qlora 8bit``, ``gptq int4``, ``lora fp16``.

    Returns:
        The word that gives the width, or None if the two words are different methods.
    """
    for technique, width in ((first, second), (second, first)):
        if technique not in WIDTH_ASSUMED and technique not in METHODS:
            continue
        if width in WIDTH_ASSUMED or width in METHODS:
            continue
        row = METHODS[WORDS[width]]
        if WORDS[technique] == row.name or (technique in WIDTH_ASSUMED and row.quantized):
            return width
    return None
