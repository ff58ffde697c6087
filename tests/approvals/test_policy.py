"""The policy: every rule applies, the strictest wins, a deny wins over all, order never matters."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import permutations

import pytest

from bot.approvals import parties, policy, policy_file
from bot.approvals.parties import Shortage
from bot.approvals.policy import Facts, Person
from bot.approvals.policy_file import Policy
from bot.errors import SettingsError
from tests.support.people import party

TEXT = """
[defaults]
approvers = ["U0AAAA", "S0GROUP"]
quorum = 1
expires_after = "24h"
remind_after = "4h"
admins = ["U0BBBB"]
"""
RULES = (
    "[[rule]]\nwhen = { min_gpus = 3 }\nquorum = 2\n",
    '[[rule]]\nwhen = { min_gpus = 9 }\ndeny = "Open a capacity ticket."\n',
    '[[rule]]\nwhen = { min_gb = 200, methods = ["lora"] }\nquorum = 3\nexpires_after = "2h"\n',
    '[[rule]]\nwhen = { override = true }\napprovers = ["U0CCCC", "U0AAAA"]\nself_approval = false\n',
)
SMALL = Facts(num_gpus=1, gpu_memory_gb=Decimal("30.375"), method="lora", spaces=frozenset({"sp"}))
ADA = Person("T1", "U0AAAA", "Ada")


@pytest.mark.parametrize("order", list(permutations(RULES)))
def test_the_order_of_the_rules_never_matters(order: tuple[str, ...]) -> None:
    """The same rules in any order rule the same."""
    large = replace(SMALL, num_gpus=9, gpu_memory_gb=Decimal(700), override=True)
    ruling = policy.rule(policy_file.load(TEXT + "".join(order)), large)
    assert (ruling.quorum, ruling.deny, ruling.expires_ms) == (3, "Open a capacity ticket.", 2 * 3_600_000)
    assert ruling.parties == (party({"U0AAAA", "S0GROUP"}, {"U0AAAA", "U0CCCC"}, count=3),)


def test_a_rule_that_does_not_match_changes_nothing() -> None:
    """A small request meets the defaults alone."""
    ruling = policy.rule(policy_file.load(TEXT + "".join(RULES)), SMALL)
    assert (ruling.quorum, ruling.deny, ruling.because) == (1, None, ())


def test_a_voter_must_be_in_every_set_of_approvers() -> None:
    """A rule's approvers narrow the defaults; they never widen them."""
    ruling = policy.rule(policy_file.load(TEXT + RULES[3]), replace(SMALL, override=True))
    carla = Person("T1", "U0CCCC", "Carla")
    in_group = replace(carla, groups=frozenset({"S0GROUP"}))
    assert policy.standing(ruling, ADA).may_vote
    assert not policy.standing(ruling, carla).may_vote
    assert policy.standing(ruling, in_group).may_vote


def test_an_empty_list_of_approvers_lets_nobody_in() -> None:
    """No approvers means nobody, not anybody."""
    ruling = policy.rule(Policy(), SMALL)
    assert not policy.standing(ruling, ADA).may_vote


def test_anyone_means_full_members_only() -> None:
    """``anyone`` does not reach guests, bots or people of other organisations."""
    found = policy_file.load('[defaults]\napprovers = ["anyone"]\n')
    ruling = policy.rule(found, SMALL)
    assert policy.standing(ruling, ADA).may_vote
    assert not policy.standing(ruling, replace(ADA, barred="guest")).may_vote


def test_an_admin_is_no_approver_by_that_alone() -> None:
    """Admins may cancel, retry and give up."""
    actor = policy.standing(policy.rule(policy_file.load(TEXT), SMALL), Person("T1", "U0BBBB", "Ines"))
    assert actor.is_admin
    assert not actor.may_vote


@pytest.mark.parametrize(
    ("workflow", "deny", "quorum"), [("deny", True, 1), ("quorum-of-two", False, 2), ("allow", False, 1)]
)
def test_a_workflow_proves_nothing_about_its_requester(workflow: str, deny: bool, quorum: int) -> None:
    """A workflow's request is refused unless the policy says otherwise."""
    found = policy_file.load(TEXT + f'workflow = "{workflow}"\n')
    ruling = policy.rule(found, replace(SMALL, workflow=True))
    assert (ruling.deny is not None, ruling.quorum) == (deny, quorum)


def test_every_problem_of_the_file_is_named_at_once_without_values() -> None:
    """A wrong file is refused with all of its problems."""
    text = (
        '[defaults]\napprovers = ["nobody-secret"]\nquorum = 0\nexpires_after = "soon"\n[[rule]]\nwhat = 1\n'
    )
    with pytest.raises(SettingsError) as caught:
        policy_file.load(text)
    named = " ".join(caught.value.problems)
    assert all(word in named for word in ("approvers", "quorum", "expires_after", "what"))
    assert "nobody-secret" not in named


def test_reminders_back_off_and_end() -> None:
    """After 4, 12, 28, 60 and 124 hours, then no more."""
    ruling = policy.rule(policy_file.load(TEXT), SMALL)
    hours = [policy.remind_at(ruling, 0, sent) for sent in range(policy.MAX_REMINDERS + 1)]
    assert [h and h // 3_600_000 for h in hours] == [4, 12, 28, 60, 124, None]


GROUPS = {"S0GROUP": frozenset({"U0AAAA", "U0DDDD"}), "S0GONE": None}


@pytest.mark.parametrize(
    ("approvers", "able"),
    [
        ((), None),
        (({"anyone", "U0AAAA"},), None),
        (({"U0AAAA", "S0GROUP"},), {"U0AAAA", "U0DDDD"}),
        (({"S0GROUP"}, {"U0CCCC", "U0AAAA"}), {"U0AAAA"}),
        (({"anyone"}, {"U0CCCC"}), {"U0CCCC"}),
        (({"S0GONE"},), set()),
    ],
)
def test_who_could_vote_is_in_every_set_of_approvers(
    approvers: tuple[set[str], ...], able: set[str] | None
) -> None:
    """Groups count by their members, a group that is gone by none; ``anyone`` narrows nothing."""
    assert parties.people(tuple(map(frozenset, approvers)), GROUPS.get) == able


def test_every_quorum_that_the_policy_may_ask_for_is_counted() -> None:
    """The defaults and each rule, but no rule that denies; a quorum that is exactly met is no shortage."""
    many = '[[rule]]\nwhen = { spaces = ["prod"] }\nquorum = 4\n'
    text = TEXT.replace("quorum = 1", "quorum = 2") + "".join(RULES) + many
    groups = {"S0GROUP": frozenset({"U0CCCC"})}
    found = policy.unreachable(policy_file.load(text), groups.get)
    assert found == [Shortage(3, 2), Shortage(4, 2)]
    assert policy.unreachable(policy_file.load(TEXT + "".join(RULES)), {"S0GROUP": None}.get) == [
        Shortage(2, 1),
        Shortage(3, 1),
    ]


GUS = replace(ADA, user_id="U0GUS", barred="guest")
FAY = replace(ADA, user_id="U0FAY", barred="foreign_team")
SAM = replace(ADA, user_id="U0SAM", barred="stranger")
EVE = replace(ADA, user_id="U0EVE")
NEVER = [replace(ADA, barred=barred) for barred in ("deleted", "bot", "unknown_person", "lookup_failed")]


@pytest.mark.parametrize(
    ("requesters", "may"),
    [
        (None, {"U0AAAA", "U0EVE"}),
        ('["members"]', {"U0AAAA", "U0EVE"}),
        ('["guests"]', {"U0GUS"}),
        ('["external"]', {"U0FAY", "U0SAM"}),
        ('["members", "guests", "external"]', {"U0AAAA", "U0EVE", "U0GUS", "U0FAY", "U0SAM"}),
        ('["U0EVE"]', {"U0EVE"}),
        ('["U0GUS", "U0FAY"]', {"U0GUS", "U0FAY"}),
        ('["S0GROUP"]', {"U0GROUP"}),
        ('["C0HERE"]', {"U0AAAA", "U0EVE", "U0GUS", "U0FAY", "U0SAM", "U0GROUP"}),
        ('["C0ELSEWHERE"]', set()),
    ],
)
def test_who_may_ask(requesters: str | None, may: set[str]) -> None:
    """Full members unless the policy says who; a channel lets anybody ask who is there."""
    rules = policy_file.load(f"[defaults]\nrequesters = {requesters}\n" if requesters else "")
    everybody = [ADA, EVE, GUS, FAY, SAM]
    if may >= {"U0GROUP"}:
        everybody.append(replace(GUS, user_id="U0GROUP", groups=frozenset({"S0GROUP"})))
    found = {who.user_id for who in everybody if policy.barred_from_asking(rules, who, "C0HERE") is None}
    assert found == may


@pytest.mark.parametrize("requesters", ["members", "guests", "external", "U0AAAA", "C0HERE"])
def test_who_may_never_ask(requesters: str) -> None:
    """Deactivated people, bots and whoever Slack does not know may not ask, whatever the policy names."""
    rules = policy_file.load(f'[defaults]\nrequesters = ["{requesters}"]\n')
    told = [policy.barred_from_asking(rules, who, "C0HERE") for who in NEVER]
    assert told == [who.barred for who in NEVER]


def test_an_asker_of_a_grid_is_known_by_every_id() -> None:
    """The policy may name the id of a workspace or that of the whole Grid."""
    rules = policy_file.load('[defaults]\nrequesters = ["W0ADA"]\n')
    assert policy.barred_from_asking(rules, replace(ADA, aliases=frozenset({"W0ADA"})), "") is None
    assert policy.barred_from_asking(rules, ADA, "") == "member"
