"""Who must approve: parties with places, filled so that nobody fills two.

Places are filled by matching: if the voters can fill them in any way, they are filled, whatever the order of votes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bot.approvals.policy_file import ANYONE, APPROVERS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    Members = Callable[[str], frozenset[str] | None]
    """Returns the members of a user group, or None if there is no such group."""


@dataclass(frozen=True, slots=True)
class Party:
    """A party, some of whose members must approve.

    Args:
        name: As on the card.
        lists: A member is in every one of these, current escalations included.
        first: The same lists before any escalation.
        last: The same lists after every escalation.
    """

    name: str
    count: int
    lists: tuple[frozenset[str], ...]
    first: tuple[frozenset[str], ...]
    last: tuple[frozenset[str], ...]

    @property
    def entries(self) -> frozenset[str]:
        """Every user and group in its lists."""
        return frozenset().union(*self.lists)

    def admits(self, via: Collection[str], *, own: bool = False) -> bool:
        """Return whether somebody may fill a place.

        Args:
            via: The user and the groups they are in.
            own: Whether it is their own request, on which an escalation gives them no say.
        """
        return all(not allowed.isdisjoint(via) for allowed in (self.first if own else self.lists))


def fill(parties: Sequence[Party], may: Mapping[str, Sequence[int]]) -> tuple[frozenset[str], ...]:
    """Fill as many places as possible.

    Args:
        may: For each person, the parties (by number) whose places they may fill.

    Returns:
        Who fills the places of each party; nobody is in two.
    """
    seated: tuple[set[str], ...] = tuple(set() for _ in parties)

    def place(person: str, tried: set[int]) -> bool:
        for number in may[person]:
            if number in tried:
                continue
            tried.add(number)
            if len(seated[number]) < parties[number].count:
                seated[number].add(person)
                return True
            for other in sorted(seated[number]):
                if place(other, tried):  # somebody moves on and leaves the place
                    seated[number].remove(other)
                    seated[number].add(person)
                    return True
        return False

    for person in sorted(may):
        place(person, set())
    return tuple(frozenset(people) for people in seated)


def people(lists: Iterable[frozenset[str]], members: Members) -> frozenset[str] | None:
    """Return the users who are in every list; None if that is any full member."""
    common: frozenset[str] | None = None
    for allowed in lists:
        if ANYONE in allowed:
            continue
        groups = frozenset(entry for entry in allowed if entry.startswith("S"))
        named = (allowed - groups).union(*(members(group) or () for group in sorted(groups)))
        common = named if common is None else common & named
    return common


@dataclass(frozen=True, slots=True, order=True)
class Shortage:
    """A party that cannot be reached.

    Args:
        quorum: Distinct people who must vote.
        able: Distinct people who can, apart from those whom other parties need.
        party: Its name.
        later: Whether an escalation will help.
    """

    quorum: int
    able: int
    party: str = APPROVERS
    later: bool = False


@dataclass(frozen=True, slots=True)
class Outlook:
    """Who can still approve a request.

    Args:
        voters: Users whose vote would fill a place now; empty if that is ``anyone``.
        short: Parties that cannot be reached.
    """

    voters: frozenset[str]
    short: tuple[Shortage, ...]


def outlook(
    parties: Sequence[Party],
    members: Members,
    *,
    barred: Collection[str] = (),
    own: Collection[str] = (),
    voted: Mapping[str, Sequence[int]] | None = None,
) -> Outlook:
    """Return who can still vote, and which places nobody can fill.

    Args:
        members: Returns the members of a user group, or None if there is no such group.
        barred: People who cannot vote at all.
        own: People whose own request it is, and who may still vote on it.
        voted: For each voter, the parties whose places they may fill.
    """
    voted = {person: numbers for person, numbers in (voted or {}).items() if numbers}
    named = _open(parties, members, barred, own)
    filled = sum(map(len, fill(parties, voted)))
    complete = filled == sum(party.count for party in parties)
    helps = {
        numbers: complete or sum(map(len, fill(parties, {**voted, "": numbers}))) > filled
        for numbers in set(map(tuple, named.values()))
    }
    able = frozenset(person for person, numbers in named.items() if helps[tuple(numbers)])
    short = _short(parties, members, {**named, **voted})
    still: set[str] = set()
    if short:
        last = [replace(party, lists=party.last) for party in parties]
        at_last = {**_open(last, members, barred, own), **voted}
        still = {party.name for party, _ in _short(last, members, at_last)}
    return Outlook(
        able - voted.keys(),
        tuple(Shortage(party.count, left, party.name, party.name not in still) for party, left in short),
    )


def _open(
    parties: Sequence[Party], members: Members, barred: Collection[str], own: Collection[str]
) -> dict[str, list[int]]:
    """Return, for each person that the parties name, the parties (by number) whose places they may fill."""
    may: dict[str, list[int]] = {}
    for number, party in enumerate(parties):
        able, first = people(party.lists, members) or frozenset(), people(party.first, members)
        for person in able.difference(barred):
            if person not in own or first is None or person in first:
                may.setdefault(person, []).append(number)
    return may


def _short(
    parties: Sequence[Party], members: Members, may: Mapping[str, Sequence[int]]
) -> list[tuple[Party, int]]:
    """Return the parties with places that nobody can fill, each with how many can be filled."""
    return [
        (party, len(able))
        for party, able in zip(parties, fill(parties, may), strict=True)
        if len(able) < party.count and people(party.lists, members) is not None
    ]
