"""``peftsize policy``: a file is checked, tested, compared and explained before and while it is in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.policy import NEW, OLD, judged
from bot.approvals import policy_file
from bot.sandbox.slack.people import UserGroup
from tests.support.command_line import Ran, on_terminal, run
from tests.support.team import ADA, POLICY, ROSA

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.team import Team


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two policies."""
    (tmp_path / "old.toml").write_text(OLD, encoding="utf-8")
    (tmp_path / "new.toml").write_text(NEW, encoding="utf-8")
    return tmp_path


def test_a_file_is_checked_with_every_mistake(folder: Path) -> None:
    """A right one with its digest; of a wrong one each mistake, in any table, by the file's own name; exit 2."""
    ran = run("policy", "check", "old.toml", folder=folder)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"old.toml: no mistakes. 1 rules, 2 cases.\nDigest: {policy_file.load(OLD).digest}\n"
    bad = '[defaults]\nquorum = "x"\n[[rule]]\nneed = []\n[[case]]\nasks = "10b"\n'
    (folder / "bad.toml").write_text(bad, encoding="utf-8")
    ran = run("policy", "check", "bad.toml", folder=folder)
    assert (ran.code, ran.out) == (2, "")
    assert all(f"bad.toml: {where}: " in ran.err for where in ("defaults.quorum", "rule.0.need", "case.0"))
    assert run("policy", "check", "missing.toml", folder=folder).code == 2


def test_cases_are_no_part_of_what_the_policy_says() -> None:
    """An example more changes no digest."""
    assert policy_file.load(OLD).digest == policy_file.load(OLD.partition("[[case]]")[0]).digest


def test_cases_are_tested(folder: Path) -> None:
    """Beside the rules or in a file of their own; each that does not hold is named with what the policy says."""
    assert run("policy", "test", "old.toml", folder=folder) == Ran(0, "2 of 2 cases hold.\n", "")
    more = (
        '[[case]]\nasks = "70b 10x500MB lora"\ndenied = true\n'
        '[[case]]\nasks = "10b none qlora4"\nneed = { Approvers = 1 }\n'
        '[[case]]\nasks = "70b 10x500MB lora"\nuse_gpus = 4\nneed = { Leads = 1, Approvers = 1 }\n'
        '[[case]]\nasks = "nonsense"\ndenied = true\n'
        '[[case]]\nwho = "workflow"\nasks = "10b"\ndenied = true\n'
    )
    (folder / "cases.toml").write_text(more, encoding="utf-8")
    ran = run("policy", "test", "old.toml", "cases.toml", folder=folder)
    assert (ran.code, ran.err) == (1, "")
    denied, by_hand, nonsense, count = ran.out.splitlines()
    assert denied == (
        "cases.toml: case.0 ('70b 10x500MB lora'): expected denied; the policy says Approvers 2"
    )
    assert by_hand.endswith(
        "case.2 ('70b 10x500MB lora'): expected Approvers 1, Leads 1; the policy says Approvers 2"
    )
    assert "case.3 ('nonsense'): cannot be read: " in nonsense
    assert count == "4 of 7 cases hold."


REQUESTERS = """
[defaults]
approvers = ["S0GPU"]
requesters = ["members", "S0PARTNERS", "U0FAY0001", "C0SHARED"]
[limits]
gpus_per_person = 2
[[rule]]
when = { min_gpus = 9 }
deny = "Not here."
"""


@pytest.mark.parametrize(
    ("case", "why_not"),
    [
        ("", None),
        ('who = "member"', None),
        ('who = "workflow"', "denied: requests from Workflow Builder"),
        ('who = "guest"', "denied: guests do not ask unless requesters says so"),
        ('who = "external"', "denied: people from other organizations do not ask unless requesters says so"),
        ('who = ["guest", "S0PARTNERS"]', None),
        ('who = ["guest", "S0OTHER"]', "denied: guests do not ask"),
        ('who = ["external", "U0FAY0001"]', None),
        ('who = "guest"\nchannel = "C0SHARED"', None),
        ('who = "guest"\nchannel = "C0OTHER"', "denied: guests do not ask"),
        ("use_gpus = 4", "denied: it is over gpus_per_person alone"),
    ],
)
def test_a_case_says_who_asks_and_where(folder: Path, case: str, why_not: str | None) -> None:
    """A kind of asker, a person or a group that the policy names, a channel; who may not ask is denied, with why."""
    (folder / "asked.toml").write_text(REQUESTERS, encoding="utf-8")
    asks, need = f'[[case]]\nasks = "10b none qlora4"\n{case}\n', "need = { Approvers = 1 }\n"
    for outcome, expected in ((need, why_not is None), ("denied = true\n", why_not is not None)):
        (folder / "cases.toml").write_text(asks + outcome, encoding="utf-8")
        ran = run("policy", "test", "asked.toml", "cases.toml", folder=folder)
        assert ran.code == int(not expected)
        if outcome == need and why_not is not None:
            assert f"expected Approvers 1; the policy says {why_not}" in ran.out


def test_requesters_may_be_a_group_alone(folder: Path) -> None:
    """Then a member who is not in it may not ask."""
    rules = '[defaults]\napprovers = ["S0GPU"]\nrequesters = ["S0ML"]\n'
    inside = '[[case]]\nasks = "10b"\nwho = ["S0ML"]\nneed = { Approvers = 1 }\n'
    outside = '[[case]]\nasks = "10b"\nneed = { Approvers = 1 }\n'
    (folder / "ml.toml").write_text(rules + inside + outside, encoding="utf-8")
    ran = run("policy", "test", "ml.toml", folder=folder)
    refused, count = ran.out.splitlines()
    assert refused.startswith("ml.toml: case.1 ('10b'): expected Approvers 1; the policy says denied: ")
    assert refused.endswith("they are not among the requesters")
    assert (ran.code, count) == (1, "1 of 2 cases hold.")


@pytest.mark.parametrize(
    "cases_text",
    [
        '[[case]]\nasks = "10b"\nwho = "stranger"\ndenied = true\n',
        '[[case]]\nasks = "10b"\nwho = ["guest", "external"]\ndenied = true\n',
        '[[case]]\nasks = "10b"\nwho = []\ndenied = true\n',
        '[[case]]\nasks = "10b"\n',
        '[[case]]\nasks = "10b"\ndenied = true\nneed = {}\n',
        "[[rule]]\n",
        "no toml",
    ],
)
def test_unreadable_cases(folder: Path, cases_text: str) -> None:
    """A case without one outcome, a file with anything else, and no case at all: exit 2."""
    (folder / "cases.toml").write_text(cases_text, encoding="utf-8")
    ran = run("policy", "test", "old.toml", "cases.toml", folder=folder)
    assert (ran.code, ran.out) == (2, "")
    assert "cases.toml" in ran.err
    assert run("policy", "test", "new.toml", folder=folder).code == 2


def test_two_policies_are_compared_on_a_file(folder: Path) -> None:
    """A text or an object a line; exactly what is ruled on differently is named, with what differs."""
    lines = [
        "10b none qlora4",
        "70b 10x500MB lora",
        '{"id": "R1", "text": "10b none qlora8", "use_gpus": 4}',
        "40b none qlora4 space=prod",
        "not a request",
    ]
    (folder / "asked").write_text("\n".join(lines), encoding="utf-8")
    ran = run("policy", "diff", "old.toml", "new.toml", "--requests", "asked", folder=folder)
    assert ran.code == 1
    first, second, third, count = ran.out.splitlines()
    assert first.startswith("line 2\t70b 10x500MB lora\tneeds: Approvers 2 → Leads 1, Security 1; from: ")
    assert "escalates: never → after 4 h to S0MANAGERS" in first
    assert second.startswith("R1\t10b none qlora8\tneeds: Approvers 2 → Leads 1, Security 1; ")
    assert third.startswith("line 4\t40b none qlora4 space=prod\tneeds: Approvers 1 → denied: Not here.")
    assert count == "3 of 5 requests are ruled on differently."
    assert ran.err.startswith("1 requests cannot be read and were left out, such as 'not a request'.")
    same = run("policy", "diff", "old.toml", "old.toml", "--requests", "-", folder=folder, stdin=b"10b\n")
    assert same == Ran(0, "0 of 1 requests are ruled on differently.\n", "")
    found = run("policy", "diff", "old.toml", "new.toml", "--requests", "asked", "--json", folder=folder).json
    assert [row["id"] for row in found] == ["line 2", "R1", "line 4"]
    (folder / "asked").write_text('{"name": 1}\n', encoding="utf-8")
    assert run("policy", "diff", "old.toml", "new.toml", "--requests", "asked", folder=folder).code == 2


def test_progress_is_shown_on_a_terminal(folder: Path) -> None:
    """With a bar that comes to its end."""
    (folder / "asked").write_text("10b none qlora4\n" * 2_000, encoding="utf-8")
    words = ("policy", "diff", "old.toml", "old.toml", "--requests", "asked")
    shown = on_terminal(*words, folder=folder, columns=100)
    assert "Ruling" in shown
    assert "100%" in shown


def test_a_comparison_is_what_ruling_one_by_one_says() -> None:
    """The same set, each with both rulings; ``python -m benchmarks.policy`` does it with 100,000 requests."""
    found, oracle, _ = judged(5_000)
    assert found == oracle
    assert 500 < len(oracle) < 4_500


def test_the_requests_of_the_database_are_compared(team: Team) -> None:
    """Those that were made, by their ids; the settings say which spaces there are."""
    (team.folder / "old.toml").write_text(OLD, encoding="utf-8")
    (team.folder / "new.toml").write_text(NEW, encoding="utf-8")
    _small, large = team.ask(), team.ask("70b 10x500MB lora")
    ran = run("policy", "diff", "old.toml", "new.toml", folder=team.folder, environment=team.environment)
    assert ran.code == 1
    assert ran.out.startswith(f"{large.id}\t70b 10x500MB lora\t")
    assert ran.out.endswith("\n1 of 2 requests are ruled on differently.\n")


def test_the_policy_in_force_is_explained_for_a_person(team: Team) -> None:
    """What it asks of a request, why, and what the person may do, who is looked up in Slack."""

    def explained(user_id: str) -> str:
        ran = run(
            "policy",
            "explain",
            "70b",
            "10x500MB",
            "--as",
            user_id,
            folder=team.folder,
            environment=team.environment,
        )
        assert (ran.code, ran.err) == (0, "")
        return ran.out

    ada = explained(ADA)
    assert ada.startswith("70b 10x500MB lora: 3 GPUs, Approvers 1\n")
    assert "1 of Approvers" in ada
    assert "S0APPROVE" in ada
    assert "may approve it for Approvers" in ada
    assert "may not approve their own" in explained(ROSA)
    assert "cannot decide: a guest cannot decide" in explained("U0GUS0001")
    assert ada.endswith(f"Policy: {team.product.service.rules.digest}\n")
    assert "  may ask\n" in ada
    assert "may not ask: guests do not ask unless requesters says so" in explained("U0GUS0001")
    assert "may not ask: bots never ask" in explained("U0PEFT001")

    group, channel = POLICY + 'requesters = ["S0PARTNERS"]\n', POLICY + 'requesters = ["C0SHARED"]\n'
    team.slack.directory.groups["S0PARTNERS"] = UserGroup("S0PARTNERS", "p", "Partners", ("U0GUS0001",))
    team.rules(group)
    assert "  may ask\n" in explained("U0GUS0001")
    assert "may not ask: they are not among the requesters" in explained(ROSA)
    team.rules(channel)
    assert "may ask in C0SHARED alone" in explained("U0GUS0001")
