"""A row drawn as its card: everything that the picture needs besides the row is gathered here.

Names are kept for an hour, since they are only for display; rights never are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bot import messages
from bot.approvals import policy
from bot.approvals.policy_file import ANYONE
from bot.approvals.request import Kind, State
from bot.approvals.state_machine import valid_votes
from bot.approvals.wording import linked
from bot.errors import PeopleError
from bot.slack.blocks import card
from sizing import SizingError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from bot.approvals.draft import Draft
    from bot.approvals.policy import Ruling, Shortage
    from bot.approvals.request import Request
    from bot.slack.blocks.kit import Message
    from bot.workflow.service import RequestService

KEEP_MS = 3_600_000
_MOST_NAMES = 24
_MOST_WAITED_FOR = 5


class Names:
    """Display names of the policy's people and groups.

    Args:
        ask: Returns the name of a user or a group; raises ``PeopleError``.
        clock: Returns UTC epoch milliseconds.
    """

    def __init__(self, ask: Callable[[str], str], clock: Callable[[], int]) -> None:
        self._ask = ask
        self._clock = clock
        self._known: dict[str, tuple[str, int]] = {}

    def __call__(self, entries: Collection[str]) -> dict[str, str]:
        """Return the names of users and groups; those that Slack does not tell are left out."""
        found: dict[str, str] = {}
        for entry in sorted(entries)[:_MOST_NAMES]:
            name, at = self._known.get(entry, ("", -KEEP_MS))
            if self._clock() - at >= KEEP_MS:
                try:
                    name = self._ask(entry)
                except PeopleError:
                    break  # Slack is in trouble: the ids will do, and the card does not wait
                self._known[entry] = (name, self._clock())
            if name:
                found[entry] = name
        return found


class CardView:
    """Draws rows.

    Args:
        service: For the draft, the ruling and the row.
        names: Display names of policy entries.
        shortage: Returns by how much a ruling's quorum is out of reach for a requester, as last seen.
    """

    def __init__(
        self,
        service: RequestService,
        names: Names,
        shortage: Callable[[Ruling, str], Shortage | None] = lambda *_: None,
    ) -> None:
        self.service = service
        self._names = names
        self._shortage = shortage

    def draft(self, request: Request) -> Draft | None:
        """Return what the row's text comes to now; None for a delete or a text no longer readable."""
        if request.kind is Kind.DELETE:
            return None
        try:
            return self.service.draft(request.text, request.use_gpus)
        except SizingError:
            return None

    def ruling(self, request: Request) -> Ruling | None:
        """Return what the policy says of the row now, where its text can be read."""
        try:
            return self.service.ruling_of(request)
        except SizingError:
            return None

    def message(self, request: Request, suffix: str = "") -> Message:
        """Draw a row.

        Args:
            request: As just read.
            suffix: Tells the cards of one surface apart.
        """
        waits = request.state is State.PENDING
        ruling = self.ruling(request) if waits else None
        voters = self._voters(request, ruling) if ruling is not None else None
        named = frozenset().union(*ruling.approvers) - {ANYONE} if ruling is not None else frozenset()
        names = self._names(named | (voters or frozenset()))
        return card.card(
            request,
            self.draft(request),
            site=self.service.site,
            now=self.service.clock(),
            ruling=ruling,
            waiting_for=_listed(voters, names) if request.votes else None,
            warning=self._unreachable(request, ruling, voters) if ruling is not None else None,
            attempt_lookups=self._lookups(request),
            names=names,
            linked=self.linked(request),
            suffix=suffix,
        )

    def linked(self, request: Request) -> tuple[int, int, str] | None:
        """Return the part of a row's purpose that leads somewhere, and where."""
        return linked(self.service.rules.defaults, request.purpose) if request.purpose else None

    def approvers(self, request: Request) -> str:
        """Say who may approve a pending row, people and groups by name; mrkdwn, empty for any other row."""
        ruling = self.ruling(request) if request.state is State.PENDING else None
        if ruling is None:
            return ""
        named = frozenset().union(*ruling.approvers) - {ANYONE}
        return card.approvers(replace(ruling, notify=()), self._names(named))

    def _lookups(self, request: Request) -> int | None:
        if request.state not in {State.UNKNOWN, State.ATTENTION}:
            return None
        with self.service.store.read() as tx:
            attempt = tx.attempts.latest(request.id)
        return attempt.lookups if attempt else None

    def _voters(self, request: Request, ruling: Ruling) -> frozenset[str] | None:
        """Return who can still vote; None where the policy says ``anyone``, or Slack cannot say."""
        if all(ANYONE in allowed for allowed in ruling.approvers):
            return None
        return self.service.eligible_voters(request, ruling)

    def _unreachable(self, request: Request, ruling: Ruling, voters: frozenset[str] | None) -> str | None:
        """Say that the quorum cannot be reached, where that is known."""
        if voters is None:
            found = self._shortage(ruling, request.requester_id)
        else:
            found = policy.shortage(ruling.quorum, len(valid_votes(request.votes, ruling)) + len(voters))
        return messages.unreachable(found) if found is not None else None


def _listed(voters: frozenset[str] | None, names: dict[str, str]) -> str | None:
    """Name those who can still vote, as far as a line goes."""
    if not voters:
        return None
    shown = [names.get(user_id, user_id) for user_id in sorted(voters)[:_MOST_WAITED_FOR]]
    left = len(voters) - len(shown)
    return ", ".join(shown) + (f" or {left} more" if left else "")
