"""Plain words for one person or a channel, and the list that only the worker can ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot import messages
from bot.errors import SlackTrouble, SpecsError, Unavailable
from bot.slack.blocks import lists
from bot.slack.blocks.buttons import block_id
from bot.slack.blocks.kit import LONGEST_SECTION, Message, actions, button, section
from bot.slack.blocks.lists import PAGE, specs_listing
from bot.slack.blocks.slack_refusals import slack_refused
from bot.slack.blocks.text import channel, code, link, safe
from bot.workflow.use import users_by_spec

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

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
SOON_S = 1.0
"""How long a list waits that may not be looked up yet, rather than say so."""
_MOST_NAMES = 10


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


def notice(code: str, lines: Sequence[str], link_to: str | None = None) -> Message:
    """Return what the people who run the bot are told, with the way to the card if it is about one."""
    told = said("\n".join(str(line) for line in lines), NOTICES.get(code, "*Notice:*"))
    return Message([*told.blocks, section(link(link_to, "See the card"))], told.text) if link_to else told


def thread_line(
    request: Request, told: Mapping[str, Any], by: str | None, reached: Collection[str] = ()
) -> Message:
    """Say in one line under the card what happened to it.

    Args:
        request: The row.
        told: ``code``, and the facts of that moment.
        by: The name of who did it.
        reached: The names of those who may decide from now on as well.
    """
    # a name calls nobody, not even by what only begins like a broadcast: "@herex"
    who, reason = safe((by or "").replace("@", "＠"), 80), safe(str(told.get("reason") or ""), 300)
    match told["code"]:
        case "edited":
            gpus = f", {messages.gpus(told['use_gpus'])} by hand" if told.get("use_gpus") else ""
            change = f"{code(str(told['before']), 200)} → {code(str(told['after']), 200)}{gpus}"
            why = f"Asked again: {reason}." if reason else f"Edited by {who}."
            votes = "\nApprovals of the earlier revision no longer count." if told.get("voided") else ""
            purpose = f" Purpose: {safe(str(told['purpose']), 200)}." if told.get("purpose") else ""
            line = f"{why} {change}{purpose}{votes}"
        case "escalated":
            waited = messages.duration(int(told["waited_ms"]))
            names = ", ".join(safe(name.replace("@", "＠"), 80) for name in sorted(reached)[:_MOST_NAMES])
            line = f"Undecided for {waited}, so {names or 'nobody else'} may decide now as well."
        case "rejected":
            line = f"Rejected by {who}: {reason}"
        case "created" | "deleted" as done:
            line = f"{done.capitalize()}: {code(request.name, 80)}, id {code(str(told.get('spec_id') or ''), 80)}"
        case _:
            line = f"Failed: {reason}"
    return Message([section(line)], line)


def vote_voided(request: Request, told: Mapping[str, Any], link_to: str | None) -> Message:
    """Tell somebody that their approval no longer counts, and why."""
    change = f"{code(str(told['before']), 200)} → {code(str(told['after']), 200)}"
    seen = f" {link(link_to, 'See the card')}" if link_to else ""
    words = f"Request `{request.id}` was edited, so your approval no longer counts: {change}.\nDecide again.{seen}"
    return Message([section(words)], f"Request {request.id} was edited, so your approval no longer counts.")


def lead_to_card(request: Request, link_to: str) -> Message:
    """Return what a second copy of a card becomes."""
    words = f"Request `{request.id}` has its card elsewhere: {link(link_to, 'see the card')}. Nothing was decided here."
    return Message([section(words)], f"Request {request.id} has its card elsewhere.")


def digest(waiting: Sequence[tuple[Request, str | None]]) -> Message:
    """List all that waits for one person, with the way to each card."""
    if not waiting:
        return said("Nothing is left for you to decide.")
    title = (
        "*One request is waiting for you*"
        if len(waiting) == 1
        else f"*{len(waiting)} requests are waiting for you*"
    )
    shown = [section(lists.line(request, link_to)) for request, link_to in waiting[:_MOST_LINES]]
    left = len(waiting) - len(shown)
    more = [section(f"… and {left} more, in App Home.")] if left > 0 else []
    return Message([section(title), *shown, *more], title.strip("*"))


def not_posted(request: Request, word: str) -> Message:
    """Tell the requester why Slack refuses the card, and how to have it posted after the repair.

    Args:
        request: The row, which is stored and waits.
        word: Slack's own word for the refusal.
    """
    where = channel(request.channel_id)
    text = f"The card of your request {request.id} could not be posted. {slack_refused(word)}"
    told = section(f"{safe(text, 900)}\nIt belongs in {where}. The request is kept; nothing is lost.")
    again = button("Post again", "post_again", request.id, f"Post the card of request {request.id} again")
    return Message([told, actions(block_id(request, "refused"), [again])], safe(text, 900))


def listed_specs(service: RequestService, specs: Specs | None, page: int) -> Message:
    """List the live specs of the default space.

    Args:
        service: For our own records of them.
        specs: The API; None in a dry run.
        page: From 1.

    Raises:
        SlackTrouble: The list may be looked up a moment later.
    """
    if specs is None:
        return said("This is a dry run: no cluster is asked for its specs.")
    try:
        found = sorted(specs.list(service.site.space_id), key=lambda spec: (spec.name, spec.id))
    except SpecsError as error:
        if (
            isinstance(error, Unavailable)
            and (wait_s := error.retry_after_s) is not None
            and wait_s <= SOON_S
        ):
            raise SlackTrouble("the list of specs", retry_after_s=wait_s, paced=True) from None
        return said(messages.explain(error))
    pages = max(1, -(-len(found) // PAGE))
    page = min(max(page, 1), pages)
    shown = found[(page - 1) * PAGE : page * PAGE]
    with service.store.read() as tx:
        made = tx.requests.makers([spec.id for spec in shown])
    return specs_listing(shown, page, pages, ours=made, users=users_by_spec(specs, service.site.space_id))
