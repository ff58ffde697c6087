"""A request that nobody decides: who may decide later on, who is told, and that nothing waits for one absent person."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import sizing
from bot.approvals import policy, policy_file, state_machine
from bot.approvals.draft import Site, draft, facts
from bot.approvals.policy import Person
from bot.approvals.request import State
from bot.approvals.state_machine import Action, Transition
from tests.support.bench import HOUR_MS, Bench
from tests.support.people import a_request
from tests.support.team import ADA, BEN, INES, ROSA

if TYPE_CHECKING:
    from collections.abc import Callable

PARTIES = f"""
[defaults]
approvers = ["{ADA}"]
notify = []

[[rule]]
need = [{{ name = "Leads", from = ["{ADA}"] }}, {{ name = "Security", from = ["{BEN}"] }}]
escalate = [{{ after = "4h", to = ["{INES}", "{ROSA}"] }}, {{ after = "8h", to = ["S0APPROVE"] }}]
"""


def lines(bench: Bench) -> list[str]:
    """Return what the threads of the channel say."""
    return [bench.words(one) for one in bench.slack.messages("#ml-serving") if one.thread_ts]


def test_two_parties_and_an_escalation_end_to_end(new_bench: Callable[..., Bench]) -> None:
    """The card counts each party; after four hours a manager stands in for the absent one, and it is created."""
    bench = new_bench(policy=PARTIES)
    request = bench.ask()
    assert "Waiting for approval: Leads 0 of 1 · Security 0 of 1" in bench.shows(request)
    assert bench.approve("ada", request).state is State.PENDING
    assert "Leads 1 of 1 · Security 0 of 1" in bench.shows(request)
    assert bench.approve("ada", request).votes == bench.row(request).votes
    assert bench.last("approve.refused")["reason"] == "already_voted"
    bench.approve("ines", request)
    assert bench.last("approve.refused")["reason"] == "not_an_approver"

    bench.advance(4 * HOUR_MS - 1)
    bench.run_due()
    assert bench.story(request).count("escalated") == 0
    bench.advance(1)
    assert bench.due_at(request) == bench.now
    bench.run_due()
    assert bench.last("escalated")["reason"] == f"also to {INES}, {ROSA}"
    assert [line for line in lines(bench) if "can now decide as well" in line] != []
    assert len(bench.slack.dms("ines")) == 1
    assert bench.slack.dms("rosa") == []  # her own request: no say, no copy
    assert bench.due_at(request) == request.created_at + 8 * HOUR_MS

    assert bench.approve("rosa", request).state is State.PENDING
    assert bench.last("approve.refused")["reason"] == "self_approval"
    assert bench.approve("ines", request).state is State.CREATED
    digest = bench.product.service.rules.digest
    assert {vote.policy for vote in bench.row(request).votes} == {digest}
    assert {row["policy"] for row in bench.audit()} == {digest}


def test_every_stage_is_told_once(new_bench: Callable[..., Bench]) -> None:
    """Also after a day without the bot: one line and one event a stage, the group's members get their copies."""
    bench = new_bench(policy=PARTIES)
    request = bench.ask()
    bench.advance(9 * HOUR_MS)
    bench.run_due()
    assert bench.story(request).count("escalated") == 2
    assert len([line for line in lines(bench) if "can now decide as well" in line]) == 2
    assert [len(bench.slack.dms(who)) for who in ("ada", "ben", "ines", "rosa")] == [1, 1, 1, 0]
    bench.advance(10 * HOUR_MS)
    bench.run_due()
    assert bench.story(request).count("escalated") == 2


def test_an_edit_begins_anew(new_bench: Callable[..., Bench]) -> None:
    """Another revision waits its own four hours; who was reached for the first may not decide on it yet."""
    bench = new_bench(policy=PARTIES)
    request = bench.ask()
    bench.advance(5 * HOUR_MS)
    bench.run_due()
    bench.edit("rosa", request, "10b 4x128MB qlora4")
    bench.run_due()
    assert bench.row(request).escalated_ms is None
    bench.approve("ines", request)
    assert bench.last("approve.refused")["reason"] == "not_an_approver"
    assert bench.due_at(request) == bench.row(request).asked_at + 4 * HOUR_MS


def test_a_party_that_cannot_be_reached_is_said_on_the_card(new_bench: Callable[..., Bench]) -> None:
    """By its name, and whether an escalation will help."""
    alone = PARTIES.replace(f'"Security", from = ["{BEN}"]', '"Security", from = ["S0GONE"]')
    bench = new_bench(policy=alone)
    shown = bench.shows(bench.ask())
    assert "Nobody can approve this for Security and 1 must. It waits for an escalation" in shown
    helpless = re.sub(r"escalate = .*", "", alone)
    bench = new_bench(policy=helpless)
    assert "It will expire unless the policy or its user groups are changed" in bench.shows(bench.ask())


def scenario_texts() -> list[str]:
    """Return every text that a scenario asks for and that can be read."""
    found = set()
    for file in sorted((Path(__file__).parents[1] / "scenarios").glob("*.py")):
        quoted = re.findall(r'\.ask\(\s*"([^"]+)"', file.read_text(encoding="utf-8"))
        assigned = re.findall(r'^[A-Z_, ]+ = "([^"]+)"', file.read_text(encoding="utf-8"), re.MULTILINE)
        found |= {*quoted, *assigned}
    return sorted(text for text in found if _readable(text))


def _readable(text: str) -> bool:
    try:
        sizing.parse(text)
    except sizing.SizingError:
        return False
    return True


AWAY = """
[defaults]
approvers = ["S0TEAM"]
expires_after = "24h"
escalate = [{ after = "8h", to = ["S0DEPUTIES"] }]
workflow = "quorum-of-two"

[[rule]]
when = { min_gpus = 3 }
need = [{ name = "Leads", from = ["S0LEADS"] }, { name = "Security", from = ["S0SEC"] }]

[[rule]]
when = { methods = ["lora"] }
quorum = 2
expires_after = "12h"
"""


@pytest.mark.parametrize("workflow", [False, True])
@pytest.mark.parametrize("text", scenario_texts())
def test_nothing_waits_for_one_absent_person(text: str, *, workflow: bool) -> None:
    """With every first-stage approver away each request of the scenarios is decided after eight hours, not before."""
    site, rules = Site("https://cpd.example", "space", {"team-a": "space-a"}), policy_file.load(AWAY)
    sized = facts(draft(text, site), site, workflow=workflow)
    deputies = [Person("T1", f"UDEP{n}", "Dep", groups=frozenset({"S0DEPUTIES"})) for n in range(3)]

    def state_after(waited_ms: int) -> State:
        ruling = policy.rule(rules, sized, waited_ms)
        request = a_request(expires_at=ruling.expires_ms)
        for deputy in deputies:
            actor = policy.standing(ruling, deputy)
            got = state_machine.decide(request, Action.APPROVE, actor, ruling, waited_ms)
            if isinstance(got, Transition) and got.vote is not None:
                request = a_request(
                    got.to_state, votes=(*request.votes, got.vote), expires_at=ruling.expires_ms
                )
        return request.state

    assert state_after(8 * HOUR_MS - 1) is State.PENDING
    assert state_after(8 * HOUR_MS) is State.APPROVED
