"""Where a click may come from: a copy of the card, a modal or Home tab of ours, the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.approvals.state_machine import Refusal
from bot.workflow.ports import Source

if TYPE_CHECKING:
    from bot.approvals.request import Request
    from bot.store import Tx
    from bot.workflow.ports import Click

HOME_VALID_MS = 600_000
"""How long the buttons of a published Home tab count."""


def misplaced(tx: Tx, request: Request, click: Click) -> Refusal | None:
    """Return the refusal of a click that does not count where it was made, else None."""
    if click.source is Source.CLI or click.action == "post_again":  # posting a card again decides nothing
        return None
    if click.source is Source.CARD or click.view_id is None:
        copies = {(copy.channel_id, copy.message_ts) for copy in tx.requests.copies(request.id)}
        return None if (click.channel_id, click.message_ts) in copies else Refusal("foreign_message")
    home = _published(tx, click.user_id)
    if click.view_id != home["view_id"]:
        return Refusal("foreign_message")
    if click.source is Source.HOME and click.view_hash not in _recent(home, click.at):
        return Refusal("stale_home")
    return None


def note_home(tx: Tx, user_id: str, view_id: str, view_hash: str) -> None:
    """Remember a Home tab that was published, to know the clicks on it."""
    recent = _recent(_published(tx, user_id), tx.now)
    tx.note(f"home:{user_id}", {"view_id": view_id, "hashes": recent | {view_hash: tx.now}})


def _published(tx: Tx, user_id: str) -> dict[str, Any]:
    return tx.noted(f"home:{user_id}") or {"view_id": None, "hashes": {}}


def _recent(home: dict[str, Any], now: int) -> dict[str, int]:
    """Return the hashes that were published within ``HOME_VALID_MS``, with their times."""
    return {name: at for name, at in home["hashes"].items() if now - at <= HOME_VALID_MS}
