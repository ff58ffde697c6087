"""The policy at its edges: which rule meets which request, what comes of several, and who can give it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.approvals import parties, policy, policy_file
from bot.approvals.draft import Site, draft, facts
from bot.approvals.parties import Shortage
from bot.approvals.policy import Actor, Facts, Person, Ruling
from tests.support.people import party

H, D = 3_600_000, 86_400_000
BASE = '[defaults]\napprovers = ["U0ADA", "S0TEAM"]\nadmins = ["U0INES"]\n'
SMALL = Facts(num_gpus=2, gpu_memory_gb=Decimal("30.375"), method="lora", spaces=frozenset({"id-1", "prod"}))
ADA = Person("T1", "U0ADA", "Ada", enterprise_id="E1")


def ruled(rules: str, facts_: Facts = SMALL, base: str = BASE) -> Ruling:
    return policy.rule(policy_file.load(base + rules), facts_)


def test_the_defaults_are_these() -> None:
    """Without a file nobody approves; one vote, a day to decide, a reminder after four hours, no workflow."""
    assert replace(policy.rule(policy_file.load(""), SMALL), policy=None) == Ruling(
        parties=(party(set()),),
        stages=(),
        admins=frozenset(),
        self_approval=False,
        deny=None,
        expires_ms=24 * H,
        remind_ms=4 * H,
        notify=(),
        because=(),
    )


def test_the_defaults_of_a_file_reach_the_ruling() -> None:
    """Every key of ``[defaults]`` is in force where no rule applies."""
    text = (
        '[defaults]\napprovers = ["U0ADA"]\nquorum = 3\nself_approval = true\nexpires_after = "90m"\n'
        'remind_after = "30s"\nnotify = ["S0TEAM", "U0ADA"]\nadmins = ["W0INES"]\nworkflow = "allow"\n'
    )
    ruling = policy.rule(policy_file.load(text), replace(SMALL, workflow=True))
    assert replace(ruling, policy=None) == Ruling(
        parties=(party({"U0ADA"}, count=3),),
        stages=(),
        admins=frozenset({"W0INES"}),
        self_approval=True,
        deny=None,
        expires_ms=90 * 60_000,
        remind_ms=30_000,
        notify=("S0TEAM", "U0ADA"),
        because=(),
    )


MET = [
    ("min_gpus = 2", True),
    ("min_gpus = 3", False),
    ("min_gpus = 1", True),
    ("min_gb = 30.375", True),
    ("min_gb = 30.376", False),
    ("min_gb = 30.374", True),
    ("min_gb = 0", True),
    ('methods = ["lora"]', True),
    ('methods = ["qlora8", "qlora4"]', False),
    ("methods = []", False),
    ('spaces = ["prod", "other"]', True),
    ('spaces = ["id-1"]', True),
    ('spaces = ["Prod"]', False),
    ("override = false", True),
    ("override = true", False),
    ('min_gpus = 2, min_gb = 30, methods = ["lora"], spaces = ["prod"], override = false', True),
    ('min_gpus = 3, min_gb = 30, methods = ["lora"], spaces = ["prod"], override = false', False),
    ('min_gpus = 2, min_gb = 31, methods = ["lora"], spaces = ["prod"], override = false', False),
    ('min_gpus = 2, min_gb = 30, methods = ["qlora4"], spaces = ["prod"], override = false', False),
    ('min_gpus = 2, min_gb = 30, methods = ["lora"], spaces = ["dev"], override = false', False),
    ('min_gpus = 2, min_gb = 30, methods = ["lora"], spaces = ["prod"], override = true', False),
]  # fmt: skip


@pytest.mark.parametrize(("when", "met"), MET)
def test_a_rule_applies_where_every_condition_is_met(when: str, met: bool) -> None:
    """A minimum is met by exactly its number, exact GB count, and all keys must match."""
    assert ruled(f"[[rule]]\nwhen = {{ {when} }}\nquorum = 2\n").quorum == (2 if met else 1)


def test_a_minimum_of_memory_is_met_by_the_exact_amount() -> None:
    """30.375 GB is no 31 GB, though the card asks for 31 whole ones."""
    site = Site("https://cpd.example", "id-1")
    seen = facts(draft("10b 2x128MB lora", site), site)
    assert ruled("[[rule]]\nwhen = { min_gb = 30.375 }\nquorum = 2\n", seen).quorum == 2
    assert ruled("[[rule]]\nwhen = { min_gb = 30.376 }\nquorum = 2\n", seen).quorum == 1


def test_the_strictest_of_all_rules_is_taken() -> None:
    """The largest quorum, the shortest time, every set of approvers; a laxer rule loosens nothing."""
    got = ruled(
        '[[rule]]\nquorum = 2\nexpires_after = "48h"\napprovers = ["U0ADA", "U0BEN"]\n'
        '[[rule]]\nquorum = 1\nexpires_after = "3h"\nself_approval = false\n',
        base=BASE + "quorum = 2\nself_approval = true\nexpires_after = '5h'\n",
    )
    assert (got.quorum, got.expires_ms, got.self_approval) == (2, 3 * H, False)
    assert got.parties == (party({"U0ADA", "S0TEAM"}, {"U0ADA", "U0BEN"}, count=2),)
    assert got.deny is None


def test_a_rule_that_is_silent_leaves_the_defaults() -> None:
    """Self-approval stays allowed, time and people stay as they were."""
    base = BASE + 'self_approval = true\nexpires_after = "5h"\n'
    silent = ruled("[[rule]]\nquorum = 1\n", base=base)
    assert replace(silent, policy=None, because=()) == replace(ruled("", base=base), policy=None)
    assert silent.because == ("always: 1 people",)


def test_approvers_that_are_named_twice_are_one_set() -> None:
    """A rule that repeats the defaults asks for nothing more."""
    assert len(ruled('[[rule]]\napprovers = ["S0TEAM", "U0ADA"]\n').parties[0].lists) == 1


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_denials_the_same_one_is_told(order: tuple[int, int]) -> None:
    """In the order of the alphabet, not of the file: an edit of the file changes no card."""
    denials = ('[[rule]]\ndeny = "B comes second."\n', '[[rule]]\ndeny = "A comes first."\n')
    got = ruled("".join(denials[index] for index in order))
    assert got.deny == "A comes first."


WORKFLOW = "requests from Workflow Builder are not accepted (its requester proves nothing)."


def test_a_workflows_denial_comes_before_all_others() -> None:
    """It is the one that no other request would meet."""
    assert ruled('[[rule]]\ndeny = "A comes first."\n', replace(SMALL, workflow=True)).deny == WORKFLOW
    assert ruled("", replace(SMALL, workflow=True)).deny == WORKFLOW
    assert ruled("").deny is None


TWO = BASE + 'workflow = "quorum-of-two"\nself_approval = true\n'


def test_a_quorum_of_two_for_workflows_meets_workflows_alone() -> None:
    """Others keep their quorum and their self-approval; a larger quorum is not lowered to two."""
    asked_by_workflow = ruled("[[rule]]\nquorum = 1\n", replace(SMALL, workflow=True), TWO)
    assert (asked_by_workflow.quorum, asked_by_workflow.self_approval) == (2, False)
    assert asked_by_workflow.because == ("always: 1 people", "asked by a workflow: two people")
    asked_by_a_person = ruled("", SMALL, TWO)
    assert (asked_by_a_person.quorum, asked_by_a_person.self_approval, asked_by_a_person.because) == (
        1,
        True,
        (),
    )
    assert ruled("[[rule]]\nquorum = 3\n", replace(SMALL, workflow=True), TWO).quorum == 3


CLAUSES = [
    ("quorum = 2", "always: 2 people"),
    ("when = { min_gpus = 2 }\nquorum = 2", "from 2 GPUs: 2 people"),
    ("when = { min_gb = 0 }\ndeny = 'no'", "from 0 GB: denied"),
    ("when = { min_gb = 30.375, min_gpus = 1 }", "from 1 GPUs and from 30.375 GB: no change"),
    ('when = { methods = ["qlora4", "lora"] }\nself_approval = false', "method lora, qlora4: no self-approval"),
    ('when = { spaces = ["prod", "dev"] }\nquorum = 2', "space dev, prod: 2 people"),
    ("when = { override = false }\nquorum = 2", "GPU count as computed: 2 people"),
    ('quorum = 2\ndeny = "no"\napprovers = ["U0BEN", "U0ADA"]\nself_approval = false',
     "always: 2 people, denied, also one of U0ADA, U0BEN, no self-approval"),
    ('need = [{ name = "Leads", from = ["S0L"], count = 2 }, { name = "Security", from = ["S0S"] }]',
     "always: 2 of Leads, 1 of Security"),
    ('quorum = 2\nescalate = [{ after = "1h", to = ["S0B"] }, { after = "2h", to = ["S0A", "S0B"] }]',
     "always: 2 people, escalates to S0A, S0B"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "clause"), CLAUSES)
def test_a_rule_is_told_as_a_clause(text: str, clause: str) -> None:
    """What it matches and what it asks, for the person who wonders why."""
    assert ruled(f"[[rule]]\n{text}\n").because == (clause,)


def test_a_rule_about_chosen_gpus_is_told() -> None:
    """A count that a person chose is what it says."""
    got = ruled("[[rule]]\nwhen = { override = true }\nquorum = 2\n", replace(SMALL, override=True))
    assert (got.quorum, got.because) == (2, ("GPU count chosen by hand: 2 people",))


def test_clauses_are_in_one_order_and_said_once() -> None:
    """However the rules stand in the file."""
    rules = ["[[rule]]\nquorum = 3\n", "[[rule]]\nquorum = 2\n", "[[rule]]\nquorum = 3\n"]
    assert ruled("".join(rules)).because == ("always: 2 people", "always: 3 people")


def test_an_unreadable_request_is_denied_under_the_defaults() -> None:
    """Admins may still end it; a rule that meets large requests does not count."""
    found = policy_file.load(
        BASE
        + "[[rule]]\nwhen = { min_gpus = 1 }\nquorum = 3\n[[rule]]\nwhen = { min_gb = 0.001 }\nquorum = 4\n"
    )
    got = policy.unreadable(found, "cannot be read")
    assert (got.deny, got.quorum, got.admins) == ("cannot be read", 1, frozenset({"U0INES"}))
    assert got.parties == (party({"U0ADA", "S0TEAM"}),)
    for always in ("", "when = { min_gb = 0 }\n", "when = { override = false }\n"):
        found = policy_file.load(f"{BASE}[[rule]]\n{always}quorum = 2\n")
        assert policy.unreadable(found, "cannot be read").quorum == 2
    for never in ('methods = ["lora", "qlora8", "qlora4"]', 'spaces = ["prod"]', "override = true"):
        found = policy_file.load(f"{BASE}[[rule]]\nwhen = {{ {never} }}\nquorum = 2\n")
        assert policy.unreadable(found, "cannot be read").quorum == 1


def test_a_persons_standing_in_full() -> None:
    """Who they are is passed on; a vote is by the entries that name them."""
    ruling = ruled('[[rule]]\napprovers = ["S0LEAD", "U0ADA"]\n')
    in_both = replace(ADA, groups=frozenset({"S0TEAM", "S0LEAD", "S0OTHER"}))
    assert policy.standing(ruling, in_both) == Actor(
        "T1",
        "U0ADA",
        "Ada",
        "E1",
        may_vote=True,
        via=("S0LEAD", "S0TEAM", "U0ADA"),
        is_admin=False,
        barred=None,
    )
    halfway = Person("T1", "U0BEN", "Ben", groups=frozenset({"S0TEAM"}))
    assert policy.standing(ruling, halfway) == Actor(
        "T1", "U0BEN", "Ben", None, may_vote=False, via=("S0TEAM",)
    )
    nobody = Person("T1", "U0EVE", "Eve")
    assert policy.standing(ruling, nobody) == Actor("T1", "U0EVE", "Eve")


def test_admins_by_id_or_group_but_never_by_anyone() -> None:
    """``anyone`` among the admins makes nobody an admin."""
    ruling = ruled("", base='[defaults]\napprovers = ["anyone"]\nadmins = ["anyone", "S0OPS", "U0INES"]\n')
    assert not policy.standing(ruling, ADA).is_admin
    assert policy.standing(ruling, ADA).via == ("anyone",)
    assert policy.standing(ruling, replace(ADA, groups=frozenset({"S0OPS"}))).is_admin
    assert policy.standing(ruling, replace(ADA, user_id="U0INES")).is_admin


def test_the_barred_have_no_say() -> None:
    """Neither by name, nor by group, nor by ``anyone``, nor as admin; why is passed on."""
    ruling = ruled("", base='[defaults]\napprovers = ["anyone", "U0ADA", "S0TEAM"]\nadmins = ["U0ADA"]\n')
    gone = replace(ADA, barred="deleted", groups=frozenset({"S0TEAM"}))
    got = policy.standing(ruling, gone)
    assert (got.may_vote, got.is_admin, got.barred, got.via) == (False, False, "deleted", ("S0TEAM", "U0ADA"))


def test_which_places_somebody_may_fill() -> None:
    """By number; their own request only where the policy says so, and never by an escalation."""
    late = 'escalate = [{ after = "1h", to = ["S0BOSS"] }]\n'
    for own_allowed in (False, True):
        text = f"{BASE}self_approval = {str(own_allowed).lower()}\n{late}"
        ruling = policy.rule(policy_file.load(text), SMALL, 2 * H)
        assert ruling.open_to(["U0ADA"]) == ruling.open_to(["S0BOSS"]) == [0]
        assert ruling.open_to(["U0ADA"], own=True) == ([0] if own_allowed else [])
        assert ruling.open_to(["S0BOSS"], own=True) == ruling.open_to(["U0EVE"]) == []


def test_stages_come_one_after_the_other() -> None:
    """Those of one time are one stage, whichever table they stand in."""
    late = 'escalate = [{{ after = "{}h", to = ["{}"] }}, {{ after = "9h", to = ["S0LAST"] }}]\n'
    ruling = ruled("[[rule]]\n" + late.format(3, "S0A") + "[[rule]]\n" + late.format(3, "S0B"))
    assert [(stage.after_ms, stage.to) for stage in ruling.stages] == [
        (3 * H, {"S0A", "S0B"}),
        (9 * H, {"S0LAST"}),
    ]
    told = [ruling.next_stage(ms) for ms in (0, 3 * H - 1, 3 * H, 9 * H - 1, 9 * H)]
    assert told == [*[ruling.stages[0]] * 2, *[ruling.stages[1]] * 2, None]


@pytest.mark.parametrize(
    ("text", "asked"), [("", False), ("confirm_from_gpus = 2", True), ("confirm_from_gpus = 3", False)]
)
def test_an_approval_is_asked_about_once_more_from_some_gpus(text: str, *, asked: bool) -> None:
    """From exactly as many on; never where the policy does not say so."""
    assert ruled("", base=f"{BASE}{text}\n").confirm is asked


def test_an_approval_counts_for_as_long_as_the_policy_says() -> None:
    """For the life of the request where it says nothing."""
    assert ruled("").valid_ms is None
    assert ruled("", base=f'{BASE}approval_valid = "2h"\n').valid_ms == 2 * H


def test_reminders_at_their_milliseconds() -> None:
    """One, three, seven, fifteen and thirty-one times the wait from the asking, then none."""
    ruling = ruled("", base=BASE + 'remind_after = "1s"\n')
    got = [policy.remind_at(ruling, 5, sent) for sent in range(7)]
    assert got == [1_005, 3_005, 7_005, 15_005, 31_005, None, None]


GROUPS = {"S0TEAM": frozenset({"U0BEN", "U0CAT"}), "S0LEAD": frozenset({"U0CAT"}), "S0GONE": None}

VOTERS = [
    ("by name and by group", [{"U0ADA", "S0TEAM"}], {"U0ADA", "U0BEN", "U0CAT"}),
    ("nobody", [set()], set()),
    ("anyone", [{"anyone", "U0ADA"}], None),
    ("anyone and one", [{"anyone"}, {"U0ADA"}], {"U0ADA"}),
    ("one and anyone", [{"U0ADA"}, {"anyone"}], {"U0ADA"}),
    ("in both sets", [{"U0ADA", "S0TEAM"}, {"S0LEAD", "U0DAN"}], {"U0CAT"}),
    ("in both sets the other way", [{"S0LEAD", "U0DAN"}, {"U0ADA", "S0TEAM"}], {"U0CAT"}),
    ("in no set in common", [{"U0ADA"}, {"U0DAN"}, {"U0ADA", "U0DAN"}], set()),
    ("a group that is gone", [{"U0ADA", "S0GONE"}], {"U0ADA"}),
    ("a group never heard of", [{"U0ADA", "S0NEW"}], {"U0ADA"}),
    ("in person and by group", [{"U0BEN", "S0TEAM"}], {"U0BEN", "U0CAT"}),
    ("no sets at all", [], None),
]  # fmt: skip


@pytest.mark.parametrize(("approvers", "able"), [row[1:] for row in VOTERS], ids=[row[0] for row in VOTERS])
def test_who_could_vote(approvers: list[set[str]], able: set[str] | None) -> None:
    """People are counted once, by name and through groups, in every set at the same time."""
    assert parties.people([frozenset(allowed) for allowed in approvers], GROUPS.get) == able


BY_A_LEAD = '[[rule]]\nwhen = {{ {when} }}\napprovers = ["S0LEAD"]\n'
BY_TWO = "[[rule]]\nwhen = {{ {when} }}\nquorum = 2\n"
OUT_OF_REACH = [
    ("all can be given", "quorum = 3", []),
    ("the defaults ask too much", "quorum = 4", [Shortage(4, 3)]),
    ("a rule asks too much", "[[rule]]\nquorum = 5", [Shortage(5, 3)]),
    ("a rule narrows too much", '[[rule]]\nquorum = 2\napprovers = ["S0LEAD"]',
     [Shortage(2, 1)]),
    ("a rule narrows below the defaults", 'quorum = 2\n[[rule]]\napprovers = ["S0LEAD"]',
     [Shortage(2, 1)]),
    ("a rule that asks for less", "quorum = 3\n[[rule]]\nquorum = 1", []),
    ("a rule that narrows and can be given", '[[rule]]\napprovers = ["S0LEAD"]', []),
    ("what is denied needs nobody", '[[rule]]\nquorum = 9\ndeny = "no"', []),
    ("what is always denied", '[[rule]]\ndeny = "no"\n[[rule]]\nquorum = 5', []),
    ("a rule after a denied one", '[[rule]]\nwhen = { min_gpus = 9 }\ndeny = "no"\n[[rule]]\nquorum = 5',
     [Shortage(5, 3)]),
    ("two rules together", BY_A_LEAD.format(when="min_gpus = 3") + BY_TWO.format(when='spaces = ["prod"]'),
     [Shortage(2, 1)]),
    ("two rules that never bind together",
     BY_A_LEAD.format(when='methods = ["lora"]') + BY_TWO.format(when='methods = ["qlora4"]'), []),
    ("a rule's group that is gone", '[[rule]]\napprovers = ["S0GONE"]', [Shortage(1, 0)]),
    ("the same twice", "[[rule]]\nquorum = 5\n[[rule]]\nquorum = 5", [Shortage(5, 3)]),
    ("the larger quorum", "[[rule]]\nquorum = 6\n[[rule]]\nquorum = 5", [Shortage(6, 3)]),
    ("the smaller quorum first", "[[rule]]\nwhen = { min_gpus = 3 }\nquorum = 6\n[[rule]]\nquorum = 5",
     [Shortage(5, 3), Shortage(6, 3)]),
    ("anyone is enough", 'approvers = ["anyone"]\nquorum = 20', []),
    ("people are no groups", 'notify = ["U0ADA", "anyone"]', []),
    ("a workflow's two", 'approvers = ["U0ADA"]\nworkflow = "quorum-of-two"',
     [Shortage(2, 1)]),
    ("a workflow's two can be given", 'workflow = "quorum-of-two"', []),
    ("workflows and people alike", 'approvers = ["S0GONE"]\nworkflow = "quorum-of-two"',
     [Shortage(1, 0), Shortage(2, 0)]),
    ("denied from one GPU on", '[[rule]]\nwhen = { min_gpus = 1 }\ndeny = "no"\n[[rule]]\nquorum = 5', []),
    ("denied from two GPUs on", '[[rule]]\nwhen = { min_gpus = 2 }\ndeny = "no"\n[[rule]]\nquorum = 5',
     [Shortage(5, 3)]),
    ("denied from no memory on", '[[rule]]\nwhen = { min_gb = 0 }\ndeny = "no"\n[[rule]]\nquorum = 5', []),
    ("denied from some memory on", '[[rule]]\nwhen = { min_gb = 1 }\ndeny = "no"\n[[rule]]\nquorum = 5',
     [Shortage(5, 3)]),
    ("denied as computed", '[[rule]]\nwhen = { override = false }\ndeny = "no"\n[[rule]]\nquorum = 5',
     [Shortage(5, 3)]),
    ("denied as chosen", '[[rule]]\nwhen = { override = true }\ndeny = "no"\n[[rule]]\nquorum = 5',
     [Shortage(5, 3)]),
    ("only some memory, by hand", "[[rule]]\nwhen = { min_gb = 9, override = true }\nquorum = 5",
     [Shortage(5, 3)]),
    ("an allowed workflow asks for no more", 'approvers = ["U0ADA"]\nworkflow = "allow"', []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"), [row[1:] for row in OUT_OF_REACH], ids=[row[0] for row in OUT_OF_REACH]
)
def test_what_nobody_can_give_is_named(text: str, said: list[Shortage]) -> None:
    """Each once, for every combination of rules that can bind a request and lets it through."""
    base = (
        "[defaults]\n"
        if "approvers" in text.partition("[[")[0]
        else '[defaults]\napprovers = ["U0ADA", "S0TEAM"]\n'
    )
    found = policy_file.load(f"{base}{text}\n")
    assert policy.unreachable(found, GROUPS.get) == said


def test_groups_are_mentioned_and_people_are_written_to() -> None:
    """In the order of the file; ``anyone`` is nobody to call."""
    text = '[defaults]\napprovers = ["anyone"]\nnotify = ["S0B", "U0ADA", "S0A", "W0INES"]\n'
    assert policy.rule(policy_file.load(text), SMALL).mentioned == ("S0B", "S0A")
    assert policy.rule(policy_file.load("[defaults]\nnotify = []\n"), SMALL).mentioned == ()
