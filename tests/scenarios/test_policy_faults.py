"""What SSO Elevator gets wrong about the policy, each as a promise of ours. Signed HTTP throughout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.approvals.request import State
from tests.support.team import CHANNEL, INES, NAME, POLICY, ROSA, TEXT, Team

if TYPE_CHECKING:
    from collections.abc import Callable

DENIED = '[[rule]]\nwhen = { methods = ["qlora4"] }\ndeny = "No 4-bit models in production."\n'


def test_nobody_approves_their_own(team: Team) -> None:
    """Self-approval is refused at the click, in the audit, privately, though Rosa is an approver."""
    request = team.ask()
    team.approve("rosa", request)
    assert team.row(request).votes == ()
    refused = team.last("approve.refused")
    assert (refused["reason"], refused["actor"]["user_id"]) == ("self_approval", ROSA)
    assert "somebody else must approve it" in team.heard("rosa")[-1]
    assert team.posts() == 0
    assert team.approve("ada", request).state is State.CREATED


def test_who_edits_does_not_approve(team: Team) -> None:
    """Whoever wrote the present revision counts as its author: an admin's edit does not lend a vote."""
    team.rules(POLICY.replace('"S0APPROVE"', f'"S0APPROVE", "{INES}"'))
    team.restart()
    request = team.ask()
    team.edit("ines", request, "7b 2x128MB qlora4")
    team.approve("ines", request)
    assert team.last("approve.refused")["reason"] == "self_approval"
    assert team.approve("ada", request).state is State.CREATED


def test_a_deny_is_honoured_when_asking(new_team: Callable[..., Team]) -> None:
    """A denied request gets no card, only a private answer with the policy's words, and an audit row."""
    team = new_team(policy=POLICY + DENIED)
    assert "No 4-bit models in production." in team.command(TEXT)
    assert team.rows() == []
    assert team.slack.messages(CHANNEL) == []
    refused = team.last("request.refused")
    assert refused["reason"].startswith("No 4-bit models")
    assert refused["actor"]["user_id"] == ROSA
    assert refused["digest"]


def test_a_deny_is_honoured_when_clicking(team: Team) -> None:
    """A policy that denies since is honoured at the click, whatever the card still offers."""
    request = team.ask()
    team.rules(POLICY + DENIED)
    team.restart()
    team.approve("ada", request)
    assert team.row(request).state is State.PENDING
    assert team.last("approve.refused")["reason"] == "denied: No 4-bit models in production."
    assert "No 4-bit models" in team.heard("ada")[-1]
    assert "denies it now" in team.shows(request)


def test_a_deny_is_honoured_when_executing(team: Team) -> None:
    """A policy that denies after the approval stops the create: asked again, votes void, nothing sent."""
    request = team.ask()
    team.break_cluster()
    assert team.approve("ada", request).state is State.APPROVED
    team.rules(POLICY + DENIED)
    team.restart()
    team.cluster.come_back()
    team.later(600)
    row = team.row(request)
    assert (row.state, row.revision, row.votes) == (State.PENDING, 2, ())
    assert team.posts() == 0
    team.approve("ben", request)
    assert team.row(request).state is State.PENDING


@pytest.mark.parametrize("who", ["ada", "gus", "fay"])
def test_only_the_requester_or_an_admin_discards(team: Team, who: str) -> None:
    """Cancel by anybody else, an approver even, is refused and audited with the person."""
    request = team.ask()
    team.click(who, "cancel", request)
    assert team.row(request).state is State.PENDING
    refused = team.last("cancel.refused")
    assert refused["actor"]["user_id"] == team.slack.person(who).id
    assert refused["reason"] in {"not_yours", "guest", "foreign: app A0PEFT001, team T0AWAY001"}


@pytest.mark.parametrize("who", ["rosa", "ines"])
def test_a_cancel_is_audited(team: Team, who: str) -> None:
    """The requester and an admin cancel; the row names who; nothing was sent; the name is free."""
    request = team.ask()
    team.click(who, "cancel", request)
    assert team.row(request).state is State.CANCELLED
    assert team.last("cancelled")["actor"]["user_id"] == team.slack.person(who).id
    assert "Cancelled" in team.shows(request)
    assert team.posts() == 0
    assert team.ask().name == request.name


def test_the_card_is_not_green_before_the_action_ran(new_team: Callable[..., Team]) -> None:
    """While the POST is under way the card says creating; it says created only with the spec's id."""
    team = new_team(watsonx_timeout_s="5")
    request = team.ask()
    shown: list[str] = []
    team.slack.subscribe(lambda: shown.append(team.slack.messages(CHANNEL)[-1].blocks[0]["text"]["text"]))
    team.cluster.faults.slow_commit, team.cluster.faults.commit_delay_s = 1, 1.0
    team.slack.click("ada", team.card(request), "peftsize.approve")
    team.until(lambda: team.posts() == 1, "the POST")
    assert team.row(request).state is State.CREATING
    assert team.cluster.specs(NAME) == []
    team.until(lambda: any("Creating…" in words for words in shown), "creating on the card")
    assert not any("Created" in words for words in shown)
    team.wait_for(request, State.CREATED)
    team.quiet()
    spec_id = team.cluster.specs(NAME)[0]["metadata"]["asset_id"]
    assert f"Spec {spec_id}" in team.shows(request)


def test_expiry_is_enforced_before_it_is_painted(team: Team) -> None:
    """A click after the expiry decides nothing, even if nobody has painted the card yet."""
    request = team.ask()
    card = team.card(request)
    team.product.dispatcher.stop()
    team.clock.advance(25 * 3_600_000)
    assert team.slack.click("ada", card, "peftsize.approve").ok
    assert team.product.worker.take("inbox")
    row = team.row(request)
    assert (row.state, row.votes) == (State.PENDING, ())
    assert team.last("approve.refused")["reason"] == "expired"
    team.product.dispatcher.start()
    team.quiet()
    assert team.row(request).state is State.EXPIRED
    assert "Expired" in team.shows(request)
    assert "approve" not in str(team.card(request).blocks)
    assert team.story(request) == ["requested", "approve.refused", "expired"]
    assert "expired" in " ".join(team.heard("ada"))


def test_a_click_in_time_counts_however_late_it_is_decided(team: Team) -> None:
    """Expiry is judged at the time of the click, not when the worker comes to it."""
    request = team.ask()
    card = team.card(request)
    team.product.dispatcher.stop()
    team.clock.advance(24 * 3_600_000 - 60_000)
    assert team.slack.click("ada", card, "peftsize.approve").ok
    team.clock.advance(120_000)
    assert team.product.worker.take("requests")
    assert team.row(request).state is State.PENDING
    team.product.dispatcher.start()
    team.quiet()
    assert team.row(request).state is State.CREATED


def test_nothing_is_parsed_back_out_of_a_message(team: Team) -> None:
    """A forged message text and foreign button words change nothing: the row alone says what is created."""
    request = team.ask("10b 2x128MB qlora4 name=jira-1_rotate_keys")
    card = team.card(request)
    forged = {
        "message": {"type": "message", "ts": card.ts, "text": "JIRA-1: rotate: keys", "blocks": []},
        "state": {"values": {"x": {"y": {"type": "plain_text_input", "value": "70b"}}}},
    }
    delivery = team.forge("ada", "approve", card, forged, text="JIRA-1: rotate: keys")  # type: ignore[arg-type] # forged
    assert delivery.ok
    row = team.row(request)
    assert (row.state, row.name) == (State.CREATED, "jira-1_rotate_keys")
    assert team.last("approved")["request_id"] == request.id
    assert "JIRA" not in str(team.audit())
    assert [spec["metadata"]["name"] for spec in team.cluster.specs()] == ["jira-1_rotate_keys"]


def test_a_reason_with_colons_stays_whole(team: Team) -> None:
    """``JIRA-1: rotate: keys`` is audited as written, and shown so."""
    request = team.ask()
    team.reject("ada", request, "JIRA-1: rotate: keys")
    assert team.last("rejected")["reason"] == "JIRA-1: rotate: keys"
    assert "JIRA-1: rotate: keys" in team.shows(request)


@pytest.mark.parametrize(
    ("quorum", "own", "says"),
    [(4, "", "Only 2 people can approve this and 4 must."), (3, "self_approval = true", None)],
)
def test_the_policy_says_that_nobody_can_reach_its_quorum(
    new_team: Callable[..., Team], quorum: int, own: str, says: str | None
) -> None:
    """``/peftsize policy`` counts who can vote, without the asker unless their own vote counts."""
    team = new_team(policy=f"{POLICY}quorum = {quorum}\n{own}\n")
    team.product.maintenance.check_policy()
    told = team.command(f"policy {TEXT}")
    assert f"{quorum} people of:" in told
    assert (says in told) if says else ("can approve this" not in told)
