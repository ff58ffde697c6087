"""App Home: requests waiting for this person, their own, those that need an admin, and a search.

``home_view`` reads the rows, with the person's rights looked up live; ``draw`` makes the blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot import messages
from bot.approvals import policy
from bot.approvals.request import State
from bot.approvals.state_machine import TERMINAL, Action, Refusal, decide, is_given_up
from bot.errors import PeopleError, SlackTrouble
from bot.slack.blocks import buttons, card, status
from bot.slack.blocks.kit import actions, button, context, field, header, option, section, select, text_input
from bot.slack.blocks.text import date, link
from bot.workflow.surface import search_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from bot.approvals.draft import Draft, Site
    from bot.approvals.policy import Person
    from bot.approvals.request import Request
    from bot.slack.blocks.kit import Block
    from bot.slack.outbound.card_view import CardView

FIND = "peftsize.find"
"""The action id of the search and its filter; their block ids tell them apart."""
SEARCH, SHOW = "find", "show"
FILTERS: Mapping[str, tuple[str, Collection[State]]] = {
    "all": ("All requests", ()),
    "open": ("Open requests", tuple(state for state in State if state not in TERMINAL)),
    "created": ("Created", (State.CREATED,)),
    "ended": ("Ended", tuple(TERMINAL)),
}
"""What the list can show, by label and states; no states for all."""
MOST_LINES = 10
LONGEST_SEARCH = 100
_MOST_ROWS = 50


@dataclass(frozen=True, slots=True)
class Line:
    """One request in a list.

    Args:
        drafted: Its text, parsed again, if possible.
        waits: Its progress and who may approve it, as mrkdwn; empty if it needs no approval.
        link: The address of its card, if it has one.
    """

    request: Request
    drafted: Draft | None = None
    waits: str = ""
    link: str | None = None


def home_view(
    cards: CardView, team_id: str, user_id: str, link_to: Callable[[Request], str | None]
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
        return Line(row, cards.draft(row), cards.waits(row), link_to(row))

    return draw(
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


def draw(
    *,
    waiting: Sequence[Line],
    stuck: Sequence[Line] | None,
    mine: Sequence[Line],
    found: Sequence[Line] | None,
    site: Site,
    now: int,
    search: str = "",
    show: str = "all",
) -> dict[str, Any]:
    """Return the Home tab of one person.

    Args:
        waiting: Requests that they can still vote on, oldest first.
        stuck: Requests that need an admin, oldest first; None unless they are one.
        mine: Their own requests, newest first.
        found: Search results, newest first; None for people who see their own requests alone.
        now: UTC epoch milliseconds.
        show: A key of ``FILTERS``.

    Returns:
        A view of at most 100 blocks.
    """
    form = button("New request", "open_form", "", "Open the form for a new request", style="primary")
    blocks: list[Block] = [actions("peftsize:0:new", [form]), header(f"Waiting for me ({len(waiting)})")]
    for line in waiting[:MOST_LINES]:
        blocks += _to_decide(line, site, now)
    blocks += _more(waiting) or ([] if waiting else [context("Nothing is waiting for you.")])
    if stuck:
        blocks.append(header(f"Needs an admin ({len(stuck)})"))
        for line in stuck[:MOST_LINES]:
            blocks += _to_decide(line, site, now)
        blocks += _more(stuck)
    blocks.append(header("My requests"))
    blocks += [_one(line, "mine", site, now) for line in mine[:MOST_LINES]] + _more(mine)
    if not mine:
        blocks.append(context("You have no requests yet. Try `/peftsize 10b 2x128MB qlora4`"))
    if found is None:
        return {"type": "home", "blocks": [*blocks, context(messages.REFUSALS["members_only"])]}
    blocks += [header("Find a request"), *_finder(search, show)]
    blocks += [_one(line, "found", site, now) for line in found[:MOST_LINES]] + _more(found)
    if not found:
        blocks.append(context("No request matches." if search or show != "all" else "No requests yet."))
    return {"type": "home", "blocks": blocks}


def _to_decide(line: Line, site: Site, now: int) -> list[Block]:
    """Return a request with the buttons of its state, and Details beside them."""
    request = line.request
    is_open = status.is_open(request, now)
    row = buttons.row(
        request,
        buttons.details(request),
        open_to_votes=is_open,
        effect=card.question(request, line.drafted, site) if is_open else "",
        suffix=request.id,
    )
    return [section(_words(line, site, now)), *([row] if row else [])]


def _one(line: Line, where: str, site: Site, now: int) -> Block:
    """Return a request with a button that opens Details."""
    request = line.request
    block_id = buttons.block_id(request, where, request.id)
    return section(_words(line, site, now), buttons.details(request), block_id)


def _words(line: Line, site: Site, now: int) -> str:
    """Describe a request in one line: state, requester, size, date."""
    request = line.request
    parts = [
        status.sentence(request, line.drafted, site=site, now=now),
        f"`{request.id}`",
        date(request.created_at),
    ]
    if status.is_open(request, now):
        parts.append(line.waits or status.progress(request))
    if purpose := status.purpose(request, 120):
        parts.append(purpose)
    if line.link:
        parts.append(link(line.link, "card"))
    return " · ".join(parts)


def _more(lines: Sequence[Line]) -> list[Block]:
    left = len(lines) - MOST_LINES
    return [context(f"… and {left} more: `/peftsize list`")] if left > 0 else []


def _finder(text: str, show: str) -> list[Block]:
    """Return the search and its filter."""
    example = "model, purpose, name, id or person"
    search = text_input(FIND, example, LONGEST_SEARCH, text, ["on_enter_pressed"])
    filters = [option(words, name) for name, (words, _) in FILTERS.items()]
    return [
        field(SEARCH, "Search, then press Enter", search),
        actions(SHOW, [select(FIND, filters, show)]),
    ]
