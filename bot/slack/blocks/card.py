"""The card: the picture of one row. Pending and decided cards share one body.

It says only what is committed. Everything about the request comes from the row; the draft, made
again from the row's text, brings the numbers behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot import messages
from bot.approvals.request import Kind, State
from bot.slack.blocks import breakdown, buttons
from bot.slack.blocks.kit import Message, context, divider, header, section
from bot.slack.blocks.status import status
from bot.slack.blocks.text import code, entry, fence, mention, safe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.approvals.draft import Draft, Site
    from bot.approvals.policy import Ruling
    from bot.approvals.request import Request
    from bot.slack.blocks.kit import Block

NO_GPU_FIELD = (
    "The body has no GPU-memory field: the number reaches the platform only as CPU memory and GPU count. "
    "Nothing checks the size against the cluster; what does not fit fails at deployment."
)
_UNSENT = frozenset({State.PENDING, State.APPROVED})


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
    suffix: str = "",
) -> Message:
    """Draw a request.

    Args:
        request: The row.
        drafted: Its text, read again; None for a delete, or where the text can no longer be read.
        site: Where specs are created.
        now: UTC epoch milliseconds.
        ruling: What the policy says of it now; None where nobody asked.
        waiting_for: Who can still vote, as plain text.
        warning: Something about the request that people must know, as plain text.
        attempt_lookups: How often a lost answer was looked up so far.
        names: Display names of the policy's entries, so that nobody has to be mentioned.
        suffix: Tells the cards of one surface apart (App Home).

    Returns:
        At most some twenty blocks, within Slack's limits for the largest request there can be.
    """
    open_to_votes = request.state is State.PENDING and now < request.expires_at
    create = request.kind is Kind.CREATE
    numbers = breakdown.numbers(drafted) if drafted is not None and create else None
    told: list[Block] = [header(_title(request))]
    if banner := _banner(request, site):
        told.append(section(banner))
    told.append(section(status(request, now, waiting_for, attempt_lookups)))
    told.append(section(_who(request)))
    if changed := _warning(request, drafted, warning):
        told.append(section(changed))
    if numbers is not None:
        told += numbers.blocks
    told.append(divider())
    told.append(section(_effect(request, site)))
    if create:
        told.append(context(NO_GPU_FIELD))
    if open_to_votes and request.existing is not None and create:
        told.append(_existing(request, suffix))
    if open_to_votes and ruling is not None:
        told.append(context(_approvers(ruling, names or {})))
    told += buttons.rows(
        request,
        open_to_votes=open_to_votes,
        use_gpus=numbers.next_valid_gpus if numbers and request.use_gpus is None else None,
        estimate=numbers is not None and numbers.estimate,
        effect=_question(request, drafted, site) if open_to_votes else "",
        suffix=suffix,
    )
    return Message(told, sentence(request))


def sentence(request: Request) -> str:
    """Say in one sentence what the card shows, for notifications and lists; mrkdwn-safe."""
    what = "Deletion of" if request.kind is Kind.DELETE else "Request for"
    about = f"{what} hardware spec {safe(request.name, 80)} ({safe(request.canonical, 300)})"
    return (
        f"{about}, asked by {safe(request.requester_name, 80)}: {safe(messages.state_words(request), 400)}."
    )


def space_name(request: Request, site: Site) -> str:
    """Return what people call a request's space: its name in the settings, else its id."""
    return next((name for name, known in site.spaces.items() if known == request.space_id), request.space_id)


def host(target: str) -> str:
    """Return the host of the service, for people."""
    return urlsplit(target).netloc or "no cluster"


def _title(request: Request) -> str:
    what = "Delete hardware spec" if request.kind is Kind.DELETE else "Hardware spec"
    return f"{what} {request.name}"


def _banner(request: Request, site: Site) -> str:
    told = []
    if site.label:
        told.append(f"*{safe(site.label.upper(), 60)}*")
    if site.dry_run:
        told.append("*Dry run:* nothing is ever created here.")
    if request.use_gpus is not None:
        told.append(
            f"*Override:* {messages.gpus(request.use_gpus)} chosen by hand instead of the computed number."
        )
    return "   ".join(told)


def _who(request: Request) -> str:
    by = mention(request.requester_id, request.requester_name)
    edited = f" · revision {request.revision}" if request.revision > 1 else ""
    if request.author_id != request.requester_id:
        edited += f" by {mention(request.author_id)}"
    via = " through a workflow" if request.origin == "workflow" else ""
    return f"{code(request.canonical, 1200)}\nasked by {by}{via} · request `{request.id}`{edited}"


def _warning(request: Request, drafted: Draft | None, warning: str | None) -> str:
    told = [f"*Note:* {safe(warning, 600)}"] if warning else []
    if request.kind is Kind.CREATE:
        if drafted is None:
            told.append(
                "*Note:* this text can no longer be read by the grammar, so its numbers are not shown."
            )
        elif drafted.digest != request.digest and request.state in _UNSENT:
            told.append(
                "*Note:* what is computed now is not what was asked; it will be asked again, not sent."
            )
    return "\n".join(told)


def _effect(request: Request, site: Site) -> str:
    """Say what will be, or was, sent and where."""
    where = f"on `{safe(host(request.target), 120)}`, space {code(space_name(request, site), 80)}"
    if request.kind is Kind.DELETE:
        spec = code(request.spec_id or "unknown", 80)
        return (
            f"*What is deleted*  spec {code(request.name, 80)}, id {spec}, {where}\n"
            "Deployments that use it can no longer be started or scaled with it."
        )
    return f"*What is created*  {where}\n{fence(request.payload, 900)}"


def _question(request: Request, drafted: Draft | None, site: Site) -> str:
    """Say in a few words what an approval leads to; plain text."""
    where = f"in space {space_name(request, site)[:60]} on {host(request.target)[:80]}"
    if site.dry_run:
        return "This is a dry run: nothing will be created."
    if request.kind is Kind.DELETE:
        return f"Deletes {request.name} {where}."
    if drafted is None:
        return f"Creates {request.name} {where}."
    count = request.use_gpus or drafted.breakdown.num_gpus
    size = f"{messages.gpus(count)}, {count + 1} CPUs, {drafted.breakdown.cpu_memory_gb} GB CPU memory"
    return f"Creates {request.name} ({size}) {where}."


def _existing(request: Request, suffix: str) -> Block:
    spec_id, name = request.existing or ("", "")
    words = f"*An existing spec already serves this:* {code(name, 100)} (id {code(spec_id, 80)})"
    return section(words, buttons.use_existing(request), buttons.block_id(request, "existing", suffix))


def _approvers(ruling: Ruling, names: Mapping[str, str]) -> str:
    """Say who may approve; mention only those whom the policy says to notify."""

    def called(named: str) -> str:
        if named == "anyone" or named in ruling.notify:
            return entry(named)
        return safe(names[named], 60) if named in names else code(named, 24)

    sets = [", ".join([called(named) for named in sorted(allowed)[:12]]) for allowed in ruling.approvers[:3]]
    need = "one of" if ruling.quorum == 1 else f"{ruling.quorum} of"
    who = " and also ".join(f"{need} {told}" for told in sets if told) or "nobody"
    self_words = "" if ruling.self_approval else ", not by the requester"
    called_on = [entry(named) for named in ruling.notify[:5] if not any(named in s for s in ruling.approvers)]
    also = f" · for the attention of {', '.join(called_on)}" if called_on else ""
    denied = f" · *The policy denies it now:* {safe(ruling.deny, 300)}" if ruling.deny else ""
    return f"To be approved by {who}{self_words}{also}{denied}"
