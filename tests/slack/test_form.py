"""The form: its fields, its numbers, and what comes of it through signed HTTP."""

from __future__ import annotations

import json

import pytest

from bot.approvals.draft import Site
from bot.sandbox.slack.inputs import NotThere
from bot.slack.blocks import form
from bot.slack.blocks.form import Filled
from bot.slack.blocks.modals import about, metadata
from sizing import SizingError, parse
from tests.support.cards import HOSTILE, SITE, judge_view, row, sized
from tests.support.office import ADA, ROSA, TEAM

OPENED = about(None, "C0TEAM001", None, None)


def drawn(filled: Filled, site: Site = SITE, **opened) -> dict:
    view = form.form_view(filled, form.numbers(None), OPENED | opened, site)
    judge_view(view)
    return view


def elements(view: dict) -> dict[str, dict]:
    return {block["block_id"]: block["element"] for block in view["blocks"] if block["type"] == "input"}


def numbers(shown) -> str:
    return next(block["text"]["text"] for block in shown.body["blocks"] if block["block_id"] == form.NUMBERS)


def opened(office, user=ROSA):
    office.slack.command(user, TEAM)
    return office.slack.modals(user)[-1]


# --- the view


def test_the_form_has_a_field_for_each_part_of_a_request() -> None:
    """Model, adapters, method, space and channel; a box for a whole text; nothing chosen but the defaults."""
    found = elements(drawn(Filled()))
    assert {block: element["type"] for block, element in found.items()} == {
        "model": "external_select",
        "adapters": "plain_text_input",
        "method": "static_select",
        "space": "static_select",
        "channel": "conversations_select",
        "purpose": "plain_text_input",
        "request": "plain_text_input",
    }
    assert found["method"]["initial_option"]["value"] == "lora"
    assert found["space"]["initial_option"]["text"]["text"] == f"{SITE.space_id} (default)"
    assert found["channel"]["initial_conversation"] == "C0TEAM001"


def test_there_is_nothing_to_choose_where_there_is_one() -> None:
    """One space, or a channel that is set for all: no such field. An edit stays in its channel."""
    assert "space" not in elements(drawn(Filled(), Site("https://cpd.example", "space-1")))
    assert "channel" not in elements(drawn(Filled(), request_id="R7K3M9QX"))
    view = form.form_view(Filled(), form.numbers(None), OPENED, SITE, asks_channel=False)
    assert "channel" not in elements(view)


def test_a_direct_message_is_no_channel_to_begin_with() -> None:
    """Slack refuses an initial conversation that its own filter leaves out."""
    assert "initial_conversation" not in elements(drawn(Filled(), channel_id="D0ROSA001"))["channel"]


def test_the_view_says_where_it_was_opened() -> None:
    """The request, its revision and the place come back with the submission."""
    request = row(sized(), revision=2)
    edited = about(request, "C0TEAM001", "1700000000.000100", "V1")
    view = form.form_view(Filled(), form.numbers(None), edited, SITE)
    assert metadata(view) == {
        "channel_id": "C0TEAM001",
        "request_id": "R7K3M9QX",
        "revision": 2,
        "message_ts": "1700000000.000100",
        "view_id": "V1",
    }
    assert "clears the existing approvals" in json.dumps(view)


@pytest.mark.parametrize(
    "text",
    [
        "10b 2x128MB qlora4",
        "70b none qlora8",
        "llama-3.1-8b 4xr16 lora",
        "llama-3.1-8b 4xr16:qv+2x1GB lora space=team-a",
        "13b 8x64MB+2x1GB gpu=40 name=my-spec",
    ],
)
def test_a_request_sorted_into_fields_is_the_same_request(text) -> None:
    """The fields ask for what the text asked for, byte for byte the same payload, ranks included."""
    filled = Filled.of(text, sized(text).sized)
    assert filled.text == ""
    assert sized(filled.request_text).digest == sized(text).digest
    assert parse(filled.request_text).adapters[:1] == parse(text).adapters[:1]
    drawn(filled)


def test_a_request_too_long_for_the_fields_stands_in_the_box() -> None:
    """No size is lost where a request has more of them than a field holds."""
    text = f"10b {'+'.join(f'{size}MB' for size in range(101, 141))} qlora4"
    assert Filled.of(text, parse(text)) == Filled(text=text)


def test_hostile_text_in_the_form_is_text() -> None:
    """What was typed comes back cleaned in its field, and the numbers resolve nothing."""
    view = drawn(Filled(model=HOSTILE, adapters=HOSTILE, space=HOSTILE, text=HOSTILE))
    assert "\u202e" not in elements(view)["request"]["initial_value"]
    with pytest.raises(SizingError) as caught:
        parse(HOSTILE[:300])
    assert "<!channel>" not in form.numbers(caught.value)


@pytest.mark.parametrize(
    ("filled", "block"),
    [
        (Filled("10b", "2x128Mbit"), "adapters"),
        (Filled("10b", "2x128MB", space="nowhere"), "space"),
        (Filled("10 apples", "2x128MB"), "model"),
        (Filled("", "2x128MB"), "model"),
        (Filled("10b", "4xr16"), "adapters"),
        (Filled(text="10b qlora9"), "request"),
        (Filled("10b", "2x128MB", text="10b qlora9"), "request"),
    ],
)
def test_an_error_stands_under_its_field(filled, block) -> None:
    """The place of the error in the text says which field it is about; one line of plain text."""
    with pytest.raises(SizingError) as caught:
        sized(filled.request_text)
    ((under, words),) = form.field_errors(caught.value, filled).items()
    assert under == block
    assert "\n" not in words
    assert ("Try: /peftsize" in words) is (block == "request")


# --- in Slack


def test_models_are_found_as_somebody_types(office):
    """The table is searched, and a number is taken as typed; what was offered can be chosen."""
    view = opened(office)
    assert len(office.slack.suggest(ROSA, view, form.FIELD, "", block_id="model").options) > 10
    named = office.slack.suggest(ROSA, view, form.FIELD, "granite-3.3", block_id="model").options
    assert named[0]["value"] == "granite-3.3-8b"
    typed = office.slack.suggest(ROSA, view, form.FIELD, "13", block_id="model").options
    assert typed[0]["value"] == "13b"
    nothing = office.slack.suggest(ROSA, view, form.FIELD, "no such model", block_id="model")
    assert (nothing.ok, nothing.options) == (True, [])
    with pytest.raises(NotThere):
        office.slack.click(ROSA, view, form.FIELD, "never-offered", block_id="model")


def test_the_numbers_follow_the_fields(office):
    """Each change draws the numbers anew, and what is wrong as long as something is."""
    view = opened(office)
    assert numbers(view) == "Choose a base model: the numbers appear here."
    office.slack.suggest(ROSA, view, form.FIELD, "10b", block_id="model")
    filled = {"model": "10b"}

    def change(block: str, value: str) -> str:
        filled[block] = value
        now = office.slack.modals(ROSA)[-1]
        office.slack.click(ROSA, now, form.FIELD, value, block_id=block, values=filled)
        return numbers(office.slack.modals(ROSA)[-1])

    assert "*30 GB* of GPU memory" in change("model", "10b")
    assert change("adapters", "2x128").startswith(":warning:")
    change("adapters", "2x128MB")
    shown = change("method", "qlora4")
    assert "*8 GB* of GPU memory (7.875) on *1 × 80 GB GPU*, 2 CPUs, 8 GB of CPU memory" in shown
    assert "(10 × 0.5 + 2 × 128/1024) × 1.5 = 7.875" in shown
    assert office.rows() == []


def test_a_change_from_an_older_picture_is_overtaken(office, caplog):
    """Of two changes made from one picture the later update loses quietly; nobody is told of an error."""
    view = opened(office)
    office.slack.click(ROSA, view, form.FIELD, "10b none", block_id="request")
    late = office.slack.click(ROSA, view, form.FIELD, "70b none", block_id="request")
    assert late.ok
    assert "*30 GB*" in numbers(office.slack.modals(ROSA)[-1])
    assert not [record for record in caplog.records if record.name.startswith("bot.")]


def test_numbers_that_slack_does_not_take_are_only_logged(office, caplog):
    """views.update fails: the person goes on, and the log has the cause."""
    view = opened(office)
    office.slack.faults.only = frozenset({"views.update"})
    office.slack.faults.http_500 = 1
    assert office.slack.click(ROSA, view, form.FIELD, "10b none", block_id="request").ok
    ours = [record.message for record in caplog.records if record.name.startswith("bot.")]
    assert ours == ["the form's numbers were not drawn"]


def test_the_fields_ask(office):
    """What stands in the fields is asked for, in the channel that was chosen."""
    view = opened(office)
    office.slack.suggest(ROSA, view, form.FIELD, "llama-3.1-8b", block_id="model")
    values = {"model": "llama-3.1-8b", "adapters": "4xr16", "method": "qlora4", "channel": "C0APPROVE"}
    assert office.slack.submit(ROSA, view, values).ok
    office.work()
    row = office.row()
    assert row.canonical == parse("llama-3.1-8b 4xr16 qlora4").canonical
    assert (row.channel_id, row.requester_id) == ("C0APPROVE", "U0ROSA001")
    assert office.card("#approvals").ts == row.message_ts


def test_what_is_wrong_stands_under_its_field(office):
    """An empty form and a wrong one stay open, with a sentence where the mistake is."""
    view = opened(office)
    assert list(office.slack.submit(ROSA, view).errors) == ["model"]
    office.slack.suggest(ROSA, view, form.FIELD, "10b", block_id="model")
    view = office.slack.modals(ROSA)[-1]
    wrong = office.slack.submit(ROSA, view, {"model": "10b", "adapters": "2x128Mbit"})
    assert list(wrong.errors) == ["adapters"]
    assert office.rows() == []


def test_the_box_wins_over_the_fields(office):
    """Who types a whole request gets that one."""
    view = opened(office)
    office.slack.suggest(ROSA, view, form.FIELD, "70b", block_id="model")
    values = {"model": "70b", "adapters": "4x1GB", "request": "10b 2x128MB qlora4"}
    assert office.slack.submit(ROSA, view, values).ok
    office.work()
    assert office.row().canonical == "10b 2x128MB qlora4"


def test_an_edit_begins_with_the_values_of_the_request(office):
    """Edit shows the request in its fields with its numbers; one changed field is the next revision."""
    office.ask()
    office.press(ROSA, "edit")
    view = office.slack.modals(ROSA)[-1]
    assert "*8 GB* of GPU memory (7.875)" in numbers(view)
    assert office.slack.submit(ROSA, view, {"adapters": "4x128MB"}).ok
    office.work()
    assert (office.row().canonical, office.row().revision) == ("10b 4x128MB qlora4", 2)
    assert office.row().message_ts == office.card().ts


def test_the_shortcut_finds_the_request_in_a_sentence(office):
    """A message in people's words fills the form; one without a request stands in the box, to be corrected."""
    message = office.slack.say(ADA, TEAM, "We should serve *13b 4x64MB qlora4* for support, right?")
    office.slack.shortcut(ROSA, message, "peftsize.from_message")
    view = office.slack.modals(ROSA)[-1]
    assert "Request: `13b 4x64MB qlora4`" in numbers(view)
    assert office.slack.submit(ROSA, view).ok
    office.work()
    assert office.row().canonical == "13b 4x64MB qlora4"
    office.slack.shortcut(ROSA, office.slack.say(ADA, TEAM, "Which size?"), "peftsize.from_message")
    view = office.slack.modals(ROSA)[-1]
    assert elements(view.body)["request"]["initial_value"] == "Which size?"
