"""Facts on every log line of the current work, such as the request's id."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_bound: ContextVar[Mapping[str, str]] = ContextVar("bound")


@contextmanager
def bind(**facts: str | None) -> Iterator[None]:
    """Add facts to every line logged inside the block, except those that are None."""
    token = _bound.set({**bound(), **{key: value for key, value in facts.items() if value}})
    try:
        yield
    finally:
        _bound.reset(token)


def bound() -> Mapping[str, str]:
    """Return the facts bound at this point."""
    return _bound.get({})
