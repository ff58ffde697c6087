"""Slack's limits for elements, blocks, messages and views: what the stand-in refuses, and with which error.

Source: https://docs.slack.dev/reference/block-kit and https://docs.slack.dev/reference/views.
Kinds of blocks and elements that the app does not send are refused, so that no test passes with an unchecked block.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bot.sandbox.slack.schema import (
    Check,
    Problems,
    Shape,
    flag,
    many,
    one_of,
    plain,
    problem,
    string,
    text,
    typed,
    url,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

BLOCKS_A_MESSAGE = 50
BLOCKS_A_VIEW = 100
LONGEST_TEXT = 4_000
"""Characters of the ``text`` of a message; longer ones are refused or cut, by method."""
LONGEST_BLOCKS_TEXT = 8_000
"""Characters of all texts of a message's blocks; undocumented, on the safe side of what has been observed."""
LONGEST_BLOCKS_JSON = 13_200
"""Characters of a message's blocks as JSON. Source: https://github.com/slackapi/bolt-js/issues/2509."""
LONGEST_METADATA = 3_000

ID = string(255, shortest=1)
STYLE = one_of("primary", "danger")
CONFIRM = Shape(
    {"title": plain(100), "text": text(300), "confirm": plain(30), "deny": plain(30)}, {"style": STYLE}
)
OPTION = Shape({"text": plain(75), "value": string(150, shortest=1)}, {"description": plain(75)})
MOST_OPTIONS = 100
OPTIONS = many(OPTION, MOST_OPTIONS)
ASKS: Mapping[str, Check] = {"action_id": ID, "focus_on_load": flag, "placeholder": plain(150)}
PICKS: Mapping[str, Check] = {**ASKS, "confirm": CONFIRM}
DISPATCH = Shape({}, {"trigger_actions_on": many(one_of("on_enter_pressed", "on_character_entered"), 2)})


def _lengths(value: Any, where: str) -> Problems:
    """The shortest text must not be longer than the longest."""
    low, high = value.get("min_length"), value.get("max_length")
    if isinstance(low, int) and isinstance(high, int) and low > high:
        yield problem("min_length must not be greater than max_length", where)


SUGGESTIONS = Shape(
    {
        "options": many(OPTION, MOST_OPTIONS, least=0),
    },
    {},
)
"""An app's answer to the query of an external select."""

SELECTS: dict[str, Shape] = {
    "static_select": Shape({"options": OPTIONS}, {**PICKS, "initial_option": OPTION}),
    "external_select": Shape({}, {**PICKS, "initial_option": OPTION, "min_query_length": whole(0, 100)}),
    "conversations_select": Shape(
        {},
        {
            **PICKS,
            "initial_conversation": ID,
            "filter": Shape(
                {},
                {
                    "include": many(one_of("im", "mpim", "private", "public"), 4),
                    "exclude_bot_users": flag,
                    "exclude_external_shared_channels": flag,
                },
            ),
        },
    ),
}
BUTTONS: dict[str, Shape] = {
    "button": Shape(
        {"text": plain(75)},
        {
            "action_id": ID,
            "url": url(),
            "value": string(2000),
            "style": STYLE,
            "confirm": CONFIRM,
            "accessibility_label": string(75),
        },
    ),
    "overflow": Shape({"options": many(OPTION, 5, least=2)}, {"action_id": ID, "confirm": CONFIRM}),
}
TYPED: dict[str, Shape] = {
    "plain_text_input": Shape(
        {},
        {
            **ASKS,
            "initial_value": string(3000),
            "multiline": flag,
            "min_length": whole(0, 3000),
            "max_length": whole(1, 3000),
            "dispatch_action_config": DISPATCH,
        },
        _lengths,
    ),
}

ACTING = typed({**BUTTONS, **SELECTS}, "element")
IN_INPUT = typed({**SELECTS, **TYPED}, "element")
IN_CONTEXT = typed(
    {
        "plain_text": Shape({"text": string(3000, shortest=1)}, {"emoji": flag}),
        "mrkdwn": Shape({"text": string(3000, shortest=1)}, {"verbatim": flag}),
    },
    "element",
)


def _section(value: Any, where: str) -> Problems:
    """A section needs a text or fields."""
    if "text" not in value and "fields" not in value:
        yield problem("must provide either text or fields", where)


_BLOCK_ID: Mapping[str, Check] = {"block_id": ID}
_SHAPES: dict[str, Shape] = {
    "section": Shape(
        {},
        {
            **_BLOCK_ID,
            "text": text(3000),
            "fields": many(text(2000), 10),
            "accessory": ACTING,
            "expand": flag,
        },
        _section,
    ),
    "header": Shape({"text": plain(150)}, _BLOCK_ID),
    "divider": Shape({}, _BLOCK_ID),
    "context": Shape({"elements": many(IN_CONTEXT, 10)}, _BLOCK_ID),
    "actions": Shape({"elements": many(ACTING, 25)}, _BLOCK_ID),
    "input": Shape(
        {"label": plain(2000), "element": IN_INPUT},
        {**_BLOCK_ID, "hint": plain(2000), "optional": flag, "dispatch_action": flag},
    ),
}
KNOWN = typed(_SHAPES, "block")

_VIEW_KEYS: Mapping[str, Check] = {
    "callback_id": string(255),
    "private_metadata": string(LONGEST_METADATA),
}
_VIEWS: dict[str, Shape] = {
    "modal": Shape(
        {"title": plain(24), "blocks": many(KNOWN, BLOCKS_A_VIEW)},
        {**_VIEW_KEYS, "submit": plain(24), "close": plain(24)},
    ),
    "home": Shape(
        {"blocks": many(KNOWN, BLOCKS_A_VIEW, least=0)},
        {**_VIEW_KEYS, "title": plain(24), "submit": plain(24), "close": plain(24)},
    ),
}


def block_problems(blocks: Any) -> list[str]:
    """Return what Slack would refuse in the blocks of a message, as its ``response_metadata.messages``."""
    return [
        *many(KNOWN, BLOCKS_A_MESSAGE, least=0)(blocks, "/blocks"),
        *_repeated(blocks, "/blocks"),
    ]


def view_problems(view: Any) -> list[str]:
    """Return what Slack would refuse in a modal or a Home tab, as its ``response_metadata.messages``."""
    problems = list(typed(_VIEWS, "view")(view, "/view"))
    if not isinstance(view, dict):
        return problems
    blocks = view.get("blocks")
    problems += _repeated(blocks, "/view/blocks")
    inputs = isinstance(blocks, list) and any(
        isinstance(b, dict) and b.get("type") == "input" for b in blocks
    )
    if view.get("type") == "modal" and inputs and "submit" not in view:
        problems.append(problem("missing required field: submit, when there are input blocks", "/view"))
    return problems


def blocks_too_long(blocks: list[Any]) -> bool:
    """Return whether a message's blocks together exceed Slack's limit (``msg_blocks_too_long``)."""
    as_json = json.dumps(blocks, ensure_ascii=False, separators=(",", ":"))
    return sum(map(len, _texts(blocks))) > LONGEST_BLOCKS_TEXT or len(as_json) > LONGEST_BLOCKS_JSON


def elements_of(block: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the interactive elements of a block, wherever it holds them."""
    elements = block.get("elements") if block.get("type") == "actions" else None
    if not isinstance(elements, list):
        elements = [block.get("accessory"), block.get("element")]
    return [element for element in elements if isinstance(element, dict)]


def with_elements(
    block: Mapping[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """Return a copy of a block with each interactive element replaced by ``change``'s result."""
    copy = dict(block)
    if block["type"] == "actions":
        copy["elements"] = [change(element) for element in block["elements"]]
    for key in ("accessory", "element"):
        if key in block and block[key] in elements_of(block):
            copy[key] = change(block[key])
    return copy


def _texts(value: Any) -> Iterator[str]:
    """Yield every string under a ``text`` key, at any depth."""
    if isinstance(value, dict):
        for key, entry in value.items():
            if key == "text" and isinstance(entry, str):
                yield entry
            else:
                yield from _texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry)


def _repeated(blocks: Any, where: str) -> list[str]:
    """Name every block_id used twice in the surface and every action_id used twice in one block."""
    problems: list[str] = []
    seen: set[Any] = set()
    for index, block in enumerate(blocks if isinstance(blocks, list) else []):
        if not isinstance(block, dict):
            continue
        if isinstance(name := block.get("block_id"), str):
            if name in seen:
                problems.append(problem(f"`block_id` {name!r} already exists", f"{where}/{index}/block_id"))
            seen.add(name)
        actions = [e.get("action_id") for e in elements_of(block) if isinstance(e.get("action_id"), str)]
        problems += [
            problem(f"`action_id` {name!r} already exists", f"{where}/{index}")
            for name in dict.fromkeys(actions)
            if actions.count(name) > 1
        ]
    return problems
