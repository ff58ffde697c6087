"""The card: one row, readable in five seconds; everything else is behind Details.

It shows only what is committed. The request's facts come from the row; the draft, built again from the row's text,
adds the numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot import messages
from bot.approvals.request import Kind
from bot.slack.blocks import breakdown, buttons, notes, status
from bot.slack.blocks.kit import Message, context, section
from bot.slack.blocks.text import date, entry, mention, safe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.approvals.draft import Draft, Site
    from bot.approvals.parties import Party
    from bot.approvals.policy import Ruling
    from bot.approvals.request import Request
    from bot.slack.blocks.kit import Block

_LONGEST_REASON = 150
_LONGEST_WHO = 130
_MOST_NAMES = 4
_LONGEST_PURPOSE = 90


def card(
    request: Request,
    drafted: Draft | None,
    *,
    site: Site,
    now: int,
    ruling: Ruling | None,
    waiting_for: str | None = None,
    warning: str | None = None,
    attempt_lookups: int | None = None,
    names: Mapping[str, str] | None = None,
    linked: tuple[int, int, str] | None = None,
    suffix: str = "",
) -> Message:
    """Draw a request.

    Args:
        drafted: Its text, parsed again; None for a deletion, or if it can no longer be parsed.
        now: UTC epoch milliseconds.
        ruling: The policy's current ruling; None if it was not asked.
        waiting_for: Who can still vote, as plain text.
        warning: Something about the request that people must know, as plain text.
        attempt_lookups: How often a lost answer has been looked up.
        names: Display names of the policy's entries, so that the card mentions nobody.
        linked: The part of the purpose to link (start, end) and the address.
        suffix: Distinguishes the cards of one surface (App Home).

    Returns:
        At most six blocks with 900 characters; four with 400 once the request has ended.
    """
    is_open = status.is_open(request, now)
    numbers = breakdown.numbers(drafted) if drafted is not None and is_open else None
    offered = numbers.next_valid_gpus if numbers and request.use_gpus is None else None
    menu = buttons.more(request, open_to_votes=is_open, use_gpus=offered)
    row = buttons.row(
        request,
        menu,
        open_to_votes=is_open,
        effect=question(request, drafted, site) if is_open else "",
        suffix=suffix,
    )
    first = "\n".join(
        line
        for line in (
            status.sentence(request, drafted, site=site, now=now),
            status.purpose(request, _LONGEST_PURPOSE, linked),
        )
        if line
    )
    blocks: list[Block] = [
        section(first) if row else section(first, menu, buttons.block_id(request, "", suffix))
    ]
    if is_open:
        warned = notes.of_request(request, drafted, site, ruling=ruling, warning=warning)
        if said := notes.lines([*warned, *(numbers.warnings if numbers else ())]):
            blocks.append(section(said))
        blocks += [numbers.block] if numbers else []
        blocks.append(context(_progress(request, ruling, waiting_for, names or {})))
    elif came := status.outcome(request, attempt_lookups, _LONGEST_REASON):
        blocks.append(section(came))
    blocks += [row] if row else []
    blocks.append(context(_foot(request, site, ruling if is_open else None, is_open=is_open)))
    return Message(blocks, status.notification(request, drafted, site=site, now=now))


def host(target: str) -> str:
    """Return the host of the service, for display."""
    return urlsplit(target).netloc or "no cluster"


def question(request: Request, drafted: Draft | None, site: Site) -> str:
    """Say what an approval leads to, in a few words; plain text."""
    where = f"in space {site.name_of(request.space_id)[:60]} on {host(request.target)[:80]}"
    if site.dry_run:
        return "This is a dry run: nothing will be created."
    if request.kind is Kind.DELETE:
        return f"Deletes {request.name} {where}. Deployments that use it can no longer be started or scaled with it."
    if drafted is None:
        return f"Creates {request.name} {where}."
    count = request.use_gpus or drafted.breakdown.num_gpus
    size = f"{messages.gpus(count)}, {count + 1} CPUs, {drafted.breakdown.cpu_memory_gb} GB CPU memory"
    return f"Creates {request.name} ({size}) {where}."


def _progress(
    request: Request, ruling: Ruling | None, waiting_for: str | None, names: Mapping[str, str]
) -> str:
    """Say how many approvals there are, whose, and who can give the others."""
    parts = [status.progress(request, ruling)]
    if request.votes:
        parts.append(f"approved by {status.voters(request)}")
        parts.append(f"waiting for {safe(waiting_for, 60)}" if waiting_for else "")
    elif ruling is not None:
        parts.append(approvers(ruling, names))
    return " · ".join(words for words in parts if words)


def approvers(ruling: Ruling, names: Mapping[str, str]) -> str:
    """Say who may approve, cut to one line; mention only the groups to notify."""
    for most in range(_MOST_NAMES, 0, -1):
        said = _named(ruling, names, most)
        if len(said) <= _LONGEST_WHO:
            break
    return said


def _named(ruling: Ruling, names: Mapping[str, str], most: int) -> str:
    def called(named: str) -> str:
        if named == "anyone" or named in ruling.mentioned:
            return entry(named)
        return safe(names.get(named, named), 24)

    def listed(allowed: frozenset[str]) -> str:
        shown = [called(named) for named in sorted(allowed)[:most]]
        left = len(allowed) - len(shown)
        return ", ".join(shown) + (f" or {left} more" if left else "")

    def in_all(party: Party) -> str:
        return " and by ".join(listed(allowed) for allowed in party.lists[:2] if allowed) or "nobody"

    if len(ruling.parties) == 1:
        who = in_all(ruling.parties[0])
    else:
        who = "; ".join(f"{safe(party.name, 24)}: {in_all(party)}" for party in ruling.parties[:most])
    self_words = "" if ruling.self_approval else ", not by the requester"
    called_on = [entry(named) for named in ruling.mentioned if named not in ruling.entries]
    also = f" · {', '.join(called_on[:most])}" if called_on else ""
    return f"by {who}{self_words}{also}"


def _foot(request: Request, site: Site, ruling: Ruling | None, *, is_open: bool) -> str:
    parts = [f"`{request.id}`"]
    if request.revision > 1:
        by = f" by {mention(request.author_id)}" if request.author_id != request.requester_id else ""
        parts.append(f"revision {request.revision}{by}")
    if request.origin == "workflow":
        parts.append("from a workflow")
    stage = ruling.next_stage(request.escalated_ms or 0) if ruling is not None else None
    if stage is not None and request.asked_at + stage.after_ms < request.expires_at:
        parts.append(f"escalates {date(request.asked_at + stage.after_ms)}")
    if is_open:
        parts.append(f"expires {date(request.expires_at)}")
    parts.append(f"space {status.space(request, site)}")
    return " · ".join(parts)
