"""The words of the grammar: a table of named rules, and a cursor that matches them in a text."""

import re

from sizing.methods import METHODS, WIDTH_ASSUMED

DIGITS = frozenset("0123456789")
NUMBER = r"[0-9]+(?:\.[0-9]+)?"
TIMES = r"\s*[x*]\s*"
END = r"(?=[\s+,&]|\Z)"
SCALE = r"(?:billion|million|trillion|bn|[bmt])"
# Units that are not in the grammar, but that turn the number before them into a quantity.
FOREIGN_UNIT = (
    r"(?:[kmgtp]i?bits?|[kmgtp]bps|[kmgtp]b/s|[tp]i?b|[kmg]i?bytes?|(?:kilo|mega|giga|tera)?(?:bytes?|bits?)"
    r"|[gkp])"
)

# Words that people put between the items. They add nothing to what the units say.
ADAPTER_WORDS = frozenset({"adapter", "adapters", "each"})
FILLERS = ADAPTER_WORDS | {
    "a", "an", "the", "for", "using", "with", "and", "of", "in", "at",
    "model", "parameter", "parameters", "param", "params",
}  # fmt: skip
# An integer before one of these is a number of adapters or bits, not part of a model's name.
_METHOD = "|".join(sorted((*METHODS, *WIDTH_ASSUMED), reverse=True))
_ADAPTERS = rf"(?:(?:{_METHOD})\s+)?adapters?{END}"
COUNTS = (
    rf"\s*[x*](?!\s*[0-9]+b{END})|\s+(?:{_ADAPTERS}|(?:of|each|bits?){END}|{NUMBER}\s*[kmg]i?b{END}|r[0-9]+)"
)

RULES = {
    name: re.compile(pattern, re.IGNORECASE | re.ASCII)
    for name, pattern in {
        "joiner": r"(\+|,|&amp;|&)\s*",
        "model": rf"({NUMBER})\s*({SCALE})(?:-param(?:eter)?s?)?{END}",
        "group": rf"(?:([0-9]+){TIMES})?({NUMBER})\s*([kmg]i?b)(?:{TIMES}([0-9]+))?{END}",
        "rank": rf"(?:([0-9]+){TIMES})?r([0-9]+)(?:{TIMES}([0-9]+))?(?::(all|attn|qv))?{END}",
        # ``2 lora adapters of 128MB each``, ``2 of 128MB``, ``2 128MB adapters``
        "spoken": rf"([0-9]+)\s+(?P<between>(?:(?:(?P<method>{_METHOD})\s+)?adapters?\s*,?|of)\s+"
        rf"(?:(?:of|at|with|each)\s+)*)?(?P<size>({NUMBER})\s*([kmg]i?b)|r([0-9]+)(?::(all|attn|qv))?){END}"
        rf"(?(between)|(?=\s+{_ADAPTERS}))",
        "adapters": rf"\s+adapters?{END}",
        "bits": rf"([0-9]{{1,2}})\s*-?\s*bits?(?:[\s-]+(?:quantized|quantization|precision|weights))?{END}",
        "mixture": rf"([0-9]+){TIMES}([0-9]+)\s*b{END}",
        "option": r"([a-z][a-z_-]*)=([^\s]*)",
        # A comma between digits makes an invalid number, it does not separate items.
        "number": rf"{NUMBER}(?!,[0-9])(?! ?[0-9]{{3}} ?{SCALE}{END})(?!\s+{FOREIGN_UNIT}{END}){END}",
        "word": rf"(?![0-9.]+{END})(?![0-9]+,)[a-z0-9][a-z0-9._/-]*(?::[a-z0-9][a-z0-9._-]*)?{END}",
    }.items()
}

_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_WHITE = " \t\n\r\f\v"  # what ``\s`` matches in the rules
_LINE_ENDS = "\u0085\u2028\u2029"
_WIDTHLESS = "\u200b\u2060\ufeff"
_SAME = str.maketrans(
    dict.fromkeys(_SPACES + _LINE_ENDS + _WIDTHLESS, " ") | dict.fromkeys("×хХ✕✖⨯", "x") | {"∗": "*"}
)
QUOTES = "\"'`“”„‟‘’‚‛«»‹›"
_QUOTE_SET = frozenset(QUOTES)
_ROUND_A_WORD = re.compile(rf"(?<![^\s+,&=])[{QUOTES}]+|[{QUOTES}]+(?![^\s+,&])")


def plain(text: str) -> str:
    """Replace variants of the grammar's characters that keyboards and web pages produce.

    Returns:
        A text of the same length, so that positions are the same as in the original.
    """
    if not text.isascii():
        text = text.translate(_SAME)
    if not _QUOTE_SET.isdisjoint(text):
        text = _ROUND_A_WORD.sub(lambda quotes: " " * len(quotes[0]), text)
    return text


class Cursor:
    """A position in a text. ``match`` looks for a named rule there and moves past it."""

    __slots__ = ("at", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def match(self, rule: str) -> re.Match[str] | None:
        """Match a rule here and move past it. None if it does not match."""
        found = RULES[rule].match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return found

    def sees(self, rule: str) -> bool:
        """Whether a rule matches here. Does not move."""
        return RULES[rule].match(self.text, self.at) is not None

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Match a pattern here and move past it. None if it does not match."""
        found = pattern.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return found

    def skip(self) -> None:
        """Move past spaces."""
        text, at = self.text, self.at
        while at < len(text) and text[at] in _WHITE:
            at += 1
        self.at = at

    def blank(self, places: list[int]) -> None:
        """Replace the characters at these positions with spaces."""
        characters = list(self.text)
        for place in places:
            characters[place] = " "
        self.text = "".join(characters)
