"""Every answer of the state machine in full, at the edges: what changes, why not, and what it leads to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.approvals import state_machine
from bot.approvals.request import Kind, State, Vote
from bot.approvals.state_machine import EVENTS, FREE_NAME, TABLE, Action, Refusal, Transition
from tests.support.people import ADA, BEN, EVE, HOUR, INES, ROSA, RULING, TEAM, a_request, party, vote_of

A, S = Action, State
TWO = replace(RULING, parties=(party(TEAM, count=2),))

ARROWS = """
pending   approve  approved
pending   withdraw pending
pending   reject   rejected
pending   edit     pending
pending   cancel   cancelled
pending   expire   expired
approved  cancel   cancelled
approved  revise   pending
approved  start    creating
approved  finish   created
approved  fail     failed
creating  finish   created
creating  fail     failed
creating  release  approved
creating  lose     unknown
deleting  finish   deleted
deleting  fail     failed
deleting  release  approved
deleting  lose     unknown
unknown   finish   created
unknown   miss     attention
unknown   release  approved
attention finish   created
attention retry    approved
attention give_up  failed
failed    retry    approved
failed    cancel   cancelled
failed    give_up  failed
"""
OF_A_DELETE = {"creating": "deleting", "created": "deleted"}

EVENT_NAMES = {
    "approve": "approved",
    "withdraw": "withdrawn",
    "reject": "rejected",
    "edit": "edited",
    "cancel": "cancelled",
    "retry": "retried",
    "give_up": "given_up",
    "expire": "expired",
    "revise": "revised",
    "start": "started",
    "release": "released",
    "finish": "finished",
    "fail": "failed",
    "lose": "lost",
    "miss": "missed",
}


def arrows(kind: Kind) -> set[tuple[str, str, str]]:
    found = {tuple(line.split()) for line in ARROWS.split("\n") if line}
    if kind is Kind.DELETE:
        found = {(state, action, OF_A_DELETE.get(to, to)) for state, action, to in found}
    return found


@pytest.mark.parametrize("kind", list(Kind))
def test_the_arrows_are_these_and_no_others(kind: Kind) -> None:
    """State by state and action by action, for a create and for a delete; the words are the stored ones."""
    got = {
        (state.value, action.value, to.value)
        for state in State
        for action in Action
        if (to := state_machine.target(state, action, kind)) is not None
    }
    assert got == arrows(kind)
    assert {state.value for state in TABLE} == {
        "pending",
        "approved",
        "creating",
        "deleting",
        "unknown",
        "attention",
        "failed",
        "created",
        "deleted",
        "rejected",
        "cancelled",
        "expired",
    }


def test_each_action_has_its_audit_event() -> None:
    """The audit's words are promised: scripts read them."""
    assert {action.value: event for action, event in EVENTS.items()} == EVENT_NAMES


@pytest.mark.parametrize(("state", "action"), [(s, a) for s in State for a in Action])
@pytest.mark.parametrize("kind", list(Kind))
def test_a_step_of_the_bot_changes_this_much(kind: Kind, state: State, action: Action) -> None:
    """No vote is added or taken; an end without a spec frees the name."""
    to = {(s, a): t for s, a, t in arrows(kind)}.get((state.value, action.value))
    got = state_machine.step(a_request(state, kind=kind), action, "why")
    if to is None:
        assert got is None
        return
    assert got == Transition(
        action,
        State(to),
        EVENT_NAMES[action.value],
        "why",
        vote=None,
        unvote=False,
        frees_name=to in {"rejected", "cancelled", "expired", "deleted"},
    )


def test_a_step_may_go_by_another_event() -> None:
    """``finished`` is written as what it came to; no reason need be given."""
    got = state_machine.step(a_request(S.CREATING), A.FINISH, event="adopted")
    assert got == Transition(A.FINISH, S.CREATED, "adopted", None)


def test_the_states_that_free_a_name() -> None:
    """A spec that may exist keeps its name."""
    assert frozenset({"rejected", "cancelled", "expired", "deleted"}) == FREE_NAME


def test_a_delete_with_an_unclear_answer_ends_as_deleted() -> None:
    """Sent, lost, looked up and found gone: deleted, and the name is free again."""
    request = a_request(S.APPROVED, kind=Kind.DELETE, votes=(vote_of(ADA),))
    states = []
    for action in (A.START, A.LOSE, A.FINISH):
        change = state_machine.step(request, action)
        assert change is not None
        request = replace(request, state=change.to_state)
        states.append(change.to_state.value)
    assert states == ["deleting", "unknown", "deleted"]
    assert change.frees_name


def decide(request, action, actor, ruling=RULING, now=HOUR, **seen):  # short for the tables below
    return state_machine.decide(request, action, actor, ruling, now, **seen)


def test_a_vote_that_reaches_the_quorum() -> None:
    """The vote holds who, when and by which entries; the name stays taken; the votes stay."""
    got = decide(a_request(), A.APPROVE, ADA, now=77, revision=1, reason="fine")
    vote = Vote("T1", "UADA", "Ada", 77, ("UADA",))
    assert got == Transition(A.APPROVE, S.APPROVED, "approved", "1 of 1", vote=vote)


def test_a_vote_short_of_the_quorum_and_the_one_that_reaches_it() -> None:
    """The first of two stays pending and says so; votes of others are not counted twice."""
    ruling = TWO
    first = decide(a_request(quorum=2), A.APPROVE, ADA, ruling)
    assert first == Transition(A.APPROVE, S.PENDING, "voted", "1 of 2", vote=vote_of(ADA, HOUR))
    second = decide(a_request(quorum=2, votes=(vote_of(ADA),)), A.APPROVE, BEN, ruling)
    assert second == Transition(A.APPROVE, S.APPROVED, "approved", "2 of 2", vote=vote_of(BEN, HOUR))


def test_more_votes_than_asked_for_still_approve() -> None:
    """A quorum that was lowered meanwhile is reached by the next vote."""
    got = decide(a_request(quorum=3, votes=(vote_of(ADA),)), A.APPROVE, BEN)
    assert isinstance(got, Transition)
    assert (got.to_state, got.reason) == (S.APPROVED, "1 of 1")


def test_a_vote_that_counts_no_more_is_not_counted_and_may_be_given_again() -> None:
    """Who was taken off the approvers and put back by another entry votes anew."""
    old = Vote("T1", "UADA", "Ada", 1, ("SOLD",))
    got = decide(a_request(quorum=2, votes=(old,)), A.APPROVE, ADA, TWO)
    assert isinstance(got, Transition)
    assert (got.event, got.reason) == ("voted", "1 of 2")


def test_one_person_has_one_vote_in_a_grid() -> None:
    """The same person from a second workspace has voted already, and two such votes count once."""
    request = a_request(quorum=2, votes=(vote_of(ADA),))
    elsewhere = replace(ADA, team_id="T2")
    assert decide(request, A.APPROVE, elsewhere, TWO) == Refusal("already_voted")
    both = (vote_of(ADA), replace(vote_of(ADA), team_id="T2", at=9))
    assert state_machine.progress(a_request(votes=both), TWO).count == 1


ADMIN_WHO_VOTES = replace(INES, may_vote=True, via=("UADA",))

REFUSED = [
    (
        "barred before all else",
        a_request(S.CREATED, revision=9),
        A.APPROVE,
        replace(ADA, barred="guest"),
        "guest",
        "",
    ),
    ("stale before the state", a_request(S.CREATED, revision=9), A.APPROVE, ADA, "stale_revision", "9"),
    ("the state before the person", a_request(S.CREATED), A.APPROVE, EVE, "wrong_state", "created"),
    ("a delete's state", a_request(S.DELETING, kind=Kind.DELETE), A.CANCEL, ROSA, "wrong_state", "deleting"),
    ("given up", a_request(S.FAILED, reserved=False), A.CANCEL, ROSA, "wrong_state", "failed"),
    ("expired before the person", a_request(expires_at=HOUR), A.APPROVE, EVE, "expired", ""),
    (
        "expired, also to withdraw",
        a_request(expires_at=HOUR, votes=(vote_of(ADA),)),
        A.WITHDRAW,
        ADA,
        "expired",
        "",
    ),
    ("own request", a_request(author_id="UBEN"), A.APPROVE, ROSA, "self_approval", ""),
    ("own words", a_request(author_id="UADA"), A.APPROVE, ADA, "self_approval", ""),
    ("no approver approves", a_request(), A.APPROVE, INES, "not_an_approver", ""),
    ("no approver rejects", a_request(), A.REJECT, EVE, "not_an_approver", ""),
    ("somebody else's vote", a_request(votes=(vote_of(BEN),)), A.WITHDRAW, ADA, "no_vote", ""),
    ("an approver edits", a_request(), A.EDIT, ADA, "not_yours", ""),
    ("an approver cancels", a_request(), A.CANCEL, ADA, "not_yours", ""),
    ("the author cancels", a_request(author_id="UADA"), A.CANCEL, ADA, "not_yours", ""),
    ("a bystander retries", a_request(S.FAILED, votes=(vote_of(ADA),)), A.RETRY, EVE, "not_an_operator", ""),
    ("the requester settles the unclear", a_request(S.ATTENTION), A.GIVE_UP, ROSA, "not_an_operator", ""),
    ("the requester retries the unclear", a_request(S.ATTENTION), A.RETRY, ROSA, "not_an_operator", ""),
    ("no reason", a_request(), A.REJECT, ADA, "reason_missing", ""),
    (
        "nobody's approval stands",
        a_request(S.FAILED),
        A.RETRY,
        INES,
        "quorum_gone",
        "0 of 1 approvals count under the policy in force",
    ),
]


@pytest.mark.parametrize(
    ("request_", "action", "actor", "code", "detail"),
    [row[1:] for row in REFUSED],
    ids=[row[0] for row in REFUSED],
)
def test_a_refusal_names_the_first_reason(request_, action, actor, code, detail) -> None:
    """In this order: the person, the revision, the state, the time, the right, the content."""
    assert decide(request_, action, actor, revision=1) == Refusal(code, detail)


def test_a_denied_request_can_be_rejected_but_not_approved() -> None:
    """The sentence of the policy goes with the refusal."""
    denied = replace(RULING, deny="too large", self_approval=True)
    assert decide(a_request(), A.APPROVE, ADA, denied) == Refusal("denied", "too large")
    assert decide(a_request(), A.APPROVE, ROSA, denied) == Refusal("denied", "too large")
    assert isinstance(decide(a_request(), A.REJECT, ADA, denied, reason="no"), Transition)


RETRIED = Transition(A.RETRY, S.APPROVED, "retried", " why ")
CANCELLED = Transition(A.CANCEL, S.CANCELLED, "cancelled", " why ", frees_name=True)
GIVEN_UP = Transition(A.GIVE_UP, S.FAILED, "given_up", " why ", frees_name=True)
REJECTED = Transition(A.REJECT, S.REJECTED, "rejected", " why ", frees_name=True)
EDITED = Transition(A.EDIT, S.PENDING, "edited", " why ")
WITHDRAWN = Transition(A.WITHDRAW, S.PENDING, "withdrawn", unvote=True)
VOTED = (vote_of(ADA),)

DONE = [
    ("withdraw", a_request(votes=VOTED), ADA, WITHDRAWN),
    ("reject", a_request(), ADA, REJECTED),
    ("reject one's own", a_request(), ROSA, REJECTED),
    ("edit", a_request(), ROSA, EDITED),
    ("edit by an admin", a_request(), INES, EDITED),
    ("cancel", a_request(), ROSA, CANCELLED),
    ("cancel by an admin", a_request(S.APPROVED), INES, CANCELLED),
    ("cancel what failed", a_request(S.FAILED), ROSA, CANCELLED),
    ("retry by an admin", a_request(S.FAILED, votes=VOTED), INES, RETRIED),
    ("retry by an approver", a_request(S.ATTENTION, votes=VOTED), BEN, RETRIED),
    ("retry one's own failure", a_request(S.FAILED, votes=VOTED), ROSA, RETRIED),
    ("give up", a_request(S.ATTENTION), ADA, GIVEN_UP),
    ("give one's own failure up", a_request(S.FAILED), ROSA, GIVEN_UP),
    (
        "give one's own up as admin",
        a_request(S.ATTENTION, requester_id="UINES", author_id="UINES"),
        ADMIN_WHO_VOTES,
        GIVEN_UP,
    ),
]


@pytest.mark.parametrize(
    ("request_", "actor", "change"), [row[1:] for row in DONE], ids=[row[0] for row in DONE]
)
def test_an_action_changes_exactly_this(request_, actor, change) -> None:
    """The whole transition: state, event, words, votes and name; seen on the card or on the row."""
    assert decide(request_, change.action, actor, revision=1, reason=" why ") == change
    assert decide(request_, change.action, actor, reason=" why ") == change


def test_self_approval_where_the_policy_allows_it() -> None:
    """Then the requester's own vote counts, at the click and before the effect."""
    own = replace(RULING, self_approval=True)
    got = decide(a_request(), A.APPROVE, ROSA, own)
    assert got == Transition(A.APPROVE, S.APPROVED, "approved", "1 of 1", vote=vote_of(ROSA, HOUR))
    assert state_machine.ready(a_request(S.APPROVED, votes=(vote_of(ROSA),)), own) is None


GRID = a_request(enterprise_id="E1")
NO_GRID = a_request(enterprise_id=None)


@pytest.mark.parametrize(
    ("request_", "actor", "yours"),
    [
        (GRID, replace(ROSA, team_id="T2", enterprise_id="E1"), True),
        (GRID, replace(ROSA, team_id="T2", enterprise_id="E2"), False),
        (GRID, replace(ROSA, team_id="T2", enterprise_id=None), False),
        (GRID, replace(ROSA, team_id="T1", enterprise_id=None), True),
        (NO_GRID, replace(ROSA, team_id="T2", enterprise_id=None), False),
        (NO_GRID, replace(ROSA, team_id="T2", enterprise_id="E1"), False),
        (NO_GRID, replace(EVE, team_id="T1"), False),
        (replace(GRID, enterprise_id=""), replace(ROSA, team_id="T2", enterprise_id=None), False),
    ],
)
def test_the_requester_is_known_by_workspace_or_grid(request_, actor, yours) -> None:
    """The same id in another workspace is the requester within one Grid, and a stranger otherwise."""
    got = decide(request_, A.CANCEL, actor)
    assert isinstance(got, Transition) == yours
    if not yours:
        assert got == Refusal("not_yours")


def test_the_same_id_elsewhere_still_has_no_vote_on_the_request() -> None:
    """A vote needs no doubt at all: an id equal to the requester's is refused from any workspace."""
    stranger = replace(ROSA, team_id="T2")
    assert decide(NO_GRID, A.APPROVE, stranger) == Refusal("self_approval")


READY = [
    ("one vote of one", (vote_of(ADA),), RULING, None),
    ("none", (), RULING, "0 of 1 approvals count under the policy in force"),
    ("one of two", (vote_of(ADA),), TWO, "1 of 2 approvals count under the policy in force"),
    ("two of two", (vote_of(ADA), vote_of(BEN)), TWO, None),
    ("three of two", (vote_of(ADA), vote_of(BEN), vote_of(INES)), replace(RULING, parties=(party(count=2),)), None),
    ("the requester's", (vote_of(ROSA),), RULING, "0 of 1 approvals count under the policy in force"),
    ("the author's", (vote_of(BEN),), RULING, "0 of 1 approvals count under the policy in force"),
    ("one who may no more", (vote_of(EVE),), RULING, "0 of 1 approvals count under the policy in force"),
    ("denied", (vote_of(ADA),), replace(RULING, deny="too large"), "the policy denies it: too large"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("votes", "ruling", "why"), [row[1:] for row in READY], ids=[row[0] for row in READY]
)
def test_what_is_asked_once_more_before_the_effect(votes, ruling, why) -> None:
    """The policy in force then, with the votes that stand then."""
    request = a_request(S.APPROVED, votes=votes, author_id="UBEN" if votes == (vote_of(BEN),) else "UROSA")
    assert state_machine.ready(request, ruling) == why


def test_nobody_sees_or_carries_out_what_is_not_admitted() -> None:
    """Until whoever asks was looked up, the bot waits."""
    asked = a_request(S.APPROVED, votes=(vote_of(ADA),), admitted=False)
    assert state_machine.ready(asked, RULING) == "nobody has looked up yet who asks"
    assert state_machine.step(asked, A.START) is None


def test_the_words_that_rows_hold() -> None:
    """Another word would not find the rows of the release before."""
    assert [kind.value for kind in Kind] == ["create", "delete"]
    assert [state.value for state in State] == [
        *("pending", "approved", "creating", "deleting", "unknown", "attention"),
        *("failed", "created", "deleted", "rejected", "cancelled", "expired"),
    ]
