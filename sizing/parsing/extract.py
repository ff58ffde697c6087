"""Find the request in a sentence: ``We should serve 13b 4x64MB qlora4 by Friday``."""

import functools
import re

from sizing import models
from sizing.errors import SizingError
from sizing.methods import WORDS
from sizing.parsing.grammar import parse
from sizing.parsing.tokens import FILLERS, plain
from sizing.request import SizingRequest
from sizing.units import MICROBYTES_PER, PARAMS_PER

MOST_WORDS = 300
"""The rest of a longer text is ignored."""
_MOST_TOGETHER = 16
"""Words in a request: a name of four words, two spoken adapter groups, a method and the options."""
_AROUND = ".,;:!?…()[]{}<>*_~&+\"'`“”„‘’«»"
_UNITS = frozenset({*PARAMS_PER, *MICROBYTES_PER, "bit", "bits", "x", "none", "no", "without"})
"""Words that stand next to a number, or instead of one."""
_PARTS = re.compile(r"[a-z]+")


def extract(text: str) -> SizingRequest | None:
    """Find the request in a text: the longest span of words that can be parsed.

    Returns:
        The request, the first one if several are equally long, or None.

    >>> extract("We should serve *13b 4x64MB qlora4* by Friday.").canonical
    '13b 4x64MB qlora4'
    """
    found: SizingRequest | None = None
    longest = 0
    for run in _runs(plain(text).split()[:MOST_WORDS]):
        for length in range(min(len(run), _MOST_TOGETHER), longest, -1):
            spans = (run[start : start + length] for start in range(len(run) - length + 1))
            request = next(filter(None, map(_read, spans)), None)
            if request is not None:
                found, longest = request, length
                break
    return found


def _runs(words: list[str]) -> list[list[str]]:
    """Split a text at the words that no request contains. The parts that remain are short."""
    runs: list[list[str]] = [[]]
    for word in words:
        bare = word.strip(_AROUND)
        if not bare:
            continue
        if _may_belong(bare.lower()):
            runs[-1].append(bare)
        elif runs[-1]:
            runs.append([])
    return runs


def _may_belong(word: str) -> bool:
    """Whether a lowercase word can be part of a request."""
    if "=" in word or word in _UNITS or word in FILLERS or word in WORDS:
        return True
    return any(c.isdigit() for c in word) or not _name_parts().isdisjoint(_PARTS.findall(word))


@functools.cache
def _name_parts() -> frozenset[str]:
    """Return the words in the names of all models."""
    names = (name for model in models.table().values() for name in model.names)
    return frozenset(part for name in names for part in _PARTS.findall(name.lower()) if len(part) > 1)


def _read(words: list[str]) -> SizingRequest | None:
    """Parse words as a request."""
    if words[0].lower() in FILLERS or words[-1].lower() in FILLERS - {"adapters", "adapter", "each"}:
        return None
    try:
        return parse(" ".join(words))
    except SizingError:
        return None
