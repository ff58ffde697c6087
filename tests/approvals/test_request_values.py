"""What a request is before anybody did anything with it, and what it says in the audit."""

from __future__ import annotations

import pytest

from bot.approvals import draft, policy_file
from bot.approvals.draft import Site
from bot.approvals.request import GroupEdit
from tests.support.people import HOUR, a_request

RULES = policy_file.load(
    '[defaults]\napprovers = ["U0ADA"]\nworkflow = "deny"\nescalate = [{ after = "4h", to = ["S0BOSS"] }]\n'
)
SITE = Site("https://cpd.example", "space")


@pytest.mark.parametrize(("by", "who"), [("U0INES", "U0INES"), ("", "nobody whom Slack names")])
def test_an_edited_group_is_told_in_a_sentence(by: str, who: str) -> None:
    """Which group, and who edited it, where Slack says so."""
    told = GroupEdit("S0TEAM", by, 1).sentence()
    assert told == f"user group S0TEAM was edited by {who} since it was asked for"


@pytest.mark.parametrize(("waited", "boss"), [(4 * HOUR - 1, False), (4 * HOUR, True)])
def test_a_stored_request_is_ruled_on_by_how_long_it_has_waited(waited: int, *, boss: bool) -> None:
    """Since its revision was asked for, not since the epoch."""
    asked = a_request(created_at=HOUR, revised_at=2 * HOUR)
    ruling = draft.ruling_of(asked, RULES, SITE, 2 * HOUR + waited)
    assert (("S0BOSS" in ruling.entries), ruling.deny) == (boss, None)


def test_a_stored_request_is_ruled_on_as_what_it_is() -> None:
    """One of a workflow as such; one that can no longer be read is denied, with why."""
    by_workflow = draft.ruling_of(a_request(execution_id="Fx1"), RULES, SITE, HOUR)
    assert "Workflow Builder" in (by_workflow.deny or "")
    unread = draft.ruling_of(a_request(text="nonsense"), RULES, SITE, HOUR)
    assert (unread.deny or "").startswith("The request can no longer be read: ")
    assert unread.quorum == 1


def test_a_request_whose_body_is_damaged_has_no_gpus() -> None:
    """It is shown all the same."""
    assert a_request(payload="{").num_gpus is None
    assert a_request(payload='{"nodes": {"gpu": {"num_gpu": 4}}}').num_gpus == 4
