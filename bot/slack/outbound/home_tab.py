"""What one person's Home tab shows: their standing is asked live, the rows are read now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.approvals import policy
from bot.approvals.request import State
from bot.approvals.state_machine import Action, Refusal, decide
from bot.errors import PeopleError, SlackTrouble
from bot.slack.blocks.home_tab import MOST_LINES, home

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.approvals.policy import Person
    from bot.approvals.request import Request
    from bot.slack.outbound.card_view import CardView

_MOST_PENDING = 50


def home_view(
    picture: CardView, team_id: str, user_id: str, link: Callable[[Request], str | None]
) -> dict[str, Any]:
    """Return the Home tab of one person.

    Args:
        picture: Draws rows.
        team_id: The person's workspace.
        user_id: The person.
        link: The address of a request's card.

    Raises:
        SlackTrouble: Slack could not say who this is.
    """
    service = picture.service
    try:
        person = service.look_up(team_id, user_id)
    except PeopleError as error:
        raise SlackTrouble(error.what) from None
    with service.store.read() as tx:
        pending = tx.requests.listed(states=(State.PENDING,), limit=_MOST_PENDING)
        mine = tx.requests.listed(requester=(team_id, user_id), limit=2 * MOST_LINES)
        recent = tx.requests.listed(limit=2 * MOST_LINES)
    waiting = [row for row in reversed(pending) if waits_for(picture, row, person)]
    drafts, rulings = {}, {}
    for row in waiting:
        if (drafted := picture.draft(row)) is not None:
            drafts[row.id] = drafted
        if (ruling := picture.ruling(row)) is not None:
            rulings[row.id] = ruling
    return home(
        waiting,
        mine,
        recent,
        site=service.site,
        now=service.clock(),
        drafts=drafts,
        rulings=rulings,
        link=link,
    )


def waiting_for(picture: CardView, user_id: str) -> list[Request]:
    """Return what waits for one person, the oldest first.

    Raises:
        SlackTrouble: Slack could not say who this is.
    """
    service = picture.service
    with service.store.read() as tx:
        pending = tx.requests.listed(states=(State.PENDING,), limit=_MOST_PENDING)
    if not pending:
        return []
    try:
        person = service.look_up(pending[0].team_id, user_id)
    except PeopleError as error:
        raise SlackTrouble(error.what) from None
    return [row for row in reversed(pending) if waits_for(picture, row, person)]


def waits_for(picture: CardView, row: Request, person: Person) -> bool:
    """Return whether this person's approval would count now, by the function that decides it."""
    ruling = picture.ruling(row)
    if ruling is None:
        return False
    actor = policy.standing(ruling, person)
    return not isinstance(decide(row, Action.APPROVE, actor, ruling, picture.service.clock()), Refusal)
