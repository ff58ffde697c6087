"""A member of the workspace who presses, again and again: loud, and without any right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.approvals.request import State
from bot.workflow.click_limit import MOST, WITHIN_MS, ClickLimit
from tests.support.team import CHANNEL, POLICY
from tests.threats.claims import Threat

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.team import Team

THREAT = Threat(
    what="A loud member without any right",
    can={"have ten presses a minute on a request looked up": "test_22_presses_cost_ten_look_ups"},
    cannot={
        "spend Slack's look-ups, so that an approver is refused": "test_an_approver_is_heard_meanwhile",
        "fill the audit: repeated refusals are one row with their number": "test_22_presses_cost_ten_look_ups",
        "have a click refused because Slack asks to wait: it waits": "test_a_click_waits_as_long_as_slack_asks",
    },
    do="nothing; who it was is in the audit.",
)
PRESSES = 22


def press(team: Team, who: str, times: int) -> None:
    """Press Approve on the only card, as fast as it goes."""
    (card,) = [
        message for message in team.slack.messages(CHANNEL) if message.blocks and not message.thread_ts
    ]
    for _ in range(times):
        assert team.slack.click(who, card, "peftsize.approve").ok


def asked(team: Team, method: str) -> int:
    """Return how often Slack was asked."""
    return sum(call.method == method for call in team.slack.calls)


def test_22_presses_cost_ten_look_ups(team: Team) -> None:
    """The others are refused unasked; the audit has the first refusal of each kind."""
    request = team.ask()
    users, groups = asked(team, "users.info"), asked(team, "usergroups.users.list")
    press(team, "gus", PRESSES)
    team.quiet()
    assert asked(team, "users.info") - users <= MOST
    assert asked(team, "usergroups.users.list") - groups <= MOST
    refused = [row["reason"] for row in team.audit(request) if row["event"] == "approve.refused"]
    assert refused == ["guest", "too_many_clicks"]
    assert team.row(request).votes == ()


def test_an_approver_is_heard_meanwhile(new_team: Callable[..., Team]) -> None:
    """Ada's own click is decided, whatever somebody else presses."""
    team = new_team(policy=POLICY.replace('admins = ["U0INES001"]', ""))
    request = team.ask()
    press(team, "ines", PRESSES)
    assert team.approve("ada", request).state is State.CREATED


def test_a_click_waits_as_long_as_slack_asks(team: Team) -> None:
    """With 429 and a ``Retry-After`` of 40 s the approver's click is decided after that, not refused before."""
    request = team.ask()
    team.clock.advance(60_000)
    faults = team.slack.faults
    faults.rate_limited, faults.retry_after_s = 1, 40
    faults.only = frozenset({"usergroups.users.list"})
    assert team.approve("ada", request).state is State.PENDING
    assert "approve.refused" not in team.story(request)
    team.later(45)
    assert team.row(request).state is State.CREATED


def test_a_minute_later_a_press_counts_again() -> None:
    """Clicks are counted by person and request, for a minute."""
    now = 1_000_000
    limit = ClickLimit(lambda: now)
    assert [limit.exceeded("U1", "R1") for _ in range(MOST + 1)] == [*[False] * MOST, True]
    assert (limit.exceeded("U2", "R1"), limit.exceeded("U1", "R2")) == (False, False)
    now += WITHIN_MS
    assert not limit.exceeded("U1", "R1")
