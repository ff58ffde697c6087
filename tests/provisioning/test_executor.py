"""Carrying out what was approved: what is looked up, written and sent, and in which order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bot.approvals.request import State
from bot.sandbox.watsonx.faults import ALWAYS
from tests.support.bench import (
    HOUR_MS,
    NODES,
    OTHER_NODES,
    SETTLE_MS,
    TIMEOUT_MS,
    Bench,
)
from tests.support.team import NAME

if TYPE_CHECKING:
    from collections.abc import Callable

DIFFERS = "nodes.cpu.units, nodes.mem.size"

# --- a create


def test_a_create(either_bench: Bench) -> None:
    """Looked up, begun, sent once; the attempt, the row, the audit and the card say what came of it."""
    bench = either_bench
    request = bench.approved()
    approved_at, asked = bench.now, bench.calls()
    bench.advance(700)
    bench.run_due()
    row = bench.row(request)
    (spec,) = bench.cluster.specs(NAME)
    assert (row.state, row.spec_id) == (State.CREATED, spec["metadata"]["asset_id"])
    assert (row.error, row.tries, row.ended_at) == (None, 0, approved_at + 700)
    assert (bench.due_at(request), bench.claimed_by(request)) == (None, None)
    assert (asked, bench.calls()) == ([], ["find", "create"])
    (attempt,) = bench.attempts(request)
    assert (attempt.revision, attempt.digest) == (request.revision, request.digest)
    assert (attempt.started_at, attempt.deadline_at) == (bench.now, bench.now + TIMEOUT_MS)
    assert (attempt.outcome, attempt.status, attempt.spec_id) == ("created", 201, row.spec_id)
    assert (attempt.trace, attempt.ended_at, attempt.lookups) == (attempt.id, bench.now, 0)
    assert bench.story(request) == ["requested", "approved", "started", "created"]
    assert bench.rest(request, "started")["attempt"] == attempt.id
    assert bench.rest(request, "created") == {
        "status": 201,
        "trace": attempt.id,
        "spec_id": row.spec_id,
        "attempt": attempt.id,
    }
    assert "Created" in bench.shows(request)
    assert str(row.spec_id) in bench.shows(request)
    assert len(bench.slack.dms("rosa")) == 1


def test_what_is_sent(bench: Bench) -> None:
    """The body, byte for byte, is the payload that was approved; space and attempt are named."""
    request = bench.created()
    (post,) = bench.cluster.posts_for(NAME)
    (attempt,) = bench.attempts(request)
    assert json.loads(post.body) == json.loads(request.payload)
    assert post.query == {"space_id": request.space_id}
    assert post.headers["x-global-transaction-id"] == attempt.id


def test_the_attempt_is_committed_before_the_first_byte(either_bench: Bench) -> None:
    """When the POST arrives the row says creating, the attempt is open, and its loss has a due time."""
    bench = either_bench
    request = bench.approved()
    with bench.stuck("arrived", "create"):
        assert bench.row(request).state is State.CREATING
        (attempt,) = bench.attempts(request)
        assert (attempt.outcome, attempt.ended_at) == (None, None)
        assert bench.due_at(request) == bench.now + TIMEOUT_MS + SETTLE_MS
        assert bench.claimed_by(request) is None
        bench.run_due()
        assert "Creating…" in bench.shows(request)
    assert bench.row(request).state is State.CREATED


def test_warnings_of_the_service_are_shown(bench: Bench) -> None:
    """Created all the same; the words are in the row, the audit and on the card."""
    request = bench.approved()
    bench.cluster.faults.warn, bench.cluster.faults.warnings = 1, ("It is large.", "Nobody checks it.")
    bench.run_due()
    warning = "It is large.; Nobody checks it."
    assert (bench.row(request).state, bench.row(request).error) == (State.CREATED, warning)
    assert bench.last("created")["reason"] == warning
    assert f"The service said: {warning}" in bench.shows(request)


# --- the look-up before it


def test_our_own_spec_is_adopted_before_a_post(bench: Bench) -> None:
    """One of this name with this hardware is taken as ours: created without attempt and POST."""
    request = bench.approved()
    bench.add_spec(OTHER_NODES)
    spec_id = bench.add_spec(
        {"cpu": {"units": 2}, "mem": {"size": "8Gi"}, "gpu": {"num_gpu": "1"}, "more": {}}
    )
    bench.run_due()
    row = bench.row(request)
    assert (row.state, row.spec_id, row.error) == (State.CREATED, spec_id, None)
    assert (bench.due_at(request), bench.attempts(request)) == (None, [])
    assert bench.story(request) == ["requested", "approved", "adopted"]
    assert bench.rest(request, "adopted") == {"spec_id": spec_id}
    assert bench.calls() == ["find"]
    assert spec_id in bench.shows(request)


def test_of_several_own_specs_the_oldest_is_adopted(bench: Bench) -> None:
    """Names are not unique: the first that was made counts, whatever the order of the answer."""
    request = bench.approved()
    bench.clock.advance(HOUR_MS)
    younger = bench.add_spec()
    bench.clock.advance(-HOUR_MS)
    older = bench.add_spec()
    bench.run_due()
    assert bench.row(request).spec_id == older != younger


def test_an_adopted_spec_ends_the_wait(bench: Bench) -> None:
    """What the card waited for is forgotten."""
    request = bench.approved()
    bench.cluster.faults.broken = 1
    assert bench.step()
    assert bench.row(request).error
    bench.add_spec()
    bench.wait_until_due(request)
    assert (bench.row(request).state, bench.row(request).error) == (State.CREATED, None)


def test_of_several_specs_that_have_the_name_the_first_is_told(bench: Bench) -> None:
    """In the order of the answer."""
    request = bench.approved()
    first, second = bench.add_spec(OTHER_NODES), bench.add_spec({**NODES, "num_nodes": 2})
    bench.run_due()
    assert f"({first})" in str(bench.row(request).error)
    assert second not in str(bench.row(request).error)


@pytest.mark.parametrize(
    ("nodes", "space", "reason"),
    [
        (
            OTHER_NODES,
            "",
            f"the name is taken by another spec ({{}}), which differs in {DIFFERS}; choose another name",
        ),
        (
            NODES,
            None,
            "the name is that of a predefined spec ({}); edit the request and choose another name",
        ),
    ],
    ids=["other hardware", "predefined"],
)
def test_a_name_that_is_taken(bench: Bench, nodes: dict[str, object], space: str | None, reason: str) -> None:
    """Failed before anything is sent; the reason names the spec; the request's name stays reserved."""
    request = bench.approved()
    reason = reason.format(bench.add_spec(nodes, space=space))
    bench.run_due()
    row = bench.row(request)
    assert (row.state, row.error, row.reserved) == (State.FAILED, reason, True)
    assert (bench.due_at(request), bench.attempts(request)) == (None, [])
    assert bench.last("failed")["reason"] == reason
    assert bench.calls() == ["find"]
    assert reason in bench.shows(request)


def test_a_refused_look_up_ends_it(new_bench: Callable[..., Bench]) -> None:
    """A space that the service does not know: failed with its words, status and trace; nothing was sent."""
    bench = new_bench(watsonx_space_id="nowhere")
    request = bench.approved()
    bench.run_due()
    row = bench.row(request)
    rest = bench.rest(request, "failed")
    assert row.state is State.FAILED
    assert row.error == f"HTTP 404: The space nowhere does not exist. (trace {rest['trace']})"
    assert rest == {"status": 404, "trace": rest["trace"]}
    assert (bench.calls(), bench.attempts(request)) == (["find"], [])
    assert "HTTP 404: The space nowhere does not exist." in bench.shows(request)


def test_a_look_up_that_gets_no_answer_waits(bench: Bench) -> None:
    """Nothing was sent: approved still, tried again after growing waits, and the card says what it waits for."""
    request = bench.approved()
    bench.cluster.faults.broken = ALWAYS
    waits = []
    for _ in range(9):
        bench.run_due()
        due_at = bench.due_at(request)
        assert due_at is not None
        waits.append(due_at - bench.now)
        bench.advance(due_at - bench.now)
    assert waits == [1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 300_000, 300_000]
    row = bench.row(request)
    assert (row.state, row.tries, bench.attempts(request)) == (State.APPROVED, 9, [])
    assert str(row.error).startswith("HTTP 500: It broke. (trace ")
    assert "Waiting: HTTP 500: It broke." in bench.shows(request)
    assert bench.story(request) == ["requested", "approved"]
    assert set(bench.calls()) == {"find"}
    bench.cluster.faults.clear()
    bench.run_due()
    row = bench.row(request)
    assert (row.state, row.tries, row.error) == (State.CREATED, 0, None)
    assert "Waiting:" not in bench.shows(request)


def test_a_wait_is_shown_once(bench: Bench) -> None:
    """The card is drawn anew when the reason changes, not at every try."""
    request = bench.approved()
    bench.break_cluster()
    assert bench.step()
    assert bench.waiting() == [f"card:{request.id}"]
    bench.run_due()
    bench.wait_until_due(request)
    assert bench.waiting() == []
    bench.cluster.come_back()
    bench.cluster.faults.broken = 1
    bench.wait_until_due(request)
    assert bench.waiting() == [f"card:{request.id}"]


@pytest.mark.parametrize(("asked_s", "wait_ms"), [(7, 7_000), (0, 1_000), (None, 1_000)])
def test_a_service_that_asks_for_a_pause_gets_it(bench: Bench, asked_s: int | None, wait_ms: int) -> None:
    """``Retry-After`` of a look-up sets when it is tried again, a second at least."""
    request = bench.approved()
    bench.cluster.faults.too_many, bench.cluster.faults.retry_after_s = 1, asked_s
    assert bench.step()
    assert bench.due_at(request) == bench.now + wait_ms
    assert str(bench.row(request).error).startswith("HTTP 429: Too many requests.")


# --- what may come of a call


def test_a_create_that_provably_did_nothing_is_sent_again(either_bench: Bench) -> None:
    """The attempt is closed as unsent, the row is approved again, and the next one has an attempt of its own."""
    bench = either_bench
    request = bench.approved()
    shown: list[str] = []
    faults = bench.cluster.faults
    faults.creates_only, faults.too_many, faults.retry_after_s = True, 1, 7
    assert bench.step()
    row = bench.row(request)
    (attempt,) = bench.attempts(request)
    words = f"HTTP 429: Too many requests. (trace {attempt.trace})"
    assert (row.state, row.tries, row.error) == (State.APPROVED, 1, words)
    assert (attempt.outcome, attempt.status, attempt.ended_at) == ("unsent", 429, bench.now)
    assert bench.due_at(request) == bench.now + 7_000
    assert bench.last("released")["reason"] == words
    assert bench.rest(request, "released") == {"status": 429, "trace": attempt.trace, "attempt": attempt.id}
    bench.run_due()
    assert "Waiting: HTTP 429: Too many requests." in bench.shows(request)
    faults.too_many, faults.retry_after_s = 1, None
    bench.during("create", lambda: (bench.run_due("outbox"), shown.append(bench.shows(request))))
    bench.wait_until_due(request)
    assert "Creating…" in shown[0]
    assert "Waiting:" not in shown[0]
    assert (bench.row(request).tries, bench.due_at(request)) == (2, bench.now + 2_000)
    bench.wait_until_due(request)
    assert bench.outcomes(request) == ["unsent", "unsent", "created"]
    row = bench.row(request)
    assert (row.state, row.tries, row.error) == (State.CREATED, 0, None)
    assert bench.calls() == ["find", "create"] * 3


def test_a_refused_create_failed(either_bench: Bench) -> None:
    """The service's own words, status and trace are in the attempt, the row, the audit and on the card."""
    bench = either_bench
    request = bench.approved()
    bench.cluster.faults.refused = 1
    bench.run_due()
    row = bench.row(request)
    (attempt,) = bench.attempts(request)
    words = f"HTTP 403: The operation is not allowed. (trace {attempt.trace})"
    assert (row.state, row.error, row.reserved) == (State.FAILED, words, True)
    assert (attempt.outcome, attempt.status, attempt.ended_at) == ("failed", 403, bench.now)
    assert (bench.due_at(request), bench.last("failed")["reason"]) == (None, words)
    assert bench.rest(request, "failed") == {"status": 403, "trace": attempt.trace, "attempt": attempt.id}
    assert bench.calls() == ["find", "create"]
    assert "HTTP 403: The operation is not allowed." in bench.shows(request)


def test_a_lost_answer_counts_from_the_deadline(either_bench: Bench) -> None:
    """However soon the connection broke, the first look-up waits until nothing can be committed any more."""
    bench = either_bench
    request = bench.approved()
    started_at = bench.now
    bench.cluster.faults.error_after_commit = 1
    bench.during("create", lambda: bench.advance(3_000))
    assert bench.step()
    row = bench.row(request)
    (attempt,) = bench.attempts(request)
    words = f"HTTP 502: Bad Gateway (trace {attempt.id})"
    assert (row.state, row.error) == (State.UNKNOWN, words)
    assert (attempt.outcome, attempt.status, attempt.trace) == ("unknown", 502, attempt.id)
    assert (attempt.deadline_at, attempt.ended_at) == (started_at + TIMEOUT_MS, started_at + 3_000)
    assert bench.due_at(request) == started_at + TIMEOUT_MS + SETTLE_MS
    assert bench.last("lost")["reason"] == words
    assert bench.rest(request, "lost") == {"status": 502, "trace": attempt.id, "attempt": attempt.id}
    bench.run_due()
    assert "The answer was lost" in bench.shows(request)
    bench.advance(TIMEOUT_MS + SETTLE_MS - 3_001)
    assert not bench.step()
    bench.advance(1)
    assert bench.step()
    assert bench.row(request).state is State.CREATED
    assert bench.calls() == ["find", "create", "find"]


@pytest.mark.parametrize(("late_ms", "outcome"), [(0, "created"), (1, "unsent")])
def test_nothing_is_sent_after_the_deadline(bench: Bench, late_ms: int, outcome: str) -> None:
    """Held up by a new token until its look-up may have begun, the POST is kept back: provably not sent."""
    request = bench.approved()
    faults = bench.cluster.faults
    faults.creates_only, faults.expired = True, 1
    bench.during("create", lambda: bench.during("token", lambda: bench.advance(TIMEOUT_MS + late_ms)))
    assert bench.step()
    assert bench.outcomes(request) == [outcome]
    assert len(bench.cluster.specs(NAME)) == (outcome == "created")
    if outcome == "unsent":
        row = bench.row(request)
        assert (row.state, row.error) == (State.APPROVED, "the deadline passed before anything was sent")
        assert bench.due_at(request) == bench.now + 1_000


# --- a name that was taken between the look-up and the POST


@pytest.mark.parametrize(
    ("status", "words"),
    [(409, "No."), (400, "The specification already EXISTS."), (403, "A spec of this name does exist.")],
    ids=["409 alone", "already exists alone", "exist with another status"],
)
def test_a_spec_of_ours_that_took_the_name_is_adopted(bench: Bench, status: int, words: str) -> None:
    """409, or words that say so, are looked into: the spec with this hardware is ours."""
    request = bench.approved()
    faults = bench.cluster.faults
    faults.refused, faults.refused_status, faults.refused_words = 1, status, words
    made: list[str] = []
    bench.during("create", lambda: made.append(bench.add_spec()))
    bench.run_due()
    row = bench.row(request)
    (attempt,) = bench.attempts(request)
    assert (row.state, row.spec_id, row.error) == (State.CREATED, made[0], None)
    assert (attempt.outcome, attempt.status, attempt.spec_id) == ("created", status, made[0])
    assert bench.rest(request, "adopted") == {
        "status": status,
        "trace": attempt.trace,
        "spec_id": made[0],
        "attempt": attempt.id,
    }
    assert bench.story(request) == ["requested", "approved", "started", "adopted"]
    assert bench.calls() == ["find", "create", "find"]


def test_a_refusal_for_another_reason_adopts_nothing(bench: Bench) -> None:
    """Even where a spec with this hardware has the name by now: a no is a no."""
    request = bench.approved()
    bench.cluster.faults.refused = 1
    bench.during("create", bench.add_spec)
    bench.run_due()
    assert bench.row(request).state is State.FAILED
    assert bench.calls() == ["find", "create"]


def test_words_about_an_existing_spec_in_a_lost_answer_adopt_nothing(bench: Bench) -> None:
    """Only a definite no is looked into at once; what is unknown waits for its deadline."""
    request = bench.approved()
    faults = bench.cluster.faults
    faults.refused, faults.refused_status, faults.refused_words = 1, 500, "It may exist already."
    bench.run_due()
    assert bench.row(request).state is State.UNKNOWN
    assert bench.calls() == ["find", "create"]


@pytest.mark.parametrize("then", ["foreign", "nothing", "no answer"])
def test_a_taken_name_that_is_not_ours_fails(bench: Bench, then: str) -> None:
    """The spec that has the name has other hardware, is gone, or nobody answers: failed with the first words."""
    request = bench.approved()
    faults = bench.cluster.faults
    faults.refused, faults.refused_status, faults.refused_words = 1, 409, "The name is taken."
    if then == "foreign":
        bench.during("create", lambda: bench.add_spec(OTHER_NODES))
    if then == "no answer":
        bench.during("create", lambda: setattr(faults, "broken", 1), moment="done")
    bench.run_due()
    row = bench.row(request)
    (attempt,) = bench.attempts(request)
    assert row.error == f"HTTP 409: The name is taken. (trace {attempt.trace})"
    assert (row.state, row.spec_id, attempt.outcome) == (State.FAILED, None, "failed")
    assert bench.story(request)[-1] == "failed"
    assert bench.calls() == ["find", "create", "find"]
