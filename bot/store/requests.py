"""Requests with their revisions, votes and cards. Only ``move`` writes ``state``."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, delete, func, insert, literal_column, or_, select, true, update

from bot.approvals.request import GroupEdit, Kind, Maker, Request, State, Vote
from bot.store import search
from bot.store.prepared import Prepared, every
from bot.store.tables import cards, requests, revisions, votes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Column, ColumnElement, Connection, Select

    from bot.approvals.state_machine import Transition

_JOINED = select(
    requests,
    revisions.c.text,
    revisions.c.use_gpus,
    revisions.c.payload,
    revisions.c.digest,
    revisions.c.target,
    revisions.c.author_id,
    revisions.c.purpose,
    revisions.c.created_at.label("revised_at"),
).join(revisions, and_(revisions.c.request_id == requests.c.id, revisions.c.revision == requests.c.revision))
_ONE = Prepared(_JOINED.where(requests.c.id == bindparam("request_id")))
_AS_READ = Prepared(
    select(requests.c.id)
    .where(requests.c.id == bindparam("request_id"), requests.c.version == bindparam("version"))
    .with_for_update()
)
_HOLDER = _JOINED.where(
    requests.c.reserved,
    requests.c.space_id == bindparam("space"),
    requests.c.kind == bindparam("of_kind"),
    requests.c.name == bindparam("name"),
)
_VOTES = Prepared(
    select(votes)
    .where(votes.c.request_id == bindparam("request_id"), votes.c.revision == bindparam("revision"))
    .order_by(votes.c.at, votes.c.user_id)
)
_NEW_ROW = [column for column in requests.columns if column.name != "claimed_by"]
_RESERVE = Prepared(
    lambda insert: insert(requests).values(every(_NEW_ROW)).on_conflict_do_nothing().returning(requests.c.id)
)
_ADD_COPY = Prepared(lambda insert: insert(cards).values(every(cards.columns)).on_conflict_do_nothing())
_COPIES = Prepared(
    select(cards)
    .where(cards.c.request_id == bindparam("of_request"))
    .order_by(cards.c.user_id.is_not(None), cards.c.message_ts)
)
_ADMIT = Prepared(
    update(requests)
    .where(requests.c.id == bindparam("request_id"), ~requests.c.admitted)
    .values(admitted=true(), due_at=bindparam("first_due"))
    .returning(requests.c.id)
)


@functools.cache
def _note(columns: tuple[str, ...]) -> Prepared:
    """Return the statement that writes some columns of a row."""
    return Prepared(
        update(requests).where(requests.c.id == bindparam("request_id")).values(every(_named(columns)))
    )


@functools.cache
def _move(columns: tuple[str, ...]) -> Prepared:
    """Return the statement that writes a transition's columns if the row is still as it was read."""
    return Prepared(
        update(requests)
        .where(
            requests.c.id == bindparam("request_id"),
            requests.c.state == bindparam("from_state"),
            requests.c.version == bindparam("from_version"),
        )
        .values(every(_named(columns)))
        .returning(requests.c.id)
    )


def _named(columns: tuple[str, ...]) -> list[Column[Any]]:
    return [requests.c[name] for name in columns]


_ADD_REVISION = Prepared(insert(revisions).values(every(revisions.columns)))
_REQUEST_COLUMNS = {column.name for column in requests.columns}
_RESERVED: ColumnElement[bool] = literal_column("requests.reserved")
"""Written as in the partial indexes: to SQLite, `reserved = 1` is another condition."""
_MOST_AT_ONCE = 500
"""Ids in one query: SQLite allows 32,766 parameters, older builds 999. Source: https://sqlite.org/limits.html."""
_REVISION_COLUMNS = (
    "text",
    "canonical",
    "name",
    "use_gpus",
    "payload",
    "digest",
    "target",
    "space_id",
    "author_id",
    "purpose",
)


@dataclass(frozen=True, slots=True)
class Copy:
    """One message that shows the card; ``user_id`` if it is a direct message."""

    channel_id: str
    message_ts: str
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """One request that reserves its name: it has not ended, or its spec exists."""

    request_id: str
    is_open: bool
    num_gpus: int


@dataclass(frozen=True, slots=True)
class LiveSpec:
    """A spec that a request created, as approved; ``payload`` is its REST body."""

    request_id: str
    spec_id: str
    space_id: str
    name: str
    payload: str


def _of(request: Request) -> tuple[ColumnElement[bool], ...]:
    """Return the condition for all requests of a requester; in a Grid, one person may use several workspaces."""
    home = requests.c.team_id == request.team_id
    if request.enterprise_id:
        home = or_(home, requests.c.enterprise_id == request.enterprise_id)
    return requests.c.requester_id == request.requester_id, home


class Requests:
    """The requests, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, request: Request, due_at: int | None) -> bool:
        """Add a request and reserve its name in the space; False, with nothing written, if the name is taken."""
        row = _request_row(request) | {"due_at": due_at}
        if not _RESERVE(self._connection, row):
            return False
        _ADD_REVISION(self._connection, _revision_row(request, request.created_at))
        if request.admitted:
            search.add(self._connection, request)
        return True

    def get(self, request_id: str) -> Request | None:
        """Return a request with its revision and votes, or None."""
        rows = _ONE(self._connection, {"request_id": request_id})
        return self._whole(rows[0]) if rows else None

    def admit(self, request: Request, due_at: int | None) -> bool:
        """Let everybody see a request whose requester may ask; False if another transaction was first."""
        if not _ADMIT(self._connection, {"request_id": request.id, "first_due": due_at}):
            return False
        search.add(self._connection, request)
        return True

    def discard(self, request: Request) -> bool:
        """Remove a request that was never admitted, with all that it took; False if another transaction was first."""
        waits = select(requests.c.id).where(requests.c.id == request.id, ~requests.c.admitted)
        self._connection.execute(delete(revisions).where(revisions.c.request_id.in_(waits)))
        gone = delete(requests).where(requests.c.id == request.id, ~requests.c.admitted)
        return self._connection.execute(gone).rowcount == 1

    def hold(self, request: Request) -> bool:
        """Lock a row until this transaction ends; False if it changed since it was read."""
        which = {"request_id": request.id, "version": request.version}
        return bool(_AS_READ(self._connection, which))

    def holder(self, space_id: str, kind: Kind, name: str) -> Request | None:
        """Return the live request that reserves a name, or None."""
        where = {"space": space_id, "of_kind": kind.value, "name": name}
        row = self._connection.execute(_HOLDER, where).mappings().one_or_none()
        return self._whole(dict(row)) if row else None

    def move(self, request: Request, transition: Transition, now: int, **changes: Any) -> Request | None:
        """Write a transition by compare-and-set.

        Args:
            request: As read.
            now: UTC epoch milliseconds.
            **changes: Further columns of ``requests``, such as ``due_at`` or ``error``.

        Returns:
            The new row, or None if another transaction was first.
        """
        values = {
            "state": transition.to_state.value,
            "version": request.version + 1,
            "updated_at": now,
            "claimed_by": None,
            **changes,
        }
        if transition.frees_name:
            values["reserved"] = False
        if "groups_edited" in values:
            values["groups_edited"] = _edits_stored(values["groups_edited"])
        as_read = {
            "request_id": request.id,
            "from_state": request.state.value,
            "from_version": request.version,
        }
        if not _move(tuple(sorted(values)))(self._connection, as_read | values):
            return None
        if transition.vote is not None:
            self._add_vote(request, transition.vote)
        after = self.get(request.id)
        if after is not None and not search.COLUMNS.isdisjoint(changes):
            search.change(self._connection, after)
        return after

    def unvote(self, request: Request, user_id: str) -> None:
        """Remove one person's vote on the current revision, from whichever workspace it came."""
        self._connection.execute(
            delete(votes).where(
                votes.c.request_id == request.id,
                votes.c.revision == request.revision,
                votes.c.user_id == user_id,
            )
        )

    def revise(self, request: Request, now: int) -> None:
        """Add the revision that ``request`` carries; ``move`` updates the row."""
        _ADD_REVISION(self._connection, _revision_row(request, now))

    def note(self, request_id: str, **changes: Any) -> None:
        """Write columns other than the state, such as ``message_ts`` or ``reminded``."""
        _note(tuple(sorted(changes)))(self._connection, {"request_id": request_id, **changes})

    def add_copy(self, request_id: str, copy: Copy) -> None:
        """Remember a message that shows the card."""
        row = {
            "channel_id": copy.channel_id,
            "message_ts": copy.message_ts,
            "request_id": request_id,
            "user_id": copy.user_id,
        }
        _ADD_COPY(self._connection, row)

    def drop_copy(self, copy: Copy) -> None:
        """Forget a deleted message."""
        self._connection.execute(
            delete(cards).where(cards.c.channel_id == copy.channel_id, cards.c.message_ts == copy.message_ts)
        )

    def copies(self, request_id: str) -> tuple[Copy, ...]:
        """Return every message that shows the card, the channel's first."""
        rows = _COPIES(self._connection, {"of_request": request_id})
        return tuple(Copy(row["channel_id"], row["message_ts"], row["user_id"]) for row in rows)

    def listed(
        self,
        *,
        states: Sequence[State] = (),
        requester: tuple[str, str] | None = None,
        text: str | None = None,
        spec_id: str | None = None,
        limit: int | None = 20,
    ) -> list[Request]:
        """Return requests, newest first.

        Args:
            states: Only these; empty for all.
            requester: Only this ``(team, user)``; nobody else sees those that are not admitted yet.
            text: Only those whose canonical text, purpose, name, id, spec id or requester contains it.
            spec_id: Only those about this spec.
            limit: At most so many; None for all.
        """
        where: list[ColumnElement[bool]] = []
        if requester:
            where += [requests.c.team_id == requester[0], requests.c.requester_id == requester[1]]
        if spec_id:
            where.append(requests.c.spec_id == spec_id)
        query: Select[Any] = _JOINED.order_by(requests.c.created_at.desc(), requests.c.id)
        if text:
            query = query.where(
                requests.c.id.in_(search.holding(self._connection, text, states, where, limit))
            )
        else:
            where += [] if requester else [requests.c.admitted]  # a search finds no others
            found = search.newest(states, where, limit).subquery()
            query = query.where(requests.c.id.in_(select(found.c.id)))
        rows = [dict(row) for row in self._connection.execute(query).mappings()]
        votes_of = self._votes_of(rows)
        return [_whole(row, votes_of.get(row["id"], ())) for row in rows]

    def asked_since(self, since: int, request: Request) -> int:
        """Return how many requests the same requester made after this time."""
        query = select(func.count()).where(*_of(request), requests.c.created_at > since)
        return int(self._connection.execute(query).scalar_one())

    def held_by(self, request: Request) -> list[Held]:
        """Return the open requests of the same requester, and those whose spec exists; oldest first."""
        query = (
            select(requests.c.id, requests.c.kind, requests.c.state, requests.c.num_gpus)
            .where(*_of(request), _RESERVED)
            .order_by(requests.c.created_at, requests.c.id)
        )
        return [
            Held(
                row.id,
                row.state != State.CREATED.value,
                row.num_gpus or 0 if row.kind == Kind.CREATE.value else 0,
            )
            for row in self._connection.execute(query)
        ]

    def gpus_in(self, space_id: str) -> tuple[int, int]:
        """Return the GPUs of open requests for a space, and those of specs that exist there."""
        query = (
            select(requests.c.state, func.sum(requests.c.num_gpus))
            .where(requests.c.space_id == space_id, requests.c.kind == Kind.CREATE.value, _RESERVED)
            .group_by(requests.c.state)
        )
        by_state = {state: gpus or 0 for state, gpus in self._connection.execute(query).all()}
        created = by_state.pop(State.CREATED.value, 0)
        return sum(by_state.values()), created

    def texts(self) -> list[tuple[str, str, int | None, bool]]:
        """Return every creation, oldest first: id, text, GPU count chosen by hand, whether it came from a workflow."""
        query = (
            select(
                requests.c.id, revisions.c.text, revisions.c.use_gpus, requests.c.execution_id.is_not(None)
            )
            .join(
                revisions,
                and_(revisions.c.request_id == requests.c.id, revisions.c.revision == requests.c.revision),
            )
            .where(requests.c.kind == Kind.CREATE.value)
            .order_by(requests.c.created_at, requests.c.id)
        )
        return [(row[0], row[1], row[2], bool(row[3])) for row in self._connection.execute(query)]

    def makers(self, spec_ids: Sequence[str]) -> dict[str, Maker]:
        """Return the request that created each of these specs, if it was one of ours."""
        query = (
            select(
                requests.c.spec_id,
                requests.c.id,
                requests.c.requester_id,
                requests.c.requester_name,
                revisions.c.purpose,
            )
            .join(
                revisions,
                and_(revisions.c.request_id == requests.c.id, revisions.c.revision == requests.c.revision),
            )
            .where(requests.c.spec_id.in_(spec_ids), requests.c.state == State.CREATED.value)
        )
        return {row.spec_id: Maker(*row[1:]) for row in self._connection.execute(query)}

    def live_specs(self) -> list[LiveSpec]:
        """Return every spec that a request created and no request has deleted."""
        query = (
            select(
                requests.c.id, requests.c.spec_id, requests.c.space_id, requests.c.name, revisions.c.payload
            )
            .join(
                revisions,
                and_(revisions.c.request_id == requests.c.id, revisions.c.revision == requests.c.revision),
            )
            .where(
                requests.c.state == State.CREATED.value,
                requests.c.kind == Kind.CREATE.value,
                requests.c.retired_by.is_(None),
                requests.c.spec_id.is_not(None),
            )
        )
        return [LiveSpec(*row) for row in self._connection.execute(query)]

    def _votes_of(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Vote, ...]]:
        """Return the votes on the current revision of each row, by request, with one query for many rows."""
        revision_of = {row["id"]: row["revision"] for row in rows}
        votes_of: dict[str, tuple[Vote, ...]] = {}
        ids = list(revision_of)
        for start in range(0, len(ids), _MOST_AT_ONCE):
            query = (
                select(votes)
                .where(votes.c.request_id.in_(ids[start : start + _MOST_AT_ONCE]))
                .order_by(votes.c.at, votes.c.user_id)
            )
            for row in self._connection.execute(query).mappings():
                if row["revision"] == revision_of[row["request_id"]]:
                    votes_of[row["request_id"]] = (*votes_of.get(row["request_id"], ()), _vote(dict(row)))
        return votes_of

    def _add_vote(self, request: Request, vote: Vote) -> None:
        self.unvote(request, vote.user_id)  # an earlier vote that no longer counts
        self._connection.execute(
            insert(votes).values(
                request_id=request.id,
                revision=request.revision,
                team_id=vote.team_id,
                user_id=vote.user_id,
                name=vote.name,
                at=vote.at,
                via=json.dumps(vote.via),
                policy=vote.policy,
                seal=vote.seal,
            )
        )

    def _whole(self, row: Mapping[str, Any]) -> Request:
        cast = _VOTES(self._connection, {"request_id": row["id"], "revision": row["revision"]})
        return _whole(row, tuple(_vote(vote) for vote in cast))


def _whole(row: Mapping[str, Any], cast: tuple[Vote, ...]) -> Request:
    fields = dict(row)
    existing = (fields.pop("existing_id"), fields.pop("existing_name"))
    del fields["due_at"], fields["claimed_by"], fields["num_gpus"]
    return Request(
        **fields
        | {
            "kind": Kind(row["kind"]),
            "state": State(row["state"]),
            "reserved": bool(row["reserved"]),
            "admitted": bool(row["admitted"]),
            "existing": existing if existing[0] else None,
            "votes": cast,
            "groups_edited": tuple(GroupEdit(*edit) for edit in json.loads(row["groups_edited"] or "[]")),
        }
    )


def _vote(row: Mapping[str, Any]) -> Vote:
    via = tuple(json.loads(row["via"]))
    return Vote(row["team_id"], row["user_id"], row["name"], row["at"], via, row["policy"], row["seal"])


def _request_row(request: Request) -> dict[str, Any]:
    row = {name: getattr(request, name) for name in _REQUEST_COLUMNS if hasattr(request, name)}
    existing_id, existing_name = request.existing or (None, None)
    return row | {
        "kind": request.kind.value,
        "state": request.state.value,
        "existing_id": existing_id,
        "existing_name": existing_name,
        "groups_edited": _edits_stored(request.groups_edited),
    }


def _edits_stored(edits: Sequence[GroupEdit]) -> str | None:
    return json.dumps([[edit.group, edit.by, edit.at] for edit in edits]) if edits else None


def _revision_row(request: Request, now: int) -> dict[str, Any]:
    row = {name: getattr(request, name) for name in _REVISION_COLUMNS}
    return row | {"request_id": request.id, "revision": request.revision, "created_at": now}
