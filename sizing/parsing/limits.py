"""The limits of a request, and how to explain that one is exceeded."""

from sizing.parsing.draft import Problem, instead
from sizing.parsing.nearest import quote
from sizing.units import MICROBYTES_PER, PARAMS_PER, SIZE_DECIMALS, count_of

LONGEST_TEXT = 300
LONGEST_CANONICAL = 4000
FEWEST_PARAMS, MOST_PARAMS = 10**6, 10**13
MOST_ADAPTERS = 1000
LARGEST_ADAPTER = 100 * MICROBYTES_PER["gb"]
# Source: vLLM, ``MaxLoRARanks`` in ``vllm/config/lora.py``: the largest accepted rank is 512.
LARGEST_RANK = 512
GPU_GB = range(8, 1025)

_SMALLER = {"gb": "MB", "gib": "MiB", "mb": "KB", "mib": "KiB"}


def model_problem(number: str, scale: str, start: int, end: int) -> Problem:
    """Explain why a parameter count cannot be sized."""
    per = PARAMS_PER[scale.lower()]
    exact = count_of(number, per)
    digits = len(str(per)) - 1
    params = count_of(rounded(number, digits), per) or 0

    if exact == 0:
        return instead("E07", "Model size must be greater than 0.", start, end, "10b", invents=True)
    if params < FEWEST_PARAMS:
        message = "Smallest model is 1m (one million parameters)."
        return instead("E08", message, start, end, "1m", invents=True)
    if params > MOST_PARAMS:
        message = "Largest model is 10t (ten trillion parameters)."
        return instead("E08", message, start, end, "10t", invents=True)
    message = f"One parameter is the finest step: at most {digits} decimals before {scale}."
    return instead("E09", message, start, end, rounded(number, digits) + scale)


def size_problem(count: str, number: str, unit: str, start: int, end: int) -> Problem | None:
    """Explain why an adapter size cannot be sized. None if it can.

    Args:
        count: The count with its ``x``, as it stands before a corrected size. May be empty.
    """
    per = MICROBYTES_PER[unit.lower()]
    if not number.strip("0."):
        message = "An adapter must be larger than 0. For no adapters, write none."
        return instead("E07", message, start, end, f"{count}128MB", invents=True)
    microbytes = count_of(rounded(number, SIZE_DECIMALS), per) or 0
    if microbytes > LARGEST_ADAPTER:
        smaller = _SMALLER.get(unit.lower())
        message = f"One adapter may be at most 100GB; you wrote {quote(number + unit, marks='')}."
        typed = rounded(number, SIZE_DECIMALS)
        if smaller and (count_of(typed, MICROBYTES_PER[smaller.lower()]) or 0) <= LARGEST_ADAPTER:
            message += f" Did you mean {quote(typed + smaller, marks='')}?"
            return instead("E08", message, start, end, f"{count}{typed}{smaller}")
        return instead("E08", message, start, end, f"{count}128MB", invents=True)
    if len(number.partition(".")[2]) > SIZE_DECIMALS:
        shorter = rounded(number, SIZE_DECIMALS)
        invents = not shorter.strip("0.")
        fixed = f"{count}{'0.000001' if invents else shorter}{unit}"
        return instead("E09", "At most 6 decimals in an adapter size.", start, end, fixed, invents=invents)
    return None


def rounded(number: str, decimals: int) -> str:
    """Round a typed number to this many decimals, halves up."""
    digits, _, places = number.partition(".")
    if len(places) <= decimals:
        return number
    steps = int(digits + places[:decimals]) + (places[decimals] >= "5")
    text = str(steps).rjust(decimals + 1, "0")
    return f"{text[:-decimals]}.{text[-decimals:]}"


def two_counts(typed: str, first: str, second: str, size: str, start: int) -> Problem:
    """Explain that a group has two counts, before and after its size or both before it."""
    total = int(first) * int(second)
    message = f"{quote(typed)} has two counts. "
    message += (
        f"{quote(first, '')}x{quote(second, '')} adapters of {quote(size, '')} is {quote(str(total), '')}x."
    )
    end = start + len(typed)
    return instead("E04", message, start, end, f"{total}x{size}")


def rank_problem(count: str | None, rank: str, targets: str | None, start: int, end: int) -> Problem:
    """Explain why a LoRA rank cannot be sized."""
    code, nearest = ("E08", LARGEST_RANK) if int(rank) else ("E07", 16)
    fixed = f"{count}x" if count else ""
    fixed += f"r{nearest}" + (f":{targets}" if targets else "")
    message = f"LoRA rank must be 1 to {LARGEST_RANK} (the largest vLLM accepts)."
    return instead(code, message, start, end, fixed, invents=True)
