"""The content of one person's Home tab: rights looked up live, rows read now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.approvals import policy
from bot.approvals.request import State
from bot.approvals.state_machine import Action, Refusal, decide, is_given_up
from bot.errors import PeopleError, SlackTrouble
from bot.slack.blocks.home_tab import FILTERS, MOST_LINES, Line, home
from bot.workflow.surface import search_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.approvals.policy import Person
    from bot.approvals.request import Request
    from bot.slack.outbound.card_view import CardView

_MOST_ROWS = 50


def home_view(
    cards: CardView, team_id: str, user_id: str, link: Callable[[Request], str | None]
) -> dict[str, Any]:
    """Return the Home tab of one person.

    Raises:
        SlackTrouble: Slack could not say who this is.
    """
    service = cards.service
    try:
        person = service.look_up(team_id, user_id)
    except PeopleError as error:
        raise SlackTrouble(error.what) from None
    with service.store.read() as tx:
        search = search_of(tx, user_id)
        show = search.show if search.show in FILTERS else "all"
        states = tuple(FILTERS[show][1])
        pending = tx.requests.listed(states=(State.PENDING,), limit=_MOST_ROWS)
        failed = tx.requests.listed(states=(State.ATTENTION, State.FAILED), limit=_MOST_ROWS)
        mine = tx.requests.listed(requester=(team_id, user_id), limit=2 * MOST_LINES)
        rows = tx.requests.listed(states=states, text=search.text or None, limit=2 * MOST_LINES)

    def line(row: Request) -> Line:
        return Line(row, cards.draft(row), cards.waits(row), link(row))

    return home(
        waiting=[line(row) for row in reversed(pending) if waits_for(cards, row, person)],
        stuck=[line(row) for row in reversed(failed) if _needs(cards, row, person)],
        mine=[line(row) for row in mine],
        found=None if person.barred else [line(row) for row in rows],
        site=service.site,
        now=service.clock(),
        search=search.text,
        show=show,
    )


def waiting_for(cards: CardView, user_id: str) -> list[Request]:
    """Return the requests that wait for one person, oldest first.

    Raises:
        SlackTrouble: Slack could not say who this is.
    """
    service = cards.service
    with service.store.read() as tx:
        pending = tx.requests.listed(states=(State.PENDING,), limit=_MOST_ROWS)
    if not pending:
        return []
    try:
        person = service.look_up(pending[0].team_id, user_id)
    except PeopleError as error:
        raise SlackTrouble(error.what) from None
    return [row for row in reversed(pending) if waits_for(cards, row, person)]


def waits_for(cards: CardView, row: Request, person: Person) -> bool:
    """Return whether this person's approval would count now, as the state machine decides it."""
    ruling = cards.service.ruling_of(row)
    actor = policy.standing(ruling, person)
    return not isinstance(decide(row, Action.APPROVE, actor, ruling, cards.service.clock()), Refusal)


def _needs(cards: CardView, row: Request, person: Person) -> bool:
    """Return whether a failed request waits for this person, as an admin."""
    return not is_given_up(row) and policy.standing(cards.service.ruling_of(row), person).is_admin
