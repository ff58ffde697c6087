"""Menus and fields that ask the app while they are used, in front of a small app of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.sandbox.tinyapp import actions, bolt_app, client_of, option, plain, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.browser.screen import Screen

pytestmark = [pytest.mark.browser, pytest.mark.heavy]

SURE = {"title": plain("Sure?"), "text": plain("Really?"), "confirm": plain("Yes"), "deny": plain("No")}


@pytest.fixture
def card(screen: Screen) -> Iterator[Screen]:
    """A card with an overflow menu that asks before it acts; its first option opens the form."""
    slack = screen.world.slack
    menu = {"type": "overflow", "action_id": "more", "confirm": SURE}
    menu["options"] = [option("form 42", "Form"), option("x 42", "Nothing")]
    with served(bolt_app(slack)) as url:
        slack.attach(url)
        header = {"type": "header", "text": plain("A card")}
        client_of(slack).chat_postMessage(channel="C0MLSERVE", text="card", blocks=[header, actions(menu)])
        yield screen


def open_form(screen: Screen) -> None:
    screen.press("More actions")
    screen.page.get_by_role("menuitem", name="Form").click()
    screen.page.get_by_role("alertdialog").get_by_role("button", name="Yes").click()


def test_an_overflow_menu_asks_once_and_acts(card: Screen) -> None:
    """The menu opens, its question can be answered with no, and yes brings the option to the app."""
    count = len(card.world.slack.recorded)
    card.press("More actions")
    card.page.get_by_role("menuitem", name="Nothing").click()
    card.page.get_by_role("alertdialog").get_by_role("button", name="No").click()
    assert len(card.world.slack.recorded) == count
    open_form(card)
    expect(card.modal("Form")).to_be_visible()


@pytest.mark.parametrize("width", [375, 1280])
def test_a_menu_opens_in_sight(card: Screen, width: int) -> None:
    """Wherever its button stands, the whole menu is on the screen."""
    card.page.set_viewport_size({"width": width, "height": 667})
    for press in (lambda: card.press("More actions"), lambda: card.press("Message actions")):
        card.card().hover()
        press()
        box = card.page.get_by_role("menu").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= 667
        card.page.keyboard.press("Escape")


def test_numbers_follow_the_fields(card: Screen) -> None:
    """A searched model and a chosen method change the modal under the reader, who goes on typing."""
    open_form(card)
    modal = card.modal("Form")
    ranks = modal.get_by_label("ranks")
    ranks.fill("8, 16")
    model = modal.get_by_label("model")
    model.fill("llama")
    expect(modal.get_by_role("listbox").get_by_role("option")).to_have_text(["llama-8b", "llama-70b"])
    model.press("ArrowDown")
    model.press("ArrowDown")
    model.press("Enter")
    expect(modal).to_contain_text("llama-70b None")
    expect(model).to_be_focused()
    modal.get_by_label("method").select_option("qlora")
    expect(modal).to_contain_text("llama-70b qlora")
    expect(model).to_have_value("llama-70b")
    expect(ranks).to_have_value("8, 16")
    model.fill("granite")
    modal.get_by_role("option", name="granite-8b").click()
    expect(modal).to_contain_text("granite-8b qlora")
    model.fill("not a model")
    ranks.focus()
    expect(model).to_have_value("granite-8b")
    modal.get_by_role("button", name="Ask").click()
    expect(modal).to_be_hidden()
    values = card.world.slack.recorded[-1].payload["view"]["state"]["values"]
    assert values["model"]["model"]["selected_option"] == option("granite-8b")
    assert values["ranks"]["ranks"]["value"] == "8, 16"
