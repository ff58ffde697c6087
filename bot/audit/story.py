"""A request's story according to the audit: which approvals stand, and what has been sent.

Rows that permit something count only with their seal. Rows that forbid something always count, and cannot be removed:
the rows from the request's first one to the end must follow each other and agree with the anchor.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bot.audit import seals
from bot.audit.chain import Head, chain
from bot.audit.seals import APPROVALS, RELEASES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NEW_CONTENT = frozenset({"edited", "revised"})
_ENDS = frozenset({"created", "deleted", "rejected", "cancelled", "expired"})
"""States after which nothing more is sent for a request."""


class BrokenStory(Exception):
    """The audit's rows cannot be trusted; the text says why."""


@dataclass(slots=True)
class Story:
    """What the audit says about one request.

    Args:
        begun: Hash of its first row.
        revision: Its latest revision; 0 if the audit does not know the request.
        digest: Of that revision.
        requester: Workspace and user who asked.
        author: User who wrote the latest revision.
        since: Number of the row that began that revision.
        asked_at: When that revision was asked for, in UTC epoch milliseconds.
        workflow: Whether a workflow asked.
        approvals: Signature of each standing approval of the latest revision, by user.
        pressed_as: The approver's id in their own workspace, by user; in a Grid the two differ.
        unreleased: Attempts of that revision after which nobody has permitted another.
        ended: Whether nothing more may be sent.
    """

    begun: str = field(init=False)
    revision: int = 0
    digest: str | None = None
    state: str | None = None
    requester: tuple[str | None, str | None] = (None, None)
    author: str | None = None
    since: int = field(init=False)
    asked_at: int = field(init=False)
    workflow: bool = field(init=False)
    approvals: dict[str | None, str] = field(default_factory=dict)
    pressed_as: dict[str | None, str] = field(default_factory=dict)
    unreleased: list[str | None] = field(default_factory=list)
    ended: bool = False
    _spent: set[tuple[str, int]] = field(default_factory=set)
    """Clicks on this revision that have counted; none counts twice."""

    def add(self, row: Mapping[str, Any], public: bytes) -> None:
        """Add the request's next row.

        Args:
            row: The export's object.
            public: The key whose seals count (32 bytes).

        Raises:
            BrokenStory: It cannot follow the rows before it.
        """
        event, actor = row["event"], row["actor"]
        voter = seals.voter(actor)
        if self.revision == 0:
            if event != "requested":
                raise BrokenStory("its audit does not begin with the request")
            self.begun, self.requester = row["hash"], (actor["team_id"], actor["user_id"])
            self.workflow = bool(row["slack"].get("workflow"))
            self._begin(row, actor["user_id"])
        elif event.endswith(".refused"):
            return
        elif event in _NEW_CONTENT:
            if row["revision"] <= self.revision:
                raise BrokenStory("its revisions go backwards")
            self._begin(row, actor["user_id"] if event == "edited" else self.author)
        elif event in APPROVALS and self._permits(row, public, voter):
            self.approvals[voter] = row["seal"]["signature"]
            self.pressed_as[voter] = actor["user_id"]
        elif event == "withdrawn":
            self.approvals.pop(voter, None)
        elif event == "started":
            self.unreleased.append(row["rest"]["attempt"])
        elif event in RELEASES and self._permits(row, public, voter):
            self.unreleased = [one for one in self.unreleased if one != row["rest"]["attempt"]]
        self.state = row["to_state"]
        self.ended = self.ended or self.state in _ENDS or event == "given_up"

    def _begin(self, row: Mapping[str, Any], author: str | None) -> None:
        """Begin a revision, for which no earlier approval counts."""
        self.revision, self.digest, self.asked_at = row["revision"], row["digest"], row["at"]
        self.since, self.author = row["seq"], author
        self.approvals, self.unreleased, self._spent = {}, [], set()

    def _permits(self, row: Mapping[str, Any], public: bytes, voter: str | None) -> bool:
        """Return whether a row that permits something is sealed, about this story, and not a repetition."""
        mark = None if voter is None else (voter, row["at"])
        if (
            row["revision"] != self.revision
            or mark in self._spent
            or not seals.row_holds(row, public)
            or row["seal"]["begun"] != self.begun
        ):
            return False
        if mark is not None:
            self._spent.add(mark)
        return True


def tell(
    request_id: str, rows: Iterable[Mapping[str, Any]], heads: Mapping[int, str], public: bytes
) -> Story:
    """Return a request's story, checking the rows it is made from.

    Args:
        rows: The export's objects, from the request's first row to the end of the audit.
        heads: Hash by row number, as noted outside the table.
        public: The key whose seals count (32 bytes).

    Raises:
        BrokenStory: The rows do not follow each other, or contradict the anchor.
    """
    story, head = Story(), Head()
    for row in rows:
        try:
            head = _next(row, head, heads)
            if row["request_id"] == request_id:
                story.add(row, public)
        except (AttributeError, KeyError, TypeError):
            raise BrokenStory(f"a row after {head.seq} of the audit cannot be read") from None
    if story.revision == 0:
        raise BrokenStory("the audit does not know it")
    if any(seq > head.seq for seq in heads):
        raise BrokenStory("the end of the audit was cut off")
    return story


def _next(row: Mapping[str, Any], head: Head, heads: Mapping[int, str]) -> Head:
    """Return the head after a row, if it follows the one before and agrees with the anchor."""
    before = head if head.seq else Head(row["seq"] - 1, row["prev_hash"])
    seq, digest = chain(before, {key: row[key] for key in row if key != "hash"})
    if (row["seq"], row["prev_hash"], row["hash"]) != (seq, before.hash, digest):
        raise BrokenStory(f"row {seq} of the audit was changed or removed")
    if heads.get(seq, digest) != digest:
        raise BrokenStory(f"the anchor knows row {seq} of the audit otherwise")
    return Head(seq, digest)
