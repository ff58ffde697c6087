"""Which GPU counts a card warns about, and which one it offers instead."""

from __future__ import annotations

import pytest

from bot.approvals.request import State
from bot.slack.blocks.card import card
from tests.slack.pictures import ASKED, SITE, judge, pressed, row, ruling, shown, sized

START = "*Warning W1:* Tensor parallelism usually cannot start on {} GPUs; "
NODE = "*Warning W2:* {} GPUs are more than one 8-GPU node."


@pytest.mark.parametrize(
    ("model", "gpus", "offered", "said"),
    [
        ("26b", "1", None, ()),
        ("80b", "3", "Use 4 GPUs", (START.format(3) + "the next valid count is 4.",)),
        ("106b", "4", None, ()),
        ("133b", "5", "Use 8 GPUs", (START.format(5) + "the next valid count is 8.",)),
        ("186b", "7", "Use 8 GPUs", (START.format(7) + "the next valid count is 8.",)),
        ("213b", "8", None, ()),
        ("214b", "9", None, (START.format(9) + "the next is more than one 8-GPU node.", NODE.format(9))),
    ],
)
def test_a_count_that_cannot_start_is_warned_about(
    model: str, gpus: str, offered: str | None, said: tuple[str, ...]
) -> None:
    """The next count on the same node is one press away while the card can be voted on, and only then."""
    drafted = sized(f"{model} none lora")
    pending = card(row(drafted), drafted, site=SITE, now=ASKED, ruling=ruling(drafted))
    judge(pending)
    words, buttons = shown(pending), pressed(pending.blocks)
    assert f"*GPUs*\n{gpus} × 80 GB" in words
    assert [warning for warning in said if warning in words] == list(said)
    assert words.count("*Warning") == len(said)
    assert ("use_gpus" in buttons) == (offered is not None)
    if offered is not None:
        assert buttons["use_gpus"]["text"]["text"] == offered
    decided = card(row(drafted, state=State.APPROVED), drafted, site=SITE, now=ASKED, ruling=None)
    assert "use_gpus" not in pressed(decided.blocks)
