"""Pressing what a card offers, be it a button or an option of its menu."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.slack.limits import elements_of
from bot.sandbox.slack.workspace import Message

if TYPE_CHECKING:
    from bot.sandbox.slack.delivery import Delivery
    from bot.sandbox.slack.fake_slack import FakeSlack
    from bot.sandbox.slack.workspace import View

CONFIRM = "peftsize.confirm"


def press(slack: FakeSlack, who: str, shown: Message | View, action: str) -> Delivery:
    """Press a button or choose in the menu; a modal that asks first is answered with yes.

    Raises:
        NotThere: neither is there.
    """
    option = _option(shown, action)
    if option is None:
        return slack.click(who, shown, f"peftsize.{action}")
    block_id, value = option
    before = len(slack.modals(who))
    delivery = slack.click(who, shown, "peftsize.more", value, block_id=block_id)
    asked = slack.modals(who)[before:]
    if asked and asked[-1].body.get("callback_id") == CONFIRM:
        return slack.submit(who, asked[-1])
    return delivery


def _option(shown: Message | View, action: str) -> tuple[str, str] | None:
    """Return the block and the value of the first menu's option that does this."""
    for block in shown.blocks if isinstance(shown, Message) else shown.body["blocks"]:
        for element in elements_of(block):
            for option in element.get("options", []):
                if str(option.get("value")).partition(" ")[0] == action:
                    return str(block["block_id"]), str(option["value"])
    return None
