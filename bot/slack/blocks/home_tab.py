"""App Home: what waits for a person, what they asked, what happened lately."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.slack.blocks.card import card
from bot.slack.blocks.kit import actions, button, context, divider, header, section
from bot.slack.blocks.lists import line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bot.approvals.draft import Draft, Site
    from bot.approvals.policy import Ruling
    from bot.approvals.request import Request
    from bot.slack.blocks.kit import Block

MOST_CARDS = 3
"""Requests shown with their whole card; a view holds 100 blocks, and a reader less."""
MOST_LINES = 10


def home(
    waiting: Sequence[Request],
    mine: Sequence[Request],
    recent: Sequence[Request],
    *,
    site: Site,
    now: int,
    drafts: Mapping[str, Draft] | None = None,
    rulings: Mapping[str, Ruling] | None = None,
    link: Callable[[Request], str | None] = lambda _: None,
) -> dict[str, Any]:
    """Return the Home tab of one person.

    Args:
        waiting: Requests on which they can still vote, the oldest first.
        mine: What they asked for, newest first.
        recent: What happened lately, newest first.
        site: Where specs are created.
        now: UTC epoch milliseconds.
        drafts: The drafts of the waiting requests, by request id.
        rulings: What the policy says of them, by request id.
        link: The address of a request's card.

    Returns:
        A view of at most 100 blocks.
    """
    form = button("New request", "open_form", "", "Open the form for a new request", style="primary")
    blocks: list[Block] = [actions("peftsize:0:new", [form]), header(f"Waiting for me ({len(waiting)})")]
    for request in waiting[:MOST_CARDS]:
        shown = card(
            request,
            (drafts or {}).get(request.id),
            site=site,
            now=now,
            ruling=(rulings or {}).get(request.id),
            suffix=request.id,
        )
        blocks += [*shown.blocks, divider()]
    blocks += _lines(waiting[MOST_CARDS:], link) or ([] if waiting else [context("Nothing waits for you.")])
    blocks.append(header("Mine"))
    blocks += _lines(mine, link) or [
        context("You have asked for nothing yet: `/peftsize 10b 2x128MB qlora4`")
    ]
    blocks.append(header("Recent"))
    blocks += _lines(recent, link) or [context("Nothing happened yet.")]
    return {"type": "home", "blocks": blocks}


def _lines(requests: Sequence[Request], link: Callable[[Request], str | None]) -> list[Block]:
    shown: list[Block] = [section(line(request, link(request))) for request in requests[:MOST_LINES]]
    left = len(requests) - MOST_LINES
    return [*shown, context(f"… and {left} more: `/peftsize list`")] if left > 0 else shown
