"""Which GPU counts a card warns about, and which one it offers instead."""

from __future__ import annotations

import pytest

from bot.approvals.request import State
from bot.slack.blocks.card import card
from tests.support.cards import ASKED, SITE, judge, menu, row, ruling, shown, sized

START = "⚠️ {} GPUs usually cannot be used for tensor parallelism. Choose *Use {} GPUs* under ⋯."
NODE = "⚠️ {} GPUs need more than one node of 8. "


@pytest.mark.parametrize(
    ("model", "gpus", "offered", "said"),
    [
        ("26b", "1", None, ()),
        ("80b", "3", "Use 4 GPUs", (START.format(3, 4),)),
        ("106b", "4", None, ()),
        ("133b", "5", "Use 8 GPUs", (START.format(5, 8),)),
        ("186b", "7", "Use 8 GPUs", (START.format(7, 8),)),
        ("213b", "8", None, ()),
        ("214b", "9", None, (NODE.format(9),)),
    ],
)
def test_a_count_that_cannot_start_is_warned_about(
    model: str, gpus: str, offered: str | None, said: tuple[str, ...]
) -> None:
    """The next count on the same node is one press away while the card can be voted on, and only then."""
    drafted = sized(f"{model} none lora")
    pending = card(row(drafted), drafted, site=SITE, now=ASKED, ruling=ruling(drafted))
    judge(pending)
    words, options = shown(pending), menu(pending.blocks)
    assert f"*GPUs*  {gpus} × 80 GB" in words
    assert [warning for warning in said if warning in words] == list(said)
    assert words.count("⚠️") == len(said)
    assert ("use_gpus" in options) == (offered is not None)
    if offered is not None:
        assert options["use_gpus"] == offered
    decided = card(row(drafted, state=State.APPROVED), drafted, site=SITE, now=ASKED, ruling=None)
    assert "use_gpus" not in menu(decided.blocks)
