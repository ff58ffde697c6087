"""What the policy requires of a request's words: its purpose, and a name typed by hand. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.approvals.patterns import first_match, matches_whole
from bot.approvals.state_machine import Refusal
from bot.redaction import looks_secret

if TYPE_CHECKING:
    from bot.approvals.draft import Draft
    from bot.approvals.policy_file import Defaults

PURPOSE_CODES = frozenset({"purpose_missing", "purpose_unlike", "secret_in_purpose"})
CODES = PURPOSE_CODES | {"name_unlike"}
"""What ``refuse_words`` answers."""


def refuse_words(rules: Defaults, purpose: str | None, drafted: Draft) -> Refusal | None:
    """Return why these words are not allowed, or None."""
    if purpose is None and rules.purpose == "required":
        return Refusal("purpose_missing", rules.purpose_pattern or "")
    if purpose is not None and looks_secret(purpose):
        return Refusal("secret_in_purpose")
    if purpose is not None and rules.purpose_pattern and first_match(purpose, rules.purpose_pattern) is None:
        return Refusal("purpose_unlike", rules.purpose_pattern)
    typed = drafted.sized.name
    if typed is not None and rules.name_pattern and not matches_whole(typed, rules.name_pattern):
        return Refusal("name_unlike", rules.name_pattern)
    return None


def linked(rules: Defaults, purpose: str) -> tuple[int, int, str] | None:
    """Return the part of a purpose to link (start, end) and the address with ``{match}`` for it, or None."""
    if rules.purpose_pattern is None or rules.purpose_link is None:
        return None
    match = first_match(purpose, rules.purpose_pattern)
    return None if match is None else (*match, rules.purpose_link)
