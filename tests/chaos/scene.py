"""One request through its life, step by step, for the tests of single instants."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from bot.sandbox.slack.inputs import NotThere

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.chaos.world import World


class Scene:
    """Somebody asks for one spec in ``#ml-serving``, and others press buttons.

    Args:
        world: Where, already started.
        name: The spec's.
    """

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name

    def ask(self) -> None:
        """Type the command until it is acknowledged."""

        def acknowledged() -> bool:
            text = f"10b 2x128MB qlora4 name={self.name}"
            return self.world.slack.command("rosa", "#ml-serving", text).ok

        until(acknowledged, 15)

    @property
    def row(self) -> dict[str, Any]:
        found = self.world.rows.request(self.name)
        assert found is not None, f"{self.name} is lost"
        return found

    @property
    def state(self) -> str:
        return str(self.row["state"])

    def press(self, action: str, *people: str) -> None:
        """Press a button, all of them at once, when the card shows it."""
        until(lambda: self.row["message_ts"] is not None, 10)

        def shown() -> bool:
            return self._press(action, people)

        until(shown, 15)

    def _press(self, action: str, people: tuple[str, ...]) -> bool:
        row = self.row
        card = self.world.slack.message(row["channel_id"], row["message_ts"])
        if card is None:
            return False
        try:
            with ThreadPoolExecutor(len(people)) as pool:
                presses = [
                    pool.submit(self.world.slack.click, who, card, f"peftsize.{action}") for who in people
                ]
                return any(press.result().ok for press in presses)
        except NotThere:
            return False

    def becomes(self, *states: str, within_s: float) -> float:
        """Wait for a state; return the seconds it took."""
        began = time.monotonic()
        try:
            until(lambda: self.state in states, within_s)
        except AssertionError:
            raise AssertionError(f"{self.name} is {self.state}, not {states}: {self.row['error']}") from None
        return time.monotonic() - began

    def shows(self, words: str, within_s: float = 10) -> None:
        """Wait until the card says something."""

        def told() -> bool:
            row = self.row
            card = self.world.slack.message(row["channel_id"], row["message_ts"] or "")
            return card is not None and any(
                words in str(block.get("text", {}).get("text", "")) for block in card.blocks
            )

        until(told, within_s)

    @property
    def specs(self) -> int:
        return len(self.world.specs(self.name))

    @property
    def posts(self) -> int:
        return len(self.world.posts.get(self.name, ()))


def until(condition: Callable[[], bool], within_s: float) -> None:
    """Wait for something to be so."""
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, f"not so within {within_s} s"
        time.sleep(0.03)
