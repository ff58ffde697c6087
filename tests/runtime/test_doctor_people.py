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


WITHIN = f"""
[defaults]
need = [{{ name = "Leads", from = ["{ADA}"] }}, {{ name = "Security", from = ["S0SEC"] }}]
"""
TOGETHER = f"""
[defaults]
approvers = ["{ADA}"]
[[rule]]
when = {{ min_gpus = 3 }}
need = [{{ name = "Leads", from = ["{ADA}"] }}]
[[rule]]
when = {{ methods = ["lora"] }}
need = [{{ name = "Security", from = ["S0SEC"] }}]
"""


@pytest.mark.parametrize("policy", [WITHIN, TOGETHER])
def test_a_person_who_would_have_to_fill_two_places_is_found(site: Site, policy: str) -> None:
    """Within one rule, and where two rules bind the same request; another member mends it."""
    groups = site.slack.directory.groups
    groups["S0SEC"] = UserGroup("S0SEC", "sec", "Security", (ADA,))
    check = site.check("policy", **site.write(policy))
    failed(check, "Nobody can approve this for Security and 1 must", "name more approvers")
    site.slack.directory.change_group("S0SEC", members=(ADA, BEN))
    assert site.check("policy", **site.write(policy))["status"] == "ok"
    site.slack.directory.change_person("ben", deleted=True)
    failed(site.check("policy", **site.write(policy)), "for Security and 1 must", "name more approvers")


def test_rules_that_never_bind_together_are_not_added_up(site: Site) -> None:
    """The same two parties, for different methods."""
    site.slack.directory.groups["S0SEC"] = UserGroup("S0SEC", "sec", "Security", (ADA,))
    apart = TOGETHER.replace("min_gpus = 3", 'methods = ["qlora4"]')
    assert site.check("policy", **site.write(apart))["status"] == "ok"


def test_an_escalation_that_reaches_nobody_fails(site: Site) -> None:
    """An empty group, or one whose members cannot act; a member who can mends it."""
    policy = site.write(
        f'[defaults]\napprovers = ["{ADA}"]\nescalate = [{{ after = "4h", to = ["S0BOSS"] }}]\n'
    )
    failed(site.check("policy", **policy), "escalation to S0BOSS: there is no such", "PEFTSIZE_POLICY_FILE")
    site.slack.directory.groups["S0BOSS"] = UserGroup("S0BOSS", "boss", "Managers", ())
    failed(site.check("policy", **policy), "escalation to S0BOSS: the user group has no", "or correct it")
    site.slack.directory.change_group("S0BOSS", members=(GUS,))
    failed(site.check("policy", **policy), "none of the 1 members can act", "or correct it")
    site.slack.directory.change_group("S0BOSS", members=(BEN,))
    assert site.check("policy", **policy)["status"] == "ok"


@pytest.mark.parametrize(
    ("requester", "why"),
    [
        ("U0NOBODY", "Slack does not know this id"),
        (BOT, "a bot cannot"),
        ("S0NOWHERE", "there is no such user group"),
    ],
)
def test_a_requester_who_can_never_ask_fails(site: Site, requester: str, why: str) -> None:
    """A guest and a person of another organization who are named may."""
    policy = f'[defaults]\napprovers = ["{ADA}"]\nrequesters = ["members", "external", "{{}}"]\n'
    check = site.check("policy", **site.write(policy.format(requester)))
    failed(check, f"requester {requester}: {why}", "remove it from PEFTSIZE_POLICY_FILE")
    for admitted in (GUS, FAY, BEN, "S0APPROVE"):
        assert site.check("policy", **site.write(policy.format(admitted)))["status"] == "ok"


def test_a_channel_of_the_policy_is_looked_up(site: Site) -> None:
    """One that does not exist, one without the bot; with the bot all is well."""
    policy = f'[defaults]\napprovers = ["{ADA}"]\nrequesters = ["{{}}"]\n'
    failed(
        site.check("channel", **site.write(policy.format("C0NOWHERE"))),
        "C0NOWHERE: no such",
        "correct the id",
    )
    assert site.check("channel", **site.write(policy.format("C0APPROVE")))["status"] == "ok"


def test_what_a_limit_refuses_before_its_rule_applies_is_a_warning(site: Site) -> None:
    """A rule, and the modal, for more GPUs than anybody may ask for; a larger limit mends it."""
    policy = f"""
[defaults]
approvers = ["{ADA}"]
confirm_from_gpus = 8
[limits]
gpus_per_person = 4
[[rule]]
when = {{ min_gpus = 6 }}
approvers = ["{BEN}", "{ADA}"]
[[rule]]
when = {{ min_gpus = 9 }}
deny = "Open a ticket."
"""

    def limits(policy: str) -> list[tuple[str, str]]:
        found = site.doctor(**site.write(policy)).json
        return [(check["found"], check["status"]) for check in found if check["check"] == "limits"]

    assert limits(policy) == [
        ("confirm_from_gpus is for requests from 8 GPUs, which gpus_per_person = 4 refuses", "warning"),
        ("rule.0 is for requests from 6 GPUs, which gpus_per_person = 4 refuses", "warning"),
    ]
    assert limits(policy.replace("_person = 4", "_person = 8")) == []
    assert len(limits(policy.replace("_person = 4", "_space = 6"))) == 1


def test_a_link_without_a_pattern_is_among_the_settings(site: Site) -> None:
    """Nothing says what it leads to; nor does a link without a place for the match."""
    policy = f'[defaults]\napprovers = ["{ADA}"]\npurpose_pattern = "[A-Z]+-[0-9]+"\n'
    link = 'purpose_link = "https://tracker.example.com/{match}"\n'
    alone = site.write(policy.replace("purpose_pattern", "name_pattern") + link)
    failed(site.check("settings", **alone), "there is no purpose_pattern", "see docs/settings.md")
    without = site.write(policy + link.replace("{match}", ""))
    failed(site.check("settings", **without), "an https address that holds {match}", "see docs/settings.md")
    assert site.check("settings", **site.write(policy + link))["status"] == "ok"


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
