"""Several parties: who fills which place, what the policy makes of its rules, and who is asked later on."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.approvals import policy, policy_file, state_machine
from bot.approvals.parties import Shortage, fill, outlook
from bot.approvals.policy import Facts, Person, Ruling, Stage
from bot.approvals.request import State, Vote
from bot.approvals.state_machine import Action, Refusal, Transition
from tests.support.people import HOUR, a_request, party

BASE = '[defaults]\napprovers = ["S0GPU"]\n'
TWO_PARTIES = (
    '[[rule]]\nneed = [{ name = "Leads", from = ["S0LEADS"] }, { name = "Security", from = ["S0SEC"] }]\n'
)
ESCALATED = TWO_PARTIES + 'escalate = [{ after = "4h", to = ["S0BOSS"] }]\n'
SMALL = Facts(num_gpus=2, gpu_memory_gb=Decimal(30), method="lora", spaces=frozenset({"prod"}))
GROUPS = ("S0GPU", "S0LEADS", "S0SEC", "S0BOSS")


def ruled(rules: str, waited_ms: int = 0, base: str = BASE, facts: Facts = SMALL) -> Ruling:
    return policy.rule(policy_file.load(base + rules), facts, waited_ms)


def somebody(name: str, *groups: str) -> Person:
    return Person("T1", name, name.title(), groups=frozenset(groups))


def approve(ruling: Ruling, *people: Person, requester: str = "UROSA") -> tuple[list[str], tuple[Vote, ...]]:
    """Have people approve one after the other; return what came of each, and the votes."""
    request, said = a_request(requester_id=requester, author_id=requester), []
    for person in people:
        got = state_machine.decide(request, Action.APPROVE, policy.standing(ruling, person), ruling, HOUR)
        said.append(got.code if isinstance(got, Refusal) else got.event)
        if isinstance(got, Transition) and got.vote is not None:
            request = replace(request, votes=(*request.votes, got.vote))
    return said, request.votes


LEA, SAM = somebody("ULEA", "S0LEADS"), somebody("USAM", "S0SEC")
BOTH, BOSS = somebody("UBOTH", "S0LEADS", "S0SEC"), somebody("UBOSS", "S0BOSS")


def test_parties_stand_in_place_of_the_defaults() -> None:
    """Where a rule asks for parties, the list and the quorum of the defaults no longer do."""
    got = ruled(TWO_PARTIES, base=BASE + "quorum = 3\n")
    assert got.parties == (party({"S0LEADS"}, name="Leads"), party({"S0SEC"}, name="Security"))
    assert got.notify == ("S0LEADS", "S0SEC")
    assert ruled("", base=BASE.replace("approvers", "#") + TWO_PARTIES.replace("[[rule]]", "")) == replace(
        got, policy=ruled("", base=BASE.replace("approvers", "#") + TWO_PARTIES[9:]).policy, because=()
    )


def test_every_rule_that_matches_binds() -> None:
    """Parties of several rules add up, one that two rules name is asked for once with the larger count."""
    rules = [
        '[[rule]]\nneed = [{ name = "Leads", from = ["S0LEADS"], count = 2 }]\n',
        TWO_PARTIES,
        '[[rule]]\nneed = [{ name = "Owners", from = ["U0ANN"] }]\n',
    ]
    expected = (
        party({"S0LEADS"}, name="Leads", count=2),
        party({"U0ANN"}, name="Owners"),
        party({"S0SEC"}, name="Security"),
    )
    assert {ruled("".join(order)).parties for order in permutations(rules)} == {expected}


def test_a_quorum_beside_parties_counts_distinct_people_in_all() -> None:
    """What the parties do not fill goes to anybody whom a list names; a smaller quorum asks for nothing more."""
    assert ruled(TWO_PARTIES + "[[rule]]\nquorum = 2\n").parties == ruled(TWO_PARTIES).parties
    (more, *_) = ruled(TWO_PARTIES + "[[rule]]\nquorum = 3\n").parties
    assert more == party({"S0GPU", "S0LEADS", "S0SEC"})
    two = BASE + 'workflow = "quorum-of-two"\n'
    one = '[[rule]]\nneed = [{ name = "Leads", from = ["S0LEADS"] }]\n'
    by_workflow = ruled(one, base=two, facts=replace(SMALL, workflow=True))
    assert (by_workflow.quorum, by_workflow.self_approval) == (2, False)


def test_a_list_of_approvers_beside_parties_is_a_party_of_its_own() -> None:
    """Another rule's list still asks for its people, as many as it says."""
    (one, *_) = ruled(TWO_PARTIES + '[[rule]]\napprovers = ["S0PROD"]\n').parties
    assert (one.name, one.count) == ("Approvers", 1)
    got = ruled(TWO_PARTIES + '[[rule]]\napprovers = ["S0PROD"]\nquorum = 2\n').parties
    assert [one.name for one in got] == ["Approvers", "Leads", "Security"]
    assert (got[0].count, set(got[0].lists)) == (
        2,
        {frozenset({"S0PROD"}), frozenset({"S0GPU", "S0LEADS", "S0SEC"})},
    )


@pytest.mark.parametrize("order", list(permutations([BOTH, LEA])))
def test_the_order_of_the_votes_never_decides(order: tuple[Person, ...]) -> None:
    """Who is in both parties makes room for who is in one."""
    said, votes = approve(ruled(TWO_PARTIES), *order)
    assert (said, len(votes)) == (["voted", "approved"], 2)


def test_one_person_fills_one_place() -> None:
    """Being in both parties is no second vote, and a second lead is none of Security."""
    ruling = ruled(TWO_PARTIES)
    assert approve(ruling, BOTH, BOTH)[0] == ["voted", "already_voted"]
    assert approve(ruling, LEA, somebody("ULIZ", "S0LEADS"), SAM)[0] == ["voted", "place_filled", "approved"]
    elsewhere = replace(LEA, team_id="T2")  # the same person from another workspace of a Grid
    assert approve(ruling, LEA, elsewhere)[0] == ["voted", "already_voted"]


def test_progress_names_every_party() -> None:
    """The card says how far each has come; a single party is counted as before."""
    _, votes = approve(ruled(TWO_PARTIES), SAM)
    request = a_request(votes=votes)
    assert str(state_machine.progress(request, ruled(TWO_PARTIES))) == "Leads 0 of 1 · Security 1 of 1"
    assert str(state_machine.progress(a_request(), ruled("[[rule]]\nquorum = 2\n"))) == "0 of 2"
    why = state_machine.ready(replace(request, state=State.APPROVED), ruled(TWO_PARTIES))
    assert why == "of the approvals, these count under the policy in force: Leads 0 of 1 · Security 1 of 1"


@given(
    counts=st.lists(st.integers(1, 3), min_size=1, max_size=4),
    people=st.lists(st.sets(st.integers(0, 3)), max_size=8),
)
def test_nobody_fills_two_places_and_as_many_are_filled_as_can_be(
    counts: list[int], people: list[set[int]]
) -> None:
    """Against every way to seat everybody: no party has too many, nobody sits twice or where they may not."""
    parties = [party(name=f"P{n}", count=count) for n, count in enumerate(counts)]
    may = {f"U{n}": sorted(one & set(range(len(counts)))) for n, one in enumerate(people)}
    seated = fill(parties, may)
    assert sum(map(len, seated)) == len(frozenset().union(*seated))
    assert all(len(found) <= one.count for found, one in zip(seated, parties, strict=True))
    assert all(number in may[person] for number, found in enumerate(seated) for person in found)
    assert sum(map(len, seated)) == _most(counts, list(may.values()))


def _most(counts: list[int], may: list[list[int]]) -> int:
    """Try every seating."""
    if not may:
        return 0
    best = _most(counts, may[1:])
    for number in may[0]:
        if counts[number]:
            left = [count - (n == number) for n, count in enumerate(counts)]
            best = max(best, 1 + _most(left, may[1:]))
    return best


PEOPLE = st.lists(st.sets(st.sampled_from(GROUPS)), min_size=1, max_size=6)
RULES = st.lists(
    st.sampled_from(
        [
            TWO_PARTIES,
            ESCALATED,
            "[[rule]]\nquorum = 2\n",
            '[[rule]]\napprovers = ["S0SEC", "S0BOSS"]\n',
            '[[rule]]\nquorum = 1\nescalate = [{ after = "1h", to = ["S0BOSS"] }, { after = "6h", to = ["anyone"] }]\n',
        ]
    ),
    max_size=3,
    unique=True,
)


@given(
    people=PEOPLE,
    rules=RULES,
    own=st.booleans(),
    waited_h=st.sampled_from([0, 2, 5, 20]),
    everybody=st.booleans(),
)
def test_an_escalation_never_lets_a_requester_decide_alone(
    people: list[set[str]], rules: list[str], own: bool, waited_h: int, everybody: bool
) -> None:
    """Whatever an escalation adds, the requester's own vote counts as it did before, or not at all."""
    base = BASE + f"self_approval = {str(own).lower()}\n"
    if everybody:
        base += 'escalate = [{ after = "3h", to = ["S0BOSS", "anyone"] }]\n'
    later, first = (ruled("".join(rules), waited_h * HOUR * hours, base) for hours in (1, 0))
    asker = somebody("U0", *people[0])
    voters = [somebody(f"U{n}", *groups) for n, groups in enumerate(people)]
    said, votes = approve(later, asker, requester="U0")
    alone, _ = approve(first, asker, requester="U0")
    assert said == alone or "approved" not in said
    said, votes = approve(later, *voters, requester="U0")
    if "approved" in said:
        others = {vote.user_id for vote in votes} - {"U0"}
        assert others or (own and alone == ["approved"])


def test_an_escalation_widens_who_may_decide_after_its_time() -> None:
    """To the millisecond; a manager may then stand in for either party, but for one only."""
    early, in_time = ruled(ESCALATED, 4 * HOUR - 1), ruled(ESCALATED, 4 * HOUR)
    assert approve(early, BOSS)[0] == ["not_an_approver"]
    assert approve(in_time, BOSS, LEA)[0] == ["voted", "approved"]
    assert approve(in_time, BOSS, SAM)[0] == ["voted", "approved"]
    assert approve(in_time, BOSS, BOSS)[0] == ["voted", "already_voted"]
    assert early.stages == in_time.stages == (Stage(4 * HOUR, frozenset({"S0BOSS"})),)


def test_an_escalation_is_for_what_its_own_rule_asks_for() -> None:
    """Another rule's party stays as it is; the defaults' escalation is for every request."""
    owners = '[[rule]]\nneed = [{ name = "Owners", from = ["U0ANN"] }]\n'
    by_name = {one.name: one.lists for one in ruled(ESCALATED + owners, 5 * HOUR).parties}
    assert by_name["Leads"] == (frozenset({"S0LEADS", "S0BOSS"}),)
    assert by_name["Owners"] == (frozenset({"U0ANN"}),)
    everywhere = ruled(owners, 5 * HOUR, BASE + 'escalate = [{ after = "5h", to = ["S0BOSS"] }]\n')
    assert everywhere.parties[0].lists == (frozenset({"U0ANN", "S0BOSS"}),)
    assert everywhere.parties[0].first == (frozenset({"U0ANN"}),)
    strict = ruled(ESCALATED + TWO_PARTIES, 5 * HOUR)
    assert approve(strict, BOSS)[0] == ["not_an_approver"]


def test_an_escalation_gives_nobody_a_say_in_their_own_request() -> None:
    """Not even where the policy allows self-approval: they must have been asked from the start."""
    later = ruled(ESCALATED, 5 * HOUR, BASE + "self_approval = true\n")
    assert approve(later, BOSS, requester="UBOSS")[0] == ["self_approval"]
    assert approve(later, LEA, BOSS, requester="ULEA")[0] == ["voted", "approved"]


def test_a_deny_wins_over_an_escalation() -> None:
    """Nobody may approve it, however long it waits."""
    assert approve(ruled(ESCALATED + '[[rule]]\ndeny = "no"\n', 9 * HOUR), BOSS)[0] == ["denied"]


def test_a_request_is_looked_at_when_it_escalates() -> None:
    """The next of reminder, stage and expiry; a stage that was told of is not due again."""
    ruling = ruled(ESCALATED)
    request = a_request(created_at=0, revised_at=HOUR, expires_at=25 * HOUR, reminded=1)
    assert policy.next_due(request, ruling) == 5 * HOUR
    assert policy.due_stage(ruling, request, 5 * HOUR - 1) is None
    assert policy.due_stage(ruling, request, 5 * HOUR) == ruling.stages[0]
    told = replace(request, escalated_ms=4 * HOUR)
    assert policy.due_stage(ruling, told, 9 * HOUR) is None
    assert policy.next_due(told, ruling) == 13 * HOUR


MEMBERS = {"S0LEADS": {"ULEA", "UBOTH"}, "S0SEC": {"UBOTH"}, "S0BOSS": {"UBOSS", "UROSA"}, "S0GPU": set()}


def members(group: str) -> frozenset[str]:
    return frozenset(MEMBERS[group])


def test_who_can_bring_a_request_further() -> None:
    """Those who would fill a place now: not who voted, not the second lead, not the requester."""
    ruling = ruled(ESCALATED, 5 * HOUR)
    found = outlook(ruling.parties, members, barred=["UROSA"], voted={"ULEA": [0]})
    assert (found.voters, found.short) == ({"UBOTH", "UBOSS"}, ())
    one = ruled(TWO_PARTIES)
    assert outlook(one.parties, members, voted={"UBOTH": [0, 1]}).voters == {"ULEA"}
    own = outlook(ruled(ESCALATED, 5 * HOUR, BASE + "self_approval = true\n").parties, members, own=["UROSA"])
    assert own.voters == {"ULEA", "UBOTH", "UBOSS"}


def test_a_second_person_of_a_filled_party_is_no_help() -> None:
    """Until every place is filled; by then a vote is counted beside the others, as before."""
    leads = {"S0LEADS": frozenset({"ULEA", "ULIZ"}), "S0SEC": frozenset({"USAM"})}
    parties = ruled(TWO_PARTIES).parties
    assert outlook(parties, leads.get).voters == {"ULEA", "ULIZ", "USAM"}
    assert outlook(parties, leads.get, voted={"ULEA": [0]}).voters == {"USAM"}
    assert outlook(parties, leads.get, voted={"ULEA": [0], "USAM": [1]}).voters == {"ULIZ"}
    assert outlook(parties, leads.get, voted={"UEVE": []}).voters == {"ULEA", "ULIZ", "USAM"}


@pytest.mark.parametrize(
    ("rules", "short"),
    [
        (TWO_PARTIES, []),
        (TWO_PARTIES.replace('"S0SEC"', '"S0GPU"'), [Shortage(1, 0, "Security")]),
        (ESCALATED.replace('"S0SEC"', '"S0GPU"'), [Shortage(1, 0, "Security", later=True)]),
        (TWO_PARTIES.replace('"S0LEADS"', '"S0SEC"'), [Shortage(1, 0, "Security")]),
        (TWO_PARTIES + "[[rule]]\nquorum = 3\n", [Shortage(1, 0, "Security")]),
        (TWO_PARTIES.replace('"S0SEC"', '"anyone"'), []),
    ],
)
def test_a_party_that_cannot_be_reached(rules: str, short: list[Shortage]) -> None:
    """Each by its name; one person counts for one place; an escalation that will help is told apart."""
    base = BASE.replace("S0GPU", "ULEA")
    assert list(outlook(ruled(rules, base=base).parties, members).short) == short


def test_a_rule_whose_party_cannot_be_reached_is_found_without_a_request() -> None:
    """``doctor`` and the log name it; what the defaults ask for on their own is reached."""
    rules = TWO_PARTIES.replace('"S0SEC"', '"S0GPU"')
    found = policy.unreachable(policy_file.load(BASE.replace("S0GPU", "ULEA") + rules), members)
    assert found == [Shortage(1, 0, "Security")]


def test_the_digest_of_the_policy_stands_in_rulings_and_votes() -> None:
    """A vote says under which policy it was given."""
    ruling = ruled(TWO_PARTIES)
    _, (vote,) = approve(ruling, LEA)
    assert vote.policy == ruling.policy == policy_file.load(BASE + TWO_PARTIES).digest


def test_every_combination_of_rules_rules_the_same_in_any_order() -> None:
    """Parties, stages and all else are the same for every order of the rules."""
    rules = [ESCALATED, "[[rule]]\nquorum = 4\n", '[[rule]]\napprovers = ["S0SEC"]\nexpires_after = "5h"\n']
    for waited, chosen in product((0, 5 * HOUR), (rules, rules[:2], rules[1:])):
        found = {replace(ruled("".join(order), waited), policy=None) for order in permutations(chosen)}
        assert len(found) == 1
