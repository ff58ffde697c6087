"""The Block Kit elements that the app sends, with Slack's limits; all others are refused.

Source: https://docs.slack.dev/reference/block-kit/block-elements and
https://docs.slack.dev/reference/block-kit/composition-objects.
"""

from __future__ import annotations

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
    from collections.abc import Mapping

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
