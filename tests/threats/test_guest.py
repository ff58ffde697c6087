"""Guests of the workspace, and people of other organizations who share a channel with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.threats.claims import Threat

if TYPE_CHECKING:
    from tests.support.team import Team

_ASKS = "tests/scenarios/test_requesters.py"
_READS = "tests/scenarios/test_reading.py"
THREAT = Threat(
    what="A guest, or somebody of another organization in a shared channel",
    can={"read the cards there, and Details, which the audit notes": "test_details_are_audited"},
    cannot={
        "ask, unless the policy says so": f"{_ASKS}::test_somebody_of_another_organization_in_a_shared_channel",
        "hold a name, a place or GPUs by asking": f"{_ASKS}::test_a_guest_is_refused_privately",
        "fill the audit by asking": f"{_ASKS}::test_a_refusal_that_comes_again_is_told_and_audited_once_a_minute",
        "have a card while Slack does not say who they are": f"{_ASKS}::test_a_guest_while_slack_is_silent",
        "read lists, the history, or somebody else's request": f"{_READS}::test_a_guest_reads_their_own",
        "find requests in App Home": f"{_READS}::test_the_home_tab_of_a_guest",
    },
    do="name in `requesters` whoever else is to ask; keep cards in channels without guests, or set "
    "`PEFTSIZE_APPROVAL_CHANNEL`.",
)


def test_details_are_audited(team: Team) -> None:
    """A guest who is in the channel sees what the card leaves out, and everybody can read that they looked."""
    request = team.ask()
    assert team.click("gus", "details", request).ok
    assert len(team.slack.modals("gus")) == 1
    viewed = team.last("details.viewed")
    assert (viewed["actor"]["user_id"], viewed["request_id"]) == ("U0GUS0001", request.id)
