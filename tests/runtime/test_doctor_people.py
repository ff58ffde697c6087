"""``peftsize doctor`` looks up everybody whom the policy names: each who cannot act is named, with the fix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.sandbox.slack.people import Person, UserGroup
from bot.sandbox.slack.web import SCOPES
from tests.support.installation import Site, failed

if TYPE_CHECKING:
    from collections.abc import Callable

BOT, ADA, BEN, GUS, FAY = "U0PEFT001", "U0ADA0001", "U0BEN0001", "U0GUS0001", "U0FAY0001"


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("U0NOBODY", "Slack does not know this id"),
        (BOT, "a bot cannot decide"),
        (GUS, "a guest cannot decide"),
        (FAY, "belongs to another"),
        ("S0NOWHERE", "there is no such user group"),
        ("S0EMPTY", "the user group has no members"),
        ("S0GUESTS", "none of the 2 members can act"),
    ],
)
@pytest.mark.parametrize(
    ("setting", "role"), [("PEFTSIZE_APPROVERS", "approver"), ("PEFTSIZE_ADMINS", "admin")]
)
def test_everybody_who_cannot_act_is_named(site: Site, setting: str, role: str, entry: str, why: str) -> None:
    """An approver or admin by whom nothing can be decided fails, though the others could do it."""
    groups = site.slack.directory.groups
    groups["S0EMPTY"] = UserGroup("S0EMPTY", "empty", "Empty", ())
    groups["S0GUESTS"] = UserGroup("S0GUESTS", "guests", "Guests", (GUS, BOT))
    check = site.check("policy", **{setting: f"{ADA},{entry}"})
    failed(check, f"{role} {entry}: {why}", f"remove it from {setting}")


def test_a_deactivated_person_in_the_policy_file_is_named(site: Site) -> None:
    """Whoever a rule or ``notify`` names is looked up, too, and the file is named."""
    site.slack.directory.change_person("ben", deleted=True)
    rule = f'[defaults]\napprovers = ["{ADA}", "{BEN}"]\n[[rule]]\napprovers = ["{ADA}"]\n'
    failed(site.check("policy", **site.write(rule)), "the account is deactivated", "PEFTSIZE_POLICY_FILE")
    told = f'[defaults]\napprovers = ["{ADA}"]\nnotify = ["{BEN}"]\n'
    failed(site.check("policy", **site.write(told)), f"notify {BEN}: the account is", "PEFTSIZE_POLICY_FILE")


def test_a_quorum_that_nobody_can_reach_fails(site: Site) -> None:
    """Two approvers for three votes; of the two one may be a guest."""
    three = '[defaults]\napprovers = ["S0APPROVE"]\nquorum = 3\n'
    failed(
        site.check("policy", **site.write(three)),
        "Only 2 people can approve this and 3 must",
        "lower the quorum",
    )
    two = site.write(three.replace("3", "2"))
    assert site.check("policy", **two)["status"] == "ok"
    site.slack.directory.change_person("ben", is_restricted=True)
    failed(site.check("policy", **two), "Only 1 person can approve this and 2 must", "name more approvers")


def test_anyone_needs_no_look_up(site: Site) -> None:
    """Where any full member may approve, every quorum can be reached."""
    assert site.check("policy", PEFTSIZE_APPROVERS="anyone")["status"] == "ok"


@pytest.mark.parametrize(
    ("scope", "approvers", "method"),
    [("usergroups:read", "S0APPROVE", "usergroups.users.list"), ("users:read", ADA, "users.info")],
)
def test_a_look_up_without_its_scope_is_fixed_by_the_scope(
    open_site: Callable[..., Site], scope: str, approvers: str, method: str
) -> None:
    """It is not the policy that must be corrected."""
    site = open_site(scopes=SCOPES - {scope})
    check = site.check("policy", PEFTSIZE_APPROVERS=approvers, PEFTSIZE_APP_ID="A0PEFT001")
    failed(check, f"Slack did not answer {method}: missing_scope", f"the scope {scope} is missing")


def test_a_look_up_that_fails_is_tried_again_later(site: Site) -> None:
    """An error of Slack's own says nothing about the policy."""
    site.slack.faults.users_info_fails = True
    failed(site.check("policy"), "users.info: internal_error", "run the checks again")


def test_a_large_group_is_not_asked_about_one_by_one(site: Site) -> None:
    """At most eighty people are looked up, below Slack's limit of a hundred a minute."""
    crowd = [Person(f"U0CROWD{number:03}", f"c{number}", f"C {number}") for number in range(120)]
    site.slack.directory.people.update({person.id: person for person in crowd})
    site.slack.directory.change_group("S0APPROVE", members=tuple(person.id for person in crowd))
    assert site.check("policy")["status"] == "ok"
    assert len([call for call in site.slack.calls if call.method == "users.info"]) == 80
