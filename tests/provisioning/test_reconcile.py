"""Settling what nobody reported: by look-ups, never by sending a create again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.approvals.request import State
from tests.support.bench import (
    GAP_MS,
    HOUR_MS,
    MINUTE_MS,
    OTHER_NODES,
    SETTLE_MS,
    TIMEOUT_MS,
    Bench,
)
from tests.support.team import NAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.approvals.request import Request

LOST_MS = TIMEOUT_MS + SETTLE_MS
"""From an attempt's start to its first look-up."""
SILENCE = "whoever sent it did not report back"


def lost(bench: Bench) -> Request:
    """Return a request whose create was answered with 500 and had no effect."""
    request = bench.approved()
    bench.cluster.faults.creates_only, bench.cluster.faults.broken = True, 1
    bench.run_due()
    assert bench.row(request).state is State.UNKNOWN
    return request


def in_attention(bench: Bench) -> Request:
    """Return a request whose create was looked up in vain."""
    request = lost(bench)
    for _ in range(3):
        bench.wait_until_due(request)
    bench.run_due()
    assert bench.row(request).state is State.ATTENTION
    return request


def lost_deletion(bench: Bench, *, happened: bool) -> tuple[Request, Request]:
    """Return a request whose spec is to be deleted, and the deletion, whose answer was lost."""
    made = bench.created()
    deletion = bench.approved_deletion(made)

    def lose() -> None:
        bench.cluster.faults.broken = 1
        if happened:
            bench.cluster.api.remove(str(made.spec_id))

    bench.during("delete", lose)
    bench.run_due()
    assert bench.row(deletion).state is State.UNKNOWN
    return made, deletion


# --- a crash


def test_a_crash_while_creating(either_bench: Bench) -> None:
    """Nobody reports: lost at the attempt's deadline and the settle time, then looked up, found, created."""
    bench = either_bench
    request = bench.approved()
    started_at = bench.now
    with bench.stuck("done", "create"):
        bench.advance(LOST_MS - 1)
        assert not bench.step()
        bench.advance(1)
        assert bench.step()
        row = bench.row(request)
        (attempt,) = bench.attempts(request)
        assert (row.state, row.error, row.tries) == (State.UNKNOWN, SILENCE, 0)
        assert (attempt.outcome, attempt.ended_at) == ("unknown", bench.now)
        assert (attempt.status, attempt.lookups) == (None, 0)
        assert bench.due_at(request) == bench.now == started_at + LOST_MS
        assert bench.last("lost")["reason"] == SILENCE
        assert bench.rest(request, "lost") == {"attempt": attempt.id}
        bench.run_due("outbox")
        assert "The answer was lost." in bench.shows(request)
        assert bench.step()
        row = bench.row(request)
        (spec,) = bench.cluster.specs(NAME)
        (attempt,) = bench.attempts(request)
        assert (row.state, row.spec_id, row.error) == (State.CREATED, spec["metadata"]["asset_id"], None)
        assert (attempt.outcome, attempt.spec_id, attempt.status) == ("created", row.spec_id, None)
        assert bench.rest(request, "found") == {"spec_id": row.spec_id, "attempt": attempt.id}
        assert bench.due_at(request) is None
        bench.run_due("outbox")
        assert "Created" in bench.shows(request)
    assert bench.story(request) == ["requested", "approved", "started", "lost", "found"]
    assert bench.calls() == ["find", "create", "find"]


def test_a_crash_while_deleting(either_bench: Bench) -> None:
    """Lost, then looked for by its id: gone, so deleted; the request that made it is told."""
    bench = either_bench
    made = bench.created()
    deletion = bench.approved_deletion(made)
    before = bench.calls()
    with bench.stuck("done", "delete"):
        bench.wait_until_due(deletion)
        row = bench.row(deletion)
        assert (row.state, row.error) == (State.UNKNOWN, SILENCE)
        assert bench.outcomes(deletion) == ["unknown"]
        assert bench.due_at(deletion) == bench.now
        bench.run_due("outbox")
        assert "Checking whether it was deleted" in bench.shows(deletion)
        assert bench.step()
    (attempt,) = bench.attempts(deletion)
    row = bench.row(deletion)
    assert (row.state, row.error, row.reserved) == (State.DELETED, None, False)
    assert (attempt.outcome, attempt.spec_id) == ("deleted", made.spec_id)
    assert bench.rest(deletion, "deleted") == {"spec_id": made.spec_id, "attempt": attempt.id}
    assert bench.story(deletion) == ["requested", "approved", "started", "lost", "deleted"]
    assert bench.calls()[len(before) :] == ["delete", "get"]
    assert (bench.row(made).retired_by, bench.row(made).reserved) == (deletion.id, False)
    assert f"deleted by request {deletion.id}" in bench.shows(made)
    assert bench.due_at(deletion) is None


@pytest.mark.parametrize("operation", ["create", "delete"])
def test_a_restart_waits_for_the_deadline(either_bench: Bench, operation: str) -> None:
    """The next start knows at once that nobody will report, but looks only when nothing can be committed."""
    bench = either_bench
    request = bench.approved() if operation == "create" else bench.approved_deletion(bench.created())
    started_at, before = bench.now, bench.calls()
    with bench.stuck("arrived", operation):
        bench.advance(5_000)
        bench.restarted_process()
        bench.run_due()
        (attempt,) = bench.attempts(request)
        assert (bench.row(request).state, attempt.ended_at) == (State.UNKNOWN, started_at + 5_000)
        assert bench.due_at(request) == started_at + LOST_MS
        assert [call for call in bench.calls()[len(before) :] if call != "find"] == []
        assert bench.last("lost")["to_state"] == "unknown"


def test_an_attempt_that_nobody_wrote_down(bench: Bench) -> None:
    """Such as after a restored backup: unknown at once, and left to a person; nothing is sent."""
    request = bench.approved()
    bench.alter("UPDATE requests SET state = 'creating' WHERE id = :id", id=request.id)
    assert bench.step()
    assert (bench.row(request).state, bench.due_at(request)) == (State.UNKNOWN, bench.now)
    assert bench.rest(request, "lost") == {}
    bench.run_due()
    assert (bench.row(request).state, bench.calls()) == (State.UNKNOWN, [])


# --- look-ups


def test_three_look_ups(either_bench: Bench) -> None:
    """Not two: counted in the attempt, a gap apart; after the third a person is asked, requester and admin told."""
    bench = either_bench
    request = lost(bench)
    before = bench.calls()
    error = bench.row(request).error
    for number in (1, 2):
        bench.wait_until_due(request)
        row = bench.row(request)
        assert (row.state, row.error, row.tries) == (State.UNKNOWN, error, 0)
        assert bench.attempts(request)[0].lookups == number
        assert (bench.due_at(request), bench.claimed_by(request)) == (bench.now + GAP_MS, None)
        bench.run_due()
        assert f"Looked up {('once', 'twice')[number - 1]} so far." in bench.shows(request)
    assert bench.slack.dms("ines") == bench.slack.dms("rosa") == []
    bench.wait_until_due(request)
    row = bench.row(request)
    (attempt,) = bench.attempts(request)
    reason = "not there after 3 look-ups"
    assert (row.state, row.ended_at) == (State.ATTENTION, bench.now)
    assert row.error == f"{reason}; before: {error}"
    assert (attempt.outcome, attempt.lookups) == ("unknown", 3)
    assert bench.due_at(request) == bench.now + MINUTE_MS
    assert bench.story(request) == ["requested", "approved", "started", "lost", "missed"]
    assert bench.last("missed")["reason"] == reason
    assert bench.calls()[len(before) :] == ["find"] * 3
    bench.run_due()
    assert "Needs an admin" in bench.shows(request)
    assert reason in bench.shows(request)
    (to_rosa,), (to_ines,) = bench.slack.dms("rosa"), bench.slack.dms("ines")
    assert "No action needed" in bench.words(to_rosa)
    assert f"{request.id} ({NAME}): {reason}" in bench.words(to_ines)


def test_a_short_settle_time_is_the_gap_too(new_bench: Callable[..., Bench]) -> None:
    """Looked up as often as a late commit may come, at most every thirty seconds."""
    bench = new_bench(peftsize_settle_s="7")
    request = lost(bench)
    bench.wait_until_due(request)
    assert bench.due_at(request) == bench.now + 7_000


def test_found_at_the_second_look_up(bench: Bench) -> None:
    """A commit that came late is ours."""
    request = lost(bench)
    bench.wait_until_due(request)
    spec_id = bench.add_spec()
    bench.wait_until_due(request)
    (attempt,) = bench.attempts(request)
    assert (bench.row(request).state, bench.row(request).spec_id) == (State.CREATED, spec_id)
    assert (attempt.outcome, attempt.lookups) == ("created", 1)


def test_a_foreign_spec_of_the_name(bench: Bench) -> None:
    """It is not ours, however often it is found; the person who is asked hears who has the name."""
    request = lost(bench)
    foreign = bench.add_spec(OTHER_NODES)
    for _ in range(3):
        bench.wait_until_due(request)
    row = bench.row(request)
    assert row.state is State.ATTENTION
    reason, _, before = str(row.error).partition("; before: ")
    differs = "nodes.cpu.units, nodes.mem.size"
    assert (
        reason
        == f"the name is taken by another spec ({foreign}), which differs in {differs}; choose another name"
    )
    assert before
    assert str(row.error).startswith(str(bench.last("missed")["reason"]) + "; before: ")


def test_a_look_up_that_fails_does_not_count(bench: Bench) -> None:
    """Nobody looked: the same state, tried again after growing waits, and three look-ups are still to come."""
    request = lost(bench)
    faults = bench.cluster.faults
    faults.creates_only, faults.broken = False, 2
    for wait_ms in (1_000, 2_000):
        bench.wait_until_due(request)
        assert bench.row(request).state is State.UNKNOWN
        assert str(bench.row(request).error).startswith("HTTP 500: It broke.")
        assert bench.due_at(request) == bench.now + wait_ms
        assert bench.attempts(request)[0].lookups == 0
    assert bench.story(request)[-1] == "lost"
    for _ in range(2):
        bench.wait_until_due(request)
        assert bench.row(request).state is State.UNKNOWN
    bench.wait_until_due(request)
    assert bench.row(request).state is State.ATTENTION


def test_a_service_that_asks_for_a_pause_while_settling(bench: Bench) -> None:
    """``Retry-After`` sets the next look-up."""
    request = lost(bench)
    faults = bench.cluster.faults
    faults.creates_only, faults.too_many, faults.retry_after_s = False, 1, 90
    bench.wait_until_due(request)
    assert bench.due_at(request) == bench.now + 90_000


def test_attention_by_the_minute_then_by_the_hour(bench: Bench) -> None:
    """For the first hour every minute, then every hour, without a word to anybody."""
    request = in_attention(bench)
    since, events = bench.now, bench.story(request)
    for minute in (1, 2):
        bench.wait_until_due(request)
        assert bench.now == since + minute * MINUTE_MS
    bench.advance(56 * MINUTE_MS)  # nobody worked for a while
    assert bench.step()
    for after in (59 * MINUTE_MS, HOUR_MS, 2 * HOUR_MS, 3 * HOUR_MS):
        bench.wait_until_due(request)
        assert bench.now == since + after
    bench.run_due()
    assert (bench.row(request).state, bench.story(request)) == (State.ATTENTION, events)
    assert bench.attempts(request)[0].lookups == 3 + 7
    assert bench.calls().count("create") == 1
    assert len(bench.slack.dms("rosa")) == len(bench.slack.dms("ines")) == 1


def test_a_look_up_that_fails_in_attention(bench: Bench) -> None:
    """The card keeps why a person is asked, and the look-ups go on."""
    request = in_attention(bench)
    bench.cluster.faults.creates_only, bench.cluster.faults.broken = False, 1
    bench.wait_until_due(request)
    assert str(bench.row(request).error).startswith("not there after 3 look-ups; before: ")
    assert (bench.due_at(request), bench.waiting()) == (bench.now + 1_000, [])
    bench.wait_until_due(request)
    assert bench.due_at(request) == bench.now + MINUTE_MS


@pytest.mark.parametrize("setting", ["space", "text"])
def test_what_was_sent_can_no_longer_be_told(bench: Bench, setting: str) -> None:
    """Settings or grammar have changed: there is nothing to look for, so after three times a person is asked."""
    request = lost(bench)
    if setting == "space":
        bench.cluster.api.add_space("space-2", "second")
        bench.restart(watsonx_space_id="space-2")
    else:
        bench.alter("UPDATE revisions SET text = '10b 2x128MB qlora5' WHERE request_id = :id", id=request.id)
    before = bench.calls()
    for number in (1, 2, 3):
        assert bench.row(request).state is State.UNKNOWN
        bench.wait_until_due(request)
        assert bench.attempts(request)[0].lookups == number
    row = bench.row(request)
    assert row.state is State.ATTENTION
    assert str(row.error).startswith("what was sent can no longer be derived from the request")
    assert str(row.error).startswith(str(bench.last("missed")["reason"]) + "; before: ")
    assert bench.calls() == before


def test_found_in_attention(bench: Bench) -> None:
    """A spec that appears after all is taken, and the requester hears of it."""
    request = in_attention(bench)
    spec_id = bench.add_spec()
    bench.wait_until_due(request)
    bench.run_due()
    row = bench.row(request)
    assert (row.state, row.spec_id, row.error) == (State.CREATED, spec_id, None)
    assert (bench.outcomes(request), bench.due_at(request)) == (["created"], None)
    assert bench.last("found")["from_state"] == "attention"
    assert len(bench.slack.dms("rosa")) == 2
    assert "Created" in bench.shows(request)


def test_a_foreign_spec_in_attention_is_looked_at_again(bench: Bench) -> None:
    """It stays with the person, and the look-ups go on."""
    request = in_attention(bench)
    bench.add_spec(OTHER_NODES)
    bench.wait_until_due(request)
    assert (bench.row(request).state, bench.due_at(request)) == (State.ATTENTION, bench.now + MINUTE_MS)


# --- what a person decides


def test_retry_abandons_the_old_attempt(either_bench: Bench) -> None:
    """Retry anyway: the attempt that may have landed is closed as abandoned, the next one is its own."""
    bench = either_bench
    request = in_attention(bench)
    bench.advance(9_000)
    row = bench.press("ada", "retry", request)
    (old,) = bench.attempts(request)
    assert (row.state, row.error, row.tries) == (State.APPROVED, None, 0)
    assert (old.outcome, old.ended_at) == ("abandoned", bench.now)
    assert bench.due_at(request) == bench.now
    bench.run_due()
    assert bench.row(request).state is State.CREATED
    assert bench.outcomes(request) == ["abandoned", "created"]
    assert bench.story(request)[-3:] == ["retried", "started", "created"]
    assert len(bench.cluster.specs(NAME)) == 1


def test_retry_looks_before_it_sends(bench: Bench) -> None:
    """What the old attempt made meanwhile is adopted; there is no second POST."""
    request = in_attention(bench)
    spec_id = bench.add_spec()
    bench.press("ada", "retry", request)
    bench.run_due()
    assert (bench.row(request).state, bench.row(request).spec_id) == (State.CREATED, spec_id)
    assert bench.outcomes(request) == ["abandoned"]
    assert bench.calls().count("create") == 1


def test_a_second_lost_answer_begins_its_own_count(bench: Bench) -> None:
    """The look-ups of the abandoned attempt are not counted again."""
    request = in_attention(bench)
    bench.press("ada", "retry", request)
    bench.cluster.faults.broken = 1
    assert bench.step()
    assert bench.due_at(request) == bench.now + LOST_MS
    for _ in range(2):
        bench.wait_until_due(request)
        assert bench.row(request).state is State.UNKNOWN
    bench.wait_until_due(request)
    assert bench.row(request).state is State.ATTENTION
    assert [attempt.lookups for attempt in bench.attempts(request)] == [3, 3]


def test_giving_up_abandons_the_attempt(bench: Bench) -> None:
    """And ends the look-ups."""
    request = in_attention(bench)
    row = bench.press("ines", "give_up", request)
    assert (row.state, row.reserved, bench.due_at(request)) == (State.FAILED, False, None)
    assert bench.outcomes(request) == ["abandoned"]


@pytest.mark.parametrize("there", [True, False])
def test_a_retry_during_a_look_up_wins(bench: Bench, *, there: bool) -> None:
    """The look-up's result is that of an attempt which somebody has given up on meanwhile."""
    request = in_attention(bench)
    if there:
        bench.add_spec()
    bench.during("find", lambda: bench.press("ada", "retry", request))
    bench.wait_until_due(request)
    bench.run_due()
    assert bench.row(request).state is State.CREATED
    assert bench.calls().count("create") == (1 if there else 2)
    assert len(bench.cluster.specs(NAME)) == 1


# --- a delete


def test_a_lost_delete_that_happened(either_bench: Bench) -> None:
    """Gone by now: deleted, and never sent again."""
    bench = either_bench
    made, deletion = lost_deletion(bench, happened=True)
    before = bench.calls()
    assert bench.due_at(deletion) == bench.now + LOST_MS
    assert bench.outcomes(deletion) == ["unknown"]
    bench.wait_until_due(deletion)
    row = bench.row(deletion)
    (attempt,) = bench.attempts(deletion)
    assert (row.state, row.error, bench.due_at(deletion)) == (State.DELETED, None, None)
    assert (attempt.outcome, attempt.spec_id, attempt.ended_at) == ("deleted", made.spec_id, bench.now)
    assert bench.rest(deletion, "deleted") == {"spec_id": made.spec_id, "attempt": attempt.id}
    assert bench.calls()[len(before) :] == ["get"]
    assert bench.row(made).retired_by == deletion.id
    bench.run_due()
    assert f"deleted by request {deletion.id}" in bench.shows(made)


def test_a_lost_delete_that_did_not_happen(either_bench: Bench) -> None:
    """Still there: the attempt is closed as unsent, and it is deleted again, since that is harmless."""
    bench = either_bench
    made, deletion = lost_deletion(bench, happened=False)
    bench.wait_until_due(deletion)
    row = bench.row(deletion)
    (attempt,) = bench.attempts(deletion)
    assert (row.state, row.tries, bench.due_at(deletion)) == (State.APPROVED, 1, bench.now)
    assert (attempt.outcome, attempt.ended_at) == ("unsent", bench.now)
    assert bench.last("released")["reason"] == "it is still there"
    assert bench.row(made).retired_by is None
    assert bench.step()
    assert bench.row(deletion).state is State.DELETED
    assert bench.outcomes(deletion) == ["unsent", "deleted"]
    assert bench.story(deletion)[-4:] == ["lost", "released", "started", "deleted"]
    assert bench.cluster.specs(NAME) == []


def test_a_look_up_that_fails_while_a_delete_is_settled(bench: Bench) -> None:
    """Nothing is sent before it is known whether the spec is still there."""
    _, deletion = lost_deletion(bench, happened=False)
    before = bench.calls()
    bench.cluster.faults.broken = 1
    bench.wait_until_due(deletion)
    assert (bench.row(deletion).state, bench.outcomes(deletion)) == (State.UNKNOWN, ["unknown"])
    assert bench.due_at(deletion) == bench.now + 1_000
    bench.run_due()
    assert bench.calls()[len(before) :] == ["get"]
    bench.wait_until_due(deletion)
    bench.run_due()
    assert bench.row(deletion).state is State.DELETED


@pytest.mark.parametrize("there", [True, False])
def test_a_delete_that_a_person_was_asked_about(bench: Bench, *, there: bool) -> None:
    """Its settings were changed for a while; now it can be looked for: gone is deleted, else Retry deletes it."""
    _, deletion = lost_deletion(bench, happened=not there)
    space_id = bench.cluster.space_id
    bench.cluster.api.add_space("space-2", "second")
    bench.restart(watsonx_space_id="space-2")
    for _ in range(3):
        bench.wait_until_due(deletion)
    assert bench.row(deletion).state is State.ATTENTION
    bench.restart(watsonx_space_id=space_id)
    bench.wait_until_due(deletion)
    if there:
        assert (bench.row(deletion).state, bench.outcomes(deletion)) == (State.ATTENTION, ["unknown"])
        assert (bench.due_at(deletion), bench.claimed_by(deletion)) == (bench.now + MINUTE_MS, None)
        bench.run_due()
        bench.press("ada", "retry", deletion)
        bench.run_due()
    assert bench.row(deletion).state is State.DELETED
    assert bench.cluster.specs(NAME) == []
