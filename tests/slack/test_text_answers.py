"""Private answers and lists."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from bot.approvals.parties import Shortage
from bot.approvals.request import Maker, State
from bot.slack.blocks import answers
from bot.slack.blocks.card import card
from bot.slack.blocks.lists import listing, specs_listing
from bot.slack.inbound.commands import did_you_mean
from bot.workflow.ports import RemoteSpec
from sizing import SizingError, parse
from tests.support.cards import (
    ASKED,
    HOSTILE,
    SITE,
    SPEC_ID,
    judge,
    pressed,
    row,
    ruling,
    shown,
    sized,
    vote,
)

DRAFTED = sized()
LINK = "https://x.slack.com/archives/C0TEAM001/p1700000000000100"
BAD = Path(__file__).parents[1] / "data" / "bad_inputs.csv"


def refused(text: str) -> SizingError:
    """What the grammar says of a text."""
    with pytest.raises(SizingError) as caught:
        parse(text)
    return caught.value


def test_a_typing_mistake_is_pointed_at() -> None:
    """The answer shows the text as typed with a caret under the fault, the reason, and a button that runs."""
    error = refused("10b 2x128Mbit qlora4")
    made = answers.sizing_error(error, "10b 2x128Mbit qlora4")
    judge(made)
    _, typed, caret, *_ = made.blocks[0]["text"]["text"].split("\n")
    assert typed == "/peftsize 10b 2x128Mbit qlora4"
    assert typed[: len(caret)].endswith("x128Mbit")
    assert caret.strip() == "~" * (error.span[1] - error.span[0] - 1) + "^"
    assert "`Try: /peftsize 10b 2x128MB qlora4`" in shown(made)
    assert pressed(made.blocks)["run_text"]["value"] == "10b 2x128MB qlora4"


def test_a_mistake_after_a_word_keeps_the_word() -> None:
    """What ``preview`` could not read is offered as a preview: no press posts a request that nobody asked for."""
    for text in ("10b 2x128Mbit qlora4", "2x128MB qlora4", "granite-8b 2x128MB"):
        made = answers.sizing_error(refused(text), text, "preview")
        judge(made)
        offered = [
            element
            for block in made.blocks
            for element in [block.get("accessory"), *block.get("elements", [])]
            if element
        ]
        assert {button["action_id"] for button in offered} == {"peftsize.run_text"}
        assert all(button["value"].startswith("preview ") for button in offered)
        assert made.blocks[0]["text"]["text"].startswith("```\n/peftsize preview ")


def test_quoted_characters_can_be_copied() -> None:
    """What the grammar quotes is shown character by character, not by look-alikes."""
    text = "10b 2x128MB *qlora4*"
    error = refused(text)
    made = answers.sizing_error(error, text)
    assert made.blocks[1]["text"] == {"type": "plain_text", "text": error.message, "emoji": False}
    assert "*" in error.message


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("preveiw 10b 2x128MB qlora4", "preview 10b 2x128MB qlora4"),
        ("hlep", "help"),
        ("status", "list"),
        ("status R7K3M9QX", "show R7K3M9QX"),
        ("approve R7K3M9QX", "show R7K3M9QX"),
        ("hisotry 70b", "history 70b"),
        ("POLCY 10b none", "policy 10b none"),
    ],
)
def test_a_mistyped_word_is_offered_as_it_was_meant(typed: str, meant: str) -> None:
    """A word is answered with the word that was meant, and keeps what follows it."""
    word, _, rest = typed.partition(" ")
    assert did_you_mean(word, rest) == meant
    made = answers.mistyped(typed, meant, decides=word == "approve")
    judge(made)
    assert pressed(made.blocks)["run_text"]["value"] == meant
    assert ("request's card" in shown(made)) == (word == "approve")


def test_what_is_no_word_is_a_request() -> None:
    """Models, numbers and adapters are never taken for a mistyped word."""
    for word in (
        "10b",
        "7.5b",
        "2x128MB",
        "qlora4",
        "llama-3.1-8b",
        "granite",
        "mistral",
        "qwen",
        "phi-4",
        "none",
    ):
        assert did_you_mean(word, "") is None


def test_an_invented_number_opens_the_form() -> None:
    """Where the fix had to invent a number, nothing runs at a press: the form opens with the example."""
    made = answers.sizing_error(refused("2x128MB qlora4"), "2x128MB qlora4")
    assert set(pressed(made.blocks)) == {"open_form"}
    assert pressed(made.blocks)["open_form"]["value"] == "10b 2x128MB qlora4"


def test_a_name_that_is_near_to_several_models_offers_each() -> None:
    """Each candidate stands in a row of its own with a button that opens the form with it; so do two readings."""
    for text, several in [("granite-8b 2x128MB", 3), ("10b 2 adapters of 128MB and 64MB", 2)]:
        error = refused(text)
        made = answers.sizing_error(error, text)
        judge(made)
        rows = [block for block in made.blocks if "accessory" in block]
        assert [row["accessory"]["value"] for row in rows] == list(error.candidates)
        assert len({row["block_id"] for row in rows}) == several
        assert {row["accessory"]["action_id"] for row in rows} == {"peftsize.open_form"}


def test_every_known_mistake_has_an_answer() -> None:
    """Each text that must be refused gets an answer that Slack takes, hostile ones included."""
    with BAD.open(encoding="utf-8", newline="") as rows:
        texts = [line["input"] for line in csv.DictReader(rows)]
    for text in [*texts, HOSTILE, "<" * 300, "`" * 300, "", "👩\u200d👧" * 80]:
        made = answers.sizing_error(refused(text), text)
        judge(made)
        assert "<!" not in shown(made) + made.text


def test_help_names_every_word_of_the_command() -> None:
    """Help shows what can be typed, and its examples parse."""
    made = answers.usage()
    judge(made)
    for word in ("preview", "policy", "list", "mine", "show <id>".replace("<", "<"), "history", "specs"):
        assert word in shown(made)
    for text in answers.EXAMPLES:
        assert parse(text)


def test_a_preview_shows_the_numbers_and_stores_nothing() -> None:
    """A preview has the card's numbers, says that nothing was stored, and offers to ask."""
    made = answers.preview(DRAFTED, ruling(DRAFTED))
    judge(made)
    assert "nothing was stored" in shown(made)
    assert "(10 × 0.5 + 2 × 128/1024) × 1.5 = 7.875" in shown(made)
    assert "<@U0ADA001>" in shown(made)
    assert pressed(made.blocks)["run_text"]["value"] == "10b 2x128MB qlora4"


def test_the_policy_is_explained() -> None:
    """Who may approve, how many, whether the requester counts, when it ends, and why it cannot be reached."""
    made = answers.policy_answer(DRAFTED, ruling(DRAFTED), [Shortage(quorum=2, able=1)])
    judge(made)
    told = shown(made)
    assert "*2 people* of: <!subteam^S0APPROVE>, <@U0ADA001>" in told
    assert "The requester cannot approve it. It expires after 24 h." in told
    assert "only the defaults" in told
    assert "*Note:* Only 1 person can approve this and 2 must." in told


def test_an_identical_request_is_shown_instead_of_a_second_card() -> None:
    """State, link and id of what is there; with the spec's id and next step where it exists."""
    waiting = answers.existing(row(DRAFTED, votes=(vote(),)), LINK)
    judge(waiting)
    assert f"`R7K3M9QX`, *waiting for approval, 1 of 2*. <{LINK}|See the card>" in shown(waiting)
    done = answers.existing(row(DRAFTED, state=State.CREATED, spec_id=SPEC_ID), LINK)
    assert f'"id": "{SPEC_ID}"' in shown(done)
    assert "No second card was posted." in shown(done)


def test_other_answers_say_what_to_do_next() -> None:
    """Each private answer names the way on."""
    request = row(DRAFTED)
    for message, words in (
        (answers.name_taken(request, LINK), "Add `name=…`"),
        (answers.denied("Open a ticket."), "The policy says: Open a ticket."),
        (answers.refused("self_approval", "", request, LINK), "somebody else must approve it"),
        (answers.refused("unknown_request", "R1"), "/peftsize list"),
        (answers.submitted(request), "<#C0TEAM001>"),
        (answers.show(request, ASKED, LINK), "⏳ <@U0ROSA001> asks for *10b 2x128MB qlora4*"),
        (answers.nothing_stored("full"), "nothing was stored"),
        (answers.unexpected("ab12cd34"), "ab12cd34"),
        (answers.adopted(row(DRAFTED, existing=(SPEC_ID, "M"))), SPEC_ID),
    ):
        judge(message)
        assert words in shown(message)


def test_an_invitation_is_the_exact_line() -> None:
    """Where the bot may not post, the answer holds the line to type, and the card can be posted again."""
    made = answers.invite("C0PRIVATE", "peftsize", row(DRAFTED))
    judge(made)
    assert "```\n/invite @peftsize\n```" in shown(made)
    assert "<#C0PRIVATE>" in shown(made)
    assert pressed(made.blocks)["post_again"]["value"] == "R7K3M9QX"
    assert pressed(answers.invite("C0PRIVATE", "@peftsize").blocks) == {}


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (State.CREATED, f"Spec `{SPEC_ID}`"),
        (State.FAILED, "❌ *Failed:*"),
        (State.ATTENTION, "No action needed"),
        (State.REJECTED, "*Rejected* by <@U0ADA001>"),
        (State.EXPIRED, "Nobody decided by"),
    ],
)
def test_the_requester_hears_the_end(state: State, words: str) -> None:
    """A direct message says how it ended and links to the card; it has no button that its copy could not honour."""
    request = row(
        DRAFTED, state=state, spec_id=SPEC_ID, error="name taken", ended_by="U0ADA001", ended_at=ASKED
    )
    made = answers.dm(request, LINK)
    judge(made)
    assert words in shown(made)
    assert f"<{LINK}|See the card>" in shown(made)
    assert pressed(made.blocks) == {}


def test_a_reminder_is_the_card_with_a_line_before() -> None:
    """The reminder carries the card's own buttons, so that one can decide from the direct message."""
    request = row(DRAFTED)
    drawn = card(request, DRAFTED, site=SITE, now=ASKED, ruling=ruling(DRAFTED))
    made = answers.reminder(drawn, request, LINK, "U0ADA001")
    judge(made)
    assert made.blocks[2:] == drawn.blocks
    assert "*This request is waiting for you.*" in shown(made)
    voted = replace(request, votes=(vote(),))
    assert "is waiting for you" not in shown(answers.reminder(drawn, voted, LINK, "U0ADA001"))


def test_pages_turn_both_ways() -> None:
    """A list in the middle leads back and on; the button says which list and which page."""
    rows = [row(DRAFTED), row(DRAFTED, state=State.CREATED, spec_id=SPEC_ID)]
    made = listing("Open requests", rows, 2, 3, where="history 70b", link=lambda _: LINK)
    judge(made)
    turns = [
        element["value"]
        for block in made.blocks
        for element in [block.get("accessory"), *block.get("elements", [])]
        if element and element.get("action_id") == "peftsize.page"
    ]
    assert turns == ["1 history 70b", "3 history 70b"]
    assert f"*created {SPEC_ID}*" in shown(made)
    assert f"<{LINK}|card>" in shown(made)
    assert "page" not in pressed(listing("Mine", rows, 1, 1, where="mine").blocks)


def test_an_empty_list_says_so() -> None:
    """Nothing found is said, in the block and in the fallback."""
    made = listing("Mine", [], 1, 1, where="mine")
    judge(made)
    assert "*Mine:* none." in shown(made)
    assert made.text == "Mine: none."


def test_specs_tell_where_they_are_from() -> None:
    """Predefined, made by a request of ours, or made elsewhere; foreign names are only text."""
    nodes = {"cpu": {"units": "2"}, "mem": {"size": "8Gi"}, "gpu": {"num_gpu": 1}}
    specs = [
        RemoteSpec("g1", "M", "", nodes, None, "", is_global=True),
        RemoteSpec(SPEC_ID, "peft-x", "", nodes, "s", "", is_global=False),
        RemoteSpec("o1", "<!here>", "", {}, "s", "", is_global=False),
    ]
    made = specs_listing(
        specs, 1, 1, ours={SPEC_ID: Maker("R7K3M9QX", "U0ROSA001", "Rosa", "eval")}, users={}
    )
    judge(made)
    told = shown(made)
    assert "`M`  GPUs 1, CPUs 2, memory 8Gi\nid `g1` · predefined" in told
    assert "request `R7K3M9QX` · <@U0ROSA001>\n*Purpose:* eval" in told
    assert "`&lt;!here&gt;`  no nodes named\nid `o1` · made elsewhere" in told
