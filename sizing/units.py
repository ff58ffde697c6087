"""The two families of units, parameters and bytes of memory. They are never mixed.

Every amount is an integer. Parameters are counted one by one. Adapter sizes are counted in microbytes, because
``13.6MB`` is not a whole number of bytes. Results are counted in ticks, the fraction of a gigabyte in which both
families are integers.
"""

import functools

PARAMS_PER = {
    "b": 10**9, "bn": 10**9, "billion": 10**9,
    "m": 10**6, "million": 10**6,
    "t": 10**12, "trillion": 10**12,
}  # fmt: skip

MICROBYTES_PER_BYTE = 10**6
_KB, _MB, _GB = (1024**power * MICROBYTES_PER_BYTE for power in (1, 2, 3))
# MB and MiB are the same: the published rule divides an adapter's megabytes by 1024.
MICROBYTES_PER = {"kb": _KB, "kib": _KB, "mb": _MB, "mib": _MB, "gb": _GB, "gib": _GB}

TICKS_PER_GB = 2**37 * 5**9
TICKS_PER_HALF_BYTE_PARAM = TICKS_PER_GB // (2 * 10**9)
TICKS_PER_MICROBYTE = TICKS_PER_GB // _GB

SIZE_DECIMALS = 6  # at most, in a typed adapter size
_CANONICAL_DECIMALS = 3
_PLACES = 37  # every quotient here is a finite decimal with at most this many places
_SHIFT = 10**_PLACES


def count_of(number: str, per: int) -> int | None:
    """Convert a typed number of units to an integer count of the family's smallest unit.

    Args:
        number: Digits, optionally with a decimal point and more digits.
        per: How many of the smallest unit make up one unit.

    Returns:
        The exact count, or None if it would not be an integer.

    >>> count_of("7.5", 10**9)
    7500000000
    """
    digits, _, decimals = number.partition(".")
    if not decimals:
        return int(digits) * per
    count, rest = divmod(int(digits + decimals) * per, 10 ** len(decimals))
    return None if rest else count


def decimal_text(count: int, per: int) -> str:
    """Write ``count / per`` as an exact decimal without trailing zeros.

    >>> decimal_text(63, 8)
    '7.875'
    """
    units, rest = divmod(count, per)
    if not rest:
        return str(units)
    places = str(rest * _SHIFT // per).rjust(_PLACES, "0").rstrip("0")
    return f"{units}.{places}"


def gb_text(ticks: int) -> str:
    """Write ticks as an exact number of gigabytes."""
    return decimal_text(ticks, TICKS_PER_GB)


@functools.lru_cache(maxsize=1024)
def params_text(params: int) -> str:
    """Write a parameter count in the largest scale in which it is at least 1.

    >>> params_text(200_000_000)
    '200m'
    """
    for scale in ("t", "b"):
        if params >= PARAMS_PER[scale]:
            return decimal_text(params, PARAMS_PER[scale]) + scale
    return decimal_text(params, PARAMS_PER["m"]) + "m"


@functools.lru_cache(maxsize=1024)
def size_parts(microbytes: int) -> tuple[str, str]:
    """Write an adapter size in the largest unit in which it is at least 1 and has at most 3 decimals.

    If there is none, use the unit with the fewest decimals, and the larger unit of equals.

    >>> size_parts(1000 * 1024**2 * 10**6)
    ('1000', 'MB')
    """
    for unit, per in (("GB", _GB), ("MB", _MB), ("KB", _KB)):
        if microbytes >= per and microbytes * 10**_CANONICAL_DECIMALS % per == 0:
            return decimal_text(microbytes, per), unit
    texts = [(decimal_text(microbytes, per), unit) for unit, per in (("GB", _GB), ("MB", _MB), ("KB", _KB))]
    return min(texts, key=lambda text: len(text[0].partition(".")[2]))


def half_even(count: int, per: int, decimals: int) -> str:
    """Write ``count / per`` rounded to ``decimals`` places, halves to even.

    >>> half_even(525, 8, 2)
    '65.62'
    """
    steps, rest = divmod(count * 10**decimals, per)
    if 2 * rest > per or (2 * rest == per and steps % 2):
        steps += 1
    if not decimals:
        return str(steps)
    units, places = divmod(steps, 10**decimals)
    return f"{units}.{places:0{decimals}d}"
