"""Rows for the tests of the store."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bot.approvals.request import Kind, Request, State, Vote
from bot.approvals.state_machine import EVENTS, Action, Transition
from bot.audit.chain import Event, Who
from bot.audit.signing_key import SigningKey

if TYPE_CHECKING:
    from bot.store import Store

KEY = SigningKey(Ed25519PrivateKey.generate())
T0 = 1_790_000_000_000
_numbers = itertools.count(1)


class Clock:
    """Shows the time it is set to, UTC epoch milliseconds."""

    def __init__(self) -> None:
        self.ms = T0

    def __call__(self) -> int:
        return self.ms


def request(number: int = 1, **changes: Any) -> Request:
    payload = json.dumps({"name": f"peft-{number}b-lora", "nodes": {}})
    row = Request(
        id=f"R{number:07d}",
        kind=Kind.CREATE,
        state=State.PENDING,
        version=1,
        revision=1,
        text=f"{number}b none lora",
        canonical=f"{number}b none lora",
        name=f"peft-{number}b-lora",
        use_gpus=None,
        payload=payload,
        digest=f"{number:064x}",
        target="https://cpd.example",
        space_id="space-1",
        team_id="T1",
        enterprise_id=None,
        requester_id="U1",
        requester_name="Åsa",
        author_id="U1",
        channel_id="C1",
        message_ts=None,
        quorum=1,
        votes=(),
        created_at=T0 + number,
        updated_at=T0 + number,
        revised_at=T0 + number,
        expires_at=T0 + 86_400_000,
        spec_id=None,
        error=None,
        reserved=True,
        tries=0,
        origin="slack-http",
    )
    return replace(row, **changes)


def vote(user_id: str = "U2", at: int = T0) -> Vote:
    return Vote("T1", user_id, "Ben", at, ("anyone",))


def transition(action: Action, to_state: State, **changes: Any) -> Transition:
    return Transition(action, to_state, EVENTS[action], **changes)


APPROVE = transition(Action.APPROVE, State.APPROVED, vote=vote())
REJECT = transition(Action.REJECT, State.REJECTED, reason="too big", frees_name=True)


def event(number: int = 0, **changes: Any) -> Event:
    made = Event(at=T0 + number, event="requested", request_id="R0000001", actor=Who(None, "T1", "U1", "Åsa"))
    return replace(made, **changes)


def stored(store: Store, number: int = 1, **changes: Any) -> Request:
    """Insert a request and return it."""
    row = request(number, **changes)
    with store.write() as tx:
        assert tx.requests.insert(row, due_at=None)
        tx.audit_log.append(event(number, request_id=row.id))
    return row
