"""A request, a ruling and the people of the tests of the decisions."""

from __future__ import annotations

from dataclasses import replace

from bot.approvals.policy import Actor, Ruling
from bot.approvals.request import Kind, Request, State, Vote

HOUR = 3_600_000
RULING = Ruling(
    quorum=1,
    approvers=(frozenset({"UADA", "UBEN", "SGROUP", "UROSA"}),),
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
    whole = Request(
        id="R1",
        kind=Kind.CREATE,
        state=state,
        version=1,
        revision=1,
        text="10b",
        canonical="10b none lora",
        name="peft-10b-lora-none",
        use_gpus=None,
        payload="{}",
        digest="d" * 64,
        target="https://cpd.example.com",
        space_id="space",
        team_id="T1",
        enterprise_id=None,
        requester_id="UROSA",
        requester_name="Rosa",
        author_id="UROSA",
        channel_id="C1",
        message_ts="1.1",
        quorum=1,
        votes=(),
        created_at=0,
        updated_at=0,
        expires_at=24 * HOUR,
        spec_id=None,
        error=None,
        reserved=True,
        tries=0,
        origin="slack-http",
    )
    return replace(whole, **changes)  # type: ignore[arg-type]  # a test's shorthand
