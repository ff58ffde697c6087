"""Anybody's text on its way into Slack."""

from __future__ import annotations

import doctest
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import messages, redaction
from bot.slack.blocks import kit
from bot.slack.blocks import text as layer
from tests.support.cards import HOSTILE

if TYPE_CHECKING:
    from types import ModuleType

LIVE = re.compile(r"<[!@#a-z]|(?<!&lt;)<|@(?:here|channel|everyone)\b", re.IGNORECASE)
"""What Slack would resolve: an unescaped angle bracket or a broadcast."""
ENTITY = re.compile(r"&(?!(?:amp|lt|gt);)")
ANYTHING = st.text(st.characters(codec=None, exclude_categories=()), max_size=400)


@given(ANYTHING, st.integers(8, 400))
def test_nothing_live_survives(anything: str, limit: int) -> None:
    """Whatever the text and wherever it is cut: no mention, no link, no half entity, within the limit."""
    for made in (layer.safe(anything, limit), layer.code(anything, limit), layer.fence(anything, limit + 8)):
        assert not LIVE.search(made)
        assert not ENTITY.search(made)
        made.encode()
    assert len(layer.safe(anything, limit)) <= limit
    assert len(layer.code(anything, limit)) <= limit
    assert len(layer.fence(anything, limit + 8)) <= limit + 8


@given(ANYTHING)
def test_code_is_never_left(anything: str) -> None:
    """Inline code holds exactly its own two backticks, a code block its six, and no line end in between."""
    inline, block = layer.code(anything), layer.fence(anything)
    assert inline.count("`") == 2
    assert "\n" not in inline
    assert block.count("`") == 6
    assert block.startswith("```\n")
    assert block.endswith("\n```")


def test_hostile_text_is_text() -> None:
    """Mentions, links, style, bidi and control characters of a hostile text are shown or gone, never obeyed."""
    made = layer.safe(HOSTILE)
    assert made.startswith(
        "&lt;!channel&gt; &lt;!here|x&gt; &lt;@U0VICTIM1&gt; &lt;!subteam^S0ALL&gt; ＠here"
    )
    assert "\u202e" not in made
    assert "\u200b" not in made
    assert not re.search(r"[*~`\n]", made)
    assert "&amp; &amp;lt; &gt;" in made


@pytest.mark.parametrize(
    "code_point", [0x202E, 0x2066, 0x200B, 0x200F, 0x00AD, 0xFEFF, 0xE0041, 0x3164, 0x7, 0x1B]
)
def test_invisible_characters_are_dropped(code_point: int) -> None:
    """Characters without width and those that turn the reading direction are dropped."""
    assert layer.clean(f"10{chr(code_point)}b") == "10b"


def test_emoji_keep_their_joiner() -> None:
    """A joiner between emoji stays, one between letters goes; an emoji is one character to the cutter."""
    family = "👩\u200d👧"
    assert layer.clean(f"{family} a\u200db") == f"{family} ab"
    assert list(layer.clusters(f"{family}🇩🇪🇫🇷👍🏽")) == [family, "🇩🇪", "🇫🇷", "👍🏽"]


@pytest.mark.parametrize("whole", ["👩\u200d👧", "🇩🇪", "é", "&amp;", "👍🏽"])
@pytest.mark.parametrize("limit", range(2, 12))
def test_a_cut_never_halves(whole: str, limit: int) -> None:
    """A cut leaves whole characters and an ellipsis, and never more than the limit."""
    made = layer.cut(whole * 20, limit)
    assert re.fullmatch(f"(?:{re.escape(whole)})*…", made)
    assert len(made.encode("utf-16-le")) // 2 <= limit


def test_escape_comes_before_the_cut() -> None:
    """A hundred angle brackets stay within the limit after escaping, which makes four of one."""
    assert layer.safe("<" * 100, 50) == "&lt;" * 12 + "…"


def test_a_stack_of_marks_is_cut_down() -> None:
    """Combining marks that would cover the lines around are cut to four."""
    assert layer.clean("e" + "\u0301" * 50) == "e" + "\u0301" * 4


def test_only_real_ids_become_mentions() -> None:
    """A mention is made of an id and of nothing that only looks like one."""
    assert layer.mention("U0ROSA001", "Rosa") == "<@U0ROSA001>"
    assert layer.mention("U1> <!channel", "Rosa") == "Rosa"
    assert layer.entry("S0APPROVE") == "<!subteam^S0APPROVE>"
    assert layer.entry("anyone") == "any full member"
    assert layer.channel("C0TEAM001") == "<#C0TEAM001>"
    assert layer.channel("<!here>") == "`&lt;!here&gt;`"
    assert layer.mention("", "") == "somebody"


def test_links_lead_only_to_https_or_loopback() -> None:
    """A link is ours: https or loopback, with nothing in the address that ends it early."""
    assert layer.link("https://a.example/x?a=1&b=2", "card") == "<https://a.example/x?a=1&amp;b=2|card>"
    assert layer.link("http://127.0.0.1:8765/x", "card") == "<http://127.0.0.1:8765/x|card>"
    assert layer.link("https://a.example/|x>y", "card") == "<https://a.example/%7Cx%3Ey|card>"
    assert layer.link("http://a.example/", "card") == "card"
    assert layer.link("javascript:alert(1)", "card") == "card"


def test_dates_are_in_the_readers_zone() -> None:
    """A date carries Slack's token and a fallback in UTC."""
    assert layer.date(1_700_000_000_999) == (
        "<!date^1700000000^{date_short_pretty} {time}|2023-11-14 22:13 UTC>"
    )


def test_code_blocks_keep_their_blanks() -> None:
    """The caret stays under the place it points at."""
    assert layer.fence("a  b\n   ^") == "```\na  b\n   ^\n```"


@pytest.mark.parametrize("room", [layer, kit, messages, redaction], ids=lambda room: room.__name__)
def test_examples_in_docstrings_hold(room: ModuleType) -> None:
    """What a docstring shows is what happens."""
    found = doctest.testmod(room)
    assert found.attempted > 0
    assert found.failed == 0
