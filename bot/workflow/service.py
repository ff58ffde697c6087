"""The one line through the house, top to bottom.

``submit`` stores what somebody asked · ``receive`` stores a click before it is acknowledged ·
``handle`` looks the person up and ``decide``s · ``bot.provisioning.executor`` carries an approved request out.
Each step is one transaction: the row, its audit events and the Slack effects together.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, TypeVar

from bot.approvals import policy, state_machine
from bot.approvals.draft import Draft, draft, facts
from bot.approvals.policy import Actor, Person, Ruling
from bot.approvals.request import Request, State
from bot.approvals.state_machine import Action, Refusal, Transition
from bot.audit.chain import Rest, Who
from bot.errors import PeopleError, StoreError
from bot.workflow.audit_events import event_of, who_asked, who_clicked
from bot.workflow.notify import announce, words_for
from bot.workflow.ports import Ask, Click, Outcome
from bot.workflow.revise import ask_delete, edit, use_existing
from bot.workflow.submit import first_look, first_row
from sizing import SizingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.approvals.draft import Site
    from bot.approvals.policy_file import Policy
    from bot.store import Tx
    from bot.workflow.ports import People, Transactions

T = TypeVar("T")

LOOK_UP_TRIES = 5  # after 1, 2, 4, 8 s; then the answer is no
RACES = 20  # transactions begun anew because somebody was faster (PostgreSQL only)


class VersionConflict(Exception):
    """The compare-and-set found another version; the transaction starts anew."""


class RequestService:
    """Submit, receive, decide: the same for every entrance.

    Args:
        store: The transactions.
        people: Who somebody is.
        site: Where specs are created.
        rules: The policy in force.
        clock: Returns UTC epoch milliseconds.
        new_id: Returns a fresh request id.
        on_outcome: Hears the outcome of every ask and click, for the metrics.
    """

    def __init__(
        self,
        *,
        store: Transactions,
        people: People,
        site: Site,
        rules: Policy,
        clock: Callable[[], int],
        new_id: Callable[[], str],
        on_outcome: Callable[[Outcome], None] = lambda _: None,
    ) -> None:
        self.store = store
        self.people = people
        self.site = site
        self.rules = rules
        self.clock = clock
        self.new_id = new_id
        self.on_outcome = on_outcome

    # --- asking

    def draft(self, text: str, use_gpus: int | None = None) -> Draft:
        """Read and size a text for this site; raises ``SizingError``."""
        return draft(text, self.site, use_gpus)

    def ruling(self, drafted: Draft, *, workflow: bool = False) -> Ruling:
        """Return what the policy says of a draft."""
        return policy.rule(self.rules, facts(drafted, self.site, workflow=workflow))

    def submit(self, ask: Ask) -> Outcome:
        """Store a request and ask for its card, in one transaction.

        Raises:
            SizingError: The text cannot be read; nothing was stored.
            StoreError: Nothing was stored.
        """
        drafted = self.draft(ask.text, ask.use_gpus)
        ruling = self.ruling(drafted, workflow=ask.execution_id is not None)
        return self.store.run(lambda tx: self._ask(tx, ask, drafted, ruling))

    def _ask(self, tx: Tx, ask: Ask, drafted: Draft, ruling: Ruling) -> Outcome:
        """Store a request that was read and ruled on."""
        row = first_row(ask, drafted, ruling, request_id=self.new_id(), target=self.site.target, now=tx.now)
        if not tx.queues.receive(ask.key, None):
            holder = tx.requests.holder(row.space_id, row.kind, row.name)
            return Outcome("existing", holder) if holder else Outcome("duplicate")
        who = who_asked(ask)
        if ruling.deny is not None:
            refused = event_of(
                None, "request.refused", who, ask, reason=f"{ruling.deny} ({row.canonical})", at=tx.now
            )
            tx.audit_log.append(replace(refused, digest=row.digest))
            return Outcome("denied", None, ruling.deny)
        due = first_look(row, drafted, ruling, dry_run=self.site.dry_run)
        if not tx.requests.insert(row, due_at=due):
            holder = tx.requests.holder(row.space_id, row.kind, row.name)
            same = holder is not None and holder.digest == row.digest
            return Outcome("existing" if same else "name_taken", holder, row.name)
        tx.queues.wake(row.id, due)
        tx.audit_log.append(event_of(row, "requested", who, ask, reason=row.canonical, at=tx.now))
        body = {"response_url": ask.response_url, "user_id": ask.person.user_id} if ask.response_url else {}
        tx.queues.put(f"card:{row.id}", "card", request_id=row.id, channel_id=row.channel_id, body=body)
        return Outcome("submitted", row)

    # --- clicks

    def receive(self, click: Click) -> bool:
        """Store a click before it is acknowledged; False for a duplicate delivery."""
        content = asdict(click)
        fresh = self.store.run(lambda tx: tx.queues.receive(click.key, content))
        if not fresh:
            self.on_outcome(Outcome("duplicate"))
        return fresh

    def handle(self, key: str) -> Outcome | None:
        """Look up who pressed and decide; called by the worker, as often as needed.

        Returns:
            What came of it, or None if it was decided before or waits for another try.
        """
        with self.store.read() as tx:
            found = tx.queues.received(key)
        if found is None:
            return None
        click, tries = Click(**found[0]), found[1]
        try:
            person = self.look_up(click.team_id, click.user_id)
        except PeopleError as error:
            if tries + 1 < LOOK_UP_TRIES:
                with self.store.write() as tx:
                    tx.queues.postpone("inbox", key, tx.now + 1000 * 2**tries)
                return None
            person = Person(click.team_id, click.user_id, click.name, click.enterprise_id, "lookup_failed")
            click = replace(click, reason=error.what)
        return self.decide(click, person)

    def look_up(self, team_id: str, user_id: str) -> Person:
        """Describe a person and the policy's groups they are in, live; raises ``PeopleError``."""
        groups = sorted(entry for entry in self.rules.entries() if entry.startswith("S"))
        return self.people.look_up(team_id, user_id, groups)

    def decide(self, click: Click, person: Person) -> Outcome:
        """Decide a click of a person who was looked up, in one transaction."""

        def once(tx: Tx) -> Outcome:
            outcome = self._decide(tx, click, person)
            tx.queues.decided(click.key)
            return outcome

        outcome = self.retry_on_conflict(once)
        self.on_outcome(outcome)
        return outcome

    def retry_on_conflict(self, once: Callable[[Tx], T]) -> T:
        """Run a transaction, anew while somebody else is faster."""
        for _ in range(RACES):
            try:
                return self.store.run(once)
            except VersionConflict:
                continue
            except StoreError as error:
                if error.what != "conflict":  # a constraint that somebody else's commit has filled
                    raise
        raise StoreError("busy")

    def ruling_of(self, request: Request) -> Ruling:
        """Return what the policy says now of a stored request; one that can no longer be read is denied."""
        try:
            drafted = self.draft(request.text, request.use_gpus)
        except SizingError as error:
            return policy.unreadable(self.rules, f"The request can no longer be read: {error.message}")
        return self.ruling(drafted, workflow=request.execution_id is not None)

    # --- one transaction's worth

    def _decide(self, tx: Tx, click: Click, person: Person) -> Outcome:
        who = who_clicked(click, person.name)
        request = tx.requests.get(click.request_id)
        if request is None:
            return self.refuse(tx, None, click, who, "unknown_request", click.request_id)
        if self._misplaced(tx, request, click):
            return self.refuse(tx, request, click, who, "foreign_message")
        ruling = self.ruling_of(request)
        actor = policy.standing(ruling, person)
        if actor.barred:
            said = (click.reason or "") if actor.barred == "lookup_failed" else ""
            return self.refuse(tx, request, click, who, actor.barred, said)
        if click.action == "post_again":
            tx.queues.put(f"card:{request.id}", "card", request_id=request.id, channel_id=request.channel_id)
            return Outcome("done", request)
        if click.action == "delete":
            return ask_delete(self, tx, request, click, actor, ruling)
        if click.action in {"edit", "use_gpus"}:
            return edit(self, tx, request, click, actor, ruling)
        if click.action == "use_existing":
            return use_existing(self, tx, request, click, actor, ruling)
        return self.act(tx, request, Action(click.action), click, actor, ruling, click.reason)

    def act(
        self,
        tx: Tx,
        request: Request,
        action: Action,
        click: Click,
        actor: Actor,
        ruling: Ruling,
        reason: str | None,
    ) -> Outcome:
        """Decide one action and write what comes of it: a transition, or a refused attempt."""
        verdict = state_machine.decide(
            request, action, actor, ruling, click.at, revision=click.revision, reason=reason
        )
        if isinstance(verdict, Refusal):
            return self.refuse(
                tx, request, click, who_clicked(click, actor.name), verdict.code, verdict.detail
            )
        return Outcome(
            "done", self.apply(tx, request, verdict, click=click, actor=actor, quorum=ruling.quorum)
        )

    def apply(
        self,
        tx: Tx,
        request: Request,
        transition: Transition,
        *,
        click: Click | None = None,
        actor: Actor | None = None,
        rest: Rest | None = None,
        **changes: Any,
    ) -> Request:
        """Write a transition with its audit event and its Slack effects.

        Raises:
            VersionConflict: Another transaction moved the row first.
        """
        now = tx.now
        if "due_at" not in changes:
            changes["due_at"] = self._due(transition, now)
        if transition.to_state is not request.state:
            changes.setdefault("tries", 0)
            changes.setdefault("ended_at", click.at if click else now)
            if click is not None:
                changes.setdefault("ended_by", click.user_id)
                changes.setdefault("error", words_for(request, transition))
        if transition.unvote and actor is not None:
            tx.requests.unvote(request, actor.team_id, actor.user_id)
        if transition.action is Action.RETRY or transition.action is Action.GIVE_UP:
            tx.attempts.abandon(request.id, tx.now)
        after = tx.requests.move(request, transition, now, **changes)
        if after is None:
            raise VersionConflict
        who = who_clicked(click, actor.name if actor else None) if click else Who()
        tx.audit_log.append(
            event_of(
                after,
                transition.event,
                who,
                click,
                at=click.at if click else now,
                reason=transition.reason,
                rest=rest,
                from_state=request.state.value,
            )
        )
        tx.queues.wake(after.id, changes["due_at"])
        announce(tx, request, after, self.rules.defaults.admins)
        return after

    def _misplaced(self, tx: Tx, request: Request, click: Click) -> bool:
        """Return whether a click was on a message that is none of the card's copies."""
        if click.message_ts is None or click.action == "post_again":
            return False
        known = {(copy.channel_id, copy.message_ts) for copy in tx.requests.copies(request.id)}
        return (click.channel_id, click.message_ts) not in known

    def refuse(
        self, tx: Tx, request: Request | None, click: Click, who: Who, code: str, detail: str = ""
    ) -> Outcome:
        """Audit a refused attempt, tell the person privately, and repair the card they saw."""
        reason = f"{code}: {detail}" if detail else code
        event = event_of(request, f"{click.action}.refused", who, click, reason=reason, at=click.at)
        tx.audit_log.append(
            replace(event, request_id=click.request_id[:16] if request is None else request.id)
        )
        body = {
            "code": code,
            "detail": detail,
            "action": click.action,
            "user_id": click.user_id,
            "channel_id": click.channel_id,
        }
        if click.origin != "cli":
            request_id = request.id if request else None
            tx.queues.put(f"private:{click.key}", "private", request_id=request_id, body=body)
            if request is not None:
                tx.queues.put(
                    f"card:{request.id}", "card", request_id=request.id, channel_id=request.channel_id
                )
        return Outcome(code, request, detail)

    def _due(self, transition: Transition, now: int) -> int | None:
        """Return when the worker must look at the row; at a pending one for its next reminder or expiry."""
        return now if transition.to_state in {State.APPROVED, State.PENDING} else None
