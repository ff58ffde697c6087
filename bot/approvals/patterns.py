"""The policy's patterns, matched against what people type.

RE2 runs in time linear in the text, for any pattern and text; Python's ``re`` can be kept busy for ever by ``(a+)+$``
and thirty letters. Source: https://github.com/google/re2/wiki/WhyRE2.
"""

from __future__ import annotations

import functools
import re
from typing import Any


def pattern(text: str) -> str:
    """Validate a pattern.

    Raises:
        ValueError: It is not a valid pattern.
    """
    try:
        _compiled(text)
    except ValueError as error:
        msg = f"must be a regular expression as RE2 takes it: {error}"
        raise ValueError(msg) from None
    return text


def link(text: str) -> str:
    """Validate an address with a place for the match.

    Raises:
        ValueError: It is not valid.
    """
    if not re.fullmatch(r"https://[^\s<>|{}/]+/[^\s<>|{}]*(?:\{match\}[^\s<>|{}]*)+", text, re.ASCII):
        msg = (
            "must be an https address that holds {match}, such as https://tracker.example.com/browse/{match}"
        )
        raise ValueError(msg)
    return text


def first_match(text: str, sought: str) -> tuple[int, int] | None:
    """Return where a pattern first matches in a text; None if it does not, or matches nothing."""
    match = _compiled(sought).search(text)
    if match is None or not match[0]:
        return None
    start, end = match.span()
    return start, end


def matches_whole(text: str, sought: str) -> bool:
    """Return whether a pattern matches a whole text."""
    return _compiled(sought).fullmatch(text) is not None


@functools.lru_cache(maxsize=8)
def _compiled(text: str) -> Any:
    """Compile a pattern; the engine is imported only for a policy with patterns."""
    import re2  # type: ignore[import-untyped]  # the package has no stubs

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(text, options)
    except re2.error as error:
        reason = error.args[0]
        raise ValueError(reason.decode() if isinstance(reason, bytes) else str(reason)) from None
