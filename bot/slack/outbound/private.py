"""Plain words for one person or a channel, and the list that only the worker can ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot import messages
from bot.errors import SpecsError
from bot.slack.blocks.buttons import block_id
from bot.slack.blocks.kit import LONGEST_SECTION, Message, actions, button, section
from bot.slack.blocks.lists import PAGE, specs_listing
from bot.slack.blocks.text import channel, safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.approvals.request import Request
    from bot.workflow.ports import Specs
    from bot.workflow.service import RequestService

NOTICES = {
    "drift": "*Live hardware specifications and our records differ:*",
    "attention": "*Nobody knows whether this was created.* Look at the space, then decide on the card:",
    "tampered": "*An approved request was changed in the database, so nothing was sent.* Find out who can write there:",
    "anchor": "*Head of the audit chain* (row and hash), for `peftsize audit verify`:",
}
"""What a notice begins with, by its code."""
_MOST_LINES = 20


def said(words: str, title: str = "") -> Message:
    """Return plain words as a message.

    Args:
        words: Anybody's text; its lines stay.
        title: Our own words before it, mrkdwn.
    """
    lines = [safe(line, 400) for line in words.split("\n")[:_MOST_LINES]]
    shown: list[str] = []
    for line in [title, *lines] if title else lines:
        if sum(map(len, shown)) + len(shown) + len(line) > LONGEST_SECTION:
            break
        shown.append(line)
    return Message([section("\n".join(shown))], f"{title.replace('*', '')} {lines[0]}".strip())


def notice(code: str, lines: Sequence[str]) -> Message:
    """Return what the people who run the bot are told."""
    return said("\n".join(str(line) for line in lines), NOTICES.get(code, "*Notice:*"))


def not_posted(request: Request, word: str) -> Message:
    """Tell the requester why Slack refuses the card, and how to have it posted after the repair.

    Args:
        request: The row, which is stored and waits.
        word: Slack's own word for the refusal.
    """
    where = channel(request.channel_id)
    text = f"The card of your request {request.id} could not be posted. {messages.slack_refused(word)}"
    told = section(f"{safe(text, 900)}\nIt belongs in {where}. The request is kept; nothing is lost.")
    again = button("Post again", "post_again", request.id, f"Post the card of request {request.id} again")
    return Message([told, actions(block_id(request, "refused"), [again])], safe(text, 900))


def listed_specs(service: RequestService, specs: Specs | None, page: int) -> Message:
    """List the live specs of the default space, asked now.

    Args:
        service: For our own records of them.
        specs: The API; None in a dry run.
        page: From 1.
    """
    if specs is None:
        return said("This is a dry run: no cluster is asked for its specs.")
    try:
        found = sorted(specs.list(service.site.space_id), key=lambda spec: (spec.name, spec.id))
    except SpecsError as error:
        return said(messages.explain(error))
    pages = max(1, -(-len(found) // PAGE))
    page = min(max(page, 1), pages)
    shown = found[(page - 1) * PAGE : page * PAGE]
    with service.store.read() as tx:
        made = tx.requests.makers([spec.id for spec in shown])
    return specs_listing(shown, page, pages, ours=made)
