"""What people do with a request, in a real browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from tests.browser.screen import Screen

pytestmark = [pytest.mark.browser, pytest.mark.heavy]

REQUEST = "/peftsize 10b 2x128MB qlora4"


def test_from_the_command_to_the_spec(screen: Screen) -> None:
    """A typed command becomes a card; its requester is refused; another person's yes creates the spec."""
    screen.type(REQUEST)
    card = screen.card()
    expect(card).to_contain_text("Waiting for approval 0 of 1")
    expect(card).to_contain_text("8 GB (7.875)")
    expect(card).to_contain_text("Rosa Requester asks for 1 × 80 GB GPU: 10b + 2 adapters, QLoRA 4-bit")
    screen.choose("Details")
    details = screen.modal("Details")
    expect(details).to_contain_text("(10 × 0.5 + 2 × 128/1024) × 1.5 = 7.875")
    details.get_by_role("button", name="Close").last.click()
    expect(screen.state()).to_have_text("pending")

    screen.approve()
    expect(screen.private()).to_contain_text("Only visible to you")
    expect(screen.private()).to_contain_text("somebody else must approve it")

    screen.be("Ada")
    expect(screen.page.locator("article.only-you")).to_have_count(0)
    screen.approve()
    expect(card).to_contain_text("Approved by @Ada Approver")
    expect(card).to_contain_text(re.compile(r"Spec [0-9a-f]{8}-"))
    expect(card).to_contain_text("(edited)")
    expect(screen.state()).to_have_text("created")
    assert len(screen.world.cluster.specs()) == 1

    spec = screen.tab("Specs")
    expect(spec).to_contain_text("peft-10b-qlora4-2x128mb")
    expect(spec).to_contain_text('"num_gpu": 1')
    audit = screen.tab("Audit")
    expect(audit.get_by_role("status")).to_contain_text("Chain verified: 6 rows")
    expect(audit.get_by_role("listitem")).to_contain_text(
        ["requested", "details.viewed", "approve.refused", "approved", "started", "created"]
    )
    traffic = screen.tab("HTTP")
    post = traffic.locator("summary").filter(has_text=re.compile(r"POST /v2/hardware_specifications"))
    expect(post).to_have_count(1)
    post.click()
    expect(traffic.locator("pre")).to_contain_text('"authorization": "***"')

    screen.be("Rosa")
    screen.page.get_by_role("navigation", name="Conversations").get_by_role("link", name="peftsize").click()
    expect(screen.page.get_by_role("region", name="Home")).to_contain_text("Created")
    screen.page.get_by_role("button", name="Messages", exact=True).first.click()
    expect(screen.page.locator("article").last).to_contain_text("Next step")


def test_a_rejection_needs_a_reason(screen: Screen) -> None:
    """The modal says under its field that a reason is missing; with one the card shows it."""
    screen.type(REQUEST)
    screen.be("Ada")
    screen.press("Reject…")
    modal = screen.modal("Reject request")
    field = modal.get_by_label("Reason")
    expect(field).to_be_focused()
    modal.get_by_role("button", name="Reject").click()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile("Please complete this required field"))
    field.fill("Use qlora8, please")
    modal.get_by_role("button", name="Reject").click()
    expect(modal).to_be_hidden()
    expect(screen.card()).to_contain_text("Rejected by @Ada Approver")
    expect(screen.card()).to_contain_text("Use qlora8, please")
    expect(screen.state()).to_have_text("rejected")


def test_an_edit_makes_a_new_revision(screen: Screen) -> None:
    """An edit that cannot be read is told under the field; one that can redraws the card."""
    screen.type(REQUEST)
    screen.choose("Edit…")
    modal = screen.modal("Edit request")
    field = modal.get_by_label("Or type the request")
    expect(modal.get_by_label("Adapters")).to_have_value("2x128MB")
    field.fill("10b 2x128MB qlroa4")
    modal.get_by_role("button", name="Submit again").click()
    expect(field).to_have_accessible_description(re.compile("Did you mean qlora4"))
    expect(field).to_have_value("10b 2x128MB qlroa4")
    field.fill("10b 2x128MB qlora8")
    modal.get_by_role("button", name="Submit again").click()
    expect(screen.card()).to_contain_text("revision 2")
    expect(screen.card()).to_contain_text("16 GB (15.375)")
    said = screen.world.slack.messages("ml-serving")
    assert len([message for message in said if message.thread_ts in {"", message.ts}]) == 1


def test_a_quorum_of_two(screen: Screen) -> None:
    """Three GPUs need two people: the first yes is counted and shown, the second one creates."""
    screen.type("/peftsize 70b 10x500MB lora")
    expect(screen.card()).to_contain_text("0 of 2")
    screen.be("Ada")
    screen.approve()
    expect(screen.card()).to_contain_text("1 of 2")
    screen.approve()
    expect(screen.private()).to_contain_text("already")
    screen.be("Ben")
    screen.approve()
    expect(screen.card()).to_contain_text(re.compile(r"Spec [0-9a-f]{8}-"))
    expect(screen.card()).to_contain_text("@Ben Approver")


def test_an_unknown_outcome_settles(screen: Screen) -> None:
    """A create that commits and loses its connection is unknown for a while, then created; sent once."""
    screen.tab("Faults").get_by_role("switch", name="Commit, then drop").click()
    screen.type(REQUEST)
    screen.be("Ada")
    screen.approve()
    expect(screen.state()).to_have_text("unknown")
    expect(screen.state()).to_have_text("created", timeout=15_000)
    assert len(screen.world.cluster.posts_for("peft-10b-qlora4-2x128mb")) == 1
    expect(screen.tab("Audit").get_by_role("listitem").filter(has_text="lost")).to_have_count(1)


def test_a_channel_without_the_app(screen: Screen) -> None:
    """Where the app is no member, the answer says what to type; after that the card comes."""
    screen.page.get_by_role("link", name="capacity-planning").click()
    screen.type(REQUEST)
    expect(screen.private()).to_contain_text("/invite @peftsize")
    screen.type("/invite @peftsize")
    expect(screen.card()).to_contain_text("Waiting for approval")


def test_time_that_passes_expires_a_request(screen: Screen) -> None:
    """A day later the request has expired, and its buttons are gone."""
    screen.type(REQUEST)
    expect(screen.card()).to_contain_text("expires tomorrow")
    screen.tab("Faults").get_by_role("button", name="24 hours").click()
    expect(screen.card()).to_contain_text("Expired")
    expect(screen.card().get_by_role("button", name="Approve")).to_have_count(0)


def test_a_thread_and_the_shortcut(screen: Screen) -> None:
    """A message can be answered in its thread, where commands are refused, and sized by its shortcut."""
    page = screen.page
    screen.type("could somebody size 10b 2x128MB qlora4")
    message = page.locator("#log > article").first
    message.hover()
    message.get_by_role("button", name="Message actions").click()
    page.get_by_role("menuitem", name="Reply in thread").click()
    expect(page.get_by_role("heading", name="Thread")).to_be_visible()
    screen.type("/peftsize help")
    expect(screen.private()).to_contain_text("not supported in threads")
    screen.type("I will")
    expect(page.locator("#log > article")).to_have_count(3)
    page.get_by_role("link", name="Back to the conversation").click()
    expect(page.locator("#log > article")).to_have_count(1)
    page.get_by_role("button", name="2 replies").click()
    expect(page.locator("#log > article").last).to_contain_text("I will")
    page.go_back()
    message.get_by_role("button", name="Message actions").click()
    page.get_by_role("menuitem", name="Size this request").click()
    expect(screen.modal("New request")).to_be_visible()


def test_a_mention_in_a_thread_reaches_the_app(screen: Screen) -> None:
    """What is said to the app in a thread carries the thread."""
    screen.type("could somebody size this?")
    message = screen.page.locator("#log > article").first
    message.hover()
    message.get_by_role("button", name="Message actions").click()
    screen.page.get_by_role("menuitem", name="Reply in thread").click()
    screen.type("@peftsize 10b 2x128MB qlora4")
    expect(screen.state()).to_have_text("pending")
    (asked, *_) = screen.world.slack.messages("ml-serving")
    events = [one.payload["event"] for one in screen.world.slack.recorded if "event" in one.payload]
    assert [one["thread_ts"] for one in events if one["type"] == "app_mention"] == [asked.ts]


def test_who_can_decide_is_pointed_at(screen: Screen) -> None:
    """As soon as a request waits, those who can approve it have a number; the requester and the admin have none."""
    screen.type(REQUEST)
    people = screen.page.get_by_role("group", name="Who you are")
    badges = people.locator("label").filter(has=screen.page.locator(".badge"))
    expect(badges).to_have_text([re.compile("Ada.*1 to decide"), re.compile("Ben.*1 to decide")])
    screen.be("Ben")
    screen.approve()
    expect(badges.filter(has_text="to decide")).to_have_count(0)


def test_the_workflow_step_runs_from_the_page(screen: Screen) -> None:
    """The form of the workflow asks for what the step needs; its outcome stands below the workflow's name."""
    page = screen.page
    page.get_by_role("button", name="Size and request a PEFT hardware spec").click()
    modal = screen.modal("Run a workflow")
    modal.get_by_role("button", name="Run").click()
    expect(modal.get_by_label("Request", exact=True)).to_have_attribute("aria-invalid", "true")
    modal.get_by_label("Request", exact=True).fill("10b 2x128MB qlora4")
    modal.get_by_role("button", name="Run").click()
    expect(modal).to_be_hidden()
    runs = page.get_by_role("list", name="Runs")
    expect(runs).to_contain_text("10b 2x128MB qlora4: running")
    expect(screen.state()).to_have_text("pending")
    with screen.world.product.store.read() as tx:
        (request,) = tx.requests.listed()
    assert request.execution_id is not None
