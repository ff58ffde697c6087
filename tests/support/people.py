"""A request, a ruling and the people of the tests of the decisions."""

from __future__ import annotations

from dataclasses import replace

from bot.approvals.parties import Party
from bot.approvals.policy import Actor, Ruling
from bot.approvals.policy_file import APPROVERS
from bot.approvals.request import Request, State, Vote
from tests.support import rows

HOUR = 3_600_000


def party(*lists: set[str], name: str = APPROVERS, count: int = 1, first: tuple[set[str], ...] = ()) -> Party:
    now = tuple(frozenset(one) for one in lists)
    return Party(name, count, now, tuple(frozenset(one) for one in first) or now, now)


TEAM = {"UADA", "UBEN", "SGROUP", "UROSA"}
RULING = Ruling(
    parties=(party(TEAM),),
    stages=(),
    admins=frozenset({"UINES"}),
    self_approval=False,
    deny=None,
    expires_ms=24 * HOUR,
    remind_ms=4 * HOUR,
    notify=(),
    because=(),
)
ROSA = Actor("T1", "UROSA", "Rosa", may_vote=True, via=("UROSA",))
"""The requester."""
ADA = Actor("T1", "UADA", "Ada", may_vote=True, via=("UADA",))
BEN = Actor("T1", "UBEN", "Ben", may_vote=True, via=("UBEN",))
INES = Actor("T1", "UINES", "Ines", is_admin=True)
"""An admin who is no approver."""
EVE = Actor("T1", "UEVE", "Eve")
"""A bystander."""


def vote_of(actor: Actor, at: int = 1) -> Vote:
    return Vote(actor.team_id, actor.user_id, actor.name, at, actor.via)


def a_request(state: State = State.PENDING, **changes: object) -> Request:
    """Rosa's request, asked for at time 0, as the rules and the state machine see it."""
    whole = rows.request(
        id="R1",
        digest="d" * 64,
        requester_id=ROSA.user_id,
        requester_name=ROSA.name,
        author_id=ROSA.user_id,
        message_ts="1.1",
        created_at=0,
        updated_at=0,
        revised_at=0,
        expires_at=24 * HOUR,
        state=state,
    )
    return replace(whole, **changes)  # type: ignore[arg-type]  # a test's shorthand
