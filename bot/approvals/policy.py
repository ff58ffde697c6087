"""Who may do what: one function that rules on a request, and one that rules on who may ask.

``rule`` is called when a request is made, at every click and again just before the effect. Every matching rule binds;
the strictest wins; a deny overrides all; the order of the rules never matters. ``standing`` says what one person,
looked up live, may do under a ruling; ``barred_from_asking`` says whether they may ask at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import product
from typing import TYPE_CHECKING

from bot.approvals.parties import Party, outlook
from bot.approvals.policy_file import ANYONE, APPROVERS, EXTERNAL, GUESTS, MEMBERS
from sizing.methods import METHODS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from bot.approvals.parties import Members, Shortage
    from bot.approvals.policy_file import Defaults, Escalate, Need, Policy, Rule, When
    from bot.approvals.request import GroupEdit, Request

    Stages = tuple[Escalate, ...]
    _List = tuple[frozenset[str], Stages]

MAX_REMINDERS = 5
_KINDS: Mapping[str | None, str] = {
    None: MEMBERS,
    "guest": GUESTS,
    "stranger": EXTERNAL,
    "foreign_team": EXTERNAL,
}
"""The kind of people that somebody belongs to, by ``Person.barred``; whoever is of none can never ask."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts that the policy rules on.

    Args:
        num_gpus: GPUs that would be reserved.
        gpu_memory_gb: Exact GB before rounding up.
        spaces: The space's id, and its name if it has one.
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
class Stage:
    """People who may decide as well, from some time after the request was made.

    Args:
        after_ms: Milliseconds from asking.
        to: Users and groups.
    """

    after_ms: int
    to: frozenset[str]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the policy says about one request.

    Args:
        parties: Who must approve, by name; nobody fills two places.
        stages: Who may decide later on, by time.
        self_approval: Whether the requester's own vote counts.
        deny: Why nobody may approve it, or None.
        expires_ms: Milliseconds from asking to expiry.
        remind_ms: Milliseconds to the first reminder.
        notify: Users and groups to notify at once.
        because: One short clause for each rule that applied.
        confirm: Whether an approval needs a confirmation, in a modal drawn from the row.
        policy: The policy's digest.
        valid_ms: How long an approval counts; None for as long as the request lives.
    """

    parties: tuple[Party, ...]
    stages: tuple[Stage, ...]
    admins: frozenset[str]
    self_approval: bool
    deny: str | None
    expires_ms: int
    remind_ms: int
    notify: tuple[str, ...]
    because: tuple[str, ...]
    confirm: bool = False
    policy: str | None = None
    valid_ms: int | None = None

    @property
    def quorum(self) -> int:
        """The number of distinct people needed."""
        return sum(party.count for party in self.parties)

    @property
    def entries(self) -> frozenset[str]:
        """Every user and group that may approve now."""
        return frozenset().union(*(party.entries for party in self.parties))

    @property
    def mentioned(self) -> tuple[str, ...]:
        """The groups that the card mentions; people get a direct message."""
        return tuple(entry for entry in self.notify if entry.startswith("S"))

    def open_to(self, via: Collection[str], *, own: bool = False) -> list[int]:
        """Return the parties, by number, whose places somebody may fill.

        Args:
            via: The user, and the groups they are in.
            own: Whether it is their own request.
        """
        if own and not self.self_approval:
            return []
        return [number for number, party in enumerate(self.parties) if party.admits(via, own=own)]

    def next_stage(self, told_ms: int) -> Stage | None:
        """Return the next stage that nobody has been notified of."""
        return next((stage for stage in self.stages if stage.after_ms > told_ms), None)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, as described by Slack now.

    Args:
        barred: Why this person can have no say (``deleted``, ``bot``, ``guest``, ``stranger``, ``foreign_team``,
            ``unknown_person``, ``lookup_failed``), or None.
        groups: The policy's user groups that they are in.
        aliases: Further ids of the same person: in an Enterprise Grid, each workspace may have one.
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
        may_vote: Whether they belong to one of the parties.
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


def rule(policy: Policy, facts: Facts, waited_ms: int = 0) -> Ruling:
    """Return what the policy requires of one request: the strictest of the defaults and all matching rules.

    Args:
        waited_ms: How long it has waited for a decision, for escalations.
    """
    base = policy.defaults
    matching = [r for r in policy.rule if _matches(r.when, facts)]
    because = sorted({_clause(r) for r in matching})
    denials = sorted(r.deny for r in matching if r.deny)
    self_approval = base.self_approval and not any(r.self_approval is False for r in matching)
    two = facts.workflow and base.workflow == "quorum-of-two"
    if facts.workflow and base.workflow == "deny":
        denials = [
            "requests from Workflow Builder are not accepted (its requester proves nothing).",
            *denials,
        ]
    if two:
        self_approval = False
        because = [*because, "asked by a workflow: two people"]
    sources = _sources(base, matching, two=two)
    parties = tuple(_party(name, *source, waited_ms) for name, source in sorted(sources.items()))
    return Ruling(
        parties=parties,
        stages=_stages(sources),
        admins=base.admins,
        self_approval=self_approval,
        deny=denials[0] if denials else None,
        expires_ms=min([base.expires_after, *(r.expires_after for r in matching if r.expires_after)]),
        remind_ms=base.remind_after,
        notify=_told(base.notify, parties),
        because=tuple(because),
        confirm=base.confirm_from_gpus is not None and facts.num_gpus >= base.confirm_from_gpus,
        policy=policy.digest,
        valid_ms=base.approval_valid,
    )


def _sources(base: Defaults, matching: Sequence[Rule], *, two: bool) -> dict[str, tuple[int, set[_List]]]:
    """Return the places of every party and the lists its members must be in, by the party's name.

    Args:
        base: The defaults.
        matching: The rules that bind.
        two: Whether at least two distinct people are needed.
    """
    by_name: dict[str, tuple[int, set[_List]]] = {}
    asking: list[Defaults | Rule] = [r for r in matching if r.need] or ([base] if base.need else [])
    needs: list[tuple[Need, Stages]] = [
        (need, (*table.escalate, *base.escalate)) for table in asking for need in table.need or ()
    ]
    for need, stages in needs:
        count, lists = by_name.get(need.name, (need.count, set()))
        by_name[need.name] = (max(count, need.count), lists | {(need.among, stages)})
    short = [r for r in matching if not r.need]
    listed = {(r.approvers, (*r.escalate, *base.escalate)) for r in short if r.approvers}
    quorums = [r.quorum for r in short if r.quorum]
    if two:
        quorums.append(2)
    if not needs:
        quorums.append(base.quorum)
    # beside parties a quorum counts distinct people in all; a list of approvers asks for people of its own
    places = sum(count for count, _ in by_name.values())
    count = max([1, *quorums]) if listed else max([places, *quorums]) - places
    if count:
        anybody = base.approvers.union(*(need.among for need, _ in needs))
        stages = (*(stage for r in short for stage in r.escalate), *base.escalate)
        by_name[APPROVERS] = (count, listed | {(anybody, stages)})
    return by_name


def _party(name: str, count: int, lists: Iterable[_List], waited_ms: int) -> Party:
    """Return a party as it is after some time."""

    def after(ms: float) -> tuple[frozenset[str], ...]:
        return tuple(sorted({_widened(entries, stages, ms) for entries, stages in lists}, key=sorted))

    return Party(name, count, lists=after(waited_ms), first=after(0), last=after(float("inf")))


def _widened(entries: frozenset[str], stages: Stages, ms: float) -> frozenset[str]:
    return entries.union(*(stage.to for stage in stages if stage.after <= ms))


def _stages(sources: dict[str, tuple[int, set[_List]]]) -> tuple[Stage, ...]:
    """Return who is added when, for all parties."""
    added: dict[int, frozenset[str]] = {}
    for _, lists in sources.values():
        for stage in (stage for _, stages in lists for stage in stages):
            added[stage.after] = added.get(stage.after, frozenset()) | stage.to
    return tuple(Stage(after, to) for after, to in sorted(added.items()))


def _told(notify: tuple[str, ...] | None, parties: Sequence[Party]) -> tuple[str, ...]:
    """Return whom to notify of a request: those that the policy names, or else those who may approve."""
    first = frozenset().union(*(entries for party in parties for entries in party.first))
    return tuple(sorted(first - {ANYONE})) if notify is None else notify


def unreadable(policy: Policy, why: str) -> Ruling:
    """Return the defaults and a deny, for a stored request that cannot be read: it may end, but not be created."""
    nothing = Facts(num_gpus=0, gpu_memory_gb=Decimal(0), method="", spaces=frozenset())
    return replace(rule(policy, nothing), deny=why)


def standing(ruling: Ruling, person: Person) -> Actor:
    """Return what a person, looked up live, may do under a ruling."""
    entries = {person.user_id, *person.aliases, *person.groups}
    if person.barred is None:
        entries.add(ANYONE)
    named = ruling.entries & entries
    return Actor(
        team_id=person.team_id,
        user_id=person.user_id,
        name=person.name,
        enterprise_id=person.enterprise_id,
        may_vote=person.barred is None and any(party.admits(named) for party in ruling.parties),
        via=tuple(sorted(named)),
        is_admin=person.barred is None and not ruling.admins.isdisjoint(entries - {ANYONE}),
        barred=person.barred,
    )


def barred_from_asking(policy: Policy, person: Person, channel_id: str) -> str | None:
    """Return why a person may not ask (``member``, or why they are not one), or None if they may.

    Args:
        person: With the groups among the requesters that they are in.
        channel_id: Where they ask; empty if that is not a channel.
    """
    kind = _KINDS.get(person.barred)
    entries = {kind, channel_id, person.user_id, *person.aliases, *person.groups}
    if kind is not None and not policy.defaults.requesters.isdisjoint(entries):
        return None
    return person.barred or "member"


def next_due(request: Request, ruling: Ruling) -> int:
    """Return when a pending request is due next: for a reminder, an escalation or its expiry."""
    reminder = remind_at(ruling, request.asked_at, request.reminded)
    stage = ruling.next_stage(request.escalated_ms or 0)
    times = [request.expires_at]
    times += [reminder] if reminder is not None else []
    times += [request.asked_at + stage.after_ms] if stage is not None else []
    return min(times)


def due_stage(ruling: Ruling, request: Request, now: int) -> Stage | None:
    """Return the next stage that nobody has been notified of, once it is due."""
    stage = ruling.next_stage(request.escalated_ms or 0)
    return stage if stage is not None and request.asked_at + stage.after_ms <= now else None


def remind_at(ruling: Ruling, created_at: int, sent: int) -> int | None:
    """Return when the next reminder is due: after 1, 2, 4, 8 … times ``remind_after``."""
    if sent >= MAX_REMINDERS:
        return None
    waits = (1 << (sent + 1)) - 1
    return created_at + ruling.remind_ms * waits


def unreachable(policy: Policy, members: Members, barred: Collection[str] = ()) -> list[Shortage]:
    """Return every party that the policy may require and that cannot be reached.

    Args:
        members: Returns the members of a user group, or None if there is no such group.
        barred: People known to be barred by Slack from voting.
    """
    asked: dict[tuple[bool, ...], Ruling] = {}
    for facts in _every(policy):
        key = (facts.workflow, *binding(policy, facts))
        if key not in asked:
            asked[key] = rule(policy, facts)
    shortages = {
        short
        for ruling in asked.values()
        if ruling.deny is None
        for short in outlook(ruling.parties, members, barred=barred).short
    }
    return sorted(shortages)


def _every(policy: Policy) -> Iterator[Facts]:
    """Yield facts for every combination of rules that can bind one request."""
    whens = [rule.when for rule in policy.rule]
    for gpus, gb, method, space, override, workflow in product(
        sorted({1, *(when.min_gpus for when in whens if when.min_gpus)}),
        sorted({Decimal(0), *(when.min_gb for when in whens if when.min_gb is not None)}),
        METHODS if any(when.methods for when in whens) else ("",),
        ("", *sorted(policy.spaces())),
        (False, True) if any(when.override is not None for when in whens) else (False,),
        (False, True) if policy.defaults.workflow == "quorum-of-two" else (False,),
    ):
        yield Facts(gpus, gb, method, frozenset({space}), override=override, workflow=workflow)


def binding(policy: Policy, facts: Facts) -> tuple[bool, ...]:
    """Return, for each rule, whether it binds a request; ``rule`` depends only on this and ``facts.workflow``."""
    return tuple(_matches(rule.when, facts) for rule in policy.rule)


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
        *(f"{need.count} of {need.name}" for need in rule.need or ()),
        *(["denied"] if rule.deny else []),
        *([f"also one of {', '.join(sorted(rule.approvers))}"] if rule.approvers else []),
        *(["no self-approval"] if rule.self_approval is False else []),
        *(
            [f"escalates to {', '.join(sorted(frozenset().union(*(stage.to for stage in rule.escalate))))}"]
            if rule.escalate
            else []
        ),
    ]
    return f"{' and '.join(conditions) or 'always'}: {', '.join(effects) or 'no change'}"
