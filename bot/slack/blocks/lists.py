"""Lists of requests and specs, one page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot import messages
from bot.approvals.request import Kind
from bot.slack.blocks import status
from bot.slack.blocks.kit import Message, actions, button, section
from bot.slack.blocks.text import code, date, link, mention, safe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bot.approvals.request import Maker, Request
    from bot.slack.blocks.kit import Block
    from bot.workflow.ports import RemoteSpec

PAGE = 10
"""Rows on a page."""
_LONGEST_QUERY = 300
_MOST_USERS = 3


def line(request: Request, link_to: str | None = None) -> str:
    """Describe a request in two lines, and its purpose in a third."""
    what = "delete " if request.kind is Kind.DELETE else ""
    seen = f" · {link(link_to, 'card')}" if link_to else ""
    by = mention(request.requester_id, request.requester_name)
    return (
        f"{what}{code(request.canonical, 120)}  *{safe(messages.state_words(request), 120)}*\n"
        f"`{request.id}` · {by} · {date(request.created_at)}{seen}"
        + (f"\n{purpose}" if (purpose := status.purpose(request, 120)) else "")
    )


def listing(
    title: str,
    requests: Sequence[Request],
    page: int,
    pages: int,
    *,
    where: str,
    link: Callable[[Request], str | None] = lambda _: None,
) -> Message:
    """List requests.

    Args:
        requests: Those of this page, at most ``PAGE``.
        where: What the page buttons list, such as ``mine`` or ``history 70b``: their value is ``<page> <where>``.
    """
    rows = [section(line(request, link(request))) for request in requests[:PAGE]]
    return _paged(title, rows, page, pages, where, len(requests))


def specs_listing(
    specs: Sequence[RemoteSpec],
    page: int,
    pages: int,
    *,
    ours: Mapping[str, Maker] | None = None,
    users: Mapping[str, Sequence[str]] | None = None,
) -> Message:
    """List the live specs of the space.

    Args:
        specs: Those of this page, at most ``PAGE``.
        ours: The request that made a spec, by spec id.
        users: The deployments that use a spec, by spec id; None if unknown.
    """
    made = ours or {}
    rows = [
        section(_spec(spec, made.get(spec.id), None if users is None else users.get(spec.id, ())))
        for spec in specs[:PAGE]
    ]
    return _paged("Hardware specifications", rows, page, pages, "specs", len(specs))


def _paged(title: str, rows: list[Block], page: int, pages: int, where: str, count: int) -> Message:
    """Put the title and the previous-page button above the rows, and the next-page button below."""
    kept = where[:_LONGEST_QUERY]
    of = f", page {page} of {pages}" if pages > 1 else ""
    back = (
        button("Previous page", "page", f"{page - 1} {kept}", f"Previous page of {title}")
        if page > 1
        else None
    )
    top = section(
        f"*{safe(title, 200)}*{of}" if rows else f"*{safe(title, 200)}:* none.", back, "peftsize:0:back"
    )
    blocks = [top, *rows]
    if page < pages:
        on = button("Next page", "page", f"{page + 1} {kept}", f"Next page of {title}")
        blocks.append(actions("peftsize:0:on", [on]))
    return Message(blocks, f"{safe(title, 200)}: {count or 'none'}{of}.")


def _spec(spec: RemoteSpec, made: Maker | None, users: Sequence[str] | None) -> str:
    """Describe a spec, its owner and its use; the service's answer is foreign text."""
    nodes = spec.nodes
    size = ", ".join(
        f"{words} {safe(str(value), 20)}"
        for words, value in (
            ("GPUs", _of(nodes, "gpu", "num_gpu")),
            ("CPUs", _of(nodes, "cpu", "units")),
            ("memory", _of(nodes, "mem", "size")),
        )
        if value is not None
    )
    whose = "predefined" if spec.is_global else "made elsewhere"
    if made is not None:
        whose = f"request `{made.request_id}` · {mention(made.owner_id, made.owner_name)}"
    since = f" · {date(at)}" if (at := spec.created_ms) is not None and not spec.is_global else ""
    used = "use unknown" if users is None else ""
    if users:
        left = f" and {len(users) - _MOST_USERS} more" if len(users) > _MOST_USERS else ""
        used = f"in use by {', '.join(code(name, 60) for name in users[:_MOST_USERS])}{left}"
    purpose = f"\n*Purpose:* {safe(made.purpose, 120)}" if made is not None and made.purpose else ""
    used = f" · {used}" if used else ""
    return (
        f"{code(spec.name, 100)}  {size or 'no nodes named'}\n"
        f"id {code(spec.id, 80)} · {whose}{since}{used}{purpose}"
    )


def _of(nodes: Mapping[str, object], part: str, key: str) -> object:
    node = nodes.get(part)
    return node.get(key) if isinstance(node, dict) else None
