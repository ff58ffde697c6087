"""Carrying out a deletion: sent once, and what it means to the request that made the spec."""

from __future__ import annotations

import pytest

from bot.approvals.request import State
from bot.sandbox.loopback import Call, Moment, nobody
from bot.sandbox.watsonx.faults import ALWAYS
from tests.support.bench import (
    SETTLE_MS,
    TIMEOUT_MS,
    Bench,
)
from tests.support.team import NAME


def test_a_delete(either_bench: Bench) -> None:
    """Begun, sent once; the request that made the spec gives its name back and says so on its card."""
    bench = either_bench
    made = bench.created()
    deletion = bench.approved_deletion(made)
    before = bench.calls()
    with bench.stuck("arrived", "delete"):
        assert bench.row(deletion).state is State.DELETING
        assert bench.due_at(deletion) == bench.now + TIMEOUT_MS + SETTLE_MS
        bench.run_due()
        assert "Deleting…" in bench.shows(deletion)
    row, made = bench.row(deletion), bench.row(made)
    (attempt,) = bench.attempts(deletion)
    assert (row.state, row.spec_id, row.error, row.reserved) == (State.DELETED, made.spec_id, None, False)
    assert (attempt.outcome, attempt.status, attempt.spec_id) == ("deleted", 204, made.spec_id)
    assert (attempt.started_at, attempt.deadline_at) == (bench.now, bench.now + TIMEOUT_MS)
    assert bench.due_at(deletion) is None
    assert bench.story(deletion) == ["requested", "approved", "started", "deleted"]
    assert bench.rest(deletion, "deleted") == {
        "status": 204,
        "trace": attempt.id,
        "spec_id": made.spec_id,
        "attempt": attempt.id,
    }
    assert bench.calls()[len(before) :] == ["delete"]
    assert (bench.cluster.specs(NAME), made.state) == ([], State.CREATED)
    assert (made.retired_by, made.reserved) == (deletion.id, False)
    assert f"deleted by request {deletion.id}" in bench.shows(made)
    assert "Deleted" in bench.shows(deletion)
    assert bench.ask().id != made.id


def test_a_delete_retires_only_the_request_that_made_the_spec(bench: Bench) -> None:
    """Other specs keep their names and their cards."""
    other = bench.created("7b none qlora4")
    bench.run_due()
    deletion = bench.approved_deletion(bench.created())
    bench.run_due()
    assert bench.row(deletion).state is State.DELETED
    assert (bench.row(other).retired_by, bench.row(other).reserved) == (None, True)
    assert bench.row(deletion).retired_by is None


def test_a_spec_that_was_gone_already_is_deleted(bench: Bench) -> None:
    """404 is what was wanted."""
    made = bench.created()
    deletion = bench.approved_deletion(made)
    bench.cluster.api.remove(str(made.spec_id))
    bench.run_due()
    (attempt,) = bench.attempts(deletion)
    assert (bench.row(deletion).state, attempt.outcome, attempt.status) == (State.DELETED, "deleted", 404)
    assert bench.row(made).retired_by == deletion.id


@pytest.mark.parametrize(("status", "words"), [(409, "The spec is in use."), (400, "Deployments exist.")])
def test_a_refused_delete_is_never_adopted(bench: Bench, status: int, words: str) -> None:
    """Whatever the words: no look-up by name, failed with them, and the spec is as it was."""
    made = bench.created()
    deletion = bench.approved_deletion(made)
    before = bench.calls()
    faults = bench.cluster.faults
    faults.refused, faults.refused_status, faults.refused_words = 1, status, words
    bench.run_due()
    row = bench.row(deletion)
    (attempt,) = bench.attempts(deletion)
    assert (row.state, row.error) == (State.FAILED, f"HTTP {status}: {words} (trace {attempt.trace})")
    assert (attempt.outcome, attempt.status) == ("failed", status)
    assert bench.due_at(deletion) is None
    assert bench.story(deletion) == ["requested", "approved", "started", "failed"]
    assert bench.calls()[len(before) :] == ["delete"]
    assert (bench.row(made).retired_by, bench.row(made).reserved) == (None, True)
    assert f"HTTP {status}" in bench.shows(deletion)


def test_a_delete_that_provably_did_nothing_is_sent_again(bench: Bench) -> None:
    """Released, and deleted at the second try."""
    deletion = bench.approved_deletion(bench.created())

    def busy(moment: Moment, call: Call, _port: int) -> None:
        if (moment, call.method) == ("arrived", "DELETE"):
            bench.cluster.witness, bench.cluster.faults.too_many = nobody, 1

    bench.cluster.witness = busy
    assert bench.step()
    row = bench.row(deletion)
    assert (row.state, row.tries, bench.due_at(deletion)) == (State.APPROVED, 1, bench.now + 1_000)
    bench.wait_until_due(deletion)
    assert bench.row(deletion).state is State.DELETED
    assert bench.outcomes(deletion) == ["unsent", "deleted"]


def test_who_uses_a_spec_is_asked_four_times(bench: Bench) -> None:
    """After growing waits a person is asked: failed, with what the service said; their Retry deletes it."""
    deletion = bench.approved_deletion(bench.created())
    bench.cluster.faults.deployments_broken = ALWAYS
    unknown = "whether a deployment uses it is not known: "
    for wait_ms in (1_000, 2_000, 5_000):
        assert bench.step()
        row = bench.row(deletion)
        assert (row.state, bench.due_at(deletion)) == (State.APPROVED, bench.now + wait_ms)
        assert str(row.error).startswith("HTTP 503: ")
        bench.advance(wait_ms)
    assert bench.step()
    row, rest = bench.row(deletion), bench.rest(deletion, "use_unknown")
    assert (row.state, bench.attempts(deletion), bench.due_at(deletion)) == (State.FAILED, [], None)
    assert str(row.error).startswith(unknown)
    assert str(row.error).endswith(". Look for deployments, then press Retry to delete it anyway")
    assert rest == {"status": 503, "trace": rest["trace"]}
    bench.advance(3_000)  # a channel takes one message a second after the first few
    bench.run_due()
    bench.press("rosa", "retry", deletion)
    bench.run_due()
    assert bench.row(deletion).state is State.DELETED
