"""A policy tried out: its own cases, and the same requests under another policy. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bot.approvals import policy
from bot.approvals.draft import Site, facts_of
from sizing import SizingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from bot.approvals.policy import Facts, Ruling
    from bot.approvals.policy_file import Case, Policy


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to rule on.

    Args:
        id: What it is called; empty for one that was never made.
        text: As typed.
        use_gpus: GPU count chosen by hand, if any.
        workflow: Whether a workflow asked.
    """

    id: str
    text: str
    use_gpus: int | None = None
    workflow: bool = False


@dataclass(frozen=True, slots=True)
class Changed:
    """A request that two policies rule on differently."""

    asked: Asked
    old: Ruling
    new: Ruling


def rule_on(rules: Policy, case: Case) -> Ruling:
    """Say what a policy asks of a case; raises ``SizingError`` where its text cannot be read."""
    spaces = {*rules.spaces(), *([case.space] if case.space else [])}
    text = f"{case.asks} space={case.space}" if case.space else case.asks
    site = Site("", "", {name: name for name in spaces})
    return policy.rule(rules, facts_of(text, site, case.use_gpus, workflow=case.who == "workflow"))


def holds(case: Case, ruling: Ruling) -> bool:
    """Return whether a ruling is what a case expects."""
    if case.denied or ruling.deny is not None:
        return case.denied and ruling.deny is not None
    return case.need == {party.name: party.count for party in ruling.parties}


def site_for(*rules: Policy) -> Site:
    """Return a site whose spaces are those that the policies name."""
    return Site("", "", {name: name for one in rules for name in one.spaces()})


def compare(
    old: Policy,
    new: Policy,
    requests: Iterable[Asked],
    site: Site,
    unreadable: Callable[[Asked], object] = lambda _: None,
) -> Iterator[Changed]:
    """Yield every request that two policies rule on differently, in the order of the requests.

    A ruling is the same if a request needs the same people for as long; how the rules say so does not matter.

    Args:
        old: The policy before.
        new: The policy after.
        requests: What to rule on.
        site: Which spaces there are.
        unreadable: Hears of every request whose text cannot be read.
    """
    before, after = _ruler(old), _ruler(new)
    for asked in requests:
        try:
            found = facts_of(asked.text, site, asked.use_gpus, workflow=asked.workflow)
        except SizingError:
            unreadable(asked)
            continue
        first, then = before(found), after(found)
        if first is not then and first != then:
            yield Changed(asked, first, then)


def _ruler(rules: Policy) -> Callable[[Facts], Ruling]:
    """Return ``rule`` without what is no part of the decision; the same rules that match give the same ruling."""
    known: dict[tuple[bool, ...], Ruling] = {}

    def ruled(found: Facts) -> Ruling:
        key = (found.workflow, *policy.binding(rules, found))
        if key not in known:
            known[key] = replace(policy.rule(rules, found), because=(), policy=None)
        return known[key]

    return ruled
