"""How much a person, and a deployment space, may ask for. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.approvals.state_machine import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.approvals.policy_file import Limits, Policy

LIMITS = frozenset({"open_per_person", "asks_per_minute", "gpus_per_person", "gpus_per_space"})
"""The limits, as named in the policy."""
_MOST_IDS = 5


@dataclass(frozen=True, slots=True)
class Gpus:
    """GPUs in use: by requests that have not ended, and by specifications that exist."""

    open: int = 0
    created: int = 0

    @property
    def all(self) -> int:
        """Both."""
        return self.open + self.created


@dataclass(frozen=True, slots=True)
class Used:
    """What is in use, apart from the request in question.

    Args:
        open_requests: Ids of the person's requests that have not ended.
        asked: Requests that the person made within the last minute.
        person: GPUs that the person holds.
        space: GPUs that the space holds.
    """

    open_requests: tuple[str, ...] = ()
    asked: int = 0
    person: Gpus = Gpus()
    space: Gpus = Gpus()


def refuse_amount(limits: Limits, used: Used, gpus: int, *, is_new: bool) -> Refusal | None:
    """Return why a request exceeds a limit, or None.

    Args:
        gpus: GPUs that the request adds; 0 for a deletion.
        is_new: Whether it is a new request, not another revision.

    Returns:
        A refusal with the limit's name and its facts, ``key=value`` each.
    """
    if is_new and limits.asks_per_minute and used.asked >= limits.asks_per_minute:
        return _refusal("asks_per_minute", most=limits.asks_per_minute)
    if is_new and limits.open_per_person and len(used.open_requests) >= limits.open_per_person:
        shown = ",".join(used.open_requests[:_MOST_IDS])
        return _refusal("open_per_person", held=len(used.open_requests), which=shown)
    for name, most, held in (
        ("gpus_per_person", limits.gpus_per_person, used.person),
        ("gpus_per_space", limits.gpus_per_space, used.space),
    ):
        if most and gpus and held.all + gpus > most:
            return _refusal(name, asked=gpus, open=held.open, created=held.created, most=most)
    return None


def never_reached(rules: Policy) -> Iterator[str]:
    """Name the rules and thresholds that no request can reach because of a limit on GPUs."""
    limits = rules.limits
    most = {"gpus_per_person": limits.gpus_per_person, "gpus_per_space": limits.gpus_per_space}
    counts = {"confirm_from_gpus": rules.defaults.confirm_from_gpus}
    counts |= {f"rule.{n}": rule.when.min_gpus for n, rule in enumerate(rules.rule) if rule.deny is None}
    for where, least in counts.items():
        for limit, held in most.items():
            if least and held and least > held:
                yield f"{where} is for requests from {least} GPUs, which {limit} = {held} refuses"


def facts_of(refusal_detail: str) -> dict[str, str]:
    """Return the facts of a limit's refusal, by name, from the text that the audit and stored answers hold."""
    return dict(part.partition("=")[::2] for part in refusal_detail.split())


def _refusal(limit: str, **facts: int | str) -> Refusal:
    return Refusal(limit, " ".join(f"{name}={value}" for name, value in facts.items()))
