"""Hostile text on the page stays text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from bot.sandbox.slack.people import BOT_USER
from bot.sandbox.slack.workspace import Message

if TYPE_CHECKING:
    from tests.browser.screen import Screen

pytestmark = [pytest.mark.browser, pytest.mark.heavy]

SCRIPT = "<script>window.broken=1</script><img src=x onerror=window.broken=1>"
LINK = "<javascript:window.broken=1|click me>"


def unbroken(screen: Screen) -> None:
    """Nothing of the text was made into a part of the page."""
    page = screen.page
    assert page.evaluate("() => window.broken") is None
    assert (
        page.locator("#log script, #log iframe, #log img, dialog script, dialog img, #panel img").count() == 0
    )
    assert page.locator("a[href^=javascript]").count() == 0


def test_a_message_shows_what_was_typed(screen: Screen) -> None:
    """Tags, entities and Slack's own marks in a message are shown as they were typed."""
    text = f"{SCRIPT} &lt; {LINK} <!channel>"
    screen.type(text)
    expect(screen.page.locator("#log .words")).to_have_text(text)
    unbroken(screen)


def test_a_command_with_markup_is_answered_as_text(screen: Screen) -> None:
    """A command full of markup gets one private sentence in which it is text."""
    screen.type(f"/peftsize {SCRIPT} <!channel> <@U0ADA0001>")
    expect(screen.private()).to_contain_text("<script>")
    assert screen.private().locator(".mention").count() == 0
    unbroken(screen)


def test_three_thousand_characters(screen: Screen) -> None:
    """A very long command is answered, and the page keeps its width."""
    screen.type("/peftsize 10b 2x128MB " + "x" * 3000)
    expect(screen.private()).to_be_visible()
    screen.type("y" * 3000)
    expect(screen.page.locator("#log .words").last).to_have_text("y" * 3000)
    assert screen.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    log = screen.page.locator("#log")
    assert log.evaluate("(log) => log.scrollWidth <= log.clientWidth")


def test_a_reason_with_markup_is_text_everywhere(screen: Screen) -> None:
    """A hostile reason is text on the card, in the audit and in the HTTP traffic."""
    screen.type("/peftsize 10b 2x128MB qlora4")
    screen.be("Ada")
    screen.press("Reject…")
    modal = screen.modal("Reject request")
    modal.get_by_label("Reason").fill("r" * 3001)
    modal.get_by_role("button", name="Reject").click()
    expect(modal.locator(".b-error").filter(has_text="at most")).to_be_visible()
    modal.get_by_label("Reason").fill(f"{SCRIPT} <!here> @channel *loud*")
    modal.get_by_role("button", name="Reject").click()
    expect(screen.card()).to_contain_text("Rejected by @Ada Approver")
    expect(screen.card()).to_contain_text("<script>window.broken=1</script>")
    assert screen.card().locator("strong", has_text="loud").count() == 0
    expect(screen.tab("Audit")).to_contain_text("<script>")
    traffic = screen.tab("HTTP")
    for summary in traffic.locator("summary").filter(has_text="view_submission").all():
        summary.click()
    expect(traffic.locator("pre").last).to_contain_text("<script>")
    unbroken(screen)


def test_a_hostile_answer_of_the_app_is_text(screen: Screen) -> None:
    """Even blocks that the app would never send are drawn as text, and lead nowhere but to http."""
    workspace = screen.world.slack.workspace
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": SCRIPT}},
        {"type": "section", "text": {"type": "mrkdwn", "text": f"*{LINK}* ```{SCRIPT}```"}},
        {"type": "image", "image_url": "https://evil.example/x.png", "alt_text": SCRIPT},
    ]
    workspace.put(Message(workspace.new_ts(), "C0MLSERVE", BOT_USER, SCRIPT, blocks, bot_id="B0PEFT001"))
    expect(screen.page.locator("#log > article").last).to_contain_text("click me")
    unbroken(screen)
