"""App Home by role: what waits for somebody's decision, what they asked for, what needs an admin, and a search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.approvals.request import State
from bot.approvals.state_machine import TERMINAL
from bot.slack.blocks import buttons, card, status
from bot.slack.blocks.kit import actions, button, context, header, section
from bot.slack.blocks.text import date, link, plain

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from bot.approvals.draft import Draft, Site
    from bot.approvals.request import Request
    from bot.slack.blocks.kit import Block

FIND = "peftsize.find"
"""The action of the search and of its filter; their blocks say which one it is."""
SEARCH, SHOW = "find", "show"
FILTERS: Mapping[str, tuple[str, Collection[State]]] = {
    "all": ("All requests", ()),
    "open": ("Open requests", tuple(state for state in State if state not in TERMINAL)),
    "created": ("Created", (State.CREATED,)),
    "ended": ("Ended", tuple(TERMINAL)),
}
"""What the list can show, and the states behind it; none for all."""
MOST_LINES = 10
LONGEST_SEARCH = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One request in a list.

    Args:
        request: The row.
        drafted: Its text, read again, where that is possible.
        waits: How far it has come and who may approve it; mrkdwn, empty where nobody is asked.
        link: The address of its card, if it has one.
    """

    request: Request
    drafted: Draft | None = None
    waits: str = ""
    link: str | None = None


def home(
    *,
    waiting: Sequence[Line],
    stuck: Sequence[Line] | None,
    mine: Sequence[Line],
    found: Sequence[Line],
    site: Site,
    now: int,
    search: str = "",
    show: str = "all",
) -> dict[str, Any]:
    """Return the Home tab of one person.

    Args:
        waiting: Requests on which they can still vote, the oldest first.
        stuck: Requests that need an admin, the oldest first; None for people who are none.
        mine: What they asked for, newest first.
        found: What the search and the filter let through, newest first.
        site: Where specs are created.
        now: UTC epoch milliseconds.
        search: What they searched for.
        show: One of ``FILTERS``.

    Returns:
        A view of at most 100 blocks.
    """
    form = button("New request", "open_form", "", "Open the form for a new request", style="primary")
    blocks: list[Block] = [actions("peftsize:0:new", [form]), header(f"Waiting for me ({len(waiting)})")]
    for line in waiting[:MOST_LINES]:
        blocks += _to_decide(line, site, now)
    blocks += _more(waiting) or ([] if waiting else [context("Nothing waits for you.")])
    if stuck:
        blocks.append(header(f"Needs an admin ({len(stuck)})"))
        for line in stuck[:MOST_LINES]:
            blocks += _to_decide(line, site, now)
        blocks += _more(stuck)
    blocks.append(header("Mine"))
    blocks += [_one(line, "mine", site, now) for line in mine[:MOST_LINES]] + _more(mine)
    if not mine:
        blocks.append(context("You have asked for nothing yet: `/peftsize 10b 2x128MB qlora4`"))
    blocks += [header("Find a request"), _search(search), _filter(show)]
    blocks += [_one(line, "found", site, now) for line in found[:MOST_LINES]] + _more(found)
    if not found:
        blocks.append(context("No request matches." if search or show != "all" else "Nothing happened yet."))
    return {"type": "home", "blocks": blocks}


def _to_decide(line: Line, site: Site, now: int) -> list[Block]:
    """Return a request with the buttons that its state asks for, and Details beside them."""
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
    """Describe a request in one line: state, who, size, since when."""
    request = line.request
    told = [
        status.sentence(request, line.drafted, site=site, now=now),
        f"`{request.id}`",
        date(request.created_at),
    ]
    if status.is_open(request, now):
        told.append(line.waits or status.progress(request))
    if purpose := status.purpose(request, 120):
        told.append(purpose)
    if line.link:
        told.append(link(line.link, "card"))
    return " · ".join(told)


def _more(lines: Sequence[Line]) -> list[Block]:
    left = len(lines) - MOST_LINES
    return [context(f"… and {left} more: `/peftsize list`")] if left > 0 else []


def _search(text: str) -> Block:
    element: dict[str, Any] = {
        "type": "plain_text_input",
        "action_id": FIND,
        "max_length": LONGEST_SEARCH,
        "placeholder": {"type": "plain_text", "text": "model, purpose, name, id or person"},
        "dispatch_action_config": {"trigger_actions_on": ["on_enter_pressed"]},
    }
    if text.strip():
        element["initial_value"] = plain(text, LONGEST_SEARCH)
    return {
        "type": "input",
        "block_id": SEARCH,
        "dispatch_action": True,
        "optional": True,
        "label": {"type": "plain_text", "text": "Search, then press Enter"},
        "element": element,
    }


def _filter(show: str) -> Block:
    options = [
        {"text": {"type": "plain_text", "text": words}, "value": name} for name, (words, _) in FILTERS.items()
    ]
    chosen = next(option for option in options if option["value"] == show)
    select = {"type": "static_select", "action_id": FIND, "options": options, "initial_option": chosen}
    return actions(SHOW, [select])
