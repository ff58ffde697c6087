"""The decision core: every state, action and kind of actor, and the machine as a whole."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from hypothesis.strategies import sampled_from

from bot.approvals import state_machine
from bot.approvals.policy import Actor
from bot.approvals.request import State, Vote
from bot.approvals.state_machine import Action, Refusal, Transition
from tests.support.people import ADA, BEN, EVE, HOUR, INES, ROSA, RULING, TEAM, a_request, party, vote_of

PEOPLE_ACTIONS = (
    Action.APPROVE,
    Action.WITHDRAW,
    Action.REJECT,
    Action.EDIT,
    Action.CANCEL,
    Action.RETRY,
    Action.GIVE_UP,
)
ACTORS = {
    "requester": ROSA,
    "approver": ADA,
    "manager": Actor("T1", "UBOSS", "Boss", may_vote=True, via=("UBOSS",)),
    "manager too early": Actor("T1", "UDEP", "Dep"),
    "admin": INES,
    "bystander": EVE,
    "guest": Actor("T1", "UGUS", "Gus", may_vote=True, via=("UGUS",), is_admin=True, barred="guest"),
    "stranger": Actor("T2", "UFAY", "Fay", may_vote=True, via=("UADA",), barred="foreign_team"),
    "deactivated": Actor("T1", "UADA", "Ada", may_vote=True, via=("UADA",), barred="deleted"),
    "guest who asked": replace(ROSA, barred="guest"),
    "external who asked": replace(ROSA, barred="foreign_team"),
}


VOTE = vote_of(ADA)
ESCALATED = replace(RULING, parties=(party({*TEAM, "UBOSS"}, first=(TEAM,)),))
"""A manager may decide by now; one whom a later stage adds may not yet."""

CANCELLED = {"requester": "cancelled", "admin": "cancelled", "guest who asked": "cancelled"}
ALLOWED: dict[tuple[State, Action], dict[str, str]] = {
    (State.PENDING, Action.APPROVE): {
        "approver": "approved",
        "manager": "approved",
        "requester": "self_approval",
    },
    (State.PENDING, Action.WITHDRAW): {"approver": "withdrawn"},
    (State.PENDING, Action.REJECT): {"approver": "rejected", "manager": "rejected", "requester": "rejected"},
    (State.PENDING, Action.EDIT): {"requester": "edited", "admin": "edited"},
    (State.PENDING, Action.CANCEL): CANCELLED,
    (State.APPROVED, Action.CANCEL): CANCELLED,
    (State.ATTENTION, Action.RETRY): {"approver": "retried", "manager": "retried", "admin": "retried"},
    (State.ATTENTION, Action.GIVE_UP): {"approver": "given_up", "manager": "given_up", "admin": "given_up"},
    (State.FAILED, Action.RETRY): {
        "approver": "retried",
        "manager": "retried",
        "admin": "retried",
        "requester": "retried",
    },
    (State.FAILED, Action.GIVE_UP): {
        "approver": "given_up",
        "manager": "given_up",
        "admin": "given_up",
        "requester": "given_up",
    },
    (State.FAILED, Action.CANCEL): CANCELLED,
}
WRONG_PERSON = {
    Action.APPROVE: "not_an_approver",
    Action.REJECT: "not_an_approver",
    Action.WITHDRAW: "no_vote",
    Action.EDIT: "not_yours",
    Action.CANCEL: "not_yours",
    Action.RETRY: "not_an_operator",
    Action.GIVE_UP: "not_an_operator",
}


@pytest.mark.parametrize(("state", "action", "who"), list(product(State, PEOPLE_ACTIONS, ACTORS)))
def test_every_cell_is_a_transition_or_the_exact_refusal(state: State, action: Action, who: str) -> None:
    """State x action x kind of actor: nothing is left to chance."""
    votes = () if action is Action.APPROVE else (VOTE,)
    request = a_request(state, votes=votes)
    got = state_machine.decide(request, action, ACTORS[who], ESCALATED, HOUR, revision=1, reason="no room")
    barred = None if (who, action) == ("guest who asked", Action.CANCEL) else ACTORS[who].barred
    if barred:
        expected = barred
    elif (state, action) not in ALLOWED:
        expected = "wrong_state"
    else:
        expected = ALLOWED[state, action].get(who, WRONG_PERSON[action])
    code = got.code if isinstance(got, Refusal) else got.event
    assert code == expected


@pytest.mark.parametrize(("action", "who"), list(product(PEOPLE_ACTIONS, ACTORS)))
def test_nobody_does_anything_to_a_request_that_is_not_admitted(action: Action, who: str) -> None:
    """Whoever knows its id is told to wait, except for what a waiting request never allows."""
    request = a_request(votes=() if action is Action.APPROVE else (VOTE,), admitted=False)
    got = state_machine.decide(request, action, ACTORS[who], ESCALATED, HOUR, revision=1, reason="no room")
    possible = (State.PENDING, action) in ALLOWED
    barred = None if (who, action) == ("guest who asked", Action.CANCEL) else ACTORS[who].barred
    code = barred or ("not_admitted" if possible else "wrong_state")
    assert got == Refusal(code, "pending" if code == "wrong_state" else "")


@pytest.mark.parametrize(("state", "action"), list(product(State, Action)))
def test_the_bot_does_nothing_to_a_request_that_is_not_admitted(state: State, action: Action) -> None:
    """Not even an approval that got into the row somehow is carried out."""
    request = a_request(state, votes=(VOTE,), admitted=False)
    assert state_machine.step(request, action) is None
    assert state_machine.ready(request, RULING) is not None


def test_terminal_states_lead_nowhere() -> None:
    """What has ended has ended."""
    ended = {State.CREATED, State.DELETED, State.REJECTED, State.CANCELLED, State.EXPIRED}
    assert ended == state_machine.TERMINAL


def test_a_stale_revision_is_refused_before_anything_else_about_the_row() -> None:
    """A person decides on what they saw."""
    got = state_machine.decide(
        a_request(revision=2), Action.APPROVE, ACTORS["approver"], RULING, HOUR, revision=1
    )
    assert isinstance(got, Refusal)
    assert got.code == "stale_revision"


def test_expiry_is_judged_at_the_click() -> None:
    """One millisecond decides, and painting the card plays no part."""
    request = a_request()
    in_time = state_machine.decide(
        request, Action.APPROVE, ACTORS["approver"], RULING, request.expires_at - 1
    )
    too_late = state_machine.decide(request, Action.APPROVE, ACTORS["approver"], RULING, request.expires_at)
    assert isinstance(in_time, Transition)
    assert isinstance(too_late, Refusal)
    assert too_late.code == "expired"


def test_a_deny_wins_at_the_click() -> None:
    """An explicit deny is honoured when clicking, whoever clicks."""
    got = state_machine.decide(
        a_request(), Action.APPROVE, ACTORS["approver"], replace(RULING, deny="too large"), HOUR
    )
    assert isinstance(got, Refusal)
    assert (got.code, got.detail) == ("denied", "too large")


def test_the_author_of_an_edit_cannot_approve_it() -> None:
    """Whoever wrote the content is no second pair of eyes."""
    got = state_machine.decide(a_request(author_id="UADA"), Action.APPROVE, ACTORS["approver"], RULING, HOUR)
    assert isinstance(got, Refusal)
    assert got.code == "self_approval"


def test_a_rejection_needs_a_reason() -> None:
    """White space is no reason."""
    got = state_machine.decide(a_request(), Action.REJECT, ACTORS["approver"], RULING, HOUR, reason=" \n")
    assert isinstance(got, Refusal)
    assert got.code == "reason_missing"


def test_a_retry_needs_a_quorum_that_still_stands() -> None:
    """Votes of people who are approvers no more do not carry a second try."""
    ruling = replace(RULING, parties=(party({"UBEN"}),))
    got = state_machine.decide(a_request(State.FAILED, votes=(VOTE,)), Action.RETRY, BEN, ruling, HOUR)
    assert isinstance(got, Refusal)
    assert got.code == "quorum_gone"


def test_given_up_means_given_up() -> None:
    """A failed request that gave its name back cannot be taken up again."""
    request = a_request(State.FAILED, reserved=False, votes=(VOTE,))
    got = state_machine.decide(request, Action.RETRY, ACTORS["admin"], RULING, HOUR)
    assert isinstance(got, Refusal)
    assert got.code == "wrong_state"


class Machine(RuleBasedStateMachine):
    """Ask, edit, vote, take back, reject, cancel, expire, crash and retry in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.ruling = replace(RULING, parties=(party(TEAM, count=2),))
        self.request = a_request(quorum=2)
        self.now = HOUR
        self.open_attempts = 0
        self.executed_with: list[tuple[Vote, ...]] = []

    def _people(self, action: Action, who: str) -> None:
        got = state_machine.decide(
            self.request,
            action,
            ACTORS_2[who],
            self.ruling,
            self.now,
            revision=self.request.revision,
            reason="why",
        )
        if isinstance(got, Transition):
            self._write(got, ACTORS_2[who])

    def _write(self, change: Transition, actor: Actor | None = None) -> None:
        votes = self.request.votes
        if change.vote:
            votes = (*votes, change.vote)
        if change.unvote and actor:
            votes = tuple(vote for vote in votes if vote.user_id != actor.user_id)
        revision = self.request.revision
        if change.action in {Action.EDIT, Action.REVISE}:
            votes, revision = (), revision + 1
        self.request = replace(
            self.request,
            state=change.to_state,
            votes=votes,
            revision=revision,
            version=self.request.version + 1,
            reserved=self.request.reserved and not change.frees_name,
        )

    def _bot(self, action: Action) -> bool:
        change = state_machine.step(self.request, action)
        if change is not None:
            self._write(change)
        return change is not None

    @rule(
        action=sampled_from(PEOPLE_ACTIONS), who=sampled_from(["requester", "ada", "ben", "admin", "guest"])
    )
    def somebody_acts(self, action: Action, who: str) -> None:
        before = self.request.state
        self._people(action, who)
        if (
            action in {Action.RETRY, Action.GIVE_UP}
            and before is State.ATTENTION
            and self.request.state is not before
        ):
            self.open_attempts = 0  # a person said so

    @rule()
    def time_passes(self) -> None:
        self.now += 5 * HOUR
        if self.request.state is State.PENDING and self.now >= self.request.expires_at:
            self._bot(Action.EXPIRE)

    @rule()
    def executor_starts(self) -> None:
        if self.request.state is State.APPROVED and state_machine.ready(self.request, self.ruling) is None:
            assert self._bot(Action.START)
            self.open_attempts += 1
            self.executed_with.append(self.request.votes)

    @rule(how=sampled_from([Action.FINISH, Action.FAIL, Action.RELEASE, Action.LOSE]))
    def executor_ends(self, how: Action) -> None:
        if self.request.state is State.CREATING and self._bot(how) and how in {Action.FAIL, Action.RELEASE}:
            self.open_attempts -= 1

    @rule(found=sampled_from([Action.FINISH, Action.MISS]))
    def look_up(self, found: Action) -> None:
        if self.request.state in {State.UNKNOWN, State.ATTENTION}:
            self._bot(found)

    @rule()
    def policy_changes(self) -> None:
        if self.request.state is State.APPROVED:
            self._bot(Action.REVISE)

    @invariant()
    def at_most_one_create_may_have_landed(self) -> None:
        assert self.open_attempts <= 1

    @invariant()
    def nothing_runs_without_a_valid_quorum(self) -> None:
        for votes in self.executed_with:
            people = {vote.user_id for vote in votes}
            assert len(people) >= 2
            assert "UROSA" not in people

    @invariant()
    def nobody_counts_twice(self) -> None:
        people = [vote.user_id for vote in self.request.votes]
        assert len(people) == len(set(people))

    @invariant()
    def a_new_revision_starts_without_votes(self) -> None:
        assert len(self.request.votes) <= 2


ACTORS_2 = {
    "requester": ACTORS["requester"],
    "ada": ACTORS["approver"],
    "ben": BEN,
    "admin": ACTORS["admin"],
    "guest": ACTORS["guest"],
}
TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
