"""The request grammar: decided by the unit, never by the position.

    command = { item } ;                              (* any order, at most 300 characters *)
    item    = model | group , { joiner , group } | none | method | option ;
    model   = number , [ space ] , scale | moe | alias ;
    scale   = "b" | "bn" | "billion" | "m" | "million" | "t" | "trillion" ;
    moe     = int , "x" , int , "b" ;                 (* must be in the model table *)
    alias   = [ org , "/" ] , name ;                  (* must be in the model table *)
    group   = [ int , times ] , size | size , times , int | rank ;
    times   = "x" | "×" | "*" ;                       (* spaces allowed round it *)
    size    = number , [ space ] , unit ;
    unit    = "KB" | "KiB" | "MB" | "MiB" | "GB" | "GiB" ;
    rank    = [ int , times ] , "r" , int , [ times , int ] , [ ":" , ( "all" | "attn" | "qv" ) ] ;
    joiner  = "+" | "," | "&" ;
    none    = "none" | "0" ;
    method  = "lora" | "qlora8" | "qlora4" | synonym ;
    option  = ( "name" | "space" | "gpu" ) , "=" , value ;
    number  = digit , { digit } , [ "." , digit , { digit } ] ;

Upper and lower case are the same everywhere. `10b` is parameters, `2x128MB` is adapters, `8x7b` is a mixture of
experts. One function reads one production; what no production reads goes to `diagnosis`, and what only the whole
request can tell (two models, no model) to `settle`.
"""

from collections.abc import Collection

from sizing import models
from sizing.methods import WORDS
from sizing.parsing import diagnosis, limits, options, repair
from sizing.parsing.draft import Draft, Edit, Group, Mixture, Model, Problem, Rank, Word
from sizing.parsing.tokens import DIGITS, Cursor, plain
from sizing.parsing.validate import settle
from sizing.request import SizingRequest
from sizing.units import MICROBYTES_PER, PARAMS_PER, SIZE_DECIMALS, count_of

_ENOUGH_PROBLEMS = 4  # the first is reported; the others only matter for a way out
_CROWD = 12  # items that a request has once: nobody means so many


def parse(text: str, spaces: Collection[str] | None = None) -> SizingRequest:
    """Read a request.

    Args:
        text: what was typed after the command; any text at all.
        spaces: the values that `space=` may have, or None to leave that to the caller.

    Returns:
        The request.

    Raises:
        SizingError: the text cannot be sized; nothing else is ever raised.

    >>> parse("qlora4 10 billion 2 × 128 MiB").canonical
    '10b 2x128MB qlora4'
    """
    if len(text) > limits.LONGEST_TEXT:
        merged = _attempt(text, spaces) if len(text) <= limits.LONGEST_CANONICAL else None
        if merged is not None and merged.canonical == text:
            return merged  # nobody typed it: a short text of many sizes is longer when it is written out
        raise repair.too_long(text, merged)
    draft = _command(text, spaces)
    request = settle(draft, text)
    if request is None:
        raise repair.refuse(draft, text, lambda fixed: _attempt(fixed, spaces) is not None)
    return request


def _attempt(text: str, spaces: Collection[str] | None) -> SizingRequest | None:
    """Read a text without asking for a way out."""
    draft = _command(text, spaces, patience=1)
    return None if draft.problems else settle(draft, text)


def _command(text: str, spaces: Collection[str] | None, patience: int = _ENOUGH_PROBLEMS) -> Draft:
    """Read `command = { item }`; a joiner stands between two groups."""
    draft = Draft(spaces)
    cursor = Cursor(plain(text))
    joinable = False
    cursor.skip()
    while cursor.at < len(cursor.text) and len(draft.problems) < patience:
        joiner = cursor.match("joiner") if cursor.text[cursor.at] in "+,&" else None
        done = cursor.at >= len(cursor.text)
        if joiner is not None and (done or not joinable):
            draft.problems.append(
                _stray_joiner(joiner[1], joiner.start(1), "after" if joinable else "before")
            )
            joiner = None
        if done:
            break
        if _group(cursor, draft):
            joinable = True
        elif _single(cursor, draft):
            if joiner is not None:
                draft.problems.append(_stray_joiner(joiner[1], joiner.start(1), "after"))
            joinable = False
            if draft.crowd() > _CROWD:
                break
        else:
            diagnosis.diagnose(cursor, draft)
            joinable = True  # it may have been meant as a group: one mistake is enough
        cursor.skip()
    return draft


def _single(cursor: Cursor, draft: Draft) -> bool:
    """Read an item other than a group: `model | none | method | option`."""
    if cursor.text[cursor.at] in DIGITS:
        return _model(cursor, draft) or _number(cursor, draft) or _word(cursor, draft)
    return _word(cursor, draft) or _option(cursor, draft)


def _stray_joiner(joiner: str, at: int, where: str) -> Problem:
    """A joiner that joins nothing."""
    message = f"“{joiner}” joins adapter groups; there is none {where} it."
    return Problem("E02", message, at, at + len(joiner), (Edit(at, at + len(joiner), " "),))


def _model(cursor: Cursor, draft: Draft) -> bool:
    """Read `model = number , [ space ] , scale | moe`; an alias is a word."""
    found = cursor.match("model")
    if found is None:
        return _mixture(cursor, draft)
    number, scale = found.groups()
    start, end = found.span()
    params = count_of(number, PARAMS_PER[scale.lower()])
    if params is None or not limits.FEWEST_PARAMS <= params <= limits.MOST_PARAMS:
        draft.problems.append(limits.model_problem(number, scale, start, end))
        params = None
    draft.models.append(Model(params, None, start, end))
    return True


def _mixture(cursor: Cursor, draft: Draft) -> bool:
    """Read `moe = int , "x" , int , "b"`."""
    found = cursor.match("mixture")
    if found is None:
        return False
    experts, billions = found.groups()
    known = models.find(f"{experts}x{billions}b")
    if known is None:
        draft.mixtures.append(Mixture(experts, billions, found.start(), found.end()))
    else:
        draft.models.append(Model(known.params, known, found.start(), found.end()))
    return True


def _group(cursor: Cursor, draft: Draft) -> bool:
    """Read `group = [ int , times ] , size | size , times , int | rank`."""
    first = cursor.text[cursor.at]
    if first not in DIGITS:
        return first in "rR" and _rank(cursor, draft)
    found = cursor.match("group")
    if found is None:
        return _rank(cursor, draft)
    before, number, unit, after = found.groups()
    start, end = found.span()
    microbytes = None
    if before is not None and after is not None:
        draft.problems.append(limits.two_counts(cursor.text[start:end], before, after, number + unit, start))
    elif len(number.partition(".")[2]) <= SIZE_DECIMALS:
        microbytes = count_of(number, MICROBYTES_PER[unit.lower()])
    if microbytes is None or not 0 < microbytes <= limits.LARGEST_ADAPTER:
        count = before or after
        problem = limits.size_problem(f"{count}x" if count else "", number, unit, start, end)
        if problem is not None:
            draft.problems.append(problem)
        microbytes = None
    count = before or after
    draft.groups.append(
        Group(1 if count is None else int(count), microbytes, count is not None, unit[0] in "gG", start, end)
    )
    return True


def _rank(cursor: Cursor, draft: Draft) -> bool:
    """Read `rank = [ int , times ] , "r" , int , [ times , int ] , [ ":" , targets ]`."""
    found = cursor.match("rank")
    if found is None:
        return False
    before, rank, after, targets = found.groups()
    start, end = found.span()
    count = before or after
    if before is not None and after is not None:
        draft.problems.append(limits.two_counts(cursor.text[start:end], before, after, f"r{rank}", start))
    elif not 1 <= int(rank) <= limits.LARGEST_RANK:
        draft.problems.append(limits.rank_problem(count, rank, targets, start, end))
    draft.ranks.append(Rank(int(count or 1), int(rank), targets and targets.lower(), start, end))
    return True


def _option(cursor: Cursor, draft: Draft) -> bool:
    """Read `option = ( "name" | "space" | "gpu" ) , "=" , value`."""
    found = cursor.match("option")
    if found is None:
        return False
    problem = options.read(found, draft)
    if problem is not None:
        draft.problems.append(problem)
    return True


def _number(cursor: Cursor, draft: Draft) -> bool:
    """Read `none = "0"`; any other bare number waits for what the whole request says about it."""
    found = cursor.match("number")
    if found is None:
        return False
    word = Word(found[0], found.start(), found.end())
    (draft.nones if word.text == "0" else draft.numbers).append(word)
    return True


def _word(cursor: Cursor, draft: Draft) -> bool:
    """Read a word: `none = "none" | method | alias`."""
    start = cursor.at
    found = cursor.match("word")
    if found is None:
        return False
    word = Word(found[0].lower(), start, cursor.at)
    if word.text in WORDS:
        draft.methods.append(word)
    elif word.text == "none":
        draft.nones.append(word)
    else:
        known = models.find(word.text)
        if known is None:
            cursor.at = start
            return False
        draft.models.append(Model(known.params, known, start, word.end))
    return True
