"""The request grammar. The unit decides what an item is, never its position.

    text    = command , [ "for=" , quote , purpose , quote ] ;   (* the purpose last; see `purpose` *)
    command = item , { [ "," ] , item } ;             (* any order, at most 300 characters *)
    item    = model | group , { joiner , group } | none | method | option | filler ;
    model   = number , [ space ] , scale | moe | alias ;
    scale   = "b" | "bn" | "billion" | "m" | "million" | "t" | "trillion" ;
    moe     = int , "x" , int , "b" ;                 (* must be in the model table *)
    alias   = [ org , "/" ] , name ;                  (* must be in the model table; spaces may stand for dashes *)
    group   = [ int , times ] , size | size , times , int | rank | spoken ;
    spoken  = int , [ method ] , "adapters" , [ "of" ] , size | int , "of" , size | int , size , "adapters" ;
    times   = "x" | "×" | "*" ;                       (* spaces allowed round it *)
    size    = number , [ space ] , unit ;
    unit    = "KB" | "KiB" | "MB" | "MiB" | "GB" | "GiB" ;
    rank    = [ int , times ] , "r" , int , [ times , int ] , [ ":" , ( "all" | "attn" | "qv" ) ] ;
    joiner  = "+" | "," | "&" ;
    none    = "none" | "0" | "no adapters" ;
    method  = "lora" | "qlora8" | "qlora4" | synonym | int , "bit" ;
    filler  = "with" | "and" | "each" | "of" | "model" | "parameters" | … ;      (* says nothing: tokens.FILLERS *)
    option  = ( "name" | "space" | "gpu" ) , "=" , value ;
    number  = digit , { digit } , [ "." , digit , { digit } ] ;

Case does not matter. ``10b`` is a parameter count, ``2x128MB`` are adapters, ``8x7b`` is a mixture of experts. One
function reads one production. What no production reads is explained by ``diagnosis``, and what concerns the request as
a whole (two models, no model) is checked by ``validate``.
"""

from collections.abc import Collection

from sizing import models
from sizing.methods import DEFAULT, WIDTHS, WORDS
from sizing.models import BaseModel
from sizing.parsing import diagnosis, limits, names, options, purpose, repair
from sizing.parsing.draft import Draft, Group, Mixture, Model, Problem, Rank, Spoken, Word, instead
from sizing.parsing.tokens import ADAPTER_WORDS, DIGITS, FILLERS, Cursor, plain
from sizing.parsing.validate import settle
from sizing.request import SizingRequest
from sizing.units import MICROBYTES_PER, PARAMS_PER, SIZE_DECIMALS, count_of

_ENOUGH_PROBLEMS = 4  # the first is reported; the others only matter for the suggestion
_NONE = frozenset({"none", "no", "without"})  # the last two before "adapters"
_CROWD = 12  # items that a request has only one of: nobody means this many


def parse(text: str, spaces: Collection[str] | None = None, base: BaseModel | None = None) -> SizingRequest:
    """Parse a request.

    Args:
        spaces: Allowed values of ``space=``, or None to allow any.
        base: A base model from a ``config.json``. The text must then name none.

    Raises:
        SizingError: The text cannot be sized. No other exception is raised.

    >>> parse("qlora4 10 billion 2 × 128 MiB").canonical
    '10b 2x128MB qlora4'
    """
    text, _ = split_purpose(text)
    if len(text) > limits.LONGEST_TEXT:
        merged = _attempt(text, spaces, base) if len(text) <= limits.LONGEST_CANONICAL else None
        if merged is not None and merged.canonical == text:
            return merged  # nobody typed it: the canonical form of a short text can be longer than the text
        raise repair.too_long(text, merged)
    draft = _command(text, spaces, base)
    request = settle(draft, text)
    if request is None:
        raise repair.refuse(draft, text, lambda fixed: _attempt(fixed, spaces, base) is not None)
    return request


def split_purpose(text: str) -> tuple[str, str | None]:
    """Split a text into the request and what it is for; None where it does not say.

    Raises:
        SizingError: The purpose is empty, too long, not in quotes, or not last.

    >>> split_purpose('10b 2x128MB for="quarterly eval, ABC-123"')
    ('10b 2x128MB', 'quarterly eval, ABC-123')
    """
    return purpose.split(text, lambda request: _attempt(request, None, None) is not None)


def _attempt(text: str, spaces: Collection[str] | None, base: BaseModel | None) -> SizingRequest | None:
    """Parse a text without looking for a suggestion."""
    draft = _command(text, spaces, base, patience=1)
    return None if draft.problems else settle(draft, text)


def _command(
    text: str, spaces: Collection[str] | None, base: BaseModel | None, patience: int = _ENOUGH_PROBLEMS
) -> Draft:
    """Read ``command = { item }``. A joiner stands between two groups."""
    draft = Draft(spaces)
    if base is not None:
        draft.models.append(Model(base.params, base, 0, 0))
    cursor = Cursor(plain(text))
    joinable = any_item = False
    cursor.skip()
    while cursor.at < len(cursor.text) and len(draft.problems) < patience:
        joiner = cursor.match("joiner") if cursor.text[cursor.at] in "+,&" else None
        done = cursor.at >= len(cursor.text)
        if joiner is not None and joiner[1] == "," and any_item and not done:
            joiner = None  # a comma may stand between any two items
        if joiner is not None and (done or not joinable):
            behind = any_item if joiner[1] == "," else joinable
            draft.problems.append(_stray_joiner(joiner[1], joiner.start(1), "after" if behind else "before"))
            joiner = None
        if done:
            break
        if _group(cursor, draft):
            joinable = True
        elif _single(cursor, draft):
            if joiner is not None:
                draft.problems.append(_stray_joiner(joiner[1], joiner.start(1), "after"))
            joinable = False
            if _lone_items(draft) > _CROWD:
                break
        else:
            diagnosis.diagnose(cursor, draft)
            joinable = True  # it may have been meant as a group: report only one mistake
        any_item = True
        cursor.skip()
    return draft


def _lone_items(draft: Draft) -> int:
    """Count the items that a request has only one of."""
    return len(draft.models) + len(draft.mixtures) + len(draft.numbers + draft.methods + draft.nones)


def _single(cursor: Cursor, draft: Draft) -> bool:
    """Read an item other than a group: ``model | none | method | option``."""
    if cursor.text[cursor.at] in DIGITS:
        return _model(cursor, draft) or _bits(cursor, draft) or _number(cursor, draft) or _word(cursor, draft)
    return _word(cursor, draft) or _option(cursor, draft)


def _stray_joiner(joiner: str, at: int, where: str) -> Problem:
    """Explain a joiner that joins nothing."""
    message = f"“{joiner}” joins adapter groups; there is none {where} it."
    if joiner == ",":
        message = f"“,” stands between two parts of a request; there is none {where} it."
    return instead("E02", message, at, at + len(joiner), " ")


def _model(cursor: Cursor, draft: Draft) -> bool:
    """Read ``model = number , [ space ] , scale | moe``. An alias is read as a word."""
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
    """Read ``moe = int , "x" , int , "b"``."""
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
    """Read ``group = [ int , times ] , size | size , times , int | rank | spoken``."""
    first = cursor.text[cursor.at]
    if first not in DIGITS:
        return first in "rR" and _rank(cursor, draft)
    found = cursor.match("group")
    if found is None:
        return _rank(cursor, draft) or _spoken(cursor, draft)
    before, number, unit, after = found.groups()
    start, end = found.span()
    if before is not None and after is not None:
        draft.problems.append(limits.two_counts(cursor.text[start:end], before, after, number + unit, start))
        draft.groups.append(Group(int(before), None, True, unit[0] in "gG", start, end))
        return True
    _add_group(draft, before or after, number, unit, start, end)
    return True


def _add_group(draft: Draft, count: str | None, number: str, unit: str, start: int, end: int) -> None:
    """Add adapters of one size, or the problem with that size."""
    microbytes = None
    if len(number.partition(".")[2]) <= SIZE_DECIMALS:
        microbytes = count_of(number, MICROBYTES_PER[unit.lower()])
    if microbytes is None or not 0 < microbytes <= limits.LARGEST_ADAPTER:
        problem = limits.size_problem(f"{count}x" if count else "", number, unit, start, end)
        if problem is not None:
            draft.problems.append(problem)
        microbytes = None
    adapters = 1 if count is None else int(count)
    draft.groups.append(Group(adapters, microbytes, count is not None, unit[0] in "gG", start, end))


def _rank(cursor: Cursor, draft: Draft) -> bool:
    """Read ``rank = [ int , times ] , "r" , int , [ times , int ] , [ ":" , targets ]``."""
    found = cursor.match("rank")
    if found is None:
        return False
    before, rank, after, targets = found.groups()
    start, end = found.span()
    count = before or after
    if before is not None and after is not None:
        draft.problems.append(limits.two_counts(cursor.text[start:end], before, after, f"r{rank}", start))
        draft.ranks.append(Rank(int(before), int(rank), targets and targets.lower(), True, start, end))
        return True
    _add_rank(draft, count, rank, targets, start, end)
    return True


def _add_rank(draft: Draft, count: str | None, rank: str, targets: str | None, start: int, end: int) -> None:
    """Add adapters of one LoRA rank, or the problem with that rank."""
    if not 1 <= int(rank) <= limits.LARGEST_RANK:
        draft.problems.append(limits.rank_problem(count, rank, targets, start, end))
    adapters, counted = int(count or 1), count is not None
    draft.ranks.append(Rank(adapters, int(rank), targets and targets.lower(), counted, start, end))


def _option(cursor: Cursor, draft: Draft) -> bool:
    """Read ``option = ( "name" | "space" | "gpu" ) , "=" , value``."""
    found = cursor.match("option")
    if found is None:
        return False
    problem = options.read(found, draft)
    if problem is not None:
        draft.problems.append(problem)
    return True


def _bits(cursor: Cursor, draft: Draft) -> bool:
    """Read ``method = int , ( "bit" | "bits" )``, if the sizing table has this width."""
    start = cursor.at
    found = cursor.match("bits")
    if found is None:
        return False
    if int(found[1]) not in WIDTHS:
        cursor.at = start
        return False
    draft.methods.append(Word(f"{int(found[1])}-bit", start, found.end()))
    return True


def _spoken(cursor: Cursor, draft: Draft) -> bool:
    """Read ``spoken = int , [ method ] , "adapters" , [ "of" ] , size | int , size , "adapters"``."""
    found = cursor.match("spoken")
    if found is None:
        return False
    count, _, method, _, number, unit, rank, targets = found.groups()
    start, end = found.span()
    if method is not None and method.lower() != DEFAULT:
        draft.methods.append(Word(method.lower(), *found.span("method")))
    size = cursor.text[found.start("size") : end]
    if rank is None:
        _add_group(draft, count, number, unit, start, end)
    else:
        _add_rank(draft, count, rank, targets, start, end)
    draft.spoken.append(Spoken(int(count), size, start, end))
    return True


def _number(cursor: Cursor, draft: Draft) -> bool:
    """Read ``none = "0"``. What any other bare number means is decided by ``validate``."""
    found = cursor.match("number")
    if found is None:
        return False
    word = Word(found[0], found.start(), found.end())
    (draft.nones if word.text == "0" else draft.numbers).append(word)
    return True


def _word(cursor: Cursor, draft: Draft) -> bool:
    """Read a word: ``none = "none" | method | filler | alias``. An alias may have several words."""
    start = cursor.at
    found = cursor.match("word")
    if found is None:
        return False
    word = Word(found[0].lower(), start, cursor.at)
    if word.text in WORDS:
        if word.text != DEFAULT or not cursor.sees("adapters"):
            draft.methods.append(word)
    elif word.text in FILLERS:
        if word.text in ADAPTER_WORDS:
            draft.adapter_words.append(word)
    elif word.text in _NONE and (word.text == "none" or cursor.match("adapters")):
        draft.nones.append(Word(word.text, start, cursor.at))
    else:
        name = names.read(cursor.text, start, word.end)
        if name is None:
            cursor.at = start
            return False
        known, cursor.at = name
        draft.models.append(Model(known.params, known, start, cursor.at))
    return True
