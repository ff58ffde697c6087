"""Whoever clicks gets an answer: while Slack is asked, on a second copy, from another organisation."""

from __future__ import annotations

from tests.support.office import ADA, FAY, TEAM


def test_a_look_up_that_fails_says_so_at_once(office, caplog):
    """Once, privately, and in the log; the decision follows when Slack answers."""
    office.ask()
    office.slack.faults.refused = {"users.info": "missing_scope"}
    office.press(ADA, "approve")
    (told,) = office.slack.ephemerals(ADA)
    assert "Checking with Slack" in told.text
    assert [r.facts["what"] for r in caplog.records if "who clicked" in r.message] == [
        "users.info: missing_scope"
    ]
    office.later(2)
    assert len(office.slack.ephemerals(ADA)) == 1
    office.slack.faults.clear()
    office.later(60)
    assert office.row().state == "approved"


def test_what_is_decided_is_not_being_checked(office):
    """Slack could not be told either: afterwards nothing is said that is no longer so."""
    office.ask()
    office.slack.faults.down = "503"
    office.press(ADA, "approve")
    office.slack.faults.clear()
    while office.worker.take("inbox"):
        pass
    office.clock.ahead_ms += 2_000
    assert office.worker.take("inbox")
    office.later(120)
    assert office.row().state == "approved"
    assert office.slack.ephemerals(ADA) == office.slack.dms(ADA) == []


def test_the_second_copy_of_a_card_becomes_a_link_at_its_first_click(office):
    """An answer was lost and the card is there twice: only one decides, the other leads to it."""
    office.slack.faults.lose_answers = 1
    office.slack.faults.only = frozenset({"chat.postMessage"})
    office.ask()
    office.later(5)
    first, second = (m for m in office.slack.messages(TEAM) if m.bot_id)
    known, other = (first, second) if office.row().message_ts == first.ts else (second, first)
    office.press(ADA, "approve", other)
    assert office.row().state == "pending"
    edited = office.slack.workspace.find(other.channel, other.ts)
    assert "peftsize.approve" not in str(edited.blocks)
    assert f"p{known.ts.replace('.', '')}" in str(edited.blocks)
    office.press(ADA, "approve", known)
    assert office.row().state == "approved"
    assert office.outbox_messages() == []


def test_a_person_of_another_organisation_is_answered(office):
    """Refused and audited as before, and told why nothing happened, once."""
    office.ask()
    office.press(FAY, "approve")
    assert office.row().state == "pending"
    (told,) = office.slack.ephemerals(FAY)
    assert "other organizations" in told.text
