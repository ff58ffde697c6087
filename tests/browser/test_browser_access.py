"""The page without a mouse, for screen readers, in both themes and on a narrow screen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.screen import Screen

pytestmark = [pytest.mark.browser, pytest.mark.heavy]

REQUEST = "/peftsize 10b 2x128MB qlora4"
MANY = 60


def reach(page: Page, words: str, key: str = "Shift+Tab") -> None:
    """Press a key until the focus is on a control of this name."""
    for _ in range(MANY):
        name = page.evaluate(
            "() => { const one = document.activeElement;"
            " return one === document.body ? '' :"
            " one.getAttribute('aria-label') ?? (one.labels?.[0]?.textContent || one.textContent); }"
        )
        if words in name:
            return
        page.keyboard.press(key)
    pytest.fail(f"{words} cannot be reached with {key}")


def test_everything_by_keyboard(screen: Screen) -> None:
    """Command, refusal, another person, approval and a modal work without a mouse; focus is never lost."""
    page = screen.page
    expect(page.get_by_role("combobox", name="Message or command")).to_be_focused()
    page.keyboard.type("/pef")
    expect(page.get_by_role("option")).not_to_have_count(0)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", selected=True)).to_contain_text(REQUEST)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(screen.card()).to_contain_text("Waiting for approval")

    reach(page, "Approve")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alertdialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("alertdialog")).to_have_count(0)
    expect(screen.card().get_by_role("button", name="Approve")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(screen.private()).to_contain_text("somebody else must approve it")
    expect(screen.card().get_by_role("button", name="Approve")).to_be_focused()

    reach(page, "Rosa", "Shift+Tab")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Ada")).to_be_focused()
    reach(page, "Reject", "Tab")
    page.keyboard.press("Enter")
    modal = screen.modal("Reject request")
    expect(modal.get_by_label("Reason")).to_be_focused()
    for _ in range(8):
        page.keyboard.press("Tab")
        inside = (
            "() => document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        )
        assert page.evaluate(inside), "the modal lets the focus out"
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)

    reach(page, "Approve", "Shift+Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(screen.card()).to_contain_text(re.compile(r"Spec [0-9a-f]{8}-"))
    assert page.evaluate("() => !!document.activeElement.closest('article')"), (
        "the redrawn card lost the focus"
    )


def test_screen_readers_hear_what_happens(screen: Screen) -> None:
    """A new message and an updated card are told in a live region, in one sentence."""
    live = screen.page.locator("[aria-live=polite]#live")
    screen.type(REQUEST)
    expect(live).to_contain_text("peftsize says: ⏳ SANDBOX: rosa asks for 1 × 80 GB GPU")
    screen.approve()
    expect(live).to_contain_text("peftsize to you alone: You asked for this")
    screen.be("Ada")
    screen.approve()
    expect(live).to_contain_text(re.compile("peftsize updated: .*Created"))
    expect(screen.page.get_by_role("img", name=re.compile("State diagram. Now created"))).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_findings(open_page: Callable[..., Screen], scheme: str) -> None:
    """An axe run finds nothing serious or critical on the page, in a modal, on the Home tab or in the panel."""
    screen = open_page(scheme)
    serious(screen)
    screen.type("/peftsize 10b 2x128MB qlroa4")
    screen.type(REQUEST)
    expect(screen.card()).to_contain_text("Waiting for approval")
    serious(screen)
    screen.be("Ada")
    screen.press("Reject…")
    screen.modal("Reject request").get_by_role("button", name="Reject").click()
    serious(screen)
    screen.page.keyboard.press("Escape")
    screen.press("Approve")
    serious(screen)
    screen.page.get_by_role("alertdialog").get_by_role("button", name="Approve").click()
    expect(screen.state()).to_have_text("created")
    for name in ("Specs", "HTTP", "Faults", "Audit"):
        screen.tab(name)
        serious(screen)
    screen.page.get_by_role("link", name="peftsize").click()
    expect(screen.page.get_by_role("region", name="Home")).to_contain_text("Find a request")
    serious(screen)


def serious(screen: Screen) -> None:
    """Run axe on the page as it is now."""
    found = Axe().run(screen.page, options={"resultTypes": ["violations"]})
    grave = [
        (one["id"], [node["html"][:160] for node in one["nodes"]][:3])
        for one in found.response["violations"]
        if one["impact"] in {"serious", "critical"}
    ]
    assert grave == []


def test_a_narrow_screen_shows_one_part_at_a_time(open_page: Callable[..., Screen]) -> None:
    """On a phone the parts are behind three buttons, nothing runs off the side, and all of it works."""
    screen = open_page(width=390, height=780)
    screen.type(REQUEST)
    expect(screen.card()).to_contain_text("Waiting for approval")
    page = screen.page
    parts = page.get_by_role("navigation", name="Parts of the page")
    for name, there in (("Behind the scenes", "#panel"), ("Conversations", "#side"), ("Messages", "#chat")):
        parts.get_by_role("button", name=name).click()
        expect(page.locator(there)).to_be_visible()
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    expect(page.locator("#panel")).to_be_hidden()
    screen.be("Ada")
    screen.approve()
    expect(screen.card()).to_contain_text("Created")


def test_a_phone_has_room_for_a_whole_card(open_page: Callable[..., Screen]) -> None:
    """On a phone a card of 600 pixels, its buttons included, is in sight at once; nothing runs off the side."""
    screen = open_page(width=375, height=812)
    assert screen.page.locator("#log").evaluate("(log) => log.clientHeight") >= 600
    assert screen.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_the_theme_can_be_chosen(screen: Screen) -> None:
    """The button turns the theme over, and the choice is kept."""
    page = screen.page
    page.get_by_role("button", name="Use the dark theme").click()
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(26, 29, 33)"
    page.reload()
    expect(page.get_by_role("button", name="Use the light theme")).to_be_visible()
