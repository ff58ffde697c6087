"""The stand-in refuses what Slack refuses, one character past the limit and not one before."""

from __future__ import annotations

import copy

import pytest
from slack_sdk.models import blocks as sdk
from slack_sdk.models.views import View
from slackblocks import _limits as judge

from bot.sandbox.slack.limits import (
    BLOCKS_A_MESSAGE,
    BLOCKS_A_VIEW,
    LONGEST_METADATA,
    block_problems,
    blocks_too_long,
    view_problems,
)
from tests.sandbox.tinyapp import actions, button, reason_modal, section


def words(count: int) -> dict:
    return {"type": "plain_text", "text": "x" * count}


def option(text: int = 5, value: int = 5) -> dict:
    return {"text": words(text), "value": "v" * value}


def sure(**counts: int) -> list[dict]:
    parts = {"title": 5, "text": 5, "confirm": 5, "deny": 5} | counts
    confirm = {key: words(count) for key, count in parts.items()}
    return [actions(button() | {"confirm": confirm})]


def pick(**more: object) -> list[dict]:
    return [actions({"type": "static_select", "action_id": "m", "options": [option()]} | more)]


LIMITS = {
    "section text": (judge.TEXT_MAX_LENGTH, lambda n: [section("x" * n)]),
    "fields": (judge.SECTION_FIELDS_MAX_ITEMS, lambda n: [{"type": "section", "fields": [words(1)] * n}]),
    "field": (judge.SECTION_FIELDS_ITEM_MAX_LENGTH, lambda n: [{"type": "section", "fields": [words(n)]}]),
    "header": (150, lambda n: [{"type": "header", "text": words(n)}]),
    "context": (
        judge.CONTEXT_ELEMENTS_MAX_ITEMS,
        lambda n: [{"type": "context", "elements": [words(1)] * n}],
    ),
    "actions": (
        judge.ACTIONS_ELEMENTS_MAX_ITEMS,
        lambda n: [actions(*(button("a", f"{i}") for i in range(n)))],
    ),
    "button text": (judge.BUTTON_TEXT_MAX_LENGTH, lambda n: [actions(button("x" * n))]),
    "button value": (judge.BUTTON_VALUE_MAX_LENGTH, lambda n: [actions(button(value="x" * n))]),
    "button url": (judge.BUTTON_URL_MAX_LENGTH, lambda n: [actions(button(url="https://" + "x" * (n - 8)))]),
    "label": (
        judge.BUTTON_ACCESSIBILITY_LABEL_MAX_LENGTH,
        lambda n: [actions(button(accessibility_label="x" * n))],
    ),
    "action_id": (judge.ACTION_ID_MAX_LENGTH, lambda n: [actions(button(action_id="x" * n))]),
    "block_id": (judge.BLOCK_ID_MAX_LENGTH, lambda n: [section(block_id="x" * n)]),
    "confirm title": (judge.CONFIRMATION_TITLE_MAX_LENGTH, lambda n: sure(title=n)),
    "confirm text": (judge.CONFIRMATION_TEXT_MAX_LENGTH, lambda n: sure(text=n)),
    "confirm yes": (judge.CONFIRMATION_CONFIRM_MAX_LENGTH, lambda n: sure(confirm=n)),
    "confirm no": (judge.CONFIRMATION_DENY_MAX_LENGTH, lambda n: sure(deny=n)),
    "options": (judge.SELECT_OPTIONS_MAX_ITEMS, lambda n: pick(options=[option()] * n)),
    "option text": (judge.OPTION_TEXT_MAX_LENGTH, lambda n: pick(options=[option(text=n)])),
    "option value": (judge.OPTION_VALUE_MAX_LENGTH, lambda n: pick(options=[option(value=n)])),
    "placeholder": (judge.SELECT_PLACEHOLDER_MAX_LENGTH, lambda n: pick(placeholder=words(n))),
    "overflow": (
        judge.OVERFLOW_OPTIONS_MAX_ITEMS,
        lambda n: [actions({"type": "overflow", "action_id": "o", "options": [option()] * n})],
    ),
    "blocks": (judge.MESSAGE_BLOCKS_MAX_ITEMS, lambda n: [{"type": "divider"}] * n),
}


@pytest.mark.parametrize("what", LIMITS)
def test_limits_are_exact(what):
    """The longest is taken, one more is refused with a pointer to the place."""
    most, build = LIMITS[what]
    assert block_problems(build(most)) == []
    refused = block_problems(build(most + 1))
    assert len(refused) == 1
    assert "[json-pointer:/blocks" in refused[0]


VIEW_LIMITS = {
    "title": (judge.VIEW_TITLE_MAX_LENGTH, lambda n: {"title": words(n)}),
    "submit": (judge.VIEW_SUBMIT_MAX_LENGTH, lambda n: {"submit": words(n)}),
    "close": (judge.VIEW_CLOSE_MAX_LENGTH, lambda n: {"close": words(n)}),
    "private_metadata": (LONGEST_METADATA, lambda n: {"private_metadata": "x" * n}),
    "callback_id": (judge.VIEW_CALLBACK_ID_MAX_LENGTH, lambda n: {"callback_id": "x" * n}),
    "blocks": (BLOCKS_A_VIEW, lambda n: {"blocks": [{"type": "divider"}] * n}),
}


@pytest.mark.parametrize("what", VIEW_LIMITS)
def test_view_limits_are_exact(what):
    """The same for modals."""
    most, build = VIEW_LIMITS[what]
    assert view_problems(reason_modal(**build(most))) == []
    assert len(view_problems(reason_modal(**build(most + 1)))) == 1


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        ([{"type": "banner"}], "unsupported type of block: banner"),
        ([{"type": "markdown", "text": "not sent by the app"}], "unsupported type of block: markdown"),
        ([actions({"type": "datepicker", "action_id": "d"})], "unsupported type of element: datepicker"),
        ([{}], "unsupported type of block: None"),
        (["x"], "must be an object"),
        ({}, "must be an array"),
        ([section() | {"color": "red"}], "invalid additional property: color"),
        ([{"type": "section"}], "either text or fields"),
        ([section("")], "more than 0 characters"),
        ([{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}], "unsupported type of text object"),
        ([section(), section()], "`block_id` 'b1' already exists"),
        ([actions(button(), button())], "`action_id` 'approve' already exists"),
        ([actions(button() | {"style": "warning"})], "must be one of: primary, danger"),
        ([actions(button() | {"url": "javascript:alert(1)"})], "must be a valid URL"),
        ([actions({"type": "plain_text_input", "action_id": "x"})], "unsupported type of element"),
        ([actions(button() | {"confirm": {}})], "missing required field"),
        ([{"type": "actions", "elements": "x"}], "must be an array"),
        ([{"type": "divider", "block_id": 7}], "must be a string"),
    ],
)
def test_wrong_blocks_are_named(blocks, said):
    """Unknown types and keys, missing ones and repeated ids are refused, whatever the blocks are."""
    assert any(said in sentence for sentence in block_problems(blocks))


def test_the_same_action_may_stand_in_two_blocks():
    """An action_id must be unique in its block, not in the message."""
    assert block_problems([actions(block_id="a"), actions(block_id="b")]) == []


def test_a_modal_with_inputs_needs_a_submit_button():
    """Slack refuses input blocks that nobody could send."""
    modal = reason_modal()
    del modal["submit"]
    assert "submit" in view_problems(modal)[0]


def test_all_blocks_together_have_a_limit():
    """Single texts may be fine and their sum too long."""
    blocks = [section("x" * 2000, f"b{n}") for n in range(4)]
    assert not blocks_too_long(blocks)
    assert blocks_too_long([*blocks, section("x", "last")])
    assert not blocks_too_long([{"type": "divider"}] * BLOCKS_A_MESSAGE)


def test_what_slacks_own_models_write_is_taken():
    """Blocks made by slack_sdk's models pass: the stand-in is not stricter than Slack about these."""
    choice = sdk.Option(text="One", value="1")
    go = sdk.ButtonElement(text="b", action_id="x")
    typed = sdk.PlainTextInputElement(action_id="i", multiline=True)
    model = sdk.ExternalDataSelectElement(action_id="m", min_query_length=1, placeholder="which")
    made = [
        sdk.HeaderBlock(text="Head"),
        sdk.SectionBlock(text="*hi*", fields=["a", "b"], accessory=go),
        sdk.DividerBlock(),
        sdk.ContextBlock(elements=[sdk.MarkdownTextObject(text="c"), sdk.PlainTextObject(text="d")]),
        sdk.ActionsBlock(
            elements=[
                sdk.ButtonElement(
                    text="Go", action_id="a", value="1", style="primary",
                    confirm=sdk.ConfirmObject(title="t", text="x", confirm="y", deny="n"),
                ),
                sdk.OverflowMenuElement(action_id="o", options=[choice, choice]),
                sdk.StaticSelectElement(action_id="s", options=[choice], placeholder="pick"),
                sdk.ConversationSelectElement(action_id="c", initial_conversation="C0MLSERVE"),
            ]
        ),
    ]  # fmt: skip
    assert block_problems([block.to_dict() for block in made]) == []
    view = View(
        type="modal", title="T", submit="S", close="C", callback_id="c", private_metadata="p",
        blocks=[
            sdk.InputBlock(label="L", element=typed, hint="h"),
            sdk.InputBlock(label="M", element=model, optional=True, dispatch_action=True),
        ],
    )  # fmt: skip
    assert view_problems(view.to_dict()) == []


def test_checking_changes_nothing():
    """The checks only look."""
    blocks = [section(), actions()]
    before = copy.deepcopy(blocks)
    block_problems(blocks)
    assert blocks == before
