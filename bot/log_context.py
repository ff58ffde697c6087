"""Facts that every log line of the work at hand carries, such as the request's id."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_bound: ContextVar[Mapping[str, str]] = ContextVar("bound")


@contextmanager
def bind(**facts: str | None) -> Iterator[None]:
    """Put facts on every line logged inside the block; None is left out."""
    token = _bound.set({**bound(), **{key: value for key, value in facts.items() if value}})
    try:
        yield
    finally:
        _bound.reset(token)


def bound() -> Mapping[str, str]:
    """Return the facts bound at this point."""
    return _bound.get({})
