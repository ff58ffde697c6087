"""Model names of several words: ``Llama 3.1 8B``, ``granite 3.3 8b instruct``."""

import functools
import re
from typing import NamedTuple

from sizing import models
from sizing.parsing.nearest import method_word, one_edit_away
from sizing.parsing.tokens import COUNTS, END

_MOST_WORDS = 8
_LONG_ENOUGH = 4  # shorter words are close to everything
_LETTERS = re.compile(r"(?:.*/)?([a-z]+)")
_NEXT = re.compile(rf"\s+((?![0-9]+(?:{COUNTS}))[a-z0-9][a-z0-9._:-]*){END}", re.IGNORECASE | re.ASCII)
_NUMBERED = re.compile(r"v?[0-9]+(?:\.[0-9]+)*[bm]?|[0-9]+x[0-9]+b|a[0-9]+[bm]")


class Vocabulary(NamedTuple):
    """The words in the names of the model table: those that begin a name, and those that may follow."""

    openings: frozenset[str]
    others: frozenset[str]


@functools.cache
def vocabulary() -> Vocabulary:
    """Collect the words of all names."""
    openings, others = set(models.PUBLISHERS), set(models.VARIANTS)
    for model in models.table().values():
        for name in model.names:
            parts = models.plain(name).split("-")
            others.update(parts)
            openings.update(re.findall(r"[a-z]+", parts[0])[:1])
    openings = {word for word in openings if len(word) > 1}
    return Vocabulary(frozenset(openings), frozenset(others | openings))


def opens(word: str) -> bool:
    """Whether a lowercase word begins with the name of a family: ``llama3.1``, ``ibm-granite/granite``."""
    letters = _LETTERS.match(word)
    return letters is not None and letters[1] in vocabulary().openings


def nearly_opens(word: str) -> bool:
    """Whether a word begins with the misspelled name of a family: ``lama3.1``."""
    letters = _LETTERS.match(word)
    return (
        letters is not None
        and len(letters[1]) >= _LONG_ENOUGH
        and one_edit_away(letters[1], vocabulary().openings) is not None
        and method_word(word) is None
    )


def ends(text: str, first_end: int) -> list[int]:
    """Return the positions where a name may end, in ascending order.

    Args:
        first_end: Where the first word of the name ends.
    """
    places = [first_end]
    while len(places) < _MOST_WORDS:
        following = _NEXT.match(text, places[-1])
        if following is None:
            break
        word = following[1].lower()
        if not (
            _NUMBERED.fullmatch(word) or all(part in vocabulary().others for part in re.split("[-:]", word))
        ):
            break
        places.append(following.end())
    return places


def read(text: str, start: int, first_end: int) -> tuple[models.BaseModel, int] | None:
    """Find the longest run of words that is the name of a model.

    Args:
        start: Where the first word begins.
        first_end: Where the first word ends.

    Returns:
        The model and where its name ends, or None.
    """
    places = ends(text, first_end) if opens(text[start:first_end].lower()) else [first_end]
    for end in reversed(places):
        known = models.find(text[start:end])
        if known is not None:
            return known, end
    return None
