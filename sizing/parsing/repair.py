"""Correct the problems of a text, so that an error can offer a complete request.

Each problem has its own correction. The corrected text is a suggestion, which a button may run, unless something had to
be invented: then it is an example. Both are shown only if they can be sized.
"""

import re
from collections.abc import Callable, Iterator, Sequence

from sizing import methods
from sizing.errors import SizingError
from sizing.parsing.draft import Draft, Edit, Problem
from sizing.parsing.limits import LONGEST_TEXT
from sizing.parsing.nearest import quote
from sizing.request import SizingRequest

EXAMPLE = "10b 2x128MB lora"
_LONGEST_MESSAGE = 140
_UNIT = re.compile(r"(?:(?<=\d)|^)([kmg])(i?)b(?![\w-])", re.IGNORECASE)
_BESIDE_A_JOINER = re.compile(r"(?:^|\s)[+,&]+(?=\s*$)|^\s*[+,&]+")


def refuse(draft: Draft, text: str, runs: Callable[[str], bool]) -> SizingError:
    """Return the error for a draft with problems.

    Args:
        draft: Contains at least one problem.
        runs: Returns whether a text can be sized.

    Returns:
        An error about the first problem, with a suggestion or an example.
    """
    found = draft.problems if draft.methods else [_with_method(problem) for problem in draft.problems]
    first = min(found, key=lambda problem: problem.start)
    suggestion = example = None
    # Once a misspelled model is corrected, no model is missing.
    written = [problem for problem in found if problem.code != "E01"]
    for problems in (written, found) if 0 < len(written) < len(found) else (found,):
        fixed = _apply(problems, text)
        if fixed and runs(fixed):
            if any(problem.invents for problem in problems):
                example = fixed
            else:
                suggestion = fixed
            break
    else:
        example = next((candidate for candidate in _understood(draft, text) if runs(candidate)), EXAMPLE)
    return SizingError(
        first.code,
        first.message[:_LONGEST_MESSAGE],
        source=text,
        span=(first.start, first.end),
        suggestion=suggestion,
        example=example,
        candidates=_candidates(first, found, text, runs),
    )


def _with_method(problem: Problem) -> Problem:
    """Return a problem whose correction ends in the method that belongs behind it, if one does."""
    if not problem.method:
        return problem
    *edits, last = problem.edits
    return problem._replace(edits=(*edits, last._replace(text=f"{last.text} {problem.method}")))


def _candidates(
    first: Problem, problems: Sequence[Problem], text: str, runs: Callable[[str], bool]
) -> tuple[str, ...]:
    """Return a complete request for each reading of the first problem, with all others corrected."""
    others = [problem for problem in problems if problem is not first and problem.code != "E01"]
    fixed = (_apply([first._replace(edits=edits), *others], text) for edits in first.readings)
    return tuple(dict.fromkeys(request for request in fixed if runs(request)))


def too_long(text: str, merged: SizingRequest | None) -> SizingError:
    """Return the error for a text over the limit. Often it repeats an adapter, which can be merged.

    Args:
        merged: The request in the text, if it can be parsed.
    """
    message = f"That is {len(text)} characters; at most {LONGEST_TEXT}."
    suggestion = None
    if merged is not None and len(merged.canonical) <= LONGEST_TEXT:
        suggestion = merged.canonical
        if merged.adapters:
            first = merged.adapters[0]
            message += f" Merge equal adapters: {quote(f'{first.count}x{first.size}', '')}."
    return SizingError(
        "E17",
        message,
        source=text,
        span=(0, len(text)),
        suggestion=suggestion,
        example=None if suggestion else EXAMPLE,
    )


def _apply(problems: Sequence[Problem], text: str) -> str:
    """Apply the corrections of all problems."""
    edits = sorted(
        edit for p in problems for edit in (p.edits or (Edit(p.start, min(p.end, len(text)), ""),))
    )
    parts, done = [], 0
    for edit in edits:
        if edit.start < done:
            continue
        parts += [text[done : edit.start], edit.text]
        done = edit.end
    fixed = "".join([*parts, text[done:]])
    words = _BESIDE_A_JOINER.sub(" ", fixed).split()
    return " ".join(word if "=" in word else _UNIT.sub(_spelled, word) for word in words)


def _spelled(unit: re.Match[str]) -> str:
    """Write a unit in its canonical case: ``mb`` as ``MB``, ``gib`` as ``GiB``."""
    return f"{unit[1].upper()}{unit[2].lower()}B"


def _understood(draft: Draft, text: str) -> Iterator[str]:
    """Yield requests made of the parts that could be read, the most complete first."""
    groups = [text[g.start : g.end] for g in draft.groups if g.microbytes and g.adapters]
    method = next((text[w.start : w.end] for w in draft.methods), methods.DEFAULT)
    for model in [m for m in draft.models if m.params][:1]:
        typed = text[model.start : model.end]
        yield " ".join([typed, *groups, method])
        yield f"{typed} 2x128MB {method}"
    yield " ".join(["10b", *groups, method])
