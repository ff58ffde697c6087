"""Rows to draw, hostile texts, and three independent judges of what was drawn."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import slackblocks
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from bot.approvals import policy
from bot.approvals.draft import Draft, Site, draft, facts
from bot.approvals.policy_file import Policy
from bot.approvals.request import Request, Vote
from bot.sandbox.cardtext import plain_words
from bot.sandbox.slack.limits import block_problems, blocks_too_long, elements_of, view_problems
from bot.sandbox.slack.people import Directory
from tests.support.rows import request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.approvals.policy import Ruling
    from bot.slack.blocks.kit import Message

SITE = Site("https://cpd.example.com", "0a1b2c3d-0000-4000-8000-123456789abc", {"team-a": "space-a"})
RULES = Policy.model_validate(
    {"defaults": {"approvers": ["U0ADA001", "S0APPROVE"], "quorum": 2, "admins": ["U0INES001"]}}
)
NOBODY = Directory()
ASKED = 1_700_000_000_000
SPEC_ID = "5f1c8a52-0000-4000-8000-aaaaaaaaaaaa"
HOSTILE = (
    "<!channel> <!here|x> <@U0VICTIM1> <!subteam^S0ALL> @here @channel @everyone `code` ```fence``` *b* _i_ ~s~ "
    "<https://evil.example|bank> https://evil.example\u202egnp.exe\u2066\u200b\u0000\ud800 & &lt; > quote\n> line"
)


def sized(text: str = "10b 2x128MB qlora4", use_gpus: int | None = None) -> Draft:
    """A draft for the tests' site."""
    return draft(text, SITE, use_gpus)


def row(drafted: Draft, **changes: Any) -> Request:
    """A pending request as it is stored when it was just asked for, but for the changes."""
    asked: dict[str, Any] = {
        "id": "R7K3M9QX",
        "text": drafted.sized.canonical,
        "canonical": drafted.sized.canonical,
        "name": drafted.name,
        "use_gpus": drafted.use_gpus,
        "payload": drafted.payload,
        "digest": drafted.digest,
        "target": SITE.target,
        "space_id": drafted.space_id,
        "team_id": "T0HOME001",
        "requester_id": "U0ROSA001",
        "requester_name": "Rosa",
        "author_id": "U0ROSA001",
        "channel_id": "C0TEAM001",
        "message_ts": "1700000000.000100",
        "quorum": 2,
        "created_at": ASKED,
        "updated_at": ASKED,
        "revised_at": ASKED,
        "expires_at": ASKED + 86_400_000,
    }
    return request(**(asked | changes))


def vote(user_id: str = "U0ADA001", name: str = "Ada") -> Vote:
    return Vote("T0HOME001", user_id, name, ASKED + 60_000, (user_id,))


def ruling(drafted: Draft) -> Ruling:
    """What the tests' policy says."""
    return policy.rule(RULES, facts(drafted, SITE))


def words(value: Any) -> Iterator[str]:
    """Every text that Slack would show or read out, at any depth."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key in {"text", "accessibility_label", "initial_value"} and isinstance(part, str):
                yield part
            else:
                yield from words(part)
    elif isinstance(value, list):
        for part in value:
            yield from words(part)


def shown(message: Message) -> str:
    """All texts of a message's blocks."""
    return "\n".join(words(message.blocks))


def pressed(blocks: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Every button by its action id, without ``peftsize.``."""
    return {
        element["action_id"].removeprefix("peftsize."): element
        for block in blocks
        for element in elements_of(block)
        if element["type"] == "button"
    }


def menu(blocks: list[dict[str, Any]]) -> dict[str, str]:
    """The words of every option of the card's menu, by what the option does."""
    return {
        option["value"].partition(" ")[0]: option["text"]["text"]
        for block in blocks
        for element in elements_of(block)
        if element["type"] == "overflow"
        for option in element["options"]
    }


def characters(blocks: list[dict[str, Any]]) -> int:
    """How many characters a reader sees on a card: every text and button, a date as it is shown."""
    return sum(len(plain_words(text, NOBODY)) for block in blocks for text in _seen(block))


def _seen(block: dict[str, Any]) -> Iterator[str]:
    """The texts of a block that stand on the card without a click."""
    for text in (block.get("text"), *block.get("fields", [])):
        if text is not None:
            yield text["text"]
    for element in block.get("elements", []):
        if element["type"] != "overflow":
            yield element["text"]["text"] if isinstance(element["text"], dict) else element["text"]


def judge(message: Message) -> None:
    """Have a message judged by the stand-in's limits, slack_sdk's models and slackblocks."""
    assert block_problems(message.blocks) == []
    assert not blocks_too_long(message.blocks)
    assert len(message.blocks) <= 50
    for block in Block.parse_all(message.blocks):
        block.to_dict()
    slackblocks.Message("C0TEAM001", message.text, [_built(block) for block in message.blocks])
    assert 0 < len(message.text) <= 3000
    assert "\n" not in message.text
    _judge_texts(message.blocks)
    json.dumps(message.blocks).encode()


def judge_view(view: dict[str, Any]) -> None:
    """Have a view judged the same way."""
    assert view_problems(view) == []
    View(**view).to_dict()
    if view["type"] == "modal":
        slackblocks.ModalView(
            _text(view["title"]),
            [_built(block) for block in view["blocks"]],
            close=_text(view["close"]),
            submit=_text(view["submit"]) if "submit" in view else None,
            private_metadata=view.get("private_metadata"),
            callback_id=view.get("callback_id"),
        )
    else:
        slackblocks.HomeTabView([_built(block) for block in view["blocks"]])
    _judge_texts(view["blocks"])


def _judge_texts(blocks: list[dict[str, Any]]) -> None:
    """Every mrkdwn text is verbatim, and every button says what it does."""
    for text in _objects(blocks, "mrkdwn"):
        assert text["verbatim"] is True
    for button in _objects(blocks, "button"):
        assert button["accessibility_label"]


def _objects(value: Any, kind: str) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if value.get("type") == kind:
            yield value
        for part in value.values():
            yield from _objects(part, kind)
    elif isinstance(value, list):
        for part in value:
            yield from _objects(part, kind)


def _built(block: dict[str, Any]) -> slackblocks.Block:
    """Build a block through slackblocks, whose constructors know Slack's limits."""
    block_id = block.get("block_id")
    match block["type"]:
        case "header":
            return slackblocks.HeaderBlock(_text(block["text"]), block_id)
        case "divider":
            return slackblocks.DividerBlock(block_id)
        case "context":
            return slackblocks.ContextBlock([_text(element) for element in block["elements"]], block_id)
        case "actions":
            return slackblocks.ActionsBlock([_element(element) for element in block["elements"]], block_id)
        case "input":
            return slackblocks.InputBlock(
                _text(block["label"]),
                _field(block["element"]),
                dispatch_action=block.get("dispatch_action", False),
                block_id=block_id,
                hint=_text(block["hint"]) if "hint" in block else None,
                optional=block.get("optional", False),
            )
        case "section":
            return slackblocks.SectionBlock(
                _text(block["text"]) if "text" in block else None,
                block_id,
                [_text(field) for field in block["fields"]] if "fields" in block else None,
                _element(block["accessory"]) if "accessory" in block else None,
            )
        case unknown:
            raise AssertionError(unknown)


_FIELDS: dict[str, Callable[..., Any]] = {
    "plain_text_input": slackblocks.PlainTextInput,
    "external_select": slackblocks.ExternalSelectMenu,
    "static_select": slackblocks.StaticSelectMenu,
    "conversations_select": slackblocks.ConversationSelectMenu,
}


def _option(option: dict[str, Any]) -> slackblocks.Option:
    return slackblocks.Option(_text(option["text"]), option["value"])


def _text(text: dict[str, Any]) -> slackblocks.Text:
    kind = slackblocks.TextType.PLAINTEXT if text["type"] == "plain_text" else slackblocks.TextType.MARKDOWN
    return slackblocks.Text(text["text"], kind)


def _element(element: dict[str, Any]) -> Any:
    if element["type"] == "button":
        return _button(element)
    if element["type"] != "overflow":
        return _field(element)
    return slackblocks.OverflowMenu(element["action_id"], [_option(one) for one in element["options"]])


_PARTS: dict[str, Callable[[Any], Any]] = {
    "placeholder": _text,
    "dispatch_action_config": lambda config: slackblocks.DispatchActionConfiguration(**config),
    "initial_option": _option,
    "options": lambda options: [_option(option) for option in options],
    "filter": lambda kept: slackblocks.ConversationFilter(**kept),
}


def _field(element: dict[str, Any]) -> Any:
    parts = {key: _PARTS.get(key, lambda part: part)(part) for key, part in element.items() if key != "type"}
    return _FIELDS[element["type"]](**parts)


def _button(button: dict[str, Any]) -> slackblocks.Button:
    asked = button.get("confirm")
    return slackblocks.Button(
        _text(button["text"]),
        button["action_id"],
        value=button.get("value"),
        style=button.get("style"),
        accessibility_label=button["accessibility_label"],
        confirm=slackblocks.ConfirmationDialogue(
            _text(asked["title"]), _text(asked["text"]), _text(asked["confirm"]), _text(asked["deny"])
        )
        if asked
        else None,
    )
