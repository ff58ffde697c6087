"""Finding things and getting there: the words of the command, lists, shortcuts, threads, buttons with text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.approvals.request import State
from tests.support.team import ADA, CHANNEL, NAME, POLICY, ROSA, TEXT, Team, field_of

if TYPE_CHECKING:
    from collections.abc import Callable

WRONG = "10b 2x128MB qlora5"


def test_the_words_of_the_command(team: Team) -> None:
    """help, preview and policy answer privately and store nothing."""
    assert "/peftsize policy <request>" in team.command("help")
    preview = team.command(f"preview {TEXT}")
    assert "Only you see this; nothing was stored." in preview
    assert "7.875" in preview
    policy = team.command("policy 10b 2x128MB")
    assert "1 person" in policy
    assert "The requester cannot approve it." in policy
    assert team.rows() == []
    assert team.audit() == []
    assert team.slack.messages(CHANNEL) == []


def test_policy_says_who_and_why(new_team: Callable[..., Team]) -> None:
    """The quorum, every rule that applies, and a deny, in words."""
    team = new_team(
        policy=POLICY
        + "[[rule]]\nwhen = { min_gpus = 3 }\nquorum = 2\n"
        + '[[rule]]\nwhen = { min_gpus = 9 }\ndeny = "Open a capacity ticket."\n'
    )
    assert "2 people" in team.command("policy 70b 10x1GB")
    assert "from 3 GPUs: 2 people" in team.command("policy 70b 10x1GB")
    assert "Nobody may approve it. Open a capacity ticket." in team.command("policy 1t none")


def test_list_mine_show_and_history(team: Team) -> None:
    """Open ones, my own, one by its id, and all by any word; each links to the card."""
    mine = team.ask()
    theirs = team.ask("7b none qlora8", who="ben")
    team.approve("ada", theirs)
    listed, own = team.command("list"), team.command("mine")
    assert mine.id in listed
    assert theirs.id not in listed
    assert mine.id in own
    assert theirs.id not in own
    assert "archives/C0MLSERVE/p" in str(team.slack.ephemerals("rosa")[-1].blocks)
    shown = team.command(f"show {theirs.id.lower()}")
    assert str(team.row(theirs).spec_id) in shown
    found = team.command("history QLORA8")
    assert theirs.id in found
    assert mine.id not in found
    assert "no such request" in team.command("show R0000000")
    assert "none" in team.command("history 100% <nothing>")


def test_lists_have_pages(team: Team) -> None:
    """Ten a page; the buttons turn it, privately, for the person who presses."""
    asked = [team.ask(f"{number}b none qlora4") for number in range(1, 13)]
    team.command("history none", "ben")  # looked up first
    first = team.slack.ephemerals("ben")[-1]
    assert "page 1 of 2" in team.words(first)
    assert asked[-1].id in team.words(first)
    assert asked[0].id not in team.words(first)
    team.slack.click("ben", first, "Next page")
    team.quiet()
    second = team.slack.ephemerals("ben")[-1]
    assert "page 2 of 2" in team.words(second)
    assert asked[0].id in team.words(second)
    team.slack.click("ben", second, "Previous page")
    team.quiet()
    assert "page 1 of 2" in team.heard("ben")[-1]


def test_specs_are_live(team: Team) -> None:
    """The specs of the space as the cluster has them now, and which request made one."""
    request = team.ask()
    team.approve("ada", request)
    team.cluster.api.add("by-hand", {"gpu": {"num_gpu": 1}}, team.cluster.space_id)
    team.command("specs")
    told = team.heard("rosa")[-1]
    assert NAME in told
    assert f"request {request.id}" in told
    assert "by-hand" in told
    assert "made elsewhere" in told
    team.break_cluster()
    team.later(5)  # a list of a few seconds ago still serves
    team.command("specs")
    assert "could not be reached; nothing was changed" in team.heard("rosa")[-1]


def test_a_mistake_is_one_press_away_from_right(team: Team) -> None:
    """What cannot be read is told with its place and a request that runs; the button asks for that."""
    delivery = team.slack.command("rosa", CHANNEL, WRONG)
    (answer,) = delivery.said
    assert "^" in team.words(answer)
    assert team.rows() == []
    assert team.slack.click("rosa", answer, "peftsize.run_text").ok
    team.quiet()
    (request,) = team.rows()
    assert (request.requester_id, request.channel_id) == (ROSA, "C0MLSERVE")
    assert team.card(request)


def test_run_text_is_read_anew(team: Team) -> None:
    """The text in a button is parsed and judged like typed text; a second press makes no second card."""
    (answer,) = team.slack.command("rosa", CHANNEL, f"preview {TEXT}").said
    for _ in range(2):
        team.slack.click("rosa", answer, "Submit request")
        team.quiet()
    assert len(team.rows()) == 1
    assert team.rows()[0].id in team.heard("rosa")[-1]
    team.forge("rosa", "run_text", answer, value="<!channel> 10b; DROP")
    assert len(team.rows()) == 1


def test_the_form_with_an_example(team: Team) -> None:
    """Where a fix would have to invent a number, the button opens the form with a request that parses."""
    (answer,) = team.slack.command("rosa", CHANNEL, "qlora4").said
    assert team.slack.click("rosa", answer, "peftsize.open_form").ok
    view = team.slack.modals("rosa")[-1]
    assert team.slack.submit("rosa", view).ok
    team.quiet()
    assert len(team.rows()) == 1


def test_the_message_shortcut(team: Team) -> None:
    """The request in a sentence fills the form; what is asked there comes to that channel."""
    message = team.slack.say("ben", CHANNEL, f"Could we serve {TEXT}, please?")
    assert team.slack.shortcut("rosa", message, "peftsize.from_message").ok
    view = team.slack.modals("rosa")[-1]
    assert "initial_value" not in field_of(view, "request")
    assert field_of(view, "adapters")["initial_value"] == "2x128MB"
    team.slack.submit("rosa", view)
    team.quiet()
    assert team.rows()[0].channel_id == "C0MLSERVE"


def test_a_mention_in_a_thread(team: Team) -> None:
    """Where slash commands do not work a mention does: a request, or a private answer in the thread."""
    thread = team.slack.say("ben", CHANNEL, "how large would it be?")
    assert team.slack.mention("rosa", CHANNEL, TEXT, thread.ts)
    team.quiet()
    (request,) = team.rows()
    assert team.card(request)
    team.slack.mention("rosa", CHANNEL, WRONG, thread.ts)
    team.quiet()
    told = team.slack.ephemerals("rosa")[-1]
    assert told.thread_ts == thread.ts
    assert "qlora5" in team.words(told)
    team.slack.mention("ben", CHANNEL, "", thread.ts)
    team.quiet()
    assert "/peftsize preview" in team.heard("ben")[-1]


def test_a_mention_sent_again_counts_once(team: Team) -> None:
    """An event that Slack sends again, for whatever reason, makes no second answer."""
    delivery = team.slack.mention("rosa", CHANNEL, WRONG)
    assert delivery is not None
    team.quiet()
    team.slack.replay(delivery)
    team.quiet()
    assert len(team.heard("rosa")) == 1


def test_who_looks_at_the_json_is_in_the_audit(team: Team) -> None:
    """The exact body, where it goes and the digest, in a modal; the view is audited with the person."""
    request = team.ask()
    assert team.click("ben", "details", request).ok
    shown = team.words(team.slack.modals("ben")[-1])
    assert request.digest in shown
    assert '"num_gpu": 1' in shown
    assert f"space_id={request.space_id}" in shown
    seen = team.last("details.viewed")
    assert (seen["actor"]["user_id"], seen["digest"], seen["revision"]) == ("U0BEN0001", request.digest, 1)
    assert seen["slack"]["trigger_hash"]
    assert team.row(request).state is State.PENDING


def test_the_second_opinion(team: Team) -> None:
    """Details shows an estimate beside the number, which does not change by it; the view is audited."""
    request = team.ask("llama-3.1-8b 4xr16 lora")
    assert team.click("ada", "details", request).ok
    assert "An estimate." in team.words(team.slack.modals("ada")[-1])
    assert team.last("details.viewed")["actor"]["user_id"] == ADA


@pytest.mark.parametrize(
    ("action", "event", "shown"), [("show_json", "json", "num_gpu"), ("explain", "explain", "KV")]
)
def test_buttons_of_older_cards_answer_as_before(team: Team, action: str, event: str, shown: str) -> None:
    """Show JSON and Explain, which the card has no more, still open what they opened, and say so in the audit."""
    request = team.ask("llama-3.1-8b 4xr16 lora")
    assert team.press_old("ben", action, request).ok
    assert shown in team.words(team.slack.modals("ben")[-1])
    assert team.last(f"{event}.viewed")["actor"]["user_id"] == "U0BEN0001"


def test_a_button_for_an_unknown_request_is_answered(team: Team) -> None:
    """Details with a value that is no request of ours is told so, and not swallowed."""
    request = team.ask()
    team.press_old("ada", "details", request, "R00000000")
    assert "no such request" in team.heard("ada")[-1]
    assert team.slack.modals("ada") == []


def test_slack_is_too_slow_for_a_form(team: Team) -> None:
    """If the modal cannot be opened, the person is told, and nothing was done."""
    request = team.ask()
    team.slack.faults.only, team.slack.faults.http_500 = frozenset({"views.open"}), 2
    assert "did not open the form" in team.command("")
    team.click("ada", "reject", request)
    assert "did not open the form" in team.heard("ada")[-1]
    assert team.row(request).state is State.PENDING
