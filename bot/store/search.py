"""Which requests a list shows: the newest of some states, or the newest that hold a text.

``searched`` has a line of text for each request, folded, so that case counts in no alphabet. FTS5 on
SQLite and pg_trgm on PostgreSQL index its trigrams. An index only narrows down what LIKE then reads:
where it is of no use, all lines are read (0.5 µs each), and the answer is the same.
Source: https://sqlite.org/fts5.html#the_trigram_tokenizer and
https://www.postgresql.org/docs/current/pgtrgm.html#PGTRGM-INDEX
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, column, insert, select, table, text, union_all, update

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
_TRIGRAMS_ASKED = 4
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
    holds: ColumnElement[bool] = searched.c.text.contains(wanted, autoescape=True)
    recent = newest(states, where, LOOKED_AT).subquery()
    looked_at = connection.execute(
        select(recent.c.id, holds)
        .join(searched, searched.c.request_id == recent.c.id, isouter=True)  # who is not admitted has no line
        .order_by(recent.c.created_at.desc(), recent.c.id)
    ).all()
    found = [request_id for request_id, held in looked_at if held][:limit]
    if len(found) == limit or len(looked_at) < LOOKED_AT:
        return found
    query: Select[Any] = select(searched.c.request_id).where(holds).limit(limit)
    if states or where:
        query = query.join(requests, requests.c.id == searched.c.request_id).where(*where)
    if states:
        query = query.where(requests.c.state.in_([state.value for state in states]))
    if connection.dialect.name == "sqlite" and len(wanted) >= _TRIGRAM:
        query = (
            query.join(_INDEX, _INDEX.c.rowid == searched.c.number)
            .where(_MATCHES.bindparams(trigrams=_trigrams(wanted)))
            .order_by(_INDEX.c.rowid.desc())
        )
    else:
        query = query.order_by(searched.c.number.desc())
    return list(connection.execute(query).scalars())


def _trigrams(wanted: str) -> str:
    """Return a text as FTS5's expression: a few of its trigrams, since each one more is a list more to read."""
    last, gaps = len(wanted) - _TRIGRAM, _TRIGRAMS_ASKED - 1
    starts = sorted({last * number // gaps for number in range(_TRIGRAMS_ASKED)})
    return " AND ".join(
        '"{}"'.format(wanted[start : start + _TRIGRAM].replace('"', '""')) for start in starts
    )
