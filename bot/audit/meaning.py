"""What the audit may not say, whoever wrote it: that something was sent without approvals, or created unsent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_NEW_CONTENT = frozenset({"requested", "edited", "revised"})
_APPROVALS = frozenset({"voted", "approved"})
_ENDS = frozenset({"created", "deleted", "rejected", "cancelled", "expired"})
"""States after which nothing is sent for a request."""


@dataclass(slots=True)
class _Request:
    """What is known of a request that may still be sent."""

    revision: int | None
    digest: str | None
    approvals: dict[tuple[str | None, str | None], Mapping[str, Any]] = field(default_factory=dict)
    started: bool = False


class Meaning:
    """Follows every request that may still be sent, row by row."""

    def __init__(self) -> None:
        self._open: dict[str, _Request] = {}

    def add(self, row: Mapping[str, Any]) -> str | None:
        """Take in the next row; return what makes no sense about it, or None.

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
            self._open[request_id] = _Request(row["revision"], row["digest"], started=started)
        problem = self._problem(row, self._open.get(request_id))
        if row["to_state"] in _ENDS:
            self._open.pop(request_id, None)
        return problem

    def _problem(self, row: Mapping[str, Any], request: _Request | None) -> str | None:
        event, actor = row["event"], row["actor"]
        who = (actor["team_id"], actor["user_id"])
        if request is None:
            asked = event not in {"started", "created"}
            return None if asked else f"it is {event}, and was never asked for or had ended"
        if event in _APPROVALS:
            request.approvals[who] = row
        elif event == "withdrawn":
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
        covered = any((vote["revision"], vote["digest"]) == sent for vote in request.approvals.values())
        return None if covered else "it was sent, and no approval covers it"
