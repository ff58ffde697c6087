"""From the command to the decision through real signed HTTP."""

from __future__ import annotations

from tests.support.office import ADA, ROSA


def test_a_command_posts_the_card_and_an_approver_approves_it(office):
    """The line through the house: command, card, refused self-approval, approval, card redrawn."""
    request = office.ask()
    assert request.state == "pending"
    assert request.message_ts == office.card().ts
    assert "7.875" in str(office.card().blocks)
    office.press(ROSA, "approve")
    assert office.row().state == "pending"
    assert "somebody else must approve" in office.slack.ephemerals(ROSA)[-1].text
    office.press(ADA, "approve")
    assert office.row().state == "approved"
    assert "Creating…" in str(office.card().blocks)
    assert office.names() == ["requested", "approve.refused", "approved"]
    assert {event["origin"] for event in office.events()} == {"slack-http"}
