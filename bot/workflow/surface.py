"""Where a click may come from: a copy of the card, our own modal or Home tab, the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.approvals.state_machine import Refusal
from bot.workflow import outbox
from bot.workflow.ports import Source

if TYPE_CHECKING:
    from bot.approvals.request import Request
    from bot.store import Tx
    from bot.workflow.ports import Click

HOME_VALID_MS = 600_000
"""How long the buttons of a published Home tab are valid."""
HOME_READ_MS = 3_600_000
"""How long a Home tab is kept up to date after a person opened it."""


LEADS_TO_A_SPEC = frozenset({"approve", "retry"})
"""What leads to a specification: on the command line only where the policy says ``cli_decisions = "allow"``."""


def misplaced(tx: Tx, request: Request, click: Click, *, cli_decisions: bool = False) -> Refusal | None:
    """Return the refusal of a click that does not count where it was made, or None.

    Args:
        cli_decisions: Whether the policy allows every decision on the command line.
    """
    if click.source is Source.CLI:
        barred = click.action in LEADS_TO_A_SPEC and not cli_decisions
        return Refusal("cli_decisions") if barred else None
    if click.action == "post_again":  # posting a card again decides nothing
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


def is_being_posted(tx: Tx, click: Click) -> bool:
    """Return whether a click came from a card that Slack may show already but has not confirmed to us."""
    if click.message_ts is None or click.action == "post_again":  # which is pressed on no card
        return False
    if tx.queues.message(f"copy:{click.request_id}:{click.user_id}") is not None:
        return True
    if tx.queues.message(f"card:{click.request_id}") is None:
        return False
    request = tx.requests.get(click.request_id)
    return request is not None and request.message_ts is None


@dataclass(frozen=True, slots=True)
class Search:
    """What a person searches for in their Home tab.

    Args:
        text: A part of it; empty for everything.
        show: The name of the filter; empty for all.
    """

    text: str = ""
    show: str = ""


def note_home(tx: Tx, user_id: str, view_id: str, view_hash: str) -> None:
    """Remember a published Home tab, to recognize clicks on it."""
    home = _published(tx, user_id)
    recent = _recent(home, tx.now) | {view_hash: tx.now}
    tx.note(f"home:{user_id}", home | {"view_id": view_id, "hashes": recent})


def note_reader(tx: Tx, team_id: str, user_id: str, search: Search | None = None) -> None:
    """Remember that a person looks at their Home tab, and their search if that has changed."""
    seen: dict[str, Any] = {"team_id": team_id, "read_at": tx.now}
    if search is not None:
        seen |= {"text": search.text, "show": search.show}
    tx.note(f"home:{user_id}", _published(tx, user_id) | seen)


def search_of(tx: Tx, user_id: str) -> Search:
    """Return what a person searches for in their Home tab."""
    home = _published(tx, user_id)
    return Search(str(home.get("text") or ""), str(home.get("show") or ""))


def redraw_homes(tx: Tx) -> None:
    """Redraw the Home tab of everybody who looked at it lately, because a request has changed."""
    since = tx.now - HOME_READ_MS
    for key, home in tx.noted_since("home:", since).items():
        if home.get("read_at", 0) >= since:
            outbox.home_tab(tx, home["team_id"], key.removeprefix("home:"))


def _published(tx: Tx, user_id: str) -> dict[str, Any]:
    return tx.noted(f"home:{user_id}") or {"view_id": None, "hashes": {}}


def _recent(home: dict[str, Any], now: int) -> dict[str, int]:
    """Return the hashes published within ``HOME_VALID_MS``, with their times."""
    return {name: at for name, at in home["hashes"].items() if now - at <= HOME_VALID_MS}
