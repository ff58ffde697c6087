"""The sandbox page as a person uses it: by what is written on it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from bot.sandbox.world import World


class Screen:
    """One browser tab."""

    def __init__(self, page: Page, world: World) -> None:
        self.page = page
        self.world = world

    def type(self, text: str) -> None:
        """Type into the conversation and press Enter."""
        box = self.page.get_by_role("combobox", name="Message or command")
        box.fill(text)
        box.press("Enter")

    def be(self, name: str) -> None:
        """Become another person."""
        self.page.get_by_role("radio", name=name).check(force=True)
        expect(self.page).to_have_title(re.compile(f"· {name} "))

    def card(self) -> Locator:
        """The newest card."""
        return (
            self.page.locator("#log > article")
            .filter(has=self.page.get_by_role("button", name="More actions"))
            .last
        )

    def press(self, words: str, *, sure: str | None = None) -> None:
        """Press a button of the card, and confirm where it asks."""
        self.card().get_by_role("button", name=words).first.click()
        if sure is not None:
            self.page.get_by_role("alertdialog").get_by_role("button", name=sure).click()

    def choose(self, words: str) -> None:
        """Choose in the card's menu."""
        self.press("More actions")
        self.page.get_by_role("menuitem", name=words).click()

    def approve(self) -> None:
        """Press Approve and confirm."""
        self.press("Approve", sure="Approve")

    def private(self) -> Locator:
        """The newest message that only this person sees."""
        return self.page.locator("article.only-you").last

    def modal(self, title: str) -> Locator:
        """The open modal of this title."""
        found = self.page.get_by_role("dialog", name=title)
        expect(found).to_be_visible()
        return found

    def tab(self, name: str) -> Locator:
        """Open a part of the panel and return it."""
        self.page.get_by_role("tab", name=name).click()
        return self.page.locator("[role=tabpanel]:not([hidden])")

    def state(self) -> Locator:
        """The present state on the diagram."""
        return self.page.locator(".state.now")
