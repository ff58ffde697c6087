"""What the executor does where the row, the policy or the target has moved on, and where it rests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.approvals.request import State
from tests.support.bench import (
    GAP_MS,
    HOUR_MS,
    NODES,
    OTHER_NODES,
    SETTLE_MS,
    TIMEOUT_MS,
    Bench,
)
from tests.support.team import NAME, POLICY

if TYPE_CHECKING:
    from collections.abc import Callable


# --- whoever comes later


def test_a_success_that_is_reported_late_still_counts(either_bench: Bench) -> None:
    """Frozen until the row was given up as lost: its 201 is the truth, and no look-up is needed."""
    bench = either_bench
    request = bench.approved()
    with bench.stuck("done", "create"):
        bench.advance(TIMEOUT_MS + SETTLE_MS)
        assert bench.step()
        assert bench.row(request).state is State.UNKNOWN
    row = bench.row(request)
    assert row.state is State.CREATED
    assert bench.outcomes(request) == ["created"]
    assert bench.story(request) == ["requested", "approved", "started", "lost", "created"]
    assert bench.due_at(request) is None


def test_a_failure_that_is_reported_late_changes_nothing(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """What look-ups have begun to settle is theirs: the late error is not written, and troubles nobody."""
    request = bench.approved()
    bench.cluster.faults.refused = 1
    with bench.stuck("done", "create"):
        bench.advance(TIMEOUT_MS + SETTLE_MS)
        bench.run_due()
        assert bench.row(request).state is State.UNKNOWN
        was, due_at = bench.row(request), bench.due_at(request)
    assert bench.row(request) == was
    assert bench.due_at(request) == due_at == bench.now + GAP_MS
    assert bench.outcomes(request) == ["unknown"]
    assert [record.message for record in caplog.records if record.name.startswith("bot.")] == []


def test_a_success_reported_after_giving_up_changes_nothing(bench: Bench) -> None:
    """The request is over, its name may be somebody else's; the spec is left to the drift report."""
    request = bench.approved()
    with bench.stuck("arrived", "create"):
        for _ in range(4):
            bench.wait_until_due(request)
        bench.run_due()
        assert bench.row(request).state is State.ATTENTION
        bench.press("ines", "give_up", request)
        was = bench.row(request)
        assert (was.state, was.reserved) == (State.FAILED, False)
    assert bench.row(request) == was
    assert bench.outcomes(request) == ["abandoned"]
    assert bench.story(request)[-1] == "given_up"


@pytest.mark.parametrize("found", ["nothing", "ours", "foreign", "no answer"])
def test_cancelled_during_the_look_up(bench: Bench, found: str) -> None:
    """Whatever the look-up says: the row has moved on, and nothing is sent or written."""
    request = bench.approved()
    if found in {"ours", "foreign"}:
        bench.add_spec(NODES if found == "ours" else OTHER_NODES)
    if found == "no answer":
        bench.cluster.faults.broken = 1
    bench.during("find", lambda: bench.press("rosa", "cancel", request))
    bench.run_due()
    row = bench.row(request)
    assert (row.state, row.spec_id, row.error) == (State.CANCELLED, None, None)
    assert bench.story(request) == ["requested", "approved", "cancelled"]
    assert (bench.calls(), bench.attempts(request)) == (["find"], [])


# --- what was approved is no longer so


def test_a_stricter_policy_asks_again(new_bench: Callable[..., Bench]) -> None:
    """More people than voted: a new revision, no votes, a fresh expiry, the reason on the card, nothing sent."""
    bench = new_bench()
    request = bench.approved()
    bench.rules(POLICY + 'quorum = 2\nexpires_after = "2h"\n')
    bench.restart()
    bench.advance(5_000)
    assert bench.step()
    row = bench.row(request)
    reason = "1 of 2 approvals count under the policy in force"
    assert (row.state, row.revision, row.votes, row.quorum) == (State.PENDING, 2, (), 2)
    assert (row.error, row.expires_at) == (reason, bench.now + 2 * HOUR_MS)
    assert (row.text, row.digest, row.author_id) == (request.text, request.digest, request.author_id)
    assert bench.due_at(request) == bench.now
    assert bench.last("revised")["reason"] == reason
    assert (bench.calls(), bench.attempts(request)) == ([], [])
    bench.run_due()
    assert f"Approval needed again: {reason}" in bench.shows(request)
    bench.press("ada", "approve", request)
    bench.press("ben", "approve", request)
    bench.run_due()
    assert bench.row(request).state is State.CREATED
    assert bench.attempts(request)[0].revision == 2


def test_a_new_denial_asks_again(bench: Bench) -> None:
    """The policy forbids it by now: nothing is sent, and the card says why."""
    request = bench.approved()
    bench.rules(POLICY + '[[rule]]\ndeny = "Not this week."\n')
    bench.restart()
    bench.run_due()
    assert bench.row(request).state is State.PENDING
    assert "Approval needed again: the policy denies it: Not this week." in bench.shows(request)
    assert bench.calls() == []


def test_another_space_asks_again(bench: Bench) -> None:
    """The default space was changed: what was approved is for the old one."""
    request = bench.approved()
    bench.cluster.api.add_space("space-2", "second")
    bench.restart(watsonx_space_id="space-2")
    bench.run_due()
    row = bench.row(request)
    assert (row.state, row.revision, row.space_id) == (State.PENDING, 2, "space-2")
    assert row.digest != request.digest
    assert "no longer what was approved" in bench.last("revised")["reason"]
    assert bench.calls() == []
    bench.press("ada", "approve", request)
    bench.run_due()
    assert len(bench.cluster.specs(NAME, "space-2")) == 1
    assert bench.cluster.specs(NAME) == []


def test_a_text_that_can_no_longer_be_read_fails(bench: Bench) -> None:
    """Such as after an update of the grammar: failed with the reason, nothing sent."""
    request = bench.approved()
    bench.alter("UPDATE revisions SET text = '10b 2x128MB qlora5' WHERE request_id = :id", id=request.id)
    bench.run_due()
    row = bench.row(request)
    assert row.state is State.FAILED
    assert str(row.error).startswith("the request can no longer be read: ")
    assert bench.last("failed")["reason"] == row.error
    assert (bench.due_at(request), bench.attempts(request), bench.calls()) == (None, [], [])
    assert "the request can no longer be read" in bench.shows(request)


# --- rest


def test_a_dry_run_looks_again_in_an_hour(bench: Bench) -> None:
    """Approved rests, nothing is asked or sent; a start that is none carries it out."""
    request = bench.approved()
    bench.dry_run = True
    bench.restart()
    bench.run_due()
    assert (bench.row(request).state, bench.calls()) == (State.APPROVED, [])
    assert (bench.due_at(request), bench.claimed_by(request)) == (bench.now + HOUR_MS, None)
    bench.dry_run = False
    bench.restart()
    bench.advance(HOUR_MS - 1)
    assert not bench.step()
    bench.advance(1)
    bench.run_due()
    assert bench.row(request).state is State.CREATED


@pytest.mark.parametrize("state", ["unknown", "attention"])
def test_a_dry_run_settles_nothing(bench: Bench, state: str) -> None:
    """It cannot look: the row rests for an hour, as it is."""
    request = bench.approved()
    bench.fail_creates()
    bench.run_due()
    if state == "attention":
        for _ in range(3):
            bench.wait_until_due(request)
    bench.dry_run = True
    bench.restart()
    before = bench.calls()
    bench.wait_until_due(request)
    assert (bench.row(request).state, bench.due_at(request)) == (State(state), bench.now + HOUR_MS)
    assert bench.calls() == before


def test_a_create_under_way_is_lost_in_a_dry_run_too(bench: Bench) -> None:
    """No look-up is needed to say that nobody knows."""
    request = bench.approved()
    bench.alter("UPDATE requests SET state = 'creating' WHERE id = :id", id=request.id)
    bench.dry_run = True
    bench.restart()
    assert bench.step()
    assert bench.row(request).state is State.UNKNOWN


def test_a_row_that_is_over_rests(bench: Bench) -> None:
    """Due by mistake, it is looked at once and left as it is."""
    request = bench.created()
    before = bench.calls()
    bench.alter("UPDATE requests SET due_at = :now WHERE id = :id", now=bench.now, id=request.id)
    bench.run_due()
    assert (bench.due_at(request), bench.claimed_by(request)) == (None, None)
    assert bench.row(request) == request
    assert (bench.calls(), bench.waiting()) == (before, [])
