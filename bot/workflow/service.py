"""The line from a request to a decision, top to bottom.

``submit`` stores what somebody asked for. ``receive`` stores a click before it is acknowledged.
``handle`` looks up who asked or clicked: a request goes on if its person may ask, and ``decide`` reads
the row, rules on it, decides, and writes the row, its audit event and the messages to Slack in one
transaction. What follows an approval is in ``bot.provisioning``.
"""

from __future__ import annotations

import functools
import logging
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from bot.approvals import parties, policy, state_machine
from bot.approvals.draft import content, draft, facts, ruling_of
from bot.approvals.policy import Person
from bot.approvals.state_machine import Refusal, has_live_spec
from bot.approvals.wording import refuse_words
from bot.errors import PeopleError
from bot.log_context import bind
from bot.workflow import actions, admission, outbox, sealing
from bot.workflow.actions import Case, Change, NewRequest
from bot.workflow.backoff import wait_ms
from bot.workflow.click_limit import ClickLimit
from bot.workflow.limits import over_limit
from bot.workflow.ports import Click, Outcome, Source
from bot.workflow.record import record, record_admission, record_ask, write_transition
from bot.workflow.submit import changed_columns, first_due, new_request, next_revision, read_purpose
from bot.workflow.surface import LEADS_TO_A_SPEC, is_being_posted, misplaced
from bot.workflow.use import look_up_use

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from bot.approvals.draft import Content, Draft, Site
    from bot.approvals.parties import Outlook
    from bot.approvals.policy import Ruling
    from bot.approvals.policy_file import Policy
    from bot.approvals.request import GroupEdit, Request
    from bot.approvals.state_machine import Transition
    from bot.audit.chain import Rest
    from bot.audit.signing_key import SigningKey
    from bot.store import Store, Tx
    from bot.workflow.actions import Decision
    from bot.workflow.ports import Ask, People, Specs
    from bot.workflow.use import Use

UNKNOWN_ACTION_MS = 30_000
"""How soon a click of an unknown action, stored by a newer release, is tried again."""
log = logging.getLogger(__name__)

LOOK_UP_TRIES = 5
"""Tries to look up who clicked, or to find the card that they clicked, before the click is refused."""


class RequestService:
    """Takes requests and decisions, in the same way from every entrance.

    Args:
        rules: The current policy.
        clock: Returns UTC epoch milliseconds.
        new_id: Returns a new request id.
        key: Seals approvals.
        specs: The API, asked who uses a spec before its deletion is requested; None without a cluster.
        on_outcome: Called with the outcome of every ask and click, for the metrics.
    """

    def __init__(
        self,
        *,
        store: Store,
        people: People,
        site: Site,
        rules: Policy,
        clock: Callable[[], int],
        new_id: Callable[[], str],
        key: SigningKey,
        specs: Specs | None = None,
        on_outcome: Callable[[Outcome], None] = lambda _: None,
    ) -> None:
        self.store = store
        self.people = people
        self.site = site
        self.rules = rules
        self.clock = clock
        self.new_id = new_id
        self.key = key
        self.specs = specs
        self.on_outcome = on_outcome
        self._clicks = ClickLimit(clock)

    # --- asking

    def draft(self, text: str, use_gpus: int | None = None) -> Draft:
        """Parse and size a text for this site; raises ``SizingError``."""
        return draft(text, self.site, use_gpus)

    def ruling(self, drafted: Draft, *, workflow: bool = False) -> Ruling:
        """Return what the policy says about a draft."""
        return policy.rule(self.rules, facts(drafted, self.site, workflow=workflow))

    def ruling_of(self, request: Request, at: int | None = None) -> Ruling:
        """Return what the policy says about a stored request, now or ``at`` UTC epoch milliseconds."""
        return ruling_of(request, self.rules, self.site, self.clock() if at is None else at)

    def submit(self, ask: Ask) -> Outcome:
        """Store a request in one transaction; its card follows once its requester is known to be allowed to ask.

        Raises:
            SizingError: The text cannot be read; nothing was stored.
            StoreError: Nothing was stored.
        """
        text, purpose = read_purpose(ask.text, ask.purpose)
        drafted = self.draft(text, ask.use_gpus)
        if (refusal := refuse_words(self.rules.defaults, purpose, drafted)) is not None:
            return Outcome(refusal.code, None, refusal.detail)
        ruling = self.ruling(drafted, workflow=ask.execution_id is not None)
        known = self.people.known(ask.person.team_id, ask.person.user_id)
        admitted = known is not None and policy.barred_from_asking(self.rules, known, ask.asked_in) is None

        def once(tx: Tx) -> Outcome:
            request = new_request(
                content(text, drafted, self.site, purpose=purpose),
                ask.person,
                ruling,
                request_id=self.new_id(),
                channel_id=ask.channel_id,
                origin="workflow" if ask.execution_id else ask.origin,
                now=tx.now,
                execution_id=ask.execution_id,
                thread_ts=ask.thread_ts,
                admitted=admitted,
            )
            due_at = first_due(request, drafted, ruling, dry_run=self.site.dry_run)
            return record_ask(tx, ask, request, ruling, self.rules.limits, due_at)

        return self.store.run(once)

    def _admit(self, content: Mapping[str, Any], tries: int) -> Outcome | None:
        """Look up who asked, then admit the request, or discard it and tell them why."""
        ask, request_id = admission.ask_of(content, self.clock()), content["request_id"]
        try:
            why = policy.barred_from_asking(self.rules, self._asker(ask), ask.asked_in)
        except PeopleError as error:
            log.warning("Slack did not say who asked", extra={"facts": {"what": error.what, "tries": tries}})
            with self.store.write() as tx:
                tx.queues.postpone("inbox", ask.key, tx.now + wait_ms(tries + 1, error.retry_after_s))
                if tries == 0 and ask.execution_id is None:
                    outbox.answer_ask(tx, ask, "checking_asker", error.error)
            return None
        refusal = None if why is None else Refusal("may_not_ask", why)

        def once(tx: Tx) -> Outcome | None:
            request = tx.requests.get(request_id)
            tx.queues.decided(ask.key)
            if request is None or request.admitted:
                return None
            return record_admission(tx, ask, request, refusal, self.ruling_of(request), content["due_at"])

        outcome = self.store.retry_on_conflict(once)
        if outcome is not None:
            self.on_outcome(outcome)
        return outcome

    def _asker(self, ask: Ask) -> Person:
        """Look up who asks, and those of the policy's groups of requesters that they are in; raises ``PeopleError``."""
        person = self.people.asker(ask.person.team_id, ask.person.user_id)
        if policy.barred_from_asking(self.rules, person, ask.asked_in) is None:
            return person
        ids = {person.user_id, *person.aliases}
        groups = [entry for entry in sorted(self.rules.defaults.requesters) if entry.startswith("S")]
        inside = (group for group in groups if not ids.isdisjoint(self.people.members(group) or ()))
        return replace(person, groups=frozenset(inside))

    # --- clicks

    def receive(self, click: Click) -> bool:
        """Store a click before it is acknowledged; False for a duplicate delivery."""
        content = sealing.stored(asdict(click), self.key)
        fresh = self.store.run(lambda tx: tx.queues.receive(click.key, content))
        if not fresh:
            self.on_outcome(Outcome("duplicate"))
        return fresh

    def handle(self, key: str) -> Outcome | None:
        """Look up who asked or pressed, and decide; called by the worker, as often as needed.

        Returns:
            What came of it, or None if it was decided before or waits for another try.
        """
        with self.store.read() as tx:
            received = tx.queues.received(key)
        if received is None:
            return None
        content, tries = received[:2]
        with bind(request_id=content.get("request_id")):
            if content.get("action") == admission.ADMIT:
                return self._admit(content, tries)
            return self._handle_click(key, content, tries)

    def _handle_click(self, key: str, content: Mapping[str, Any], tries: int) -> Outcome | None:
        """Decide a stored click, unless it has to wait."""
        click = Click.from_stored(content)
        if click.action not in actions.ACTIONS:
            self._postpone(key, UNKNOWN_ACTION_MS, failed=False)
            return None
        if tries + 1 < LOOK_UP_TRIES and self._too_early(click):
            self._postpone(key, wait_ms(tries + 1))
            return None
        if click.action in LEADS_TO_A_SPEC and not sealing.is_genuine(key, content, self.key):
            return self.decide(
                click, Person(click.team_id, click.user_id, click.name, barred="unsealed_click")
            )
        return self._look_up_and_decide(click, tries)

    def _too_early(self, click: Click) -> bool:
        with self.store.read() as tx:
            return is_being_posted(tx, click)

    def _postpone(self, key: str, by_ms: int, *, failed: bool = True) -> None:
        with self.store.write() as tx:
            tx.queues.postpone("inbox", key, tx.now + by_ms, failed=failed)

    def _look_up_and_decide(self, click: Click, tries: int) -> Outcome | None:
        key = click.key
        if (
            tries == 0
            and click.source is not Source.CLI
            and self._clicks.exceeded(click.user_id, click.request_id)
        ):
            return self.decide(click, _unasked(click, "too_many_clicks"))
        try:
            person = self.who(click)
        except PeopleError as error:
            log.warning(
                "Slack did not say who clicked", extra={"facts": {"what": error.what, "tries": tries}}
            )
            if tries + 1 < LOOK_UP_TRIES:
                with self.store.write() as tx:
                    tx.queues.postpone("inbox", key, tx.now + wait_ms(tries + 1, error.retry_after_s))
                    if tries == 0 and click.source is not Source.CLI:
                        self._say_checking(tx, click)
                return None
            person = _unasked(click, "lookup_failed")
            click = replace(click, reason=error.what)
        return self.decide(click, person)

    def _say_checking(self, tx: Tx, click: Click) -> None:
        """Tell the person that Slack is being asked again; the decision's answer replaces this if it still waits."""
        outbox.answer(tx, click.key, click.user_id, click.channel_id, code="checking")

    def look_up(self, team_id: str, user_id: str, *, live: bool = False) -> Person:
        """Describe a person and which of the policy's groups they are in; raises ``PeopleError``.

        ``live`` bypasses all caches.
        """
        return self.people.look_up(team_id, user_id, sorted(self.rules.groups_for(user_id)), live=live)

    def who(self, click: Click) -> Person:
        """Look up who clicked, by the id by which the request knows them; raises ``PeopleError``.

        In an Enterprise Grid, a person may have an id in each workspace.
        """
        person = self.look_up(click.team_id, click.user_id)
        with self.store.read() as tx:
            request = tx.requests.get(click.request_id)
        if request is None or person.barred:
            return person
        if click.action == "approve" and person.groups:
            person = replace(person, group_edits=self._edits(person.groups, request.created_at))
        if person.enterprise_id is None:
            return person
        ids = {person.user_id, *person.aliases}
        for known in dict.fromkeys((request.requester_id, request.author_id)):
            if known in ids or self.people.look_up(request.team_id, known, ()).user_id in ids:
                return replace(person, user_id=known, aliases=frozenset(ids - {known}))
        return person

    def _edits(self, groups: Collection[str], since: int) -> tuple[GroupEdit, ...]:
        """Return edits of groups; if Slack does not say, nobody is kept from voting."""
        try:
            return self.people.edits(groups, since)
        except PeopleError as error:
            log.warning("edits of user groups are not known", extra={"facts": {"what": error.what}})
            return ()

    def decide(self, click: Click, person: Person) -> Outcome:
        """Decide the click of a person who was looked up, in one transaction."""
        use = self._use(click)

        def once(tx: Tx) -> Outcome:
            request = tx.requests.get(click.request_id)
            decision = self._within_limits(tx, request, self._decision(tx, click, person, request, use))
            outcome = record(tx, click, person, request, decision, self.rules.defaults.admins, self.key)
            tx.queues.decided(click.key)
            return outcome

        outcome = self.store.retry_on_conflict(once)
        self.on_outcome(outcome)
        return outcome

    def _use(self, click: Click) -> Use | None:
        """Look up who uses the spec to delete, outside the transaction."""
        if click.action != "delete" or self.specs is None:
            return None
        with self.store.read() as tx:
            request = tx.requests.get(click.request_id)
        if request is None or not has_live_spec(request):
            return None
        return look_up_use(self.specs, request.spec_id or "", request.space_id)

    def _decision(
        self, tx: Tx, click: Click, person: Person, request: Request | None, use: Use | None
    ) -> Decision:
        """Rule on the row and decide; reads only."""
        if request is None:
            return Refusal("unknown_request", click.request_id)
        on_the_line = self.rules.defaults.cli_decisions == "allow"
        if (refusal := misplaced(tx, request, click, cli_decisions=on_the_line)) is not None:
            return refusal
        ruling = self.ruling_of(request, click.at)
        if click.action == "approve":
            request = replace(request, votes=sealing.standing(request, ruling, self.key, click.at))
        return actions.decide(
            Case(
                click=click,
                request=request,
                actor=policy.standing(ruling, person),
                ruling=ruling,
                site=self.site,
                rules=self.rules.defaults,
                now=tx.now,
                draft=self.draft,
                rule=lambda drafted: self.ruling(drafted, workflow=request.execution_id is not None),
                holder=tx.requests.holder,
                new_id=self.new_id,
                use=use,
            )
        )

    def _within_limits(self, tx: Tx, request: Request | None, decision: Decision) -> Decision:
        """Refuse what exceeds a limit, now that nobody else can use what is left."""
        refusal = None
        if isinstance(decision, NewRequest):
            refusal = over_limit(tx, self.rules.limits, decision.request)
        elif isinstance(decision, Change) and decision.revised is not None:
            refusal = over_limit(tx, self.rules.limits, decision.revised, request)
        return refusal or decision

    # --- the bot's own actions

    def write(
        self, tx: Tx, request: Request, transition: Transition, rest: Rest | None = None, **columns: Any
    ) -> Request:
        """Write a transition that the bot itself decided; see ``record.write_transition``."""
        admins = self.rules.defaults.admins
        return write_transition(tx, request, transition, admins, self.key, rest=rest, **columns)

    def revise(
        self,
        tx: Tx,
        request: Request,
        transition: Transition,
        revised: Content,
        ruling: Ruling,
        shown: str | None = None,
    ) -> Request:
        """Require approval again for a request that is no longer what was approved; the card shows why."""
        after = next_revision(request, revised, ruling, author_id=request.author_id, now=tx.now)
        tx.requests.revise(after, tx.now)
        columns = changed_columns(after) | {"error": shown or transition.reason}
        admins = self.rules.defaults.admins
        return write_transition(tx, request, transition, admins, self.key, ruling=ruling, **columns)

    def outlook(self, request: Request, ruling: Ruling) -> Outlook | None:
        """Return who can still approve a request, looked up now, or None if Slack could not say."""
        own = {request.requester_id, request.author_id}
        try:
            return parties.outlook(
                ruling.parties,
                functools.cache(self.people.members),
                barred=() if ruling.self_approval else own,
                own=own,
                voted=state_machine.voted(request, ruling),
            )
        except PeopleError:
            return None


def _unasked(click: Click, barred: str) -> Person:
    """Return who clicked according to the delivery, and why they have no say."""
    return Person(click.team_id, click.user_id, click.name, click.enterprise_id, barred)
