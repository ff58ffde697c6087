"""Cases of a policy: what it says of a request that nobody made, and whether that is what was expected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.approvals import cases, policy_file
from bot.approvals.cases import Asked
from bot.errors import SettingsError
from sizing import SizingError

if TYPE_CHECKING:
    from bot.approvals.policy_file import Case, Policy

RULES = """
[defaults]
approvers = ["S0GPU"]
requesters = ["members", "W0FAY", "C0SHARED"]
workflow = "quorum-of-two"
[limits]
gpus_per_person = 8
[[rule]]
when = { spaces = ["prod"] }
need = [{ name = "Owners", from = ["S0OWN"] }, { name = "Leads", from = ["S0LEAD"], count = 2 }]
[[rule]]
when = { override = true }
quorum = 3
[[rule]]
when = { methods = ["lora"] }
deny = "No LoRA."
"""
HELD = [
    ("need = { Approvers = 1 }", True),
    ("need = { Approvers = 2 }", False),
    ("need = { Leads = 1 }", False),
    ("denied = true", False),
    ('space = "prod"\nneed = { Owners = 1, Leads = 2 }', True),
    ('space = "prod"\nneed = { Owners = 1 }', False),
    ('space = "dev"\nneed = { Approvers = 1 }', True),
    ('who = "workflow"\nneed = { Approvers = 2 }', True),
    ('who = ["workflow", "guest"]\ndenied = true', True),
    ("use_gpus = 4\nneed = { Approvers = 3 }", True),
    ("use_gpus = 8\nneed = { Approvers = 3 }", True),
    ("use_gpus = 9\ndenied = true", True),
    ("use_gpus = 9\nneed = { Approvers = 3 }", False),
    ('who = "guest"\ndenied = true', True),
    ('who = "external"\ndenied = true', True),
    ('who = ["external", "U0FAY", "W0FAY"]\nneed = { Approvers = 1 }', True),
    ('who = ["external", "W0FAY"]\nneed = { Approvers = 1 }', True),
    ('who = "guest"\nchannel = "C0SHARED"\nneed = { Approvers = 1 }', True),
]


def read(text: str) -> tuple[Policy, Case]:
    found = policy_file.load(f"{RULES}{text}\n")
    return found, found.case[0]


@pytest.mark.parametrize(("outcome", "holds"), HELD)
def test_a_case_holds_where_the_policy_says_the_same(outcome: str, *, holds: bool) -> None:
    """Who must approve and how many of them, or that nothing can come of it."""
    rules, case = read(f'[[case]]\nasks = "10b none qlora4"\n{outcome}')
    assert cases.holds(case, cases.judge(rules, case)) is holds


@pytest.mark.parametrize(
    ("outcome", "barred", "limit", "deny"),
    [
        ("", None, None, None),
        ('who = "guest"', "guest", None, None),
        ("use_gpus = 9", None, "gpus_per_person", None),
    ],
)
def test_a_verdict_says_why(outcome: str, barred: str | None, limit: str | None, deny: str | None) -> None:
    """Who asks, how much, or the rule that denies it."""
    rules, case = read(f'[[case]]\nasks = "10b none qlora4"\ndenied = true\n{outcome}')
    verdict = cases.judge(rules, case)
    assert (verdict.barred, verdict.limit, verdict.ruling.deny) == (barred, limit, deny)
    assert verdict.denied is bool(barred or limit)
    rules, case = read('[[case]]\nasks = "10b none lora"\ndenied = true')
    verdict = cases.judge(rules, case)
    assert (verdict.ruling.deny, verdict.denied, cases.holds(case, verdict)) == ("No LoRA.", True, True)


def test_a_case_that_cannot_be_read_is_an_error() -> None:
    """Its text, or a space that is named twice."""
    for asks in ("nonsense", "10b none qlora4 space=other"):
        rules, case = read(f'[[case]]\nasks = "{asks}"\nspace = "dev"\ndenied = true')
        with pytest.raises(SizingError):
            cases.judge(rules, case)


def test_policies_are_compared_request_by_request() -> None:
    """What needs the same people for as long is the same; texts that cannot be read are heard of."""
    before = policy_file.load(RULES)
    after = policy_file.load(RULES.replace("quorum = 3", "quorum = 4").replace("No LoRA.", "None."))
    asked = [
        Asked("1", "10b none qlora4"),
        Asked("2", "10b none qlora4", 4),
        Asked("3", "nonsense"),
        Asked("4", "10b none lora space=prod"),
        Asked("5", "10b none qlora4", 4, workflow=True),
        Asked("6", "7b none qlora4", 4),
    ]
    unread: list[Asked] = []
    site = cases.site_for(before, after)
    found = list(cases.compare(before, after, asked, site, unread.append))
    assert [(one.asked.id, one.old.quorum, one.new.quorum) for one in found] == [
        ("2", 3, 4),
        ("4", 3, 3),
        ("5", 3, 4),
        ("6", 3, 4),
    ]
    assert (found[1].old.deny, found[1].new.deny) == ("No LoRA.", "None.")
    assert [one.id for one in unread] == ["3"]
    worded = policy_file.load(RULES + "[[rule]]\nquorum = 1\n")
    assert list(cases.compare(before, worded, asked, site)) == []
    strict = policy_file.load(RULES.replace("quorum-of-two", "deny"))
    assert [one.asked.id for one in cases.compare(before, strict, asked, site)] == ["5"]


ASKER = "must be member, guest, external, workflow, a user id (U… or W…) or a user-group id (S…)"


@pytest.mark.parametrize(
    ("who", "read"),
    [
        ('"member"', ("member",)),
        ('"workflow"', ("workflow",)),
        ('["guest", "S0TEAM"]', ("guest", "S0TEAM")),
        ('["external", "U0FAY", "W0FAY"]', ("external", "U0FAY", "W0FAY")),
        ('["workflow", "guest"]', ("workflow", "guest")),
        ('"stranger"', f"0.who.0: {ASKER}"),
        ('["member", "C0ML"]', f"0.who.1: {ASKER}"),
        ('["guest", "external"]', "0: a case is asked by one of member, guest and external"),
        ('["member", "guest"]', "0: a case is asked by one of member, guest and external"),
        ("[]", "0.who: Value should have at least 1 item after validation, not 0"),
    ],
)
def test_who_asks_in_a_case(who: str, read: tuple[str, ...] | str) -> None:
    """One kind of asker, or ids; a word alone is a list of it."""
    text = f'[[case]]\nasks = "10b"\nwho = {who}\ndenied = true\n'
    if isinstance(read, tuple):
        (case,) = policy_file.load_cases(text, "cases.toml")
        assert case.who == read
        return
    with pytest.raises(SettingsError) as caught:
        policy_file.load_cases(text, "cases.toml")
    assert caught.value.problems == (f"cases.toml: case.{read}.",)


def test_a_case_says_no_more_than_it_must() -> None:
    """Asked by a member, anywhere, with the computed GPUs."""
    (case,) = policy_file.load_cases('[[case]]\nasks = "10b"\nneed = { Approvers = 1 }\n', "cases.toml")
    assert (case.who, case.channel, case.space, case.use_gpus, case.denied) == (
        ("member",),
        None,
        None,
        None,
        False,
    )
    assert policy_file.load_cases("", "cases.toml") == ()


@pytest.mark.parametrize(
    ("case", "problem"),
    [
        ('asks = "10b"', "case.0: a case needs either need = { Approvers = 1 } or denied = true"),
        (
            'asks = "10b"\ndenied = true\nneed = {}',
            "case.0: a case needs either need = { Approvers = 1 } or denied = true",
        ),
        (
            'asks = "10b"\ndenied = true\nchannel = "D0DIRECT"',
            "case.0.channel: String should match pattern '^[CG][A-Z0-9]{2,}$'",
        ),
    ],
)
def test_a_case_expects_one_outcome(case: str, problem: str) -> None:
    """Somebody's approval or a refusal, in a channel."""
    with pytest.raises(SettingsError) as caught:
        policy_file.load_cases(f"[[case]]\n{case}\n", "cases.toml")
    assert caught.value.problems == (f"cases.toml: {problem}.",)
