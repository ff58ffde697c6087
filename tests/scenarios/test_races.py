"""Two people at the same instant: one winner, whoever it is, and the other is told."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bot.approvals.policy import Person
from bot.approvals.request import State
from bot.workflow.ports import Ask, Click, Outcome, Source
from tests.support.team import ADA, BEN, POLICY, ROSA, Team

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.approvals.request import Request

RULES = POLICY + 'cli_decisions = "allow"\n'
"""The clicks of these races come from no card."""
ROUNDS, ROUNDS_OVER_HTTP = 200, 20
HOME = "T0HOME001"


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Make calls in threads that start together."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        start.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def asked(team: Team, number: int) -> Request:
    team.product.service.people.asker(HOME, ROSA)  # who was just looked up is admitted at once
    outcome = team.product.service.submit(
        Ask(
            f"ask{number}", f"{number}b 2x128MB qlora4", Person(HOME, ROSA, "rosa"), "C0MLSERVE", "slack-http"
        )
    )
    assert outcome.request is not None
    return outcome.request


def pressed(request: Request, user_id: str, number: int) -> tuple[Click, Person]:
    click = Click(
        f"{user_id}{number}",
        "approve",
        request.id,
        1,
        HOME,
        user_id,
        user_id,
        request.created_at + 1,
        "slack-http",
        source=Source.CLI,
    )
    return click, Person(HOME, user_id, user_id, groups=frozenset({"S0APPROVE"}))


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.postgres, pytest.mark.heavy])]
)
def still_team(request: pytest.FixtureRequest, new_team: Callable[..., Team]) -> Team:
    """A team whose product only decides: nothing is carried out, nothing is shown."""
    settings = {}
    if request.param == "postgresql":
        settings["peftsize_database_url"] = request.getfixturevalue("postgresql_url")
    team = new_team(policy=RULES, **settings)
    team.product.dispatcher.stop()
    return team


def test_two_approvals_two_hundred_times(still_team: Team) -> None:
    """Exactly one of two simultaneous approvals decides; the other is refused and audited, every time."""
    service, wins = still_team.product.service, Counter[str]()
    for number in range(1, ROUNDS + 1):
        request = asked(still_team, number)
        calls = [lambda who=who: service.decide(*pressed(request, who, number)) for who in (ADA, BEN)]  # noqa: B023 - called within the round
        outcomes = [outcome for outcome in at_once(*calls) if isinstance(outcome, Outcome)]
        assert sorted(outcome.code for outcome in outcomes) == ["done", "wrong_state"]
        row = still_team.row(request)
        assert (row.state, len(row.votes)) == (State.APPROVED, 1)
        wins[row.votes[0].user_id] += 1
    events = Counter(row["event"] for row in still_team.audit())
    assert events == {"requested": ROUNDS, "approved": ROUNDS, "approve.refused": ROUNDS}
    assert sum(wins.values()) == ROUNDS


def test_an_approval_and_a_rejection(still_team: Team) -> None:
    """An approval and a rejection at the same instant: the row has one end, the audit one decision."""
    service = still_team.product.service
    for number in range(1, 31):
        request = asked(still_team, number)
        yes, ada = pressed(request, ADA, number)
        no, ben = pressed(request, BEN, number)
        no = replace(no, action="reject", reason="Use qlora8.")
        at_once(lambda: service.decide(yes, ada), lambda: service.decide(no, ben))  # noqa: B023 - called within the round
        told = still_team.story(request)
        assert sorted(told) in (
            ["approve.refused", "rejected", "requested"],
            ["approved", "reject.refused", "requested"],
        )
        state = still_team.row(request).state
        assert state is (State.APPROVED if "approved" in told else State.REJECTED)


def test_two_presses_of_one_person(new_team: Callable[..., Team]) -> None:
    """Two presses of the same person at once are one vote."""
    team = new_team(policy=RULES + "quorum = 2\n")
    team.product.dispatcher.stop()
    service = team.product.service
    for number in range(1, 21):
        request = asked(team, number)
        first, ada = pressed(request, ADA, number)
        second = replace(first, key=f"again{number}")
        at_once(lambda: service.decide(first, ada), lambda: service.decide(second, ada))  # noqa: B023 - called within the round
        row = team.row(request)
        assert (row.state, len(row.votes)) == (State.PENDING, 1)


def test_two_approvals_over_http(team: Team) -> None:
    """Signed clicks of two people at once, through the gate, the inbox and the worker: one winner each."""
    requests = [team.ask(f"{number}b 2x128MB qlora4") for number in range(1, ROUNDS_OVER_HTTP + 1)]
    for request in requests:
        card = team.card(request)
        clicks = [lambda who=who: team.slack.click(who, card, "peftsize.approve") for who in ("ada", "ben")]  # noqa: B023 - called within the round
        at_once(*clicks)
        team.quiet()
        assert team.row(request).state is State.CREATED
        assert Counter(team.story(request)) == {
            "requested": 1, "approved": 1, "approve.refused": 1, "started": 1, "created": 1,
        }  # fmt: skip
    assert team.posts() == ROUNDS_OVER_HTTP
    assert len(team.cluster.specs()) == ROUNDS_OVER_HTTP
