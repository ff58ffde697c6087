"""Size a request by the published formula, in exact whole numbers, with one function for each term.

    GPU memory  = ( billions of parameters * bytes per parameter + sum(count * size in GB) ) + 50 %
    GPUs        = GPU memory / 80 GB, rounded up
    CPUs        = GPUs + 1
    CPU memory  = GPU memory, rounded up to whole GB

Source: IBM watsonx documentation, "Creating customized hardware specifications". Its text can be read in several
ways; this reading reproduces all three of its worked examples (31, 8 and 16 GB).
"""

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from sizing import units
from sizing.methods import METHODS
from sizing.parsing.grammar import parse
from sizing.request import AdapterGroup, SizingRequest


class Term(NamedTuple):
    """One line of the calculation: its label, how it is computed, and the exact number of gigabytes."""

    label: str
    text: str
    gb: str


class Breakdown(BaseModel):
    """What a request needs, and how that was computed.

    ``raw_ticks`` is the exact GPU memory, in ticks (see ``sizing.units``). ``gpu_memory_gb`` and ``cpu_memory_gb`` are
    in whole GB, rounded up.
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
        """The GPU memory in GB as an exact decimal: ``7.875``."""
        return units.gb_text(self.raw_ticks)

    @property
    def formula(self) -> str:
        """The calculation in one line: ``(10 × 0.5 + 2 × 128/1024) × 1.5 = 7.875``."""
        parts = [base_text(self.request), *map(group_text, self.request.adapters)]
        return f"({' + '.join(parts)}) × 1.5 = {self.gpu_memory_gb_exact}"

    @property
    def terms(self) -> tuple[Term, ...]:
        """The calculation line by line: base model, adapter groups, overhead and total."""
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

    Raises:
        SizingError: The text is not a valid request.
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
    """Return the memory of the base model's weights: billions of parameters times bytes per parameter."""
    return params * half_bytes * units.TICKS_PER_HALF_BYTE_PARAM


def group_ticks(group: AdapterGroup) -> int:
    """Return the memory of one group of adapters. They stay in 16 bits, so no method scales them."""
    return group.count * group.microbytes * units.TICKS_PER_MICROBYTE


def with_overhead(ticks: int) -> int:
    """Add the published "50 % additional memory". Weights and adapters are even numbers of ticks: no rounding."""
    return ticks // 2 * 3


def gpus_for(raw_ticks: int, gpu_gb: int) -> int:
    """Return how many GPUs of this memory hold the exact amount. A GPU may be filled completely."""
    return -(-raw_ticks // (gpu_gb * units.TICKS_PER_GB))


def cpus_for(num_gpus: int) -> int:
    """Return the number of CPUs: "Number of GPUs + 1"."""
    return num_gpus + 1


def base_text(request: SizingRequest) -> str:
    """Write the base model's term with the request's numbers: ``10 × 0.5``."""
    billions = units.decimal_text(request.params, units.PARAMS_PER["b"])
    return f"{billions} × {METHODS[request.method].factor}"


def group_text(group: AdapterGroup) -> str:
    """Write an adapter group's term with the request's numbers: ``2 × 128/1024``."""
    number, unit = units.size_parts(group.microbytes)
    return f"{group.count} × {number}" + {"GB": "", "MB": "/1024", "KB": "/1048576"}[unit]
