"""The three rows of the sizing table, and the words people use for them.

Source: IBM watsonx documentation, "Creating customized hardware specifications", section "Calculating GPU memory
for LoRA and QLoRA models". The page's worked 8-bit example multiplies by 1 (its total, 15.375, needs that), so the
sentence "multiplied by 0.5" under it is taken as a slip, and so is its `0.128` for a 128 MB adapter.
"""

from typing import Literal, NamedTuple

MethodName = Literal["lora", "qlora8", "qlora4"]


class Method(NamedTuple):
    """One row of the sizing table.

    `half_bytes` is the memory of one parameter in halves of a byte, so that 4-bit weights stay whole numbers.
    """

    name: MethodName
    bits: int
    half_bytes: int
    factor: str
    title: str


METHODS: dict[MethodName, Method] = {
    # The table of non-quantized models: "Number of Billion parameters * 2"
    "lora": Method("lora", bits=16, half_bytes=4, factor="2", title="LoRA, 16-bit"),
    # The table "For 8-bit quantized models": billions of parameters, times nothing
    "qlora8": Method("qlora8", bits=8, half_bytes=2, factor="1", title="QLoRA, 8-bit"),
    # The table "For 4-bit quantized models": "Number of Billion parameters * 0.5"
    "qlora4": Method("qlora4", bits=4, half_bytes=1, factor="0.5", title="QLoRA, 4-bit"),
}

DEFAULT: MethodName = "lora"  # the largest row: a forgotten word can only over-size

WORDS: dict[str, MethodName] = {
    "lora": "lora", "fp16": "lora", "bf16": "lora", "16bit": "lora", "16-bit": "lora",
    "qlora8": "qlora8", "int8": "qlora8", "8bit": "qlora8", "8-bit": "qlora8", "qlora-8bit": "qlora8",
    "fp8": "qlora8", "w8a8": "qlora8",
    "qlora4": "qlora4", "nf4": "qlora4", "int4": "qlora4", "4bit": "qlora4", "4-bit": "qlora4",
    "qlora-4bit": "qlora4", "w4a16": "qlora4",
    "qlora": "qlora4", "awq": "qlora4", "gptq": "qlora4",
}  # fmt: skip

# These name a technique that exists in more than one width: read as 4-bit, and said aloud.
WIDTH_ASSUMED = frozenset({"qlora", "awq", "gptq"})


def for_bits(bits: int) -> MethodName:
    """Name the row that holds weights of this width: rounded up where one is wide enough."""
    rows = sorted(METHODS.values(), key=lambda row: row.bits)
    return next((row.name for row in rows if bits <= row.bits), DEFAULT)
