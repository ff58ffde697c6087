"""Messages for one person or a channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot import messages
from bot.slack.blocks import answers, lists
from bot.slack.blocks.buttons import block_id
from bot.slack.blocks.kit import LONGEST_SECTION, Message, actions, button, section
from bot.slack.blocks.slack_refusals import is_known, slack_refused
from bot.slack.blocks.text import channel, code, link, safe

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from bot.approvals.request import Request

NOTICES = {
    "drift": "*Live hardware specifications and our records differ:*",
    "attention": "*It is unclear whether this was created.* Check the space, then decide on the card:",
    "tampered": "*An approved request was changed in the database, so nothing was sent.* Find out who can write there:",
    "anchor": "*Head of the audit chain* (row and hash), for `peftsize audit verify`:",
}
"""The first sentence of a notice, by its code."""
_MOST_LINES = 20
_MOST_NAMES = 10


def said(words: str, title: str = "") -> Message:
    """Return foreign text as a message, keeping its lines, under our own ``title`` (mrkdwn)."""
    lines = [safe(line, 400) for line in words.split("\n")[:_MOST_LINES]]
    shown: list[str] = []
    for line in [title, *lines] if title else lines:
        if sum(map(len, shown)) + len(shown) + len(line) > LONGEST_SECTION:
            break
        shown.append(line)
    return Message([section("\n".join(shown))], f"{title.replace('*', '')} {lines[0]}".strip())


def notice(code: str, lines: Sequence[str], link_to: str | None = None) -> Message:
    """Return a message to those who run the bot, with a link to the card if it is about one."""
    message = said("\n".join(str(line) for line in lines), NOTICES.get(code, "*Notice:*"))
    return (
        Message([*message.blocks, section(link(link_to, "See the card"))], message.text)
        if link_to
        else message
    )


def thread_line(
    request: Request, facts: Mapping[str, Any], by: str | None, reached: Collection[str] = ()
) -> Message:
    """Say in one line under the card what happened to it.

    Args:
        by: The name of who did it.
        reached: The names of those who may decide from now on.
    """
    # a name must mention nobody, not even as "@herex", which begins like a broadcast
    who, reason = safe((by or "").replace("@", "＠"), 80), safe(str(facts.get("reason") or ""), 300)
    match facts["code"]:
        case "edited":
            gpus = f", {messages.gpus(facts['use_gpus'])} by hand" if facts.get("use_gpus") else ""
            change = f"{code(str(facts['before']), 200)} → {code(str(facts['after']), 200)}{gpus}"
            why = f"Approval needed again: {reason}." if reason else f"Edited by {who}."
            votes = "\nApprovals of the earlier revision no longer count." if facts.get("voided") else ""
            purpose = f" Purpose: {safe(str(facts['purpose']), 200)}." if facts.get("purpose") else ""
            line = f"{why} {change}{purpose}{votes}"
        case "escalated":
            waited = messages.duration(int(facts["waited_ms"]))
            names = ", ".join(safe(name.replace("@", "＠"), 80) for name in sorted(reached)[:_MOST_NAMES])
            line = f"Undecided for {waited}, so {names or 'nobody else'} can now decide as well."
        case "rejected":
            line = f"Rejected by {who}: {reason}"
        case "created" | "deleted" as done:
            line = f"{done.capitalize()}: {code(request.name, 80)}, id {code(str(facts.get('spec_id') or ''), 80)}"
        case _:
            line = f"Failed: {reason}"
    return Message([section(line)], line)


def vote_voided(request: Request, facts: Mapping[str, Any], link_to: str | None) -> Message:
    """Tell a person that their approval no longer counts, and why."""
    change = f"{code(str(facts['before']), 200)} → {code(str(facts['after']), 200)}"
    seen = f" {link(link_to, 'See the card')}" if link_to else ""
    words = f"Request `{request.id}` was edited, so your approval no longer counts: {change}.\nDecide again.{seen}"
    return Message([section(words)], f"Request {request.id} was edited, so your approval no longer counts.")


def lead_to_card(request: Request, link_to: str) -> Message:
    """Return what replaces a second copy of a card."""
    where = link(link_to, "see the card")
    words = f"The card of request `{request.id}` is elsewhere: {where}. Nothing was decided here."
    return Message([section(words)], f"The card of request {request.id} is elsewhere.")


def digest(waiting: Sequence[tuple[Request, str | None]]) -> Message:
    """List the requests that wait for one person, each with a link to its card."""
    if not waiting:
        return said("Nothing is waiting for you.")
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
    """Tell the requester why Slack refused the card (``word``: Slack's error) and how to post it later."""
    where = channel(request.channel_id)
    text = f"The card of your request {request.id} could not be posted. {slack_refused(word)}"
    refused = section(f"{safe(text, 900)}\nIts channel is {where}. The request is stored; nothing is lost.")
    again = button("Post again", "post_again", request.id, f"Post the card of request {request.id} again")
    return Message([refused, actions(block_id(request, "refused"), [again])], safe(text, 900))


def answer(body: Mapping[str, Any], request: Request | None, link_to: str | None) -> Message:
    """Return what a private answer says: as it was put, or by its code."""
    if "blocks" in body:
        return Message(body["blocks"], str(body["text"]))
    if body["code"] == "adopted" and request is not None:
        return answers.adopted(request)
    if body["code"] == "checking_asker" and is_known(str(body["detail"])):
        return said(f"{messages.refusal('checking_asker')} {slack_refused(str(body['detail']))}")
    if body["code"] == "vote_voided" and request is not None:
        return vote_voided(request, body, link_to)
    return answers.refused(str(body["code"]), str(body.get("detail") or ""), request, link_to)
