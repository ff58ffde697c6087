"""Limits hold however many ask at once, on both databases, and what ends gives back what it took."""

from __future__ import annotations

import shutil
import threading
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.approvals.draft import Site
from bot.approvals.policy import Person
from bot.approvals.policy_file import Policy
from bot.approvals.request import State
from bot.approvals.state_machine import Action
from bot.store import Database, Store
from bot.workflow.ports import Ask
from bot.workflow.service import RequestService
from tests.support.rows import KEY, Clock, transition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bot.workflow.ports import Outcome

ROSA, BEN = Person("T1", "U0ROSA", "Rosa"), Person("T1", "U0BEN", "Ben")
THREE = "80b none lora name=three-{}"
_IDS = count(1)


def service_on(url: str, **limits: int) -> RequestService:
    return RequestService(
        key=KEY,
        store=Store(Database(url), Clock()),
        people=None,  # type: ignore[arg-type] # nobody is looked up here
        site=Site("https://cpd.example", "space-0", {"dev": "space-1"}),
        rules=Policy.model_validate({"defaults": {"approvers": ["anyone"]}, "limits": limits}),
        clock=Clock(),
        new_id=lambda: f"R{next(_IDS):07d}",
    )


@pytest.fixture
def new_service(migrated: Path, tmp_path: Path) -> Iterator[Callable[..., RequestService]]:
    """Services, each on a database of its own."""
    made: list[RequestService] = []

    def make(**limits: int) -> RequestService:
        path = tmp_path / f"{len(made)}.db"
        shutil.copy(migrated, path)
        made.append(service_on(f"sqlite:///{path}", **limits))
        return made[-1]

    yield make
    for one in made:
        one.store.close()


def ask(service: RequestService, text: str, who: Person = ROSA, key: str = "") -> Outcome:
    return service.submit(Ask(key or f"k{next(_IDS)}", text, who, "C1", "slack-http"))


def end(service: RequestService, request_id: str, state: State, *, frees: bool = True) -> None:
    with service.store.write() as tx:
        request = tx.requests.get(request_id)
        assert request is not None
        moved = tx.requests.move(request, transition(Action.CANCEL, state, frees_name=frees), tx.now)
        assert moved is not None


def test_what_ends_gives_back(new_service: Callable[..., RequestService]) -> None:
    """Open requests and their GPUs are free again at the end; those of a spec when it is deleted."""
    service = new_service(open_per_person=2, gpus_per_person=7)
    first = ask(service, THREE.format(1)).request
    assert first is not None
    assert first.num_gpus == 3
    assert ask(service, THREE.format(2)).code == "submitted"
    assert ask(service, "1b none lora").code == "open_per_person"
    assert ask(service, "1b none lora", BEN).code == "submitted"
    end(service, first.id, State.CREATED, frees=False)
    refused = ask(service, THREE.format(3))
    assert (refused.code, refused.detail) == ("gpus_per_person", "asked=3 open=3 created=3 most=7")
    end(service, first.id, State.DELETED)
    assert ask(service, THREE.format(3)).code == "submitted"


def test_asks_of_a_minute(new_service: Callable[..., RequestService]) -> None:
    """Those of the last minute count, whatever became of them."""
    service = new_service(asks_per_minute=2)
    first = ask(service, "1b none").request
    assert first is not None
    end(service, first.id, State.CANCELLED)
    assert ask(service, "2b none").code == "submitted"
    assert ask(service, "3b none").code == "asks_per_minute"
    service.store.clock.ms += 60_000  # type: ignore[attr-defined] # the tests' clock
    assert ask(service, "3b none").code == "submitted"


def test_the_same_again_is_no_limit(new_service: Callable[..., RequestService]) -> None:
    """Who asks for what is there already is told so, however much they hold."""
    service = new_service(open_per_person=1)
    assert ask(service, "1b none").code == "submitted"
    assert ask(service, "1b none").code == "existing"


def test_repeated_refusals_are_one_row(new_service: Callable[..., RequestService]) -> None:
    """The first is audited at once, the rest of the minute as one row with their number, per person."""
    service = new_service(open_per_person=1)
    ask(service, "1b none")
    ask(service, "1b none", BEN)
    for number in range(2, 42):
        ask(service, f"{number}b none")
    ask(service, "50b none", BEN)

    def events() -> list[tuple[str, str]]:
        with service.store.write() as tx:
            for event in tx.refusals.ended():
                tx.audit_log.append(event)
        with service.store.read() as tx:
            rows = list(tx.audit_log.rows())
        return [(row["event"], row["actor"]["user_id"]) for row in rows if row["event"] != "requested"]

    assert events() == [("request.refused", "U0ROSA")]
    service.store.clock.ms += 60_000  # type: ignore[attr-defined] # the tests' clock
    assert events() == [("request.refused", "U0ROSA"), ("request.repeated", "U0ROSA")]
    assert events() == [("request.refused", "U0ROSA"), ("request.repeated", "U0ROSA")]
    with service.store.read() as tx:
        told = [row["reason"] for row in tx.audit_log.rows() if row["event"] == "request.repeated"]
    assert told[0].startswith("39 more within a minute, the last: open_per_person: held=1 which=R")
    ask(service, "60b none")
    assert len(events()) == 3


def crowd(services: list[RequestService], asks: list[tuple[str, Person]]) -> list[Outcome]:
    """Ask everything at once, over all services in turn."""
    start, outcomes, lock = threading.Barrier(len(asks)), [], threading.Lock()

    def one(number: int, text: str, who: Person) -> None:
        start.wait(30)
        outcome = ask(services[number % len(services)], text, who)
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


def holds(services: list[RequestService], limits: dict[str, int], gpus: list[int]) -> None:
    """Have two people ask 50 times at once, and compare what was taken with every limit."""
    people = (ROSA, BEN)
    # 16-bit weights and half as much again: 3 GB for each billion, so 26b fill one GPU of 80 GB
    asks = [(f"{many * 26}b none lora name=n{n}", people[n % 2]) for n, many in enumerate(gpus)]
    outcomes = crowd(services, asks)
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
    new_service: Callable[..., RequestService], limits: dict[str, int], gpus: list[int]
) -> None:
    """On SQLite."""
    holds([new_service(**limits)], limits, gpus)


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
    services = [service_on(postgresql_url, **limits) for _ in range(2)]
    holds(services, limits, [1] * AT_ONCE)
    with services[0].store.read() as tx:
        taken = tx.requests.listed(limit=None)
    own = {who.user_id: sum(row.requester_id == who.user_id for row in taken) for who in (ROSA, BEN)}
    if (most := min(limits.get("open_per_person", 50), limits.get("asks_per_minute", 50))) < 50:
        assert set(own.values()) == {most}
    else:
        assert sum(row.num_gpus or 0 for row in taken) > 16
    for one in services:
        one.store.close()


def test_the_count_uses_an_index(new_service: Callable[..., RequestService]) -> None:
    """No limit reads the whole table, however many requests have ended."""
    service = new_service()
    with service.store.read() as tx:
        for statement in (
            "SELECT id FROM requests WHERE requester_id = 'U' AND (team_id = 'T') AND requests.reserved",
            "SELECT count(*) FROM requests WHERE requester_id = 'U' AND team_id = 'T' AND created_at > 1",
            "SELECT sum(num_gpus) FROM requests WHERE space_id = 's' AND kind = 'create' AND requests.reserved",
        ):
            plan = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").all()
            assert "USING" in plan[0][-1]
            assert "INDEX ix_requests_" in plan[0][-1], plan
