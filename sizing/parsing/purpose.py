"""What a request is for: ``10b 2x128MB for="quarterly eval"``. It is no part of what is sized.

The purpose stands in quotes behind everything else, so it may hold any text, quotes included: it begins at the first
``for=`` and ends at the last quote of the text. No fix repeats it.
"""

import re
from collections.abc import Callable

from sizing.errors import SizingError
from sizing.parsing.repair import EXAMPLE
from sizing.parsing.tokens import QUOTES

LONGEST_PURPOSE = 200
_BEGINS = re.compile(r"(?:^|(?<=\s))for=", re.IGNORECASE)
_EXAMPLE = 'for="quarterly eval"'


def split(text: str, runs: Callable[[str], bool]) -> tuple[str, str | None]:
    """Split a text into the request and what it is for.

    Args:
        runs: Whether a text can be sized, for the example in an error.

    Returns:
        The request, a prefix of the text, and the purpose; None where the text names none.

    Raises:
        SizingError: The purpose is empty, too long, not in quotes, or not last.
    """
    found = _BEGINS.search(text)
    if found is None:
        return text, None
    request, quoted = text[: found.start()].rstrip(), text[found.end() :].strip()
    problem = _problem(quoted)
    purpose = tidy(quoted[1:-1])
    if problem is None and not purpose:
        problem = ("E11", "for= needs a purpose.")
    if problem is None and len(purpose) > LONGEST_PURPOSE:
        problem = ("E17", f"The purpose is {len(purpose)} characters; at most {LONGEST_PURPOSE}.")
    if problem is None:
        return request, purpose
    code, message = problem
    rest = f"{request} {_behind(quoted)}".strip()
    example = f"{rest if runs(rest) else EXAMPLE} {_EXAMPLE}"
    span = (found.start(), max(len(text.rstrip()), found.end()))
    raise SizingError(code, message, source=text, span=span, example=example)


def tidy(text: str) -> str:
    r"""Return a purpose on one line, without what cannot be printed.

    >>> tidy(" quarterly\n eval ")
    'quarterly eval'
    """
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _problem(quoted: str) -> tuple[str, str] | None:
    """Return code and message for a purpose that is not in quotes up to the end of the text."""
    if len(quoted) > 1 and quoted[0] in QUOTES and quoted[-1] in QUOTES:
        return None
    if not quoted or quoted[0] not in QUOTES:
        return "E11", f"Put the purpose in quotes: {_EXAMPLE}."
    if any(char in QUOTES for char in quoted[1:]):
        return "E11", "The purpose comes last: nothing may follow its closing quote."
    return "E11", "The purpose has no closing quote."


def _behind(quoted: str) -> str:
    """Return what follows the last closing quote, if there is one."""
    closing = max(quoted.rfind(mark) for mark in QUOTES)
    return quoted[closing + 1 :].strip() if closing > 0 else ""
