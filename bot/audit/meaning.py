"""What no audit may say, whoever wrote it: that something was sent without approvals, or created unsent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bot.audit import seals
from bot.audit.seals import APPROVALS

if TYPE_CHECKING:
    from collections.abc import Mapping

_NEW_CONTENT = frozenset({"requested", "edited", "revised"})
_ENDS = frozenset({"created", "deleted", "rejected", "cancelled", "expired"})
"""States after which nothing more is sent for a request."""


@dataclass(slots=True)
class _Request:
    """What is known of a request that may still be sent."""

    revision: int | None
    digest: str | None
    started: bool
    approvals: dict[str | None, Mapping[str, Any]] = field(default_factory=dict)


class Meaning:
    """Follows every request that may still be sent, row by row.

    Args:
        keys: Public keys (32 bytes) by id, of those who may have sealed; if empty, seals are not checked.
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = keys
        self._open: dict[str, _Request] = {}
        self._sealed = False

    def add(self, row: Mapping[str, Any]) -> str | None:
        """Add the next row; return what is wrong with it, or None.

        Raises:
            AttributeError: A part of the row is missing.
            KeyError: Likewise.
            TypeError: Likewise.
        """
        request_id, event = row["request_id"], row["event"]
        if request_id is None or event.endswith((".refused", ".viewed")):
            return None
        if event in _NEW_CONTENT:
            before = self._open.get(request_id)
            started = before is not None and before.started
            self._open[request_id] = _Request(row["revision"], row["digest"], started)
        problem = self._problem(row, self._open.get(request_id))
        if row["to_state"] in _ENDS:
            self._open.pop(request_id, None)
        return problem

    def _problem(self, row: Mapping[str, Any], request: _Request | None) -> str | None:
        event, who = row["event"], seals.voter(row["actor"])
        if request is None:
            asked = event not in {"started", "created"}
            return None if asked else f"it is {event}, and was never asked for or had ended"
        if event in APPROVALS:
            request.approvals[who] = row
            return self._unsealed(row)
        if event == "withdrawn":
            request.approvals.pop(who, None)
        elif event == "started":
            request.started = True
            return self._unapproved(row, request)
        elif event == "created" and not request.started:
            return "it was created, and nothing had been sent"
        return None

    def _unapproved(self, row: Mapping[str, Any], request: _Request) -> str | None:
        """Return why no approval covers what was sent."""
        sent = (row["revision"], row["digest"])
        if sent != (request.revision, request.digest):
            return "what was sent is not what was asked for"
        for vote in request.approvals.values():
            if (vote["revision"], vote["digest"]) == sent and (
                vote.get("seal") is not None or not self._sealed
            ):
                return None
        return "it was sent, and no approval covers it"

    def _unsealed(self, vote: Mapping[str, Any]) -> str | None:
        """Return what is wrong with the seal of an approval; approvals before the first seal have none."""
        seal = vote.get("seal")
        if seal is None:
            return "its approval bears no seal" if self._sealed else None
        self._sealed = True
        public = self._keys.get(seal["key"])
        if not self._keys or (public is not None and seals.row_holds(vote, public)):
            return None
        return "its seal is of another key: name that with --key" if public is None else "its seal is false"
