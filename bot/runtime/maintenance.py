"""Periodic checks reported to those who run the bot: the policy, drift, the anchor, old rows."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from bot.approvals import parties, policy
from bot.errors import PeopleError
from bot.provisioning import drift
from bot.workflow import outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from bot.approvals.parties import Shortage
    from bot.approvals.policy import Ruling
    from bot.audit.checkpoint import Checkpoint
    from bot.store import Tx
    from bot.workflow.ports import Specs
    from bot.workflow.service import RequestService

log = logging.getLogger(__name__)

DELIVERIES_KEPT_MS = 25 * 3_600_000
"""Slack sends an event again for up to 24 hours."""


class Maintenance:
    """Runs the periodic tasks.

    Args:
        specs: The API; None in a dry run.
        anchor_channel: Where the head of the audit chain is posted daily, if anywhere.
        more_spaces: Deployment spaces besides the default one.
        checkpoint: Returns the last checkpoint of the audit.
    """

    def __init__(
        self,
        service: RequestService,
        specs: Specs | None,
        anchor_channel: str | None,
        more_spaces: Collection[str],
        checkpoint: Callable[[], Checkpoint | None] = lambda: None,
    ) -> None:
        self.service = service
        self.specs = specs
        self.anchor_channel = anchor_channel
        self.more_spaces = more_spaces
        self.checkpoint = checkpoint
        self.revoked_by: str | None = None
        self._groups: dict[str, frozenset[str] | None] | None = None

    def check_policy(self) -> None:
        """Check whether every quorum can be reached; report it in the log, and from then on on cards."""
        try:
            groups = {entry: self.service.people.members(entry) for entry in self._named_groups()}
        except PeopleError as error:
            log.warning("the policy could not be checked", extra={"facts": {"what": error.what}})
            return
        self._groups = groups
        for group in (name for name, members in groups.items() if members is None):
            log.warning(
                "the policy names a user group that does not exist", extra={"facts": {"group": group}}
            )
        for short in policy.unreachable(self.service.rules, groups.get):
            facts = {"party": short.party, "quorum": short.quorum, "able": short.able}
            log.warning("the policy has a quorum that cannot be reached", extra={"facts": facts})

    def short(self, ruling: Ruling, requester_id: str) -> tuple[Shortage, ...]:
        """Return the parties that a request cannot reach, with the groups as last seen."""
        if self._groups is None:
            return ()
        own = {requester_id}
        barred = () if ruling.self_approval else own
        return parties.outlook(ruling.parties, self._groups.get, barred=barred, own=own).short

    def _named_groups(self) -> list[str]:
        return sorted(entry for entry in self.service.rules.entries() if entry.startswith("S"))

    def forget(self) -> None:
        """Delete the keys of old deliveries."""
        with self.service.store.write() as tx:
            tx.queues.forget(tx.now - DELIVERIES_KEPT_MS)

    def scrub(self) -> None:
        """Delete the response URLs that Slack no longer accepts."""
        with self.service.store.write() as tx:
            tx.queues.scrub(tx.now - outbox.RESPONSE_URL_MS)

    def audit_repeats(self) -> None:
        """Audit repeated refusals of a past minute, one row each."""
        with self.service.store.write() as tx:
            for event in tx.refusals.ended():
                tx.audit_log.append(event)

    def look_for_drift(self) -> None:
        """Compare live specs and records; tell the admins about new differences."""
        if self.specs is None:
            return
        differences = drift.compare(
            self.service.store, self.specs, self.service.site.space_id, self.more_spaces
        )
        lines = [item.sentence() for item in differences]
        with self.service.store.write() as tx:
            known = set(tx.noted("drift") or [])
            fresh = [line for line in lines if line not in known]
            tx.note("drift", lines)
            for line in fresh:
                log.warning("drift", extra={"facts": {"what": line}})
            if fresh:
                self._tell(tx, "drift", fresh)

    def post_anchor(self) -> None:
        """Post the audit's head and checkpoint to Slack, where a change of the database does not reach them."""
        if self.anchor_channel is None:
            return
        with self.service.store.write() as tx:
            head = tx.audit_log.head()
            signed = self.checkpoint()
            lines = [f"{head.seq} {head.hash}", *(signed.text.splitlines() if signed else ())]
            outbox.notice(tx, "anchor", lines, about="anchor", channel_id=self.anchor_channel)

    def revoked(self, event: str) -> None:
        """Note and log that the app was uninstalled or its token revoked; Slack can no longer be used to say so."""
        log.error(
            "Slack revoked the installation; install the app again and set the new SLACK_BOT_TOKEN",
            extra={"facts": {"event": event}},
        )
        self.revoked_by = event

    def _tell(self, tx: Tx, code: str, lines: list[str]) -> None:
        """Queue a direct message to every admin; a group stands for its members as last seen."""
        admins: set[str] = set()
        for entry in self.service.rules.defaults.admins:
            admins |= (self._groups or {}).get(entry) or frozenset() if entry.startswith("S") else {entry}
        for user_id in sorted(admins):
            outbox.notice(tx, code, lines[:20], about=code, user_id=user_id)
