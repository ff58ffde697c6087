"""What a person may read of the requests: a full member everything, others their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from bot import messages
from bot.approvals.request import State
from bot.approvals.state_machine import TERMINAL
from bot.errors import SlackTrouble, SpecsError, Unavailable
from bot.slack.blocks import answers
from bot.slack.blocks.kit import Message, section
from bot.slack.blocks.lists import PAGE, listing, specs_listing
from bot.slack.outbound.private import said
from bot.workflow.use import users_by_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.approvals.request import Request
    from bot.workflow.ports import Specs
    from bot.workflow.service import RequestService

Row = TypeVar("Row")
MOST_PAGES = 10
"""Pages of a list; ``history TEXT`` narrows a longer one."""
SOON_S = 1.0
"""How long a list may wait to be looked up before it answers with an error."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to read.

    Args:
        where: What was typed: ``list``, ``mine``, ``history 70b``, ``show R7K3M9QX`` or ``specs``.
    """

    team_id: str
    user_id: str
    where: str
    page: int = 1


def read(
    service: RequestService,
    specs: Specs | None,
    wish: Wish,
    link: Callable[[Request | None], str | None],
    *,
    is_member: bool,
) -> Message:
    """Return what somebody wants to read, or their own requests where the rest is not for them.

    Args:
        specs: The API; None in a dry run.
        is_member: Whether the person is a full member, looked up.

    Raises:
        SlackTrouble: The list of specs may be looked up a moment later.
    """
    word, _, text = wish.where.partition(" ")
    if word == "show" and (is_member or _is_own(service, wish, text)):
        return _shown(service, wish, text, link)
    if word == "mine" or (is_member and word in {"list", "history"}):
        return _pages(service, wish, word, text, link)
    if is_member:
        return listed_specs(service, specs, wish.page)
    own = _pages(service, wish, "mine", "", link)
    return Message(
        [section(messages.REFUSALS["members_only"]), *own.blocks], messages.REFUSALS["members_only"]
    )


def listed_specs(service: RequestService, specs: Specs | None, page: int) -> Message:
    """List the live specs of the default space; raises ``SlackTrouble`` if it may be looked up a moment later."""
    if specs is None:
        return said("This is a dry run, so there are no specs to list.")
    try:
        live = sorted(specs.list(service.site.space_id), key=lambda spec: (spec.name, spec.id))
    except SpecsError as error:
        if (
            isinstance(error, Unavailable)
            and (wait_s := error.retry_after_s) is not None
            and wait_s <= SOON_S
        ):
            raise SlackTrouble("the list of specs", retry_after_s=wait_s, paced=True) from None
        return said(messages.explain(error))
    shown, page, pages = _page(live, page)
    with service.store.read() as tx:
        made = tx.requests.makers([spec.id for spec in shown])
    return specs_listing(shown, page, pages, ours=made, users=users_by_spec(specs, service.site.space_id))


def _shown(
    service: RequestService, wish: Wish, text: str, link: Callable[[Request | None], str | None]
) -> Message:
    """Show one request; before it is admitted, only its requester sees it."""
    request = _found(service, text)
    if request is None or not (request.admitted or request.requester_id == wish.user_id):
        return answers.refused("unknown_request", text)
    return answers.show(request, service.clock(), link(request), service.ruling_of(request))


def _is_own(service: RequestService, wish: Wish, text: str) -> bool:
    request = _found(service, text)
    return request is not None and request.requester_id == wish.user_id


def _found(service: RequestService, text: str) -> Request | None:
    with service.store.read() as tx:
        return tx.requests.get(text.strip("` ").upper()[:16])


def _pages(
    service: RequestService,
    wish: Wish,
    which: str,
    text: str,
    link: Callable[[Request | None], str | None],
) -> Message:
    """Return one page of a list, read now."""
    states: Sequence[State] = () if which != "list" else [s for s in State if s not in TERMINAL]
    requester = (wish.team_id, wish.user_id) if which == "mine" else None
    with service.store.read() as tx:
        rows = tx.requests.listed(
            states=states, requester=requester, text=text or None, limit=PAGE * MOST_PAGES
        )
    shown, page, pages = _page(rows, wish.page)
    where = f"{which} {text}".strip()
    title = {"list": "Open requests", "mine": "My requests"}.get(which, "History")
    return listing(f"{title}: {text}" if text else title, shown, page, pages, where=where, link=link)


def _page(rows: Sequence[Row], page: int) -> tuple[Sequence[Row], int, int]:
    """Return the rows of a page, its number (the nearest that exists), and how many pages there are."""
    pages = max(1, -(-len(rows) // PAGE))
    page = min(max(page, 1), pages)
    return rows[(page - 1) * PAGE : page * PAGE], page, pages
