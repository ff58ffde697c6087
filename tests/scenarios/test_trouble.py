"""When the cluster fails: what the card says, who may retry or give up, and that nothing is made twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.approvals.request import Kind, State
from bot.sandbox.loopback import nobody
from tests.support.team import ADA, INES, NAME, POLICY, Team

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.approvals.request import Request
    from bot.sandbox.loopback import Call

OTHER = {"cpu": {"units": "1"}, "mem": {"size": "1Gi"}, "gpu": {"num_gpu": 1}}


def failed(team: Team) -> tuple[Request, str]:
    """Have a create fail for good: somebody else's spec has the name. Returns the request and that spec's id."""
    foreign = str(team.cluster.api.add(NAME, OTHER, team.cluster.space_id)["metadata"]["asset_id"])
    request = team.ask()
    team.approve("ada", request)
    assert team.row(request).state is State.FAILED
    return request, foreign


def lost(team: Team) -> Request:
    """Have an answer lost and the spec never appear: it needs a person."""
    request = team.ask()
    team.fail_creates()
    team.approve("ada", request)
    team.later(120)
    assert team.row(request).state is State.ATTENTION
    team.cluster.faults.clear()
    return request


def test_a_failed_create_says_why(team: Team) -> None:
    """On the card, to the requester with the way to the card, in the audit; the name stays reserved."""
    request, foreign = failed(team)
    assert f"the name is taken by another spec ({foreign})" in team.shows(request)
    assert foreign in team.words(team.slack.dms("rosa")[-1])
    assert "archives" in str(team.slack.dms("rosa")[-1].blocks)
    assert foreign in team.last("failed")["reason"]
    assert team.posts() == 0
    assert request.id in team.command("10b 2x128MB qlora4", who="ben")


@pytest.mark.parametrize("who", ["rosa", "ada", "ines"])
def test_retry_of_a_failed_create(team: Team, who: str) -> None:
    """The requester, an approver and an admin may; the approval still stands; the old reason is gone."""
    request, foreign = failed(team)
    team.cluster.api.remove(foreign)
    assert team.click(who, "retry", request).ok
    assert team.row(request).state is State.CREATED
    assert team.last("retried")["actor"]["user_id"] == team.slack.person(who).id
    assert foreign not in team.shows(request)
    assert team.posts() == 1


def test_a_retry_that_waits_does_not_show_the_old_reason(team: Team) -> None:
    """After Retry the card says what it waits for now."""
    request, foreign = failed(team)
    team.cluster.api.remove(foreign)
    team.break_cluster()
    team.click("ines", "retry", request)
    assert "Creating…" in team.shows(request)
    assert foreign not in team.shows(request)
    team.cluster.come_back()
    team.later(60)
    assert team.row(request).state is State.CREATED


@pytest.mark.parametrize("action", ["retry", "give_up"])
def test_a_guest_neither_retries_nor_gives_up(team: Team, action: str) -> None:
    """Refused, audited."""
    request, _ = failed(team)
    team.click("gus", action, request)
    assert team.last(f"{action}.refused")["reason"] == "guest"
    assert team.row(request).state is State.FAILED


def test_a_retry_needs_the_quorum_of_today(team: Team) -> None:
    """If the policy asks for more by now, a retry is refused until it is asked for anew."""
    request, _ = failed(team)
    team.rules(POLICY + "quorum = 2\n")
    team.restart()
    team.click("ines", "retry", request)
    assert team.last("retry.refused")["reason"].startswith("quorum_gone")
    assert team.row(request).state is State.FAILED


def test_giving_up_frees_the_name(team: Team) -> None:
    """Give up ends it for good, says by whom and why it had failed, and the name can be asked for again."""
    request, foreign = failed(team)
    team.click("ines", "give_up", request)
    row = team.row(request)
    assert (row.state, row.reserved) == (State.FAILED, False)
    assert team.last("given_up")["actor"]["user_id"] == INES
    assert "Given up" in team.shows(request)
    assert foreign in team.shows(request)
    team.click("ada", "details", request)
    assert "retry" not in str(team.card(request).blocks)
    assert team.ask().id != request.id


def test_a_lost_answer_is_settled_by_looking_it_up(team: Team) -> None:
    """Committed, answer lost: unknown on the card, found by name, adopted, and never sent again."""
    request = team.ask()
    team.cluster.faults.drop_after_commit = 1
    shown: list[str] = []
    team.slack.subscribe(lambda: shown.append(str(team.slack.messages("#ml-serving")[-1].blocks[0])))
    team.approve("ada", request)
    assert team.row(request).state is State.CREATED
    assert any("Checking whether it was created" in words for words in shown)
    assert team.posts() == 1
    assert len(team.cluster.specs(NAME)) == 1
    assert team.story(request) == ["requested", "approved", "started", "lost", "found"]


def test_what_nobody_can_say_waits_for_a_person(team: Team) -> None:
    """Absent after three look-ups: attention, said so to the requester; one POST and no more, for days."""
    request = lost(team)
    assert "Needs an admin" in team.shows(request)
    assert "No action needed" in team.words(team.slack.dms("rosa")[-1])
    team.later(2 * 86_400)
    assert team.row(request).state is State.ATTENTION
    assert team.posts() == 1


def test_a_late_commit_is_found_in_attention(team: Team) -> None:
    """A spec that appears after all is adopted by a later look-up."""
    request = lost(team)
    nodes = {"cpu": {"units": "2"}, "mem": {"size": "8Gi"}, "gpu": {"num_gpu": 1}}
    team.cluster.api.add(NAME, nodes, team.cluster.space_id)
    team.later(120)
    assert team.row(request).state is State.CREATED
    assert team.posts() == 1


def test_retry_anyway_is_a_persons_decision(team: Team) -> None:
    """In attention an admin or approver, not the requester alone, may send once more; it is in the audit."""
    request = lost(team)
    team.click("rosa", "retry", request)
    assert team.last("retry.refused")["reason"] == "not_an_operator"
    assert team.posts() == 1
    team.click("ada", "retry", request)
    assert team.row(request).state is State.CREATED
    assert team.last("retried")["actor"]["user_id"] == ADA
    assert team.posts() == 2
    assert len(team.cluster.specs(NAME)) == 1


def test_giving_up_in_attention(team: Team) -> None:
    """Given up: the name is free, and the card keeps why nobody knew."""
    request = lost(team)
    team.click("ines", "give_up", request)
    row = team.row(request)
    assert (row.state, row.reserved) == (State.FAILED, False)
    assert "not there after 3 look-ups" in team.shows(request)
    assert team.ask().id != request.id


def test_two_people_retry_at_once(team: Team) -> None:
    """Only one of two retries counts: one more POST."""
    request = lost(team)
    card = team.card(request)
    team.product.dispatcher.stop()
    for who in ("ada", "ines"):
        assert team.slack.click(who, card, "peftsize.retry").ok
    team.product.dispatcher.start()
    team.quiet()
    assert team.posts() == 2
    assert team.last("retry.refused")["reason"].startswith("wrong_state")


def test_a_deletion_whose_answer_is_lost(team: Team) -> None:
    """A delete is idempotent: it is settled by looking and, where still there, deleted again."""
    made = team.ask()
    team.approve("ada", made)
    team.click("rosa", "delete", made)
    (deletion,) = [row for row in team.rows() if row.kind is Kind.DELETE]
    team.break_cluster()
    team.approve("ada", deletion)
    assert "Waiting:" in team.shows(deletion)
    team.cluster.come_back()

    def break_delete(_moment: object, call: Call, _port: int) -> None:
        if call.method == "DELETE":
            team.cluster.witness, team.cluster.faults.broken = nobody, 1

    team.cluster.witness = break_delete
    team.later(120)
    assert "lost" in team.story(deletion)
    assert team.row(deletion).state is State.DELETED
    assert team.cluster.specs(NAME) == []


def test_bot_and_cluster_disagree_after_a_hand_made_change(new_team: Callable[..., Team]) -> None:
    """A spec that was removed by hand is told to the admins, once."""
    team = new_team()
    request = team.ask()
    team.approve("ada", request)
    team.later(3700)
    assert team.slack.dms("ines") == []
    team.cluster.api.remove(str(team.row(request).spec_id))
    for _ in range(3):
        team.clock.advance(3_700_000)
        team.product.dispatcher.periodic.run_due()
    team.quiet()
    (told,) = team.slack.dms("ines")
    assert NAME in team.words(told)
