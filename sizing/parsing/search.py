"""Search the model table while somebody types: by a number, or by a part of a name."""

from typing import NamedTuple

from sizing import models
from sizing.errors import SizingError
from sizing.parsing.grammar import parse
from sizing.parsing.nearest import model_name

_LONGEST = 100
_SCALES = ("", "b")
"""What may be missing after a number: ``13`` finds ``13b``."""


class Found(NamedTuple):
    """A base model: how a request names it, and how many parameters it has."""

    name: str
    params: int


def search(query: str, limit: int = 25) -> tuple[Found, ...]:
    """Find base models.

    Args:
        query: What was typed so far. An empty query finds all models.
        limit: Maximum number of results.

    Returns:
        A typed number first, then the models whose names begin with the query, then those that contain it. If there
        are none, the model whose name was misspelled.

    >>> search("13")[0]
    Found(name='13b', params=13000000000)
    """
    typed = query.strip()[:_LONGEST]
    wanted = models.key(typed).strip("-")
    found = [exact] if typed and (exact := _exact(typed)) else []
    found += [Found(model.name, model.params) for model in _matching(wanted)]
    if not found and (meant := model_name(typed.lower())) is not None:
        found.append(Found(meant, models.table()[meant].params))
    return tuple(dict.fromkeys(found))[:limit]


def _exact(typed: str) -> Found | None:
    """Parse the query as a complete base model."""
    for scale in _SCALES:
        try:
            request = parse(typed + scale)
        except SizingError:
            continue
        if request == parse(request.model_text):
            return Found(request.model_text, request.params)
    return None


def _matching(wanted: str) -> list[models.BaseModel]:
    """Return the models that have this in one of their names; first those whose name begins with it."""
    ranked = []
    for model in models.table().values():
        names = [models.key(name) for name in model.names]
        if any(wanted in name for name in names):
            ranked.append((not any(name.startswith(wanted) for name in names), model))
    return [model for _, model in sorted(ranked, key=lambda pair: pair[0])]
