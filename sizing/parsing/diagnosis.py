"""Explain what no production of the grammar can read: what it was, and what it should have been.

``diagnose`` tries a table of known mistakes in order; the last row matches any character. Each function explains one
kind of mistake. Quantities (numbers with or without a unit) are in ``misquantity``.
"""

import re
from collections.abc import Callable

from sizing import methods, models
from sizing.parsing import misquantity, names, nearest
from sizing.parsing.draft import Draft, Edit, Model, Problem, instead
from sizing.parsing.nearest import quote
from sizing.parsing.options import is_item
from sizing.parsing.tokens import COUNTS, END, NUMBER, RULES, SCALE, TIMES, Cursor
from sizing.shapes import TARGETS

_BRACKETS = re.compile(r"[][(){}<>]")
_WORD_MARKS = "._/=:-"
_SIZE_IN_NAME = re.compile(r"(?<![a-z0-9.])([0-9]+(?:\.[0-9]+)?[bm])(?![a-z0-9])", re.IGNORECASE | re.ASCII)
_BITS = re.compile(
    r"(?:q?lora|gptq|awq|u?int|fp|b?float|bf|nf|q|w)?[-_ ]?([0-9]{1,2})[-_ ]?(?:bits?|bpw)?\Z",
    re.IGNORECASE | re.ASCII,
)
_IN_WORDS = re.compile(COUNTS, re.IGNORECASE | re.ASCII)
# Suffixes of quantized copies of a model.
_QUANTIZED = re.compile(
    r"(.+?)[-:]((?:bnb-)?(?:awq|gptq|int[48]|[48]bit|fp8|w[48]a(?:8|16)|i?q[48](?:_[a-z0-9_]+)?)(?:-int[48]|-[48]bit)?)",
    re.IGNORECASE | re.ASCII,
)
_NUMERALS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_GGUF = re.compile(r"(?:i?q([0-9])_[a-z0-9_]+|gguf|ggml)\Z", re.IGNORECASE | re.ASCII)
_LIKE_ADAPTERS = re.compile(r"[0-9][x*]|[x*][0-9]|[0-9][kmg]i?b|^r[0-9]", re.IGNORECASE | re.ASCII)
_TRAINING = (
    "full",
    "fft",
    "sft",
    "finetune",
    "finetuning",
    "fine-tune",
    "fine-tuning",
    "peft",
    "none-quantized",
)


def diagnose(cursor: Cursor, draft: Draft) -> None:
    """Add to the draft what is wrong at the cursor, and move past it."""
    for pattern, explain in _MISTAKES:
        start = cursor.at
        found = cursor.take(pattern)
        if found is not None:
            problem = explain(found, cursor, draft)
            if problem is not None:
                draft.problems.append(problem)
                return
            cursor.at = start


def _extra_joiner(found: re.Match[str], _cursor: Cursor, _draft: Draft) -> Problem:
    """``++``: a joiner after a joiner."""
    message = f"One {quote(found[0][0])} is enough between two adapter groups."
    return instead("E02", message, found.start(), found.end(), "")


def _slack_markup(found: re.Match[str], _cursor: Cursor, draft: Draft) -> Problem:
    """``<@U012AB3CD>``, ``<#C012|general>``, ``<https://…|label>``: mentions and links, as Slack encodes them."""
    if found[1] in "@#!":
        return _mention(found, _cursor, draft)
    return _link(found, _cursor, draft)


def _mention(found: re.Match[str], _cursor: Cursor, _draft: Draft) -> Problem:
    """A mention of a person, a group or a channel."""
    message = "A mention is not a model. Approvers are picked after sizing."
    return instead("E16", message, found.start(), found.end(), "")


def _link(found: re.Match[str], _cursor: Cursor, draft: Draft) -> Problem:
    """A URL, which may contain the name of a model."""
    message = "I can't open links. Give the parameter count, e.g. 8b."
    return _model_problem(message, found[0], found.start(), found.end(), draft)


def _bracket(found: re.Match[str], cursor: Cursor, _draft: Draft) -> Problem:
    """Brackets, copied from the help text. All of them are removed at once."""
    places = [m.start() for m in _BRACKETS.finditer(cursor.text)]
    cursor.at = found.start()
    cursor.blank(places)
    message = "The brackets in the help text mean “optional”: leave them out."
    edits = tuple(Edit(place, place + 1, " ") for place in places)
    return Problem("E02", message, found.start(), found.end(), edits)


def _dashes(found: re.Match[str], _cursor: Cursor, _draft: Draft) -> Problem | None:
    """``--qlora4``: dashes, as on a command line."""
    word = found[1]
    start, end = found.span()
    if word.lower() == "peftsize":
        message = "The command is there already: write only the request."
        return instead("E03", message, start, end, "")
    known = word if "=" in word or is_item(word) else nearest.method_word(word.lower())
    message = f"No dashes needed: write {quote(known or word, '')}."
    return instead("E03", message, start, end, known or "")


def _stray(found: re.Match[str], cursor: Cursor, _draft: Draft) -> Problem | None:
    """A character that cannot be part of a word."""
    word = found[0]
    inside = word.strip(_WORD_MARKS)
    left = word.find(inside) if inside else len(word)
    right = left + len(inside)
    places = [i for i, c in enumerate(word) if not left <= i < right or not (c.isalnum() or c in _WORD_MARKS)]
    if not places:
        return None
    first = next((i for i in places if word[i] not in _WORD_MARKS), places[0])
    run = set(places)
    last = next(i for i in range(first, len(word) + 1) if i not in run)
    start = found.start()
    cursor.at = start
    cursor.blank([start + place for place in places])
    message = f"Unexpected {quote(word[first:last])}."
    edits = tuple(Edit(start + place, start + place + 1, " ") for place in places)
    return Problem("E02", message, start + first, start + last, edits)


def _foreign_digits(found: re.Match[str], _cursor: Cursor, _draft: Draft) -> Problem | None:
    """Digits of another script."""
    typed = found[0]
    start, end = found.span()
    if not any(c.isnumeric() and not c.isascii() for c in typed):
        return None
    fixed = "".join(str(int(c)) if c.isdecimal() else c for c in typed)
    if not fixed.isascii():
        message = f"{quote(typed)} is not a number I can read."
        return instead("E06", message, start, end, "2x128MB", invents=True)
    message = f"Write numbers with the digits 0 to 9: {quote(fixed, '')}."
    return instead("E06", message, start, end, fixed)


def _targets(found: re.Match[str], _cursor: Cursor, _draft: Draft) -> Problem:
    """``r16:foo``: an unknown set of target modules."""
    start, end = found.span()
    word = found[2].lower()
    meant = "attn" if word == "attention" else nearest.one_edit_away(word, TARGETS)
    message = f"I don't know the targets {quote(found[2])}; there are all, attn and qv."
    if meant is None:
        return instead("E03", message, start, end, found[1], invents=True)
    return instead("E03", message, start, end, f"{found[1]}:{meant}")


def _glued(found: re.Match[str], _cursor: Cursor, draft: Draft) -> Problem | None:
    """``10b2x128MB``, ``10b-2x128MB``, ``2x128MB/lora``: two items without a space between them."""
    start, end = found.span()
    if _BITS.match(found[0]) or not (is_item(found["left"]) and is_item(found["right"])):
        return None
    if RULES["model"].fullmatch(found["left"]):
        draft.models.append(Model(None, None, start, end))
    message = f"{quote(found[0])} is two things: put a space between them."
    return instead("E03", message, start, end, f"{found['left']} {found['right']}")


def _apart(found: re.Match[str], _cursor: Cursor, _draft: Draft) -> Problem:
    """``r 16``, ``rank=16``: a rank that is not one word."""
    start, end = found.span()
    message = f"Write a LoRA rank in one word: r{quote(found[1], '')}."
    return instead("E03", message, start, end, f"r{found[1]}")


def _unreadable_size(found: re.Match[str], _cursor: Cursor, _draft: Draft) -> Problem:
    """``1e3x1MB``: probably adapters, since it ends in their unit."""
    start, end = found.span()
    message = f"{quote(found[0])} is not a size I can read. Adapters are written like 2x128MB."
    return instead("E06", message, start, end, "2x128MB", invents=True)


def _unknown_word(found: re.Match[str], cursor: Cursor, draft: Draft) -> Problem:
    """A word that is neither a method nor a model: a typing mistake, an unknown width, an unknown model."""
    typed, word = found[0], found[0].lower()
    start, end = found.span()

    def fix(text: str) -> tuple[Edit, ...]:
        return (Edit(start, end, text),)

    gguf, bits = _GGUF.match(word), _BITS.match(word)
    if gguf is not None:
        row = methods.for_bits(8 if (gguf[1] or "4") > "4" else 4)
        message = f"{quote(typed)} is a GGUF format; the sizing table has {methods.LISTED}."
        return Problem("E14", message, start, end, fix(row))
    if bits is not None and int(bits[1]) not in methods.WIDTHS:
        return Problem("E14", methods.no_row_for(bits[1]), start, end, fix(methods.for_bits(int(bits[1]))))
    if word in _TRAINING:
        message = f"I don't know {quote(typed)}. This sizes adapter serving. Methods: {methods.LISTED}."
        return Problem("E03", message, start, end, fix(methods.DEFAULT))
    if word in _NUMERALS:
        number = _NUMERALS.index(word) + 1
        counts = _IN_WORDS.match(cursor.text, end) is not None
        fixed = str(number) if counts else f"{number}x"
        return Problem("E03", f"Write numbers in digits: {number}.", start, end, fix(fixed))
    meant = nearest.method_word(word) if word.isascii() else None
    if bits is not None and meant not in nearest.CANONICAL:
        meant = methods.for_bits(int(bits[1]))
    if meant is not None:
        message = f"I don't know {quote(typed)}. Did you mean {meant}?"
        return Problem("E03", message, start, end, fix(meant))
    named = "-" in word and not draft.models
    if "/" in word or named or (re.search("[a-z]", word) and re.search("[0-9]", word)):
        message = f"I don't know the model {quote(typed)}. Give its parameter count, e.g. 8b."
        return _model_problem(message, typed, start, end, draft)
    message = f"I don't know {quote(typed)}. Methods: {methods.LISTED}; adapters: 2x128MB or none."
    return Problem("E03", message, start, end, fix(""))


def _unknown_name(found: re.Match[str], cursor: Cursor, draft: Draft) -> Problem | None:
    """A name of several words that begins like a family of models."""
    start = found.start()
    word = found[0].lower()
    if not word.isascii() or word in _TRAINING or not (names.opens(word) or names.nearly_opens(word)):
        return None
    cursor.at = end = names.ends(cursor.text, found.end())[-1]
    typed = cursor.text[start:end]
    quantized = _QUANTIZED.fullmatch(typed)
    known = models.find(quantized[1]) if quantized is not None else None
    if quantized is not None and known is not None:
        draft.models.append(Model(None, None, start, end))
        eight = "8" in quantized[2] and "4" not in quantized[2]
        method = methods.for_bits(8 if eight else 4)
        message = f"{quote(typed)} is {known.name}, quantized. Write the model and the method."
        return Problem("E16", message, start, end, (Edit(start, end, known.name),), method=method)
    return _model_problem(f"I don't know the model {quote(typed)}.", typed, start, end, draft)


def _model_problem(message: str, typed: str, start: int, end: int, draft: Draft) -> Problem:
    """An unknown model. Its name may be misspelled, or contain the size."""
    name = typed.strip("<>").partition("|")[0]
    short = len(name) <= 80 and name.isascii()  # noqa: PLR2004 no model id is longer
    meant = nearest.model_name(name) if short else None
    sizes = _SIZE_IN_NAME.findall(name)
    others = bool(draft.models)
    draft.models.append(Model(None, None, start, end))
    link = "links" in message
    if meant is not None:
        if not link:
            message = f"I don't know the model {quote(name)}. Did you mean {meant}?"
        return instead("E16", message, start, end, meant)
    if others:
        draft.models.pop()
        if _LIKE_ADAPTERS.search(name):
            return instead("E16", message, start, end, "2x128MB", invents=True)
        return instead("E16", message, start, end, "")
    near = nearest.models_like(name) if short and not link else ()
    if near:
        message = f"I don't know the model {quote(name)}. Nearest: {', '.join(near)}."
    elif not link:
        message = f"I don't know the model {quote(name)}. Give its parameter count, e.g. 8b."
    size = Edit(start, end, sizes[-1].lower() if sizes else "8b")
    readings = tuple((Edit(start, end, other),) for other in near)
    return Problem("E16", message, start, end, (size,), not sizes, readings)


def _active(found: re.Match[str], _cursor: Cursor, draft: Draft) -> Problem:
    """``30b-a3b``: the total and the active parameters of a mixture without a name."""
    start, end = found.span()
    draft.models.append(Model(None, None, start, end))
    message = (
        f"{quote(found[0])} is mixture-of-experts shorthand without a name. All experts are in memory: "
        f"write the total, {quote(found[1], '')}."
    )
    return instead("E10", message, start, end, found[1])


def _mixture_times(found: re.Match[str], _cursor: Cursor, draft: Draft) -> Problem:
    """``8x7bx2``: a count after a mixture of experts."""
    start, end = found.span()
    draft.models.append(Model(None, None, start, end))
    message = f"{quote(found[0])} has a count behind a mixture of experts. One request has one model."
    known = models.find(found[1])
    fixed = found[1] if known is not None else "46.7b"
    return instead("E10", message, start, end, fixed, invents=True)


def _compile(pattern: str) -> re.Pattern[str]:
    """Compile a row of the table."""
    return re.compile(pattern, re.IGNORECASE | re.ASCII)


_Explain = Callable[[re.Match[str], Cursor, Draft], Problem | None]
_CHUNK = r"[^\s+,&]+"
_MISTAKES: tuple[tuple[re.Pattern[str], _Explain], ...] = (
    (_compile(r"[+,&]+"), _extra_joiner),
    (_compile(r"<([@#!]|https?:|mailto:)[^<>]*>"), _slack_markup),
    (_compile(r"(?:https?://|www\.|(?:hf\.co|huggingface\.co)/)\S*"), _link),
    (_compile(rf"@[\w.-]+{END}"), _mention),
    (_compile(_BRACKETS.pattern), _bracket),
    (re.compile(r"[-–—−‐‑/]+(?=[A-Za-z])([^\s+,&]*)"), _dashes),
    (_compile(rf"((?:[0-9]+{TIMES})?r[0-9]+(?:{TIMES}[0-9]+)?):([^\s+,&]*)"), _targets),
    (_compile(rf"({NUMBER}[bm])-a{NUMBER}[bm]{END}"), _active),
    (_compile(rf"([0-9]+[x*][0-9]+b){TIMES}[0-9]+{END}"), _mixture_times),
    *misquantity.MISTAKES,
    (re.compile(_CHUNK), _foreign_digits),
    (re.compile(_CHUNK), _stray),
    (_compile(rf"(?P<left>{NUMBER}{SCALE})(?P<right>[0-9]+[^\s+,&]*){END}"), _glued),
    (_compile(rf"(?P<left>[^\s+,&/:]+)[/:](?P<right>[^\s+,&/:]+){END}"), _glued),
    (_compile(rf"(?P<left>[^\s+,&_-]+)[_-](?P<right>[^\s+,&_-]+){END}"), _glued),
    (_compile(rf"r(?:ank)?[ :-]?([0-9]{{1,3}}){END}"), _apart),
    (_compile(rf"[0-9][^\s+,&]*[0-9][kmg]i?b{END}"), _unreadable_size),
    (re.compile(_CHUNK), _unknown_name),
    (re.compile(_CHUNK), _unknown_word),
    (re.compile(r".", re.DOTALL), _unknown_word),
)
