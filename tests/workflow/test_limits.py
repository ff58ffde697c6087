"""Limits hold however many ask at once, on both databases, and what ends gives back what it took."""

from __future__ import annotations

import threading
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.approvals.request import State
from bot.approvals.state_machine import Action
from tests.support.desk import BEN, ROSA, Desk
from tests.support.rows import transition

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.approvals.policy import Person
    from bot.workflow.ports import Outcome

THREE = "80b none lora name=three-{}"


def end(desk: Desk, request_id: str, state: State, *, frees: bool = True) -> None:
    with desk.store.write() as tx:
        request = tx.requests.get(request_id)
        assert request is not None
        moved = tx.requests.move(request, transition(Action.CANCEL, state, frees_name=frees), tx.now)
        assert moved is not None


def test_what_ends_gives_back(new_desk: Callable[..., Desk]) -> None:
    """Open requests and their GPUs are free again at the end; those of a spec when it is deleted."""
    desk = new_desk(limits={"open_per_person": 2, "gpus_per_person": 7})
    first = desk.ask(THREE.format(1)).request
    assert first is not None
    assert first.num_gpus == 3
    assert desk.ask(THREE.format(2)).code == "submitted"
    assert desk.ask("1b none lora").code == "open_per_person"
    assert desk.ask("1b none lora", BEN).code == "submitted"
    end(desk, first.id, State.CREATED, frees=False)
    refused = desk.ask(THREE.format(3))
    assert (refused.code, refused.detail) == ("gpus_per_person", "asked=3 open=3 created=3 most=7")
    end(desk, first.id, State.DELETED)
    assert desk.ask(THREE.format(3)).code == "submitted"


def test_asks_of_a_minute(new_desk: Callable[..., Desk]) -> None:
    """Those of the last minute count, whatever became of them."""
    desk = new_desk(limits={"asks_per_minute": 2})
    first = desk.ask("1b none").request
    assert first is not None
    end(desk, first.id, State.CANCELLED)
    assert desk.ask("2b none").code == "submitted"
    assert desk.ask("3b none").code == "asks_per_minute"
    desk.clock.ms += 60_000
    assert desk.ask("3b none").code == "submitted"


def test_the_same_again_is_no_limit(new_desk: Callable[..., Desk]) -> None:
    """Who asks for what is there already is told so, however much they hold."""
    desk = new_desk(limits={"open_per_person": 1})
    assert desk.ask("1b none").code == "submitted"
    assert desk.ask("1b none").code == "existing"


def test_repeated_refusals_are_one_row(new_desk: Callable[..., Desk]) -> None:
    """The first is audited at once, the rest of the minute as one row with their number, per person."""
    desk = new_desk(limits={"open_per_person": 1})
    desk.ask("1b none")
    desk.ask("1b none", BEN)
    for number in range(2, 42):
        desk.ask(f"{number}b none")
    desk.ask("50b none", BEN)

    def events() -> list[tuple[str, str]]:
        with desk.store.write() as tx:
            for event in tx.refusals.ended():
                tx.audit_log.append(event)
        rows = [row for row in desk.events() if row["event"] != "requested"]
        return [(row["event"], row["actor"]["user_id"]) for row in rows]

    assert events() == [("request.refused", "U0ROSA")]
    desk.clock.ms += 60_000
    assert events() == [("request.refused", "U0ROSA"), ("request.repeated", "U0ROSA")]
    assert events() == [("request.refused", "U0ROSA"), ("request.repeated", "U0ROSA")]
    told = [row["reason"] for row in desk.events() if row["event"] == "request.repeated"]
    assert told[0].startswith("39 more within a minute, the last: open_per_person: held=1 which=R")
    desk.ask("60b none")
    assert len(events()) == 3


@pytest.mark.parametrize("limit", ["gpus_per_person", "gpus_per_space"])
def test_an_edit_gives_back_what_it_took(new_desk: Callable[..., Desk], limit: str) -> None:
    """What a request held does not count against its own next revision; what others hold does."""
    desk = new_desk(limits={limit: 7, "open_per_person": 2, "asks_per_minute": 2})
    first, second = desk.carded(THREE.format(1)), desk.carded(THREE.format(2))
    assert desk.press(ROSA, "edit", first.id, text="104b none lora name=three-1").code == "done"
    assert desk.row(first.id).num_gpus == 4
    refused = desk.press(ROSA, "edit", second.id, text="104b none lora name=three-2")
    assert (refused.code, refused.detail) == (limit, "asked=4 open=4 created=0 most=7")
    if limit == "gpus_per_space":
        assert desk.press(ROSA, "edit", second.id, text="104b none lora space=dev").code == "done"
        assert (
            desk.press(ROSA, "edit", first.id, revision=2, text="180b none lora name=three-1").code == "done"
        )
        back = desk.press(ROSA, "edit", second.id, revision=2, text="26b none lora name=three-2")
        assert (back.code, back.detail) == (limit, "asked=1 open=7 created=0 most=7")


def test_a_deletion_takes_no_gpus(new_desk: Callable[..., Desk]) -> None:
    """It is one more open request, and nothing else; whoever holds all GPUs may ask for it."""
    desk = new_desk(limits={"gpus_per_person": 3, "gpus_per_space": 3, "open_per_person": 1})
    made = desk.carded(THREE.format(1))
    with desk.store.write() as tx:
        done = transition(Action.FINISH, State.CREATED)
        assert tx.requests.move(made, done, tx.now, spec_id="spec-1")
    assert desk.press(ROSA, "delete", made.id).code == "submitted"
    assert desk.ask("1b none lora").code == "open_per_person"


def crowd(desks: list[Desk], asks: list[tuple[str, Person]]) -> list[Outcome]:
    """Ask everything at once, over all desks in turn."""
    start, outcomes, lock = threading.Barrier(len(asks)), [], threading.Lock()

    def one(number: int, text: str, who: Person) -> None:
        start.wait(30)
        outcome = desks[number % len(desks)].ask(text, who)
        with lock:
            outcomes.append(outcome)

    threads = [threading.Thread(target=one, args=(number, *what)) for number, what in enumerate(asks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == len(asks)
    return outcomes


AT_ONCE = 50
LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "open_per_person": st.integers(1, 30),
        "asks_per_minute": st.integers(1, 30),
        "gpus_per_person": st.integers(1, 60),
        "gpus_per_space": st.integers(1, 60),
    },
)
GPUS = st.lists(st.sampled_from([1, 2, 3, 4]), min_size=AT_ONCE, max_size=AT_ONCE)


def holds(desks: list[Desk], limits: dict[str, int], gpus: list[int]) -> None:
    """Have two people ask 50 times at once, and compare what was taken with every limit."""
    people = (ROSA, BEN)
    # 16-bit weights and half as much again: 3 GB for each billion, so 26b fill one GPU of 80 GB
    asks = [(f"{many * 26}b none lora name=n{n}", people[n % 2]) for n, many in enumerate(gpus)]
    outcomes = crowd(desks, asks)
    taken = [outcome.request for outcome in outcomes if outcome.request is not None]
    assert {outcome.code for outcome in outcomes} <= {"submitted", *limits}
    most = float("inf")
    for person in people:
        own = [request for request in taken if request.requester_id == person.user_id]
        assert len(own) <= min(limits.get("open_per_person", most), limits.get("asks_per_minute", most))
        assert sum(request.num_gpus or 0 for request in own) <= limits.get("gpus_per_person", most)
    assert sum(request.num_gpus or 0 for request in taken) <= limits.get("gpus_per_space", most)
    if not limits:
        assert len(taken) == AT_ONCE


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LIMITS, GPUS)
def test_fifty_at_once_never_exceed_a_limit(
    new_desk: Callable[..., Desk], limits: dict[str, int], gpus: list[int]
) -> None:
    """On SQLite."""
    holds([new_desk(limits=limits)], limits, gpus)


@pytest.mark.postgres
@pytest.mark.parametrize(
    "limits",
    [
        {"open_per_person": 7},
        {"asks_per_minute": 9},
        {"gpus_per_person": 21},
        {"gpus_per_space": 33},
        {"open_per_person": 11, "gpus_per_person": 30, "gpus_per_space": 40},
    ],
)
def test_fifty_at_once_never_exceed_a_limit_on_two_replicas(
    postgresql_url: str, limits: dict[str, int]
) -> None:
    """On PostgreSQL, where two replicas write at the same time; what is left is used up, too."""
    numbers = count(1)
    desks = [Desk(postgresql_url, ids=numbers, limits=limits) for _ in range(2)]
    holds(desks, limits, [1] * AT_ONCE)
    taken = desks[0].rows()
    own = {who.user_id: sum(row.requester_id == who.user_id for row in taken) for who in (ROSA, BEN)}
    if (most := min(limits.get("open_per_person", 50), limits.get("asks_per_minute", 50))) < 50:
        assert set(own.values()) == {most}
    else:
        assert sum(row.num_gpus or 0 for row in taken) > 16
    for desk in desks:
        desk.store.close()


def test_the_count_uses_an_index(new_desk: Callable[..., Desk]) -> None:
    """No limit reads the whole table, however many requests have ended."""
    desk = new_desk()
    with desk.store.read() as tx:
        for statement in (
            "SELECT id FROM requests WHERE requester_id = 'U' AND (team_id = 'T') AND requests.reserved",
            "SELECT count(*) FROM requests WHERE requester_id = 'U' AND team_id = 'T' AND created_at > 1",
            "SELECT sum(num_gpus) FROM requests WHERE space_id = 's' AND kind = 'create' AND requests.reserved",
        ):
            plan = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").all()
            assert "USING" in plan[0][-1]
            assert "INDEX ix_requests_" in plan[0][-1], plan
