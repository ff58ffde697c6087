"""Explain a result: what still fits, what would be cheaper, and what to watch out for."""

from typing import NamedTuple

from sizing import models, units
from sizing.formula import Breakdown, base_ticks, size, with_overhead
from sizing.methods import METHODS, WIDTH_ASSUMED
from sizing.request import SizingRequest

# Source: vLLM, "Distributed Inference and Serving": the number of attention heads must be divisible by the
# tensor-parallel size; published models have powers of two of them. A node holds at most 8 GPUs.
VALID_GPUS = (1, 2, 4, 8)


class Warning_(NamedTuple):  # noqa: N801 ``Warning`` is a builtin
    """Something the requester should know. The request is sized all the same."""

    code: str
    message: str


class Row(NamedTuple):
    """One method of the comparison: the request with that method, and what it would need."""

    request: SizingRequest
    breakdown: Breakdown

    @property
    def method(self) -> str:
        """The method's name."""
        return self.request.method

    @property
    def gpu_memory_gb_exact(self) -> str:
        """GPU memory in GB, an exact decimal."""
        return self.breakdown.gpu_memory_gb_exact

    @property
    def gpu_memory_gb(self) -> int:
        """GPU memory in whole GB."""
        return self.breakdown.gpu_memory_gb

    @property
    def num_gpus(self) -> int:
        """Number of GPUs."""
        return self.breakdown.num_gpus

    @property
    def num_cpus(self) -> int:
        """Number of CPUs."""
        return self.breakdown.num_cpus

    @property
    def cpu_memory_gb(self) -> int:
        """CPU memory in whole GB."""
        return self.breakdown.cpu_memory_gb

    @property
    def name(self) -> str:
        """The name of the specification."""
        return self.request.spec_name

    @property
    def canonical(self) -> str:
        """The request's canonical text."""
        return self.request.canonical


class Advice(NamedTuple):
    """What a result means.

    Args:
        use_percent: Share of the GPUs' memory in use, with two decimals, halves rounded to even: ``9.84``.
        use_percent_short: The same with one decimal: ``9.8``.
        headroom_gb_exact: Unused GB on the GPUs, as an exact decimal.
        more_fit: How many more adapters of the largest size fit on the same GPUs. None without adapters.
        more_fit_size: The size of such an adapter: ``128MB``.
        largest_base_params: Parameters of the largest base model that fits on the same GPUs with these adapters.
        largest_base: The same, truncated to one decimal: ``106.1b``.
        methods: All methods side by side, in the order of the table.
        cheaper: The first method in the table that needs fewer GPUs, or None.
        next_valid_gpus: The next GPU count that tensor parallelism can start on. None if the computed count is
            valid, or if no single node has enough GPUs.
        warnings: W1 to W6, in that order.
    """

    use_percent: str
    use_percent_short: str
    headroom_gb_exact: str
    more_fit: int | None
    more_fit_size: str | None
    largest_base_params: int
    largest_base: str
    methods: tuple[Row, ...]
    cheaper: Row | None
    next_valid_gpus: int | None
    warnings: tuple[Warning_, ...]


def advise(request: SizingRequest, breakdown: Breakdown) -> Advice:
    """Explain what a result means.

    >>> from sizing import parse
    >>> request = parse("10b 2x128MB qlora4")
    >>> advice = advise(request, size(request))
    >>> advice.use_percent, advice.more_fit, advice.largest_base
    ('9.84', 384, '106.1b')
    """
    room = breakdown.num_gpus * request.gpu_gb * units.TICKS_PER_GB
    rows = compare(request, breakdown)
    largest = largest_base_params(request, breakdown)
    return Advice(
        use_percent=units.half_even(breakdown.raw_ticks * 100, room, 2),
        use_percent_short=units.half_even(breakdown.raw_ticks * 100, room, 1),
        headroom_gb_exact=units.gb_text(room - breakdown.raw_ticks),
        more_fit=more_fit(request, breakdown),
        more_fit_size=request.adapters[0].size if request.adapters else None,
        largest_base_params=largest,
        largest_base=_short(largest),
        methods=rows,
        cheaper=cheaper(breakdown, rows),
        next_valid_gpus=next_valid_gpus(breakdown.num_gpus),
        warnings=warnings(request, breakdown),
    )


def more_fit(request: SizingRequest, breakdown: Breakdown) -> int | None:
    """Count how many adapters of the largest size can be added before another GPU is needed."""
    if not request.adapters:
        return None
    room = breakdown.num_gpus * request.gpu_gb * units.TICKS_PER_GB
    one = with_overhead(request.adapters[0].microbytes * units.TICKS_PER_MICROBYTE)
    return (room - breakdown.raw_ticks) // one


def largest_base_params(request: SizingRequest, breakdown: Breakdown) -> int:
    """Return the parameters of the largest base model that fits on the same GPUs, all else being equal."""
    room = breakdown.num_gpus * request.gpu_gb * units.TICKS_PER_GB
    one = base_ticks(1, METHODS[request.method].half_bytes)
    return (2 * room - 3 * breakdown.adapter_ticks) // (3 * one)


def compare(request: SizingRequest, breakdown: Breakdown) -> tuple[Row, ...]:
    """Size the request with every method. Its own method keeps the given breakdown."""
    own = Row(request, breakdown)
    others = (None if name == request.method else request.with_method(name) for name in METHODS)
    return tuple(own if other is None else Row(other, size(other)) for other in others)


def cheaper(breakdown: Breakdown, rows: tuple[Row, ...]) -> Row | None:
    """Return the method with the least quantization that needs fewer GPUs than the request's own."""
    return next((row for row in rows if row.num_gpus < breakdown.num_gpus), None)


def next_valid_gpus(num_gpus: int) -> int | None:
    """Return the next GPU count that tensor parallelism can start on. None if this one is valid or above 8."""
    if num_gpus in VALID_GPUS:
        return None
    return next((valid for valid in VALID_GPUS if valid > num_gpus), None)


def warnings(request: SizingRequest, breakdown: Breakdown) -> tuple[Warning_, ...]:
    """Return what to watch out for, in the order of the codes."""
    found = []
    gpus, word = breakdown.num_gpus, request.method_word
    if gpus not in VALID_GPUS:
        valid = next_valid_gpus(gpus)
        follows = f"the next valid count is {valid}" if valid else "the next is more than one 8-GPU node"
        found.append(Warning_("W1", f"Tensor parallelism usually cannot start on {gpus} GPUs; {follows}."))
    if gpus > VALID_GPUS[-1]:
        found.append(Warning_("W2", f"{gpus} GPUs are more than one 8-GPU node."))
    if request.adapters and _one_adapter_ticks(request) > breakdown.base_ticks:
        found.append(
            Warning_("W3", f"One adapter ({request.adapters[0].size}) is larger than the base model.")
        )
    if word is None:
        found.append(Warning_("W4", f"No method was given: {request.method} is assumed, the largest."))
    elif word in WIDTH_ASSUMED:
        found.append(
            Warning_(
                "W4", f"“{word}” comes in more than one width: {METHODS[request.method].bits}-bit is assumed."
            )
        )
    unsupported = _unsupported(request)
    if unsupported is not None:
        found.append(Warning_("W5", f"IBM's support table has no {unsupported} for {request.model}."))
    if word == "fp8":
        found.append(Warning_("W6", "fp8 uses the 8-bit row."))
    return tuple(found)


def _one_adapter_ticks(request: SizingRequest) -> int:
    """Return the memory of one adapter of the largest size."""
    return request.adapters[0].microbytes * units.TICKS_PER_MICROBYTE


def _unsupported(request: SizingRequest) -> str | None:
    """Name the requested technique if IBM's support table says that the model does not support it.

    Source: IBM Software Hub 2.1.x documentation, "Requirements for deploying PEFT models", kept in ``models.csv``.
    """
    if request.model is None:
        return None
    technique = METHODS[request.method].technique
    return technique if models.table()[request.model].support(technique) == "no" else None


def _short(params: int) -> str:
    """Write a parameter count in billions (or millions), truncated to one decimal: never more than fits."""
    scale = "b" if params >= units.PARAMS_PER["b"] else "m"
    tenths = params * 10 // units.PARAMS_PER[scale]
    return f"{units.decimal_text(tenths, 10)}{scale}"
