"""Request in, breakdown out: the published formula in exact whole numbers, one function a term.

    GPU memory  = ( billions of parameters * bytes per parameter + sum(count * size in GB) ) + 50 %
    GPUs        = GPU memory / 80 GB, rounded up
    CPUs        = GPUs + 1
    CPU memory  = GPU memory, rounded up to whole GB

Source: IBM watsonx documentation, "Creating customized hardware specifications". Of the readings of its text this
is the one that gives all three of its worked examples (31, 8 and 16 GB).
"""

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from sizing import units
from sizing.methods import METHODS
from sizing.parsing.grammar import parse
from sizing.request import AdapterGroup, SizingRequest


class Term(NamedTuple):
    """One line of the calculation: what it is, how it is computed, and its exact gigabytes."""

    label: str
    text: str
    gb: str


class Breakdown(BaseModel):
    """What a request needs, and how that was computed.

    `raw_ticks` is the exact GPU memory in `units.TICKS_PER_GB`ths of a gigabyte; `gpu_memory_gb` and
    `cpu_memory_gb` are whole GB, rounded up.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: SizingRequest
    base_ticks: int
    adapter_ticks: int
    raw_ticks: int
    gpu_memory_gb: int
    num_gpus: int
    num_cpus: int
    cpu_memory_gb: int

    @property
    def gpu_memory_gb_exact(self) -> str:
        """The GPU memory in GB as an exact decimal: `7.875`."""
        return units.gb_text(self.raw_ticks)

    @property
    def formula(self) -> str:
        """The calculation in one line: `(10 × 0.5 + 2 × 128/1024) × 1.5 = 7.875`."""
        parts = [base_text(self.request), *map(group_text, self.request.adapters)]
        return f"({' + '.join(parts)}) × 1.5 = {self.gpu_memory_gb_exact}"

    @property
    def terms(self) -> tuple[Term, ...]:
        """The calculation line by line: base model, adapter groups, overhead, total."""
        request = self.request
        base = Term("Base model", base_text(request), units.gb_text(self.base_ticks))
        groups = [
            Term(f"{g.count} × {g.size} adapters", group_text(g), units.gb_text(group_ticks(g)))
            for g in request.adapters
        ]
        before = self.base_ticks + self.adapter_ticks
        overhead = Term("Overhead", f"50 % of {units.gb_text(before)}", units.gb_text(before // 2))
        return (base, *groups, overhead, Term("GPU memory", "sum", self.gpu_memory_gb_exact))


def size(request: SizingRequest | str) -> Breakdown:
    """Compute what a request needs.

    >>> size("10b 2x128MB qlora4").gpu_memory_gb_exact
    '7.875'

    Args:
        request: The request, or its text.

    Raises:
        SizingError: The text is no request.
    """
    if isinstance(request, str):
        request = parse(request)
    base = base_ticks(request.params, METHODS[request.method].half_bytes)
    adapters = sum(map(group_ticks, request.adapters))
    raw = with_overhead(base + adapters)
    gb = -(-raw // units.TICKS_PER_GB)
    gpus = gpus_for(raw, request.gpu_gb)
    return Breakdown(
        request=request,
        base_ticks=base,
        adapter_ticks=adapters,
        raw_ticks=raw,
        gpu_memory_gb=gb,
        num_gpus=gpus,
        num_cpus=cpus_for(gpus),
        cpu_memory_gb=gb,
    )


def base_ticks(params: int, half_bytes: int) -> int:
    """Memory of the base model's weights: billions of parameters times bytes per parameter."""
    return params * half_bytes * units.TICKS_PER_HALF_BYTE_PARAM


def group_ticks(group: AdapterGroup) -> int:
    """Memory of one group of adapters; they stay in 16 bits, so no method scales them."""
    return group.count * group.microbytes * units.TICKS_PER_MICROBYTE


def with_overhead(ticks: int) -> int:
    """Add the published "50 % additional memory"; both families count in even ticks, so this stays whole."""
    return ticks // 2 * 3


def gpus_for(raw_ticks: int, gpu_gb: int) -> int:
    """Number of GPUs of this memory that hold the exact amount: a full GPU is not one more."""
    return -(-raw_ticks // (gpu_gb * units.TICKS_PER_GB))


def cpus_for(num_gpus: int) -> int:
    """Number of CPUs: "Number of GPUs + 1"."""
    return num_gpus + 1


def base_text(request: SizingRequest) -> str:
    """The base model's term with the request's numbers: `10 × 0.5`."""
    billions = units.decimal_text(request.params, units.PARAMS_PER["b"])
    return f"{billions} × {METHODS[request.method].factor}"


def group_text(group: AdapterGroup) -> str:
    """One adapter group's term with the request's numbers: `2 × 128/1024`."""
    number, unit = units.size_parts(group.microbytes)
    return f"{group.count} × {number}" + {"GB": "", "MB": "/1024", "KB": "/1048576"}[unit]
