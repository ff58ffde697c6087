"""App Home by role, its search, and what refuses before a modal opens."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.approvals.request import State
from bot.slack.outbound.home_tab import FIND, MOST_LINES, Line, draw
from bot.workflow.surface import HOME_READ_MS
from tests.support.cards import ASKED, SITE, judge_view, pressed, row, sized, words
from tests.support.office import ADA, BEN, INES, ROSA

DRAFTED = sized()


def told(view: dict) -> str:
    return "\n".join(words(view["blocks"]))


def drawn(**lists) -> dict:
    view = draw(**({"waiting": [], "stuck": None, "mine": [], "found": []} | lists), site=SITE, now=ASKED)
    judge_view(view)
    return view


def shown(office, who: str) -> str:
    office.slack.open_home(who)
    office.work()
    return told(office.slack.home(who).body)


# --- the view


def test_what_waits_comes_with_its_buttons() -> None:
    """One line with state, size and age for each; its decision and Details below, for the revision shown."""
    view = drawn(
        waiting=[
            Line(row(DRAFTED, id="R1", revision=2), DRAFTED, "*Waiting for approval 0 of 2* by @approvers")
        ]
    )
    assert "Waiting for me (1)" in told(view)
    (line,) = [text for text in told(view).splitlines() if "`R1`" in text]
    assert "asks for *1 × 80 GB GPU*" in line
    assert "*Waiting for approval 0 of 2* by @approvers" in line
    (decide,) = [block for block in view["blocks"] if block.get("block_id") == "peftsize:2:R1"]
    assert [button["action_id"] for button in decide["elements"]] == [
        "peftsize.approve",
        "peftsize.reject",
        "peftsize.details",
    ]


def test_everybody_elses_requests_open_details_alone() -> None:
    """Mine and what was found have one button each; a request may stand in both lists."""
    line = Line(row(DRAFTED, state=State.CREATED, spec_id="s1"), DRAFTED)
    view = drawn(mine=[line], found=[line])
    assert set(pressed(view["blocks"])) - {"find"} == {"open_form", "details"}


def test_an_empty_home_says_how_to_begin() -> None:
    """With nothing to show, Home says so and how to ask; who is no admin sees no list of failures."""
    view = drawn()
    assert "Nothing is waiting for you." in told(view)
    assert "/peftsize 10b 2x128MB qlora4" in told(view)
    assert "Needs an admin" not in told(view)


def test_full_lists_are_taken() -> None:
    """Sixty of the heaviest requests in every list make a view that Slack takes, and say how many are left."""
    heavy = sized("13b 1x1GB+2x2GB+3x3GB+4x4GB+5x5GB+6x6GB+7x7GB lora name=" + "n" * 64)
    many = [Line(row(heavy, id=f"R{i:07}", requester_name="<" * 300), heavy, "x" * 200) for i in range(60)]
    failed = [
        replace(line, request=replace(line.request, id=f"F{i:07}", state=State.FAILED))
        for i, line in enumerate(many)
    ]
    view = drawn(waiting=many, stuck=failed, mine=many, found=many)
    assert f"… and {60 - MOST_LINES} more" in told(view)


# --- in Slack


def test_each_role_sees_what_is_theirs(office):
    """An approver sees what waits for them, the requester their own, an admin what has failed."""
    asked = office.ask()
    assert "Waiting for me (1)" in shown(office, ADA)
    rosas = shown(office, ROSA)
    assert "Waiting for me (0)" in rosas
    assert asked.id in rosas
    with office.store.write() as tx:
        tx.connection.exec_driver_sql("UPDATE requests SET state = 'attention'")
    assert "Needs an admin (1)" in shown(office, INES)
    assert "Needs an admin (" not in shown(office, BEN)
    assert {"peftsize.retry", "peftsize.give_up"} <= {
        element["action_id"]
        for block in office.slack.home(INES).body["blocks"]
        if block["type"] == "actions"
        for element in block["elements"]
    }


def test_groups_have_their_names(office):
    """Who may approve is said by the group's name, not by its id."""
    office.ask()
    assert "S0APPROVE" not in shown(office, ROSA)
    assert "approvers" in shown(office, ROSA)


def test_a_line_opens_details(office):
    """The button of a line opens everything that the card leaves out."""
    office.ask()
    shown(office, ROSA)
    office.slack.click(ROSA, office.slack.home(ROSA), "peftsize.details")
    assert "How it is computed" in told(office.slack.modals(ROSA)[-1].body)


def test_an_open_home_follows_the_requests(office):
    """Who looked lately sees each change without opening it again; after an hour nobody draws for them."""
    shown(office, ADA)
    office.ask()
    assert "Waiting for me (1)" in told(office.slack.home(ADA).body)
    office.press(BEN, "approve")
    assert "Waiting for me (0)" in told(office.slack.home(ADA).body)
    office.clock.ahead_ms += HOME_READ_MS + 1000
    office.ask("70b none qlora4")
    assert "Waiting for me (0)" in told(office.slack.home(ADA).body)


def test_a_search_finds_and_stays(office):
    """A search and a filter narrow the list, and hold when the tab is drawn anew."""
    office.ask()
    office.ask("70b none qlora8")
    shown(office, ROSA)

    def find(block: str, value: str, **filled: str) -> str:
        office.slack.click(ROSA, office.slack.home(ROSA), FIND, value, block_id=block, values=filled)
        office.work()
        return told(office.slack.home(ROSA).body).partition("Find a request")[2]

    assert "70 " not in find("find", "10b")
    assert "No request matches." in find("show", "created", find="10b")
    office.press(ADA, "approve")
    assert "No request matches." in told(office.slack.home(ROSA).body)
    assert "asks for" in find("show", "open", find="")


@pytest.mark.parametrize("value", ["", "'; --", "%", "<!channel>" * 10])
def test_any_search_is_text(office, value):
    """What somebody searches for finds what contains it, and nothing more happens."""
    office.ask()
    shown(office, ROSA)
    office.slack.click(ROSA, office.slack.home(ROSA), FIND, value, block_id="find")
    office.work()
    assert ("No request matches." in told(office.slack.home(ROSA).body)) is bool(value)


# --- refused before a modal opens


@pytest.mark.parametrize("action", ["reject", "edit"])
def test_no_modal_opens_for_what_will_be_refused(office, action):
    """Who cannot reject or edit whatever their groups are hears so at once; the attempt is audited."""
    rules = office.service.rules
    office.ask(user=ROSA)
    who = ADA if action == "edit" else ROSA
    if action == "reject":
        office.service.rules = rules.model_validate({"defaults": {"approvers": ["U0ADA0001"]}})
    office.press(who, action)
    assert office.slack.modals(who) == []
    assert office.slack.ephemerals(who)[-1].text
    assert office.names()[-1] == f"{action}.refused"


def test_a_look_up_is_left_to_the_decision(office):
    """Whether somebody is in an approving group is asked live: the modal opens, and the decision refuses."""
    office.ask()
    office.press(INES, "reject")
    (view,) = office.slack.modals(INES)
    office.slack.submit(INES, view, {"reason": "Too large."})
    office.work()
    assert office.row().state == "pending"
    assert office.events()[-1]["reason"] == "not_an_approver"
