"""Find the known word that a misspelled word was meant to be, and quote user text safely."""

import functools
import heapq
import re
from collections.abc import Iterable
from typing import NamedTuple

from sizing import methods, models

CANONICAL = (*methods.METHODS, "none")
_SYNONYMS = tuple(word for word in methods.WORDS if word not in CANONICAL)
_SEPARATORS = re.compile(r"[-._]")
_NOT_DIGITS = re.compile(r"[^0-9]")
_SHOWN = 24


def quote(text: str, marks: str = "“”") -> str:
    """Quote a part of the text: shortened, and with unprintable characters as code points.

    >>> quote("a" * 99)
    '“aaaaaaaaaaaaaaaaaaaaaaaa…”'
    """
    shown = "".join(c if c.isprintable() else f"U+{ord(c):04X}" for c in text[: _SHOWN + 1])
    if len(shown) > _SHOWN:
        shown = shown[:_SHOWN] + "…"
    return f"{marks[:1]}{shown}{marks[1:]}"


def method_word(word: str) -> str | None:
    """Find the method that was meant, among the canonical names first, then among their synonyms.

    >>> method_word("qlroa4")
    'qlora4'
    """
    if word.isdigit():
        return None
    squeezed = _SEPARATORS.sub("", word)
    for candidate in (*CANONICAL, *_SYNONYMS):
        if squeezed == candidate.replace("-", ""):
            return candidate
    found = one_edit_away(squeezed, (*CANONICAL, *_SYNONYMS))
    if found is not None:
        return found
    return next((c for c in methods.METHODS if len(c) > 4 and distance_at_most_two(squeezed, c)), None)  # noqa: PLR2004 too short for two mistakes


def model_name(word: str) -> str | None:
    """Find the model that was meant. Never one with different digits.

    >>> model_name("lama-3.1-8b")
    'llama-3.1-8b'
    """
    squeezed = _SEPARATORS.sub("", models.key(word))
    keys = _squeezed_names().get(_NOT_DIGITS.sub("", squeezed), {})
    found = squeezed if squeezed in keys else one_edit_away(squeezed, keys)
    return keys[found] if found is not None else None


@functools.cache
def _squeezed_names() -> dict[str, dict[str, str]]:
    """Return the names of the model table without separators, grouped by their digits."""
    names: dict[str, dict[str, str]] = {}
    for model in models.table().values():
        for name in (model.name, *model.aliases):
            squeezed = _SEPARATORS.sub("", models.key(name))
            names.setdefault(_NOT_DIGITS.sub("", squeezed), {})[squeezed] = model.name
    return names


def one_edit_away(word: str, candidates: Iterable[str]) -> str | None:
    """Return the first candidate that differs by one wrong, missing, added or swapped character."""
    return next((c for c in candidates if len(c) > 2 and _one_edit(word, c)), None)  # noqa: PLR2004 two letters are close to everything


def _one_edit(word: str, other: str) -> bool:
    """Whether one edit, or one swap of neighbours, makes the words equal."""
    if abs(len(word) - len(other)) > 1:
        return False
    at = 0
    for mine, its in zip(word, other, strict=False):
        if mine != its:
            break
        at += 1
    mine, its = word[at:], other[at:]
    return (
        mine[1:] == its[1:]
        or mine[1:] == its
        or mine == its[1:]
        or (mine[2:] == its[2:] and mine[:2] == its[1::-1])
    )


def distance_at_most_two(word: str, other: str) -> bool:
    """Whether two edits make the words equal, for words that are long enough."""
    if not 5 <= len(word) <= 8:  # noqa: PLR2004 the canonical names, with up to two letters more or one less
        return False
    return any(
        _one_edit(variant, other)
        for i in range(len(word))
        for variant in (word[:i] + word[i + 1 :], word[:i] + word[i + 1 : i + 2] + word[i] + word[i + 2 :])
    )


_NAME_PARTS = re.compile(r"[0-9]+(?:\.[0-9]+)?[bm](?![a-z0-9])|[0-9]+(?:\.[0-9]+)?|[a-z]+")
_NEAREST = 3


class _Parts(NamedTuple):
    """The parts of a name: family, size in millions of parameters (0 if there is none), and the rest."""

    name: str
    family: str
    size: float
    others: frozenset[str]


@functools.lru_cache(maxsize=256)
def models_like(name: str) -> tuple[str, ...]:
    """Return the three models that are closest to an unknown name, by family first and then by size.

    >>> models_like("granite-9b")
    ('granite-3.1-8b', 'granite-3.3-8b', 'granite-8b-code')
    """
    typed, families = _parts(name), _families()
    family = typed.family if typed.family in families else one_edit_away(typed.family, families)
    near = sorted(families.get(family or "", ()), key=lambda other: _unlikeness(typed, other))[:_NEAREST]
    if len(near) < _NEAREST and typed.size:
        others = (other for several in families.values() for other in several if other not in near)
        near += heapq.nsmallest(_NEAREST - len(near), others, lambda other: -_size_likeness(typed, other))
    return tuple(other.name for other in near)


@functools.cache
def _families() -> dict[str, list[_Parts]]:
    """Return the parts of the names in the model table, by family."""
    found: dict[str, list[_Parts]] = {}
    for model in models.table().values():
        parts = _parts(model.name)
        if not parts.size or "x" in model.name:
            parts = parts._replace(size=model.params / 10**6)
        found.setdefault(parts.family, []).append(parts)
    return found


def _parts(name: str) -> _Parts:
    """Split a name into its parts."""
    found = _NAME_PARTS.findall(name.lower().rpartition("/")[2])
    family = next((part for part in found if part.isalpha()), "")
    sizes = [part for part in found if part[-1] in "bm" and part[0].isdigit()]
    size = float(sizes[-1][:-1]) * (1000 if sizes[-1][-1] == "b" else 1) if sizes else 0.0
    return _Parts(name, family, size, frozenset(found) - {family, *sizes})


def _size_likeness(typed: _Parts, other: _Parts) -> float:
    """Return how similar two sizes are, from 0 to 1."""
    smaller, larger = sorted((typed.size, other.size))
    return smaller / larger if larger else 0.0


def _unlikeness(typed: _Parts, other: _Parts) -> float:
    """Return how different two names of a family are: mainly by size, then by the other parts."""
    union = typed.others | other.others
    shared = len(typed.others & other.others) / len(union) if union else 1.0
    return -4 * _size_likeness(typed, other) ** 2 - shared / 2
