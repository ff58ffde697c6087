"""How much may be asked for: each limit at its edge, and what a refusal says."""

from __future__ import annotations

import pytest

from bot.approvals.limits import LIMITS, Gpus, Used, never_reached, refuse_amount
from bot.approvals.policy_file import Limits, load
from bot.errors import SettingsError
from bot.messages import refusal

IDS = tuple(f"R{number}" for number in range(7))


@pytest.mark.parametrize(
    ("limits", "used", "gpus", "refused"),
    [
        ({}, Used(IDS, 1000, Gpus(500, 500), Gpus(500, 500)), 64, None),
        ({"open_per_person": 3}, Used(IDS[:2]), 1, None),
        ({"open_per_person": 3}, Used(IDS[:3]), 1, "open_per_person"),
        ({"asks_per_minute": 3}, Used(asked=2), 1, None),
        ({"asks_per_minute": 3}, Used(asked=3), 1, "asks_per_minute"),
        ({"gpus_per_person": 16}, Used(person=Gpus(4, 4)), 8, None),
        ({"gpus_per_person": 16}, Used(person=Gpus(4, 5)), 8, "gpus_per_person"),
        ({"gpus_per_person": 16}, Used(person=Gpus(20, 0)), 0, None),
        ({"gpus_per_space": 16}, Used(space=Gpus(0, 9)), 8, "gpus_per_space"),
        ({"gpus_per_space": 16}, Used(person=Gpus(0, 9)), 8, None),
    ],
)
def test_each_limit_at_its_edge(limits: dict[str, int], used: Used, gpus: int, refused: str | None) -> None:
    """What is reached exactly still fits; a request without GPUs, such as a deletion, takes none."""
    found = refuse_amount(Limits.model_validate(limits), used, gpus, is_new=True)
    assert (found.code if found else None) == refused


def test_another_revision_is_no_other_request() -> None:
    """An edit neither opens a request nor is an ask; its GPUs count."""
    limits = Limits(open_per_person=1, asks_per_minute=1, gpus_per_person=4)
    used = Used(IDS[:1], 1, Gpus(2, 1))
    assert refuse_amount(limits, used, 1, is_new=False) is None
    assert refuse_amount(limits, used, 2, is_new=False) is not None


def test_a_refusal_says_what_is_counted() -> None:
    """The number, the limit, which requests, and where the GPUs are."""

    def said(used: Used, **limits: int) -> str:
        found = refuse_amount(Limits.model_validate(limits), used, 8, is_new=True)
        assert found is not None
        assert found.code in LIMITS
        return refusal(found.code, found.detail)

    words = said(Used(IDS), open_per_person=5)
    assert words.startswith("You have 7 open requests, the limit per person: R0, R1, R2, R3, R4 and 2 more.")
    assert said(Used(IDS[:1]), open_per_person=1).startswith(
        "You have 1 open request, the limit per person: R0."
    )
    assert "10 requests per person per minute" in said(Used(asked=10), asks_per_minute=10)
    words = said(Used(person=Gpus(4, 8)), gpus_per_person=16)
    assert "needs 8 GPUs, and you hold 12: 4 in open requests and 8 in specifications that exist" in words
    assert "the space holds 12" in said(Used(space=Gpus(4, 8)), gpus_per_space=16)


def test_a_limit_is_a_number_from_one() -> None:
    """Each mistake is named with its key."""
    with pytest.raises(SettingsError) as caught:
        load("[limits]\nopen_per_person = 0\ngpus_per_human = 3\n")
    assert [problem.split(": ")[1] for problem in caught.value.problems] == [
        "limits.open_per_person",
        "limits.gpus_per_human",
    ]


SMALL = """
[limits]
gpus_per_person = 4
gpus_per_space = 5
[[rule]]
quorum = 2
[[rule]]
when = { min_gpus = 6 }
quorum = 2
[[rule]]
when = { min_gpus = 7 }
deny = "Too many."
[[rule]]
when = { min_gpus = 5 }
quorum = 2
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[defaults]\nconfirm_from_gpus = 9\n", []),
        ("[limits]\ngpus_per_person = 8\n[defaults]\nconfirm_from_gpus = 8\n", []),
        (
            "[limits]\ngpus_per_person = 8\n[defaults]\nconfirm_from_gpus = 9\n",
            ["confirm_from_gpus is for requests from 9 GPUs, which gpus_per_person = 8 refuses"],
        ),
        (
            SMALL,
            [
                "rule.1 is for requests from 6 GPUs, which gpus_per_person = 4 refuses",
                "rule.1 is for requests from 6 GPUs, which gpus_per_space = 5 refuses",
                "rule.3 is for requests from 5 GPUs, which gpus_per_person = 4 refuses",
            ],
        ),
    ],
)
def test_what_a_limit_keeps_from_ever_being_reached(text: str, told: list[str]) -> None:
    """A rule or a confirmation for more GPUs than anybody may ask for, but no rule that denies them."""
    assert list(never_reached(load(text))) == told
