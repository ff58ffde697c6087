"""What an approver must know before deciding, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sizing
from bot.approvals.request import Kind, State
from bot.messages import gpus
from bot.slack.blocks.text import code, group_edit, safe
from sizing.advice import VALID_GPUS
from sizing.methods import METHODS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.approvals.draft import Draft, Site
    from bot.approvals.policy import Ruling
    from bot.approvals.request import Request
    from sizing import Advice

LONGEST = 230
"""Characters of all notes on a card; the rest is in Details."""
_LONGEST_NOTE = 170
_UNSENT = frozenset({State.PENDING, State.APPROVED})


def of_request(
    request: Request, drafted: Draft | None, site: Site, *, ruling: Ruling | None, warning: str | None
) -> list[str]:
    """Return notes about the row, the policy and the settings, gravest first; mrkdwn.

    Args:
        drafted: Its text, parsed again; None for a deletion, or if it can no longer be parsed.
        ruling: The policy's current ruling; None if it was not asked.
        warning: Why it cannot be approved at present, as plain text.
    """
    shown = [f"The policy denies it now: {safe(ruling.deny, 140)}"] if ruling and ruling.deny else []
    if warning:
        shown.append(safe(warning, _LONGEST_NOTE))
    shown += [group_edit(edit) for edit in request.groups_edited[:1]]
    if request.state in _UNSENT and request.error:
        first = request.kind is Kind.DELETE and request.revision == 1 and request.state is State.PENDING
        shown.append(f"{'Note' if first else 'Approval needed again'}: {safe(request.error, 140)}")
    if request.kind is Kind.CREATE:
        if drafted is None:
            shown.append("This text can no longer be read, so its numbers are missing. *Edit* it.")
        elif drafted.digest != request.digest:
            shown.append("The numbers have changed since this was submitted; it will need approval again.")
        if request.existing is not None:
            shown.append(
                f"Spec {code(request.existing[1], 50)} already serves this: choose *Use existing spec* under ⋯."
            )
    else:
        shown.append("Deployments that use it can no longer be started or scaled with it.")
    if site.dry_run:
        shown.append("Dry run: nothing is created.")
    if request.use_gpus is not None and drafted is not None:
        computed = gpus(drafted.breakdown.num_gpus)
        shown.append(f"{gpus(request.use_gpus)} chosen by hand; the formula says {computed}.")
    return shown


def warnings(drafted: Draft, advice: Advice) -> tuple[str, ...]:
    """Return the warnings about the numbers, gravest first; mrkdwn."""
    opinion = sizing.explain(drafted.sized, drafted.breakdown, drafted.use_gpus)
    doubt = sizing.contradiction(drafted.breakdown, opinion) if opinion is not None else None
    shown = [safe(doubt, _LONGEST_NOTE)] if doubt else []
    said = [_said(warning, words, drafted, advice) for warning, words in advice.warnings]
    return (*shown, *[words for words in said if words])


def lines(notes: Sequence[str], limit: int = LONGEST) -> str:
    """Return notes as lines of one block; the first is always shown, the rest as far as they fit."""
    shown: list[str] = []
    for note in notes:
        if shown and sum(map(len, shown)) + len(note) > limit:
            shown.append("… and more in *Details* under ⋯.")
            break
        shown.append(f"⚠️ {note}")
    return "\n".join(shown)


def _said(warning: str, words: str, drafted: Draft, advice: Advice) -> str | None:
    """Return a warning with what to do; None if another warning or somebody's choice has settled it."""
    count, method = drafted.breakdown.num_gpus, METHODS[drafted.sized.method]
    fewer = advice.cheaper
    match warning:
        case "W1" | "W2" if drafted.use_gpus is not None:
            return None
        case "W1" if advice.next_valid_gpus is not None:
            use = advice.next_valid_gpus
            return f"{count} GPUs usually cannot be used for tensor parallelism. Choose *Use {use} GPUs* under ⋯."
        case "W1":
            return None  # more than a node: W2 says so
        case "W2":
            way = f"{fewer.method} needs {fewer.num_gpus:,}" if fewer else "Split it, or use larger GPUs"
            return f"{count:,} GPUs need more than one node of {VALID_GPUS[-1]}. {way}: *Edit*."
        case "W4" if drafted.sized.method_word is None:
            return f"No method was given: {method.name} ({method.bits}-bit) is assumed. *Edit* to change it."
        case "W3" | "W4" | "W5":
            return f"{safe(words, 120)} *Edit* if that is not meant."
        case _:
            return safe(words, _LONGEST_NOTE)
