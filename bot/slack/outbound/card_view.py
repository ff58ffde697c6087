"""Draws a row as its card, with everything that the card needs besides the row.

Names are for display only, so they are cached for an hour; rights never are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bot import messages
from bot.approvals.policy_file import ANYONE
from bot.approvals.request import Kind, State
from bot.approvals.wording import linked
from bot.errors import PeopleError
from bot.slack.blocks import card, status
from sizing import SizingError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from bot.approvals.draft import Draft
    from bot.approvals.parties import Outlook, Shortage
    from bot.approvals.policy import Ruling
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
    """

    def __init__(self, ask: Callable[[str], str], clock: Callable[[], int]) -> None:
        self._ask = ask
        self._clock = clock
        self._known: dict[str, tuple[str, int]] = {}

    def __call__(self, entries: Collection[str]) -> dict[str, str]:
        """Return the names of users and groups; those that Slack does not know are left out."""
        names: dict[str, str] = {}
        for entry in sorted(entries)[:_MOST_NAMES]:
            name, at = self._known.get(entry, ("", -KEEP_MS))
            if self._clock() - at >= KEEP_MS:
                try:
                    name = self._ask(entry)
                except PeopleError:
                    break  # Slack is failing: show ids instead of waiting
                self._known[entry] = (name, self._clock())
            if name:
                names[entry] = name
        return names


class CardView:
    """Draws rows.

    Args:
        names: Display names of policy entries.
        short: Returns the parties that a requester cannot reach under a ruling, as last seen.
    """

    def __init__(
        self,
        service: RequestService,
        names: Names,
        short: Callable[[Ruling, str], Sequence[Shortage]] = lambda *_: (),
    ) -> None:
        self.service = service
        self._names = names
        self._short = short

    def draft(self, request: Request) -> Draft | None:
        """Return the draft of the row's text as of now; None for a deletion, or if the text can no longer be parsed."""
        if request.kind is Kind.DELETE:
            return None
        try:
            return self.service.draft(request.text, request.use_gpus)
        except SizingError:
            return None

    def ruling(self, request: Request) -> Ruling | None:
        """Return the policy's current ruling on the row; None if its text can no longer be parsed."""
        try:
            return self.service.ruling_of(request)
        except SizingError:
            return None

    def message(self, request: Request, suffix: str = "") -> Message:
        """Draw a row; ``suffix`` distinguishes the cards of one surface."""
        waits = request.state is State.PENDING
        ruling = self.ruling(request) if waits else None
        outlook = self.service.outlook(request, ruling) if ruling is not None else None
        voters = outlook.voters if outlook is not None else frozenset()
        names = self._names((ruling.entries - {ANYONE} if ruling is not None else frozenset()) | voters)
        return card.card(
            request,
            self.draft(request),
            site=self.service.site,
            now=self.service.clock(),
            ruling=ruling,
            waiting_for=_listed(voters, names) if request.votes else None,
            warning=self._unreachable(request, ruling, outlook) if ruling is not None else None,
            attempt_lookups=self._lookups(request),
            names=names,
            linked=self.linked(request),
            suffix=suffix,
        )

    def linked(self, request: Request) -> tuple[int, int, str] | None:
        """Return the part of a row's purpose to link (start, end), and the address."""
        return linked(self.service.rules.defaults, request.purpose) if request.purpose else None

    def waits(self, request: Request) -> str:
        """Say how many approvals a pending row has and who may approve it; mrkdwn, empty for any other row."""
        ruling = self.ruling(request) if request.state is State.PENDING else None
        if ruling is None:
            return ""
        named = self._names(ruling.entries - {ANYONE})
        return f"{status.progress(request, ruling)} {card.approvers(replace(ruling, notify=()), named)}"

    def _lookups(self, request: Request) -> int | None:
        if request.state not in {State.UNKNOWN, State.ATTENTION}:
            return None
        with self.service.store.read() as tx:
            attempt = tx.attempts.latest(request.id)
        return attempt.lookups if attempt else None

    def _unreachable(self, request: Request, ruling: Ruling, outlook: Outlook | None) -> str | None:
        """Say which parties cannot be reached, now or as last seen."""
        short = self._short(ruling, request.requester_id) if outlook is None else outlook.short
        return messages.unreachable(short) if short else None


def _listed(voters: frozenset[str], names: dict[str, str]) -> str | None:
    """Name those who can still vote, cut to one line."""
    if not voters:
        return None
    shown = [names.get(user_id, user_id) for user_id in sorted(voters)[:_MOST_WAITED_FOR]]
    left = len(voters) - len(shown)
    return ", ".join(shown) + (f" or {left} more" if left else "")
