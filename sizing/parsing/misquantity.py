"""Explain numbers and sizes in a notation that the grammar does not read, and what they should have been.

A guess is only ever suggested, never used: a wrong one would change a unit or an order of magnitude unnoticed.
"""

import re
from collections.abc import Callable
from fractions import Fraction

from sizing import methods
from sizing.parsing import limits
from sizing.parsing.draft import Draft, Model, Problem, instead
from sizing.parsing.nearest import method_word, quote
from sizing.parsing.tokens import END, FOREIGN_UNIT, NUMBER, SCALE, TIMES, Cursor
from sizing.units import params_text

_UNIT = r"[kmg]i?b"
_COUNT = rf"(?:(?P<count>[0-9]+){TIMES})?"
_TAIL = rf"\s?(?P<tail>{SCALE}|{_UNIT})?{END}"
_MINUS = "-−–—‐‑"


def _negative(found: re.Match[str], _cursor: Cursor, draft: Draft) -> Problem:
    """``-10b``, ``-2x128MB``, ``2x-128MB``."""
    start, end = found.span()
    fixed = found["before"] + found["after"]
    if "x" in fixed or "*" in fixed.lower() or re.search(rf"{_UNIT}\Z", fixed, re.IGNORECASE):
        message = "The number of adapters can't be negative. For none, write none."
        if found["before"]:
            message = "An adapter must be larger than 0; drop the minus sign."
    else:
        message = "Model size must be greater than 0; drop the minus sign."
        draft.models.append(Model(None, None, start, end))
    return instead("E07", message, start, end, fixed)


def _not_a_number(found: re.Match[str], _cursor: Cursor, draft: Draft) -> Problem:
    """``nanb``, ``inf b``."""
    start, end = found.span()
    draft.models.append(Model(None, None, start, end))
    message = f"{quote(found[0])} is not a model size."
    return instead("E06", message, start, end, "10b", invents=True)


def _spelling(found: re.Match[str], _cursor: Cursor, draft: Draft) -> Problem | None:
    """``7,5b``, ``10_000m``, ``1e10``, ``1/2b``, ``.5b``, ``10.b``: a number in another notation."""
    start, end = found.span()
    value, advice = _value(found)
    tail = found["tail"] or ""
    count = f"{found['count']}x" if found["count"] else ""
    is_size = re.fullmatch(_UNIT, tail, re.IGNORECASE) or count
    if not is_size:
        draft.models.append(Model(None, None, start, end))
    if value is None:
        typed = quote(found[0])
        fixed = f"{count}128MB" if is_size else "10b"
        return instead("E06", f"{typed} is not a number I can read.", start, end, fixed, invents=True)
    if not tail:
        tail = "MB" if is_size else ""
        if not is_size:
            return _bare(Fraction(value), value, advice, start, end)
    fixed = f"{count}{value}{tail}"
    shown = quote(fixed, "")
    if not is_size and tail.lower() == "m" and Fraction(value) >= 1000:  # noqa: PLR2004 a thousand million is a billion
        fixed = params_text(int(Fraction(value) * 10**6))
        shown += f" or {quote(fixed, '')}"
    return instead("E06", f"{advice}: write {shown}.", start, end, fixed)


def _bare(exact: Fraction, value: str, advice: str, start: int, end: int) -> Problem:
    """A number in another notation without a scale: a raw parameter count if it is large, otherwise billions."""
    if exact.denominator == 1 and exact >= limits.FEWEST_PARAMS:
        fixed = params_text(int(exact)) if exact <= limits.MOST_PARAMS else "10t"
        return instead("E06", f"{advice}: write {fixed}.", start, end, fixed)
    fixed = f"{value}b"
    return instead("E06", f"{advice}: write {quote(fixed, '')}.", start, end, fixed)


def _value(found: re.Match[str]) -> tuple[str | None, str]:
    """Return the plain decimal that was meant, and the rule that the notation breaks."""
    typed = found["number"]
    if found["exponent"]:
        return _decimal(_power(typed)), "No exponents"
    if found["fraction"]:
        over, _, under = typed.partition("/")
        return _decimal(Fraction(int(over), int(under)) if int(under) else None), "No fractions"
    if found["thousands"]:
        mark = "underscores in numbers" if "_" in typed else "thousands separators"
        return re.sub(r"[,_'’ ]", "", typed), f"No {mark}"
    if found["comma"]:
        return typed.replace(",", "."), "Use a point for decimals"
    if found["points"]:
        return None, "One point at most"
    if typed.startswith("."):
        return f"0{typed}", "A digit before the point"
    return typed.rstrip("."), "A digit after the point"


def _power(typed: str) -> Fraction | None:
    """Return the value of ``1e10``, if it is plausible."""
    digits, _, exponent = typed.lower().partition("e")
    if len(exponent) > 3:  # noqa: PLR2004 a sign and two digits
        return None
    return Fraction(digits) * Fraction(10) ** int(exponent)


def _decimal(exact: Fraction | None) -> str | None:
    """Write a value as a plain decimal of at most 9 places. None if it has more."""
    if exact is None or 10**9 % exact.denominator:
        return None
    text = str(int(exact * 10**9)).rjust(10, "0")
    return f"{text[:-9]}.{text[-9:]}".rstrip("0").rstrip(".")


def _three_factors(found: re.Match[str], _cursor: Cursor, _draft: Draft) -> Problem:
    """``2x3x128MB``, ``2x4xr16``."""
    return limits.two_counts(found[0], found[1], found[2], found[3], found.start())


def _no_size(found: re.Match[str], _cursor: Cursor, _draft: Draft) -> Problem:
    """``2x``."""
    start, end = found.span()
    message = f"{quote(found[0])} says how many adapters but not how big."
    return instead("E04", message, start, end, f"{found[1]}x128MB", invents=True)


def _no_count(found: re.Match[str], _cursor: Cursor, _draft: Draft) -> Problem:
    """``x128MB``, ``128MBx``."""
    start, end = found.span()
    message = f"{quote(found[0])} says how big but not how many."
    return instead("E04", message, start, end, f"1x{found['size']}")


def _other_times(found: re.Match[str], _cursor: Cursor, _draft: Draft) -> Problem:
    """``2@128MB``."""
    start, end = found.span()
    message = f"{quote(found[2])} is not understood between count and size; use x."
    return instead("E02", message, start, end, f"{found[1]}x{found[3]}")


def _width(found: re.Match[str], _cursor: Cursor, _draft: Draft) -> Problem | None:
    """``3 bit``, ``3bit``."""
    start, end = found.span()
    bits = int(found[1])
    if bits > 64:  # noqa: PLR2004 no number format is wider: the size of an adapter in bits
        return None
    row = methods.for_bits(bits)
    return instead("E14", methods.no_row_for(found[1]), start, end, row)


def _foreign(found: re.Match[str], cursor: Cursor, draft: Draft) -> Problem | None:
    """``2x128Mbit``, ``2x128M``, ``2x128``, ``10g``: a number with an unknown unit, or without a unit."""
    start, end = found.span()
    number, unit = found["number"], found["unit"] or ""
    lower = unit.lower()
    count = f"{found['count']}x" if found["count"] else ""
    modelled = any(m.params for m in draft.models) or _A_MODEL.search(cursor.text) is not None
    if not count and not modelled and not re.search("bit|byte|bps|b/s|[kmg]i?b", lower):
        return _not_a_scale(number, unit, draft, start, end)
    if not count and method_word(found[0].lower()) is not None:
        return None
    fixed = _in_bytes(count, number, lower)
    shown = quote(fixed, "")
    if not unit:
        message = f"{quote(found[0])} has no unit: KB, MB or GB. Did you mean {shown}?"
    elif re.search("bit|bps|b/s", lower):
        message = f"{quote(unit)} is bits; adapter files are sized in bytes. Did you mean {shown}?"
    elif lower == "m":
        message = f"{quote(number + unit)} could be megabytes or million parameters. Write {shown}."
    elif lower in {"t", "p", "tb", "pb", "tib", "pib"}:
        message = f"Adapters are sized in KB, MB or GB; {quote(unit)} is too large to be an adapter."
    else:
        message = f"{quote(unit)} is no size I know. Adapters are sized in KB, MB or GB: {shown}."
    return instead("E04", message, start, end, fixed)


def _in_bytes(count: str, number: str, unit: str) -> str:
    """Write the number in the most likely unit of bytes, or in megabytes if that is too large."""
    letter = unit[:1].upper() if unit[:1] in {"k", "m", "g"} else "M"
    if limits.size_problem(count, number, f"{letter}B", 0, 0) is not None:
        letter = "M"
    return f"{count}{number}{letter}B"


def _not_a_scale(number: str, unit: str, draft: Draft, start: int, end: int) -> Problem:
    """``10g``: a number in the place of the model whose unit is not a scale."""
    draft.models.append(Model(None, None, start, end))
    scales = "b (billion), m (million) or t (trillion)"
    message = f"{quote(unit)} is not a model scale. Model size is in parameters: {scales}."
    if unit.lower() in {"tb", "pb", "tib", "pib"}:
        return instead("E13", message, start, end, "10b", invents=True)
    scale = "t" if unit.lower().startswith("tr") else "m" if unit.lower().startswith("mil") else "b"
    return instead("E13", message, start, end, f"{number}{scale}")


def _compile(pattern: str) -> re.Pattern[str]:
    """Compile a row of the table."""
    return re.compile(pattern, re.IGNORECASE | re.ASCII)


_SIZE = rf"(?:{NUMBER}\s*{_UNIT}|r[0-9]+(?::(?:all|attn|qv))?)"
_A_MODEL = _compile(rf"(?<![^\s]){NUMBER}\s?{SCALE}{END}")
_SPELLINGS = (
    r"(?P<exponent>[0-9]+(?:\.[0-9]+)?e[+-]?[0-9]+)"
    r"|(?P<fraction>[0-9]+/[0-9]+)"
    r"|(?P<thousands>[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]+(?:[_'’][0-9]+)+(?:\.[0-9]+)?"
    rf"|[0-9]{{1,3}}(?: [0-9]{{3}})+(?= ?{SCALE}{END}))"
    r"|(?P<comma>[0-9]+,[0-9]+)"
    r"|(?P<points>[0-9]+(?:\.[0-9]+){2,})"
    r"|\.[0-9]+|[0-9]+\."
)

MISTAKES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], Cursor, Draft], Problem | None]], ...] = (
    (_compile(rf"(?P<before>(?:[0-9]+{TIMES})?)[{_MINUS}]+(?P<after>[0-9][^\s+,&]*)"), _negative),
    (_compile(rf"(?:nan|inf|infinity)\s?(?:{SCALE}|{_UNIT}){END}"), _not_a_number),
    (_compile(rf"{_COUNT}(?P<number>{_SPELLINGS}){_TAIL}"), _spelling),
    (_compile(rf"([0-9]+){TIMES}([0-9]+){TIMES}({_SIZE}){END}"), _three_factors),
    (_compile(rf"([0-9]+)\s?[x*]{END}"), _no_size),
    (_compile(rf"[x*]\s?(?P<size>{_SIZE}){END}"), _no_count),
    (_compile(rf"[x*]\s?([0-9]+){END}"), _no_size),
    (_compile(rf"(?P<size>{_SIZE})\s?[x*]{END}"), _no_count),
    (_compile(rf"([0-9]+)\s?([^\w\s.,+&()<>{{}}\[\]])\s?({_SIZE}){END}"), _other_times),
    (_compile(rf"([0-9]{{1,2}})\s?-?bits?{END}"), _width),
    (_compile(rf"{_COUNT}(?P<number>{NUMBER})(?:\s?(?P<unit>{FOREIGN_UNIT})|(?P<glued>)){END}"), _foreign),
    (_compile(rf"{_COUNT}(?P<number>{NUMBER})(?P<unit>[a-z]{{1,9}}(?:/s)?){END}"), _foreign),
    # Letters of other scripts that look like a unit or a scale.
    (re.compile(rf"{_COUNT}(?P<number>{NUMBER})(?P<unit>[^\W\d_]{{1,9}}){END}"), _foreign),
)
