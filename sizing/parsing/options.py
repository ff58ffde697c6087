"""The options ``name=``, ``space=`` and ``gpu=``, and how to explain unknown ones."""

import re

from sizing import methods, models
from sizing.parsing import limits
from sizing.parsing.draft import Draft, Problem, instead
from sizing.parsing.nearest import one_edit_away, quote
from sizing.parsing.tokens import QUOTES, RULES

NAMES = ("name", "space", "gpu")
_SAFE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_SAFE_SPACE = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")
_GPU = re.compile(r"([0-9]{1,4})(?:gi?b?)?\Z", re.IGNORECASE)
_EXAMPLES = {"name": "my-spec", "space": "my-space", "gpu": "40"}
_GPU_COUNTS = ("gpus", "num_gpus", "num-gpus", "num_gpu", "ngpu", "ngpus", "tp", "tensor-parallel-size")
_RANKS = ("rank", "r", "lora_rank", "lora-rank", "lora_r")
_WIDTHS = ("bits", "bit", "quant", "quantization", "precision", "dtype", "method")


def read(found: re.Match[str], draft: Draft) -> Problem | None:
    """Add an option to the draft.

    Args:
        found: Key and value of the option. The value may be empty.

    Returns:
        What is wrong with it, or None.
    """
    key, value = found[1].lower(), found[2].strip(QUOTES)
    start, end = found.span()
    if key not in NAMES:
        return _unknown(key, value, draft, start, end)
    if not value:
        return instead("E11", f"{key}= needs a value.", start, end, f"{key}={_EXAMPLES[key]}", invents=True)
    if key in draft.options:
        message = f"{key}= is given twice: {quote(draft.options[key])} and {quote(value)}. Keep one."
        return instead("E05", message, start, end, "")
    draft.options[key] = value
    return {"name": _name, "space": _space, "gpu": _gpu}[key](value, draft, start, end)


def is_item(text: str) -> bool:
    """Whether a text is a model, adapters or a method."""
    shaped = any(RULES[rule].fullmatch(text) for rule in ("model", "group", "rank"))
    word = text.lower()
    return (
        shaped
        or word in methods.WORDS
        or word == "none"
        or (text.isascii() and models.find(word) is not None)
    )


def _name(value: str, _draft: Draft, start: int, end: int) -> Problem | None:
    """Check a name: only characters that every version of the service accepts."""
    if _SAFE_NAME.match(value):
        return None
    message = "A name has 1 to 64 letters, digits, “-” or “_”."
    return instead("E11", message, start, end, "name=my-spec", invents=True)


def _space(value: str, draft: Draft, start: int, end: int) -> Problem | None:
    """Check a deployment space against those that are allowed, if they are known."""
    if draft.spaces is None and _SAFE_SPACE.match(value):
        return None
    if draft.spaces is not None and value in draft.spaces:
        return None
    known = ", ".join(quote(space, "") for space in sorted(draft.spaces or ())[:3])
    message = f"{quote(value)} is not a space I may use." + (f" Spaces: {known}." if known else "")
    return instead("E11", message, start, end, "", invents=True)


def _gpu(value: str, draft: Draft, start: int, end: int) -> Problem | None:
    """Check the memory of one GPU, in whole GB."""
    found = _GPU.match(value)
    if found and int(found[1]) in limits.GPU_GB:
        if found[1] == value:
            return None
        message = f"gpu= is a number of GB: write gpu={found[1]}."
        return instead("E11", message, start, end, f"gpu={found[1]}")
    message = (
        f"gpu= is the memory of one GPU, {limits.GPU_GB[0]} to {limits.GPU_GB[-1]} GB; not {quote(value)}."
    )
    draft.options.pop("gpu")
    return instead("E11", message, start, end, "gpu=40", invents=True)


def _unknown(key: str, value: str, draft: Draft, start: int, end: int) -> Problem:
    """Explain an unknown option: a typing mistake, a GPU count, or an item with a label before it."""
    listed = "Options: name, space, gpu (GB per GPU)."
    meant = one_edit_away(key, NAMES)
    if key in _GPU_COUNTS:
        message = f"Unknown option {quote(key)}: the GPU count is the answer, not an input. {listed}"
        return instead("E11", message, start, end, "")
    if meant is not None:
        message = f"Unknown option {quote(key)}; did you mean {meant}=? {listed}"
        return instead("E11", message, start, end, f"{meant}={value}")
    if (
        key in _RANKS and is_item(f"r{value}") and not draft.groups
    ):  # else it says the rank of what has a size
        message = f"Unknown option {quote(key)}: write a LoRA rank in one word, r{value}."
        return instead("E11", message, start, end, f"r{value}")
    fixed = value if is_item(value) else ""
    if key in _WIDTHS and value.isascii() and value.isdigit() and len(value) < 3:  # noqa: PLR2004 widths have two digits
        fixed = methods.for_bits(int(value))
    message = f"Unknown option {quote(key)}. {listed}"
    return instead("E11", message, start, end, fixed)
