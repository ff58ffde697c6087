"""Tests a policy: its own cases, and the same requests under another policy. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bot.approvals import policy
from bot.approvals.draft import Site, facts_of
from bot.approvals.limits import Used, refuse_amount
from bot.approvals.policy import Person
from bot.approvals.policy_file import ASKERS
from sizing import SizingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from bot.approvals.policy import Facts, Ruling
    from bot.approvals.policy_file import Case, Policy


_BARRED = {"guest": "guest", "external": "stranger"}
"""Why they may not vote, by the word of a case."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to rule on.

    Args:
        id: Empty for one that was never made.
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


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a policy says about a case.

    Args:
        barred: Why the person may not ask, or None; as in ``policy.barred_from_asking``.
        limit: The limit that the request alone exceeds, or None.
    """

    ruling: Ruling
    barred: str | None = None
    limit: str | None = None

    @property
    def denied(self) -> bool:
        """Whether nothing can come of the request."""
        return bool(self.barred or self.limit or self.ruling.deny is not None)


def judge(rules: Policy, case: Case) -> Verdict:
    """Return what a policy says about a case; raises ``SizingError`` if its text cannot be read."""
    spaces = {*rules.spaces(), *([case.space] if case.space else [])}
    text = f"{case.asks} space={case.space}" if case.space else case.asks
    site = Site("", "", {name: name for name in spaces})
    facts = facts_of(text, site, case.use_gpus, workflow="workflow" in case.who)
    over = refuse_amount(rules.limits, Used(), facts.num_gpus, is_new=True)
    barred = policy.barred_from_asking(rules, _person(case), case.channel or "")
    return Verdict(policy.rule(rules, facts), barred, over.code if over else None)


def _person(case: Case) -> Person:
    """Return the requester of a case, as a look-up would."""
    ids = [entry for entry in case.who if entry not in ASKERS]
    users = [entry for entry in ids if not entry.startswith("S")]
    return Person(
        team_id="",
        user_id=users[0] if users else "",
        name="",
        barred=next((_BARRED[entry] for entry in case.who if entry in _BARRED), None),
        groups=frozenset(ids).difference(users),
        aliases=frozenset(users[1:]),
    )


def holds(case: Case, verdict: Verdict) -> bool:
    """Return whether a verdict is what a case expects."""
    if case.denied or verdict.denied:
        return case.denied and verdict.denied
    return case.need == {party.name: party.count for party in verdict.ruling.parties}


def site_for(*rules: Policy) -> Site:
    """Return a site with the spaces that the policies name."""
    return Site("", "", {name: name for one in rules for name in one.spaces()})


def compare(
    old: Policy,
    new: Policy,
    requests: Iterable[Asked],
    site: Site,
    unreadable: Callable[[Asked], object] = lambda _: None,
) -> Iterator[Changed]:
    """Yield every request that two policies rule on differently, in the order of the requests.

    A ruling is the same if a request needs the same people for the same time, however the rules say so.

    Args:
        unreadable: Called with every request whose text cannot be read.
    """
    before, after = _ruler(old), _ruler(new)
    for asked in requests:
        try:
            facts = facts_of(asked.text, site, asked.use_gpus, workflow=asked.workflow)
        except SizingError:
            unreadable(asked)
            continue
        first, then = before(facts), after(facts)
        if first is not then and first != then:
            yield Changed(asked, first, then)


def _ruler(rules: Policy) -> Callable[[Facts], Ruling]:
    """Return ``rule``, cached by the matching rules and without what is no part of the decision."""
    known: dict[tuple[bool, ...], Ruling] = {}

    def ruled(facts: Facts) -> Ruling:
        key = (facts.workflow, *policy.binding(rules, facts))
        if key not in known:
            known[key] = replace(policy.rule(rules, facts), because=(), policy=None)
        return known[key]

    return ruled
