"""Cards as text: everything a card says is there, within the width, in a whole box."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from bot.sandbox.cardtext import plain_words, render
from bot.sandbox.slack.people import BOT_USER, default_directory
from bot.sandbox.slack.workspace import Message, View
from tests.sandbox.tinyapp import actions, button, reason_modal, section


def plain(text: str) -> dict:
    return {"type": "plain_text", "text": text}


BLOCKS = [
    {"type": "header", "text": plain("Hardware for 10b")},
    section("*8 GB* for <@U0ROSA001>, `1 GPU`"),
    {"type": "section", "fields": [plain("GPUs\n1"), plain("CPUs\n2"), plain("Memory\n8 GB")]},
    {"type": "divider"},
    actions(button(), button("Reject", "reject")),
    {"type": "context", "elements": [{"type": "mrkdwn", "text": "_waiting_"}, plain("1 of 2")]},
]


def card(blocks=(), text="", **more) -> Message:
    return Message("1.000001", "C0MLSERVE", BOT_USER, text, list(blocks), bot_id="B0", **more)


def test_a_card_is_drawn():
    """The whole picture, line by line."""
    drawn = render(card(BLOCKS), default_directory(), 44)
    assert drawn.split("\n") == [
        "┌─ peftsize ───────────────────────────────┐",
        "│ HARDWARE FOR 10B                         │",
        "│ 8 GB for @Rosa Requester, 1 GPU          │",
        "│ GPUs                CPUs                 │",
        "│ 1                   2                    │",
        "│ Memory                                   │",
        "│ 8 GB                                     │",
        "│ ──────────────────────────────────────── │",
        "│ [ Approve ]  [ Reject ]                  │",
        "│ · waiting · 1 of 2                       │",
        "└──────────────────────────────────────────┘",
    ]


def test_private_and_edited_are_said():
    """Who sees it and that it changed stand in the title."""
    title = render(card(text="x", ephemeral_to="U0ROSA001", edited_ts="2.0"), default_directory()).split(
        "\n"
    )[0]
    assert "only visible to you" in title
    assert "edited" in title


def test_a_modal_shows_fields_errors_and_buttons():
    """Labels, the sentence under the field, submit."""
    view = View("V1", "U0ADA0001", reason_modal(), "h", "V1", errors={"reason": "Say more."})
    drawn = render(view, default_directory())
    for words in ("Reason *", "! Say more.", "[ Reason ]"):
        assert words in drawn


@pytest.mark.parametrize(
    "text",
    [
        "x" * 500,
        "word " * 200,
        "漢字" * 100,
        "🙂" * 90,
        "e\u0301" * 150,
        "a\n\n\nb",
        "",
        "   indented " * 20,
        "\u202eabc",
    ],
)
@pytest.mark.parametrize("width", [24, 60, 78])
def test_every_line_fits(text, width):
    """Whatever is said, each line is exactly as wide as the box, in terminal columns."""
    blocks = [section(text or "x"), {"type": "section", "fields": [plain(text or "x"), plain("y")]}]
    for shown in (card(blocks), card(text=text)):
        widths = {cell_len(line) for line in render(shown, default_directory(), width).split("\n")}
        assert widths == {width}


def test_text_cannot_steer_the_terminal():
    """Escape sequences and direction marks are shown as replaced characters."""
    drawn = render(card([section("\x1b[2Jgone \u202eabc\ttab")]), default_directory())
    assert "\ufffd[2Jgone \ufffdabc\ufffdtab" in drawn


@pytest.mark.parametrize(
    ("markup", "read"),
    [
        ("*bold* _it_ ~no~", "bold it no"),
        ("*_both_*", "both"),
        ("2*3*4 a_b_c", "2*3*4 a_b_c"),
        ("`*x*` ```<@U0ADA0001>```", "*x* <@U0ADA0001>"),
        ("<@U0ADA0001> in <#C0MLSERVE>", "@Ada Approver in #ml-serving"),
        ("<!subteam^S0APPROVE> <!here>", "@approvers @here"),
        ("<https://x.test/a|site> <https://x.test>", "site (https://x.test/a) https://x.test"),
        ("<!date^1^{date}|2026-01-01 10:00 UTC>", "2026-01-01 10:00 UTC"),
        ("&lt;@U0ADA0001&gt; &amp;lt;", "<@U0ADA0001> &lt;"),
    ],
)
def test_markup_is_read_as_people_read_it(markup, read):
    """Marks disappear, references become names, and what was escaped stays text."""
    assert plain_words(markup, default_directory()) == read
