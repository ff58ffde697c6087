"""Who may do what: the one function that rules on a request.

``rule`` is asked when a request is made, at every click and again just before the effect. Every
rule that matches applies; the strictest wins; a deny wins over all; the order of the rules never
matters. ``standing`` says what one person, looked up live, may do under a ruling.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from bot.approvals.policy_file import ANYONE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from bot.approvals.policy_file import Policy, Rule, When
    from bot.approvals.request import GroupEdit

MAX_REMINDERS = 5


@dataclass(frozen=True, slots=True)
class Facts:
    """What the policy may look at.

    Args:
        num_gpus: GPUs that would be reserved.
        gpu_memory_gb: Exact GB before rounding up.
        method: The method.
        spaces: The space's id, and its name where it has one.
        override: Whether a person chose the GPU count.
        workflow: Whether a workflow asked, so that the requester is only claimed.
    """

    num_gpus: int
    gpu_memory_gb: Decimal
    method: str
    spaces: frozenset[str]
    override: bool = False
    workflow: bool = False


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the policy says of one request.

    Args:
        quorum: Distinct people needed.
        approvers: A voter must be in every one of these sets.
        admins: Who may cancel, retry and give up.
        self_approval: Whether the requester's own vote counts.
        deny: Why nobody may approve it, or None.
        expires_ms: Milliseconds from asking to expiry.
        remind_ms: Milliseconds to the first reminder.
        notify: Users and groups who are told of a request at once.
        because: One short clause for each rule that applied.
        confirm: Whether an approval is asked about once more, in a modal drawn from the row.
    """

    quorum: int
    approvers: tuple[frozenset[str], ...]
    admins: frozenset[str]
    self_approval: bool
    deny: str | None
    expires_ms: int
    remind_ms: int
    notify: tuple[str, ...]
    because: tuple[str, ...]
    confirm: bool = False

    @property
    def mentioned(self) -> tuple[str, ...]:
        """Return the groups that the card mentions; people are written to."""
        return tuple(entry for entry in self.notify if entry.startswith("S"))

    def admits(self, via: Collection[str]) -> bool:
        """Return whether a voter with these entries is in every set of approvers."""
        return all(not allowed.isdisjoint(via) for allowed in self.approvers)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as Slack describes them now.

    Args:
        team_id: Home workspace.
        user_id: The person.
        name: Display name, for display only.
        enterprise_id: Enterprise Grid, if any.
        barred: Why this person can have no say (``deleted``, ``bot``, ``guest``, ``stranger``,
            ``foreign_team``, ``unknown_person``, ``lookup_failed``), or None.
        groups: Those of the policy's user groups the person is in.
        aliases: Further ids of the same human: in an Enterprise Grid each workspace may have one.
        group_edits: Those of the groups that were edited since the request was made.
    """

    team_id: str
    user_id: str
    name: str
    enterprise_id: str | None = None
    barred: str | None = None
    groups: frozenset[str] = frozenset()
    aliases: frozenset[str] = frozenset()
    group_edits: tuple[GroupEdit, ...] = ()


@dataclass(frozen=True, slots=True)
class Actor:
    """A person and what they may do under a ruling.

    Args:
        team_id: Home workspace.
        user_id: The person.
        name: Display name.
        enterprise_id: Enterprise Grid, if any.
        may_vote: Whether they are in every set of approvers.
        via: The entries that say so.
        is_admin: Whether they may cancel, retry and give up.
        barred: Why they can have no say at all, or None.
    """

    team_id: str
    user_id: str
    name: str
    enterprise_id: str | None = None
    may_vote: bool = False
    via: tuple[str, ...] = ()
    is_admin: bool = False
    barred: str | None = None


def rule(policy: Policy, facts: Facts) -> Ruling:
    """Say what the policy asks of one request.

    Args:
        policy: The policy in force.
        facts: The request as the policy sees it.

    Returns:
        The strictest of the defaults and every rule that matches, in any order.
    """
    base = policy.defaults
    matching = [r for r in policy.rule if _matches(r.when, facts)]
    because = sorted({_clause(r) for r in matching})
    denials = sorted(r.deny for r in matching if r.deny)
    quorum = max([base.quorum, *(r.quorum for r in matching if r.quorum)])
    self_approval = base.self_approval and not any(r.self_approval is False for r in matching)
    if facts.workflow and base.workflow == "deny":
        denials = [
            "requests from Workflow Builder are not accepted (its requester proves nothing).",
            *denials,
        ]
    if facts.workflow and base.workflow == "quorum-of-two":
        quorum, self_approval = max(quorum, 2), False
        because = [*because, "asked by a workflow: two people"]
    if base.need or base.escalate or any(r.need or r.escalate for r in matching):
        denials = ["need and escalate are read but not yet in force.", *denials]
    approvers = {base.approvers, *(r.approvers for r in matching if r.approvers)}
    return Ruling(
        quorum=quorum,
        approvers=tuple(sorted(approvers, key=sorted)),
        admins=base.admins,
        self_approval=self_approval,
        deny=denials[0] if denials else None,
        expires_ms=min([base.expires_after, *(r.expires_after for r in matching if r.expires_after)]),
        remind_ms=base.remind_after,
        notify=_told(base.notify, approvers),
        because=tuple(because),
        confirm=base.confirm_from_gpus is not None and facts.num_gpus >= base.confirm_from_gpus,
    )


def _told(notify: tuple[str, ...] | None, approvers: Collection[frozenset[str]]) -> tuple[str, ...]:
    """Return who is told of a request: whom the policy says, or those who may approve it where it says nothing."""
    return tuple(sorted(frozenset().union(*approvers) - {ANYONE})) if notify is None else notify


def unreadable(policy: Policy, why: str) -> Ruling:
    """Return the defaults and a deny, for a stored request that cannot be read: it may end, not be made."""
    nothing = Facts(num_gpus=0, gpu_memory_gb=Decimal(0), method="", spaces=frozenset())
    return replace(rule(policy, nothing), deny=why)


def standing(ruling: Ruling, person: Person) -> Actor:
    """Say what a person, looked up live, may do under a ruling."""
    entries = {person.user_id, *person.aliases, *person.groups}
    if person.barred is None:
        entries.add(ANYONE)
    named = frozenset().union(*ruling.approvers) & entries
    return Actor(
        team_id=person.team_id,
        user_id=person.user_id,
        name=person.name,
        enterprise_id=person.enterprise_id,
        may_vote=person.barred is None and ruling.admits(named),
        via=tuple(sorted(named)),
        is_admin=person.barred is None and not ruling.admins.isdisjoint(entries - {ANYONE}),
        barred=person.barred,
    )


def remind_at(ruling: Ruling, created_at: int, sent: int) -> int | None:
    """Return when the next reminder is due: after 1, 2, 4, 8 … times ``remind_after``."""
    if sent >= MAX_REMINDERS:
        return None
    waits = (1 << (sent + 1)) - 1
    return created_at + ruling.remind_ms * waits


@dataclass(frozen=True, slots=True, order=True)
class Shortage:
    """A quorum that cannot be reached.

    Args:
        quorum: Distinct people who must vote.
        able: Distinct people who can.
    """

    quorum: int
    able: int


def voters(
    approvers: Sequence[frozenset[str]], members: Callable[[str], frozenset[str] | None]
) -> frozenset[str] | None:
    """Return who is in every set of approvers.

    Args:
        approvers: As in ``Ruling``.
        members: Returns the members of a user group, or None if there is no such group.

    Returns:
        User ids; None where any full member may vote.
    """
    found: frozenset[str] | None = None
    for allowed in approvers:
        if ANYONE in allowed:
            continue
        groups = frozenset(entry for entry in allowed if entry.startswith("S"))
        people = (allowed - groups).union(*(members(group) or () for group in sorted(groups)))
        found = people if found is None else found & people
    return found


def shortage(quorum: int, able: int) -> Shortage | None:
    """Return by how much a quorum is out of reach, or None if ``able`` people suffice."""
    return Shortage(quorum, able) if able < quorum else None


def shortages(
    policy: Policy, members: Callable[[str], frozenset[str] | None], barred: frozenset[str] = frozenset()
) -> list[Shortage]:
    """Return every quorum that the policy may ask for and that cannot be reached.

    Args:
        policy: The policy.
        members: As for ``voters``.
        barred: People whom Slack bars from voting, where that is known.
    """
    asked = ((quorum, voters(approvers, members)) for quorum, approvers in _asked(policy))
    found = {shortage(quorum, len(able - barred)) for quorum, able in asked if able is not None}
    return sorted(one for one in found if one is not None)


def _asked(policy: Policy) -> list[tuple[int, tuple[frozenset[str], ...]]]:
    """Return every quorum that may be asked for, with the sets its voters must be in."""
    base = policy.defaults
    asked: list[tuple[int, tuple[frozenset[str], ...]]] = [(base.quorum, (base.approvers,))]
    for rule in policy.rule:
        if rule.deny is None:
            quorum = max(base.quorum, rule.quorum or 1)
            asked.append((quorum, (base.approvers, rule.approvers) if rule.approvers else (base.approvers,)))
    if base.workflow == "quorum-of-two":
        asked.append((max(base.quorum, 2), (base.approvers,)))
    return asked


def _matches(when: When, facts: Facts) -> bool:
    return (
        (when.min_gpus is None or facts.num_gpus >= when.min_gpus)
        and (when.min_gb is None or facts.gpu_memory_gb >= when.min_gb)
        and (when.methods is None or facts.method in when.methods)
        and (when.spaces is None or not when.spaces.isdisjoint(facts.spaces))
        and (when.override is None or facts.override == when.override)
    )


def _clause(rule: Rule) -> str:
    """Return a rule as a short clause, for the person who asks why."""
    when = rule.when
    conditions = [
        *([f"from {when.min_gpus} GPUs"] if when.min_gpus else []),
        *([f"from {when.min_gb} GB"] if when.min_gb is not None else []),
        *([f"method {', '.join(sorted(when.methods))}"] if when.methods else []),
        *([f"space {', '.join(sorted(when.spaces))}"] if when.spaces else []),
        *(
            ["GPU count chosen by hand" if when.override else "GPU count as computed"]
            if when.override is not None
            else []
        ),
    ]
    effects = [
        *([f"{rule.quorum} people"] if rule.quorum else []),
        *(["denied"] if rule.deny else []),
        *([f"also one of {', '.join(sorted(rule.approvers))}"] if rule.approvers else []),
        *(["no self-approval"] if rule.self_approval is False else []),
    ]
    return f"{' and '.join(conditions) or 'always'}: {', '.join(effects) or 'no change'}"
