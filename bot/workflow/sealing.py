"""Seals what may lead to a POST, and distinguishes sealed from forged.

A vote, and the permission to send again, are signed when they are decided (``bot.audit.seals``). A click that may lead
to one is stored with a keyed hash, so that a row that somebody else wrote does not count as a click.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot.approvals.state_machine import Action
from bot.audit import seals
from bot.audit.chain import Rest
from bot.audit.seals import Seal, Statement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.approvals.policy import Ruling
    from bot.approvals.request import Request, Vote
    from bot.approvals.state_machine import Transition
    from bot.audit.chain import Who
    from bot.audit.signing_key import SigningKey
    from bot.store import Tx

_MAC = "mac"


def sealed(
    tx: Tx,
    request: Request,
    transition: Transition,
    key: SigningKey,
    *,
    who: Who,
    at: int,
    rest: Rest | None,
) -> tuple[Transition, Rest | None, Seal | None]:
    """Seal a transition that may lead to a POST; return any other unchanged.

    Args:
        who: The actor; nobody for the bot itself.
        at: When it was decided, in UTC epoch milliseconds.
        rest: The REST side of its audit event.

    Returns:
        The transition with its vote sealed, the REST side with the attempt that is released, and the seal.
    """
    statement = Statement(
        request.id,
        request.revision,
        request.digest,
        who.known_as or who.user_id,
        at,
        tx.audit_log.first(request.id).hash,
    )
    if transition.vote is not None:
        seal = seals.seal(replace(statement, entries=transition.vote.via), key)
        return replace(transition, vote=replace(transition.vote, seal=seal.text())), rest, seal
    if transition.action not in {Action.RETRY, Action.RELEASE}:
        return transition, rest, None
    attempt = rest.attempt if rest else None
    if attempt is None and (latest := tx.attempts.latest(request.id)) is not None:
        attempt = latest.id
    if attempt is None:
        return transition, rest, None  # nothing was sent yet
    seal = seals.seal(replace(statement, attempt=attempt), key)
    return transition, replace(rest or Rest(), attempt=attempt), seal


def statement_of(request: Request, vote: Vote, seal: Seal) -> Statement:
    """Return what the seal of a vote must sign."""
    return Statement(
        request.id,
        request.revision,
        request.digest,
        vote.user_id,
        vote.at,
        seal.begun,
        vote.via,
    )


def standing(request: Request, ruling: Ruling, key: SigningKey, now: int) -> tuple[Vote, ...]:
    """Return the votes that are sealed with this key and not too old; the other people must approve again."""
    return tuple(
        vote
        for vote in request.votes
        if (seal := seals.read(vote.seal)) is not None
        and seals.holds(seal, statement_of(request, vote, seal), key.public)
        and not is_old(vote, ruling, now)
    )


def is_old(vote: Vote, ruling: Ruling, now: int) -> bool:
    """Return whether a vote is older than the policy allows."""
    return ruling.valid_ms is not None and now - vote.at > ruling.valid_ms


def stored(click: Mapping[str, Any], key: SigningKey) -> dict[str, Any]:
    """Return a click in its stored form, with its keyed hash."""
    return {**click, _MAC: key.mac(_text(click))}


def is_genuine(row_key: str, found: Mapping[str, Any], key: SigningKey) -> bool:
    """Return whether a stored click was made by ``stored``, under the key of its delivery."""
    click = {name: value for name, value in found.items() if name != _MAC}
    return click.get("key") == row_key and key.made(found.get(_MAC), _text(click))


def _text(click: Mapping[str, Any]) -> bytes:
    return json.dumps(click, sort_keys=True, separators=(",", ":")).encode()
