"""Which requests a list shows: the newest of some states, or the newest that hold a text.

``searched`` has a line of text for each request, folded, so that case counts in no alphabet. FTS5 on
SQLite and pg_trgm on PostgreSQL index its trigrams, and are asked for the few that the newest lines have
least. An index only narrows down which lines are read: where it is of no use, all are (0.5 µs each),
and the answer is the same.
Source: https://sqlite.org/fts5.html#the_trigram_tokenizer and
https://www.postgresql.org/docs/current/pgtrgm.html#PGTRGM-INDEX
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, column, func, insert, select, table, text, union_all, update

from bot.store.prepared import Prepared
from bot.store.tables import requests, searched

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement, Connection, Select

    from bot.approvals.request import Request, State

COLUMNS = frozenset({"canonical", "name", "spec_id", "revision"})
"""Columns of ``requests`` whose change changes the line."""
LOOKED_AT = 1_000
"""Newest rows that are read before the index is used, which is slow for texts that many requests contain."""
_APART = "\x1f"
_TRIGRAM = 3
_TRIGRAMS_ASKED, _TRIGRAMS_WEIGHED = 3, 24
_SOON = 20
"""If the newest held a 20th of what is wanted, reading on (some 20,000 lines) costs less than the index."""
_INDEX = table("searched_trigrams", column("rowid"))
_MATCHES = text("searched_trigrams MATCH :trigrams")
_NEWEST = (requests.c.created_at.desc(), requests.c.id)

_ADD = Prepared(insert(searched).inline().values(request_id=bindparam("request_id"), text=bindparam("words")))
_CHANGE = Prepared(
    update(searched).where(searched.c.request_id == bindparam("of_request")).values(text=bindparam("words"))
)


def folded(words: str) -> str:
    """Return a text as it is stored and looked for."""
    kept = words.casefold().replace("\0", "").replace(_APART, "")
    return kept.encode("utf-8", "ignore").decode("utf-8")


def line(*parts: str | None) -> str:
    """Return the text by which a request is found, as it is stored."""
    return _APART.join(folded(part) for part in parts if part)


def _line_of(request: Request) -> str:
    return line(
        request.id,
        request.canonical,
        request.name,
        request.requester_name,
        request.requester_id,
        request.spec_id,
        request.purpose,
    )


def add(connection: Connection, request: Request) -> None:
    """Index a new request."""
    _ADD(connection, {"request_id": request.id, "words": _line_of(request)})


def change(connection: Connection, request: Request) -> None:
    """Index a request that has changed."""
    _CHANGE(connection, {"of_request": request.id, "words": _line_of(request)})


def newest(
    states: Collection[State], where: Sequence[ColumnElement[bool]], limit: int | None
) -> Select[tuple[str, int]]:
    """Return a query for id and time of the newest requests: each state from its own index, then together."""

    def of(*state: ColumnElement[bool]) -> Select[tuple[str, int]]:
        query = select(requests.c.id, requests.c.created_at).where(*where, *state)
        return query.order_by(*_NEWEST).limit(limit)

    if not states:
        return of()
    each = (select(of(requests.c.state == state.value).subquery()) for state in states)
    found = union_all(*each).subquery()
    return select(found.c.id, found.c.created_at).order_by(found.c.created_at.desc(), found.c.id).limit(limit)


def holding(
    connection: Connection,
    words: str,
    states: Collection[State],
    where: Sequence[ColumnElement[bool]],
    limit: int | None,
) -> list[str]:
    """Return the ids of the newest requests that hold a text.

    Args:
        connection: Of the transaction.
        words: What to look for.
        states: Only requests in these; empty for all.
        where: What else is true of them.
        limit: At most so many; None for all.
    """
    wanted = folded(words)
    recent = newest(states, where, LOOKED_AT).subquery()
    looked_at = connection.execute(
        select(recent.c.id, searched.c.text)
        .join(searched, searched.c.request_id == recent.c.id, isouter=True)  # who is not admitted has no line
        .order_by(recent.c.created_at.desc(), recent.c.id)
    ).all()
    found = [request_id for request_id, held in looked_at if held is not None and wanted in held][:limit]
    if len(found) == limit or len(looked_at) < LOOKED_AT:
        return found
    soon = limit is not None and len(found) * _SOON >= limit and not (states or where)
    rarest = [] if soon else _rarest(wanted, [held for _, held in looked_at if held is not None])
    query = _narrowed(connection.dialect.name, rarest, wanted)
    if states or where:
        query = query.join(requests, requests.c.id == searched.c.request_id).where(*where)
    if states:
        query = query.where(requests.c.state.in_([state.value for state in states]))
    return list(connection.execute(query.limit(limit)).scalars())


def _narrowed(database: str, trigrams: Sequence[str], wanted: str) -> Select[Any]:
    """Return a query for the requests that hold a text, newest first, narrowed down by the index of trigrams."""
    query: Select[Any] = select(searched.c.request_id)
    holds = searched.c.text.contains(wanted, autoescape=True)
    if not trigrams:
        return query.where(holds).order_by(searched.c.number.desc())
    if database == "sqlite":
        together = " AND ".join('"{}"'.format(trigram.replace('"', '""')) for trigram in trigrams)
        query = query.join(_INDEX, _INDEX.c.rowid == searched.c.number)
        return query.where(_MATCHES.bindparams(trigrams=together), holds).order_by(_INDEX.c.rowid.desc())
    # PostgreSQL would ask its index for every trigram of LIKE, and walk all lines for the order by the bare number
    some = (searched.c.text.contains(trigram, autoescape=True) for trigram in trigrams)
    return query.where(*some, func.strpos(searched.c.text, wanted) > 0).order_by(
        (searched.c.number + 0).desc()
    )


def _rarest(wanted: str, lines: Collection[str]) -> list[str]:
    """Return those trigrams of a text that the fewest lines have; none if it is shorter than one.

    Each trigram that an index is asked for is one more list to read, and the long lists decide nothing.
    """
    last = len(wanted) - _TRIGRAM
    starts = range(0, last + 1, max(1, last // _TRIGRAMS_WEIGHED))
    trigrams = sorted({wanted[start : start + _TRIGRAM] for start in starts})
    return heapq.nsmallest(_TRIGRAMS_ASKED, trigrams, lambda trigram: sum(trigram in held for held in lines))
