"""The Block Kit elements the stand-in knows, with Slack's limits.

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


def _option(*kinds: str, links: bool = False) -> Shape:
    """Returns the shape of an option whose text is of these kinds."""
    extra: dict[str, Check] = {"description": text(75, *kinds)}
    return Shape(
        {"text": text(75, *kinds), "value": string(150, shortest=1)},
        extra | ({"url": url()} if links else {}),
    )


OPTION = _option("plain_text")
RICH_OPTION = _option()
OPTIONS = many(OPTION, 100)
GROUPS = many(Shape({"label": plain(75), "options": OPTIONS}, {}), 100)
INPUT: Mapping[str, Check] = {"action_id": ID, "focus_on_load": flag}
ASKS: Mapping[str, Check] = {**INPUT, "placeholder": plain(150)}
PICKS: Mapping[str, Check] = {**ASKS, "confirm": CONFIRM}
DISPATCH = Shape({}, {"trigger_actions_on": many(one_of("on_enter_pressed", "on_character_entered"), 2)})
ANYTHING = string(3000)
IDS = many(ID, 100, least=0)


def _either_options(value: Any, where: str) -> Problems:
    """A static select has options or groups of options, never both."""
    if ("options" in value) == ("option_groups" in value):
        yield problem("must have either options or option_groups", where)


def _lengths(value: Any, where: str) -> Problems:
    """The shortest text must not be longer than the longest."""
    low, high = value.get("min_length"), value.get("max_length")
    if isinstance(low, int) and isinstance(high, int) and low > high:
        yield problem("min_length must not be greater than max_length", where)


def _number(value: Any, where: str) -> Problems:
    """Bounds of a number input are strings that hold a number."""
    try:
        float(value) if isinstance(value, str) else float("refuse")
    except ValueError:
        yield problem("must be a number written as a string", where)


CHOICES: Mapping[str, Check] = {"options": OPTIONS, "option_groups": GROUPS}
SELECTS: dict[str, Shape] = {
    "static_select": Shape({}, {**PICKS, **CHOICES, "initial_option": OPTION}, _either_options),
    "external_select": Shape({}, {**PICKS, "initial_option": OPTION, "min_query_length": whole(0, 100)}),
    "users_select": Shape({}, {**PICKS, "initial_user": ID}),
    "conversations_select": Shape(
        {},
        {
            **PICKS,
            "initial_conversation": ID,
            "default_to_current_conversation": flag,
            "response_url_enabled": flag,
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
    "channels_select": Shape({}, {**PICKS, "initial_channel": ID, "response_url_enabled": flag}),
}
_MOST = {"max_selected_items": whole(1, 1000)}
MULTI: dict[str, Shape] = {
    "multi_static_select": Shape(
        {}, {**PICKS, **CHOICES, **_MOST, "initial_options": OPTIONS}, _either_options
    ),
    "multi_external_select": Shape({}, {**PICKS, **_MOST, "initial_options": OPTIONS}),
    "multi_users_select": Shape({}, {**PICKS, **_MOST, "initial_users": IDS}),
    "multi_conversations_select": Shape({}, {**PICKS, **_MOST, "initial_conversations": IDS}),
    "multi_channels_select": Shape({}, {**PICKS, **_MOST, "initial_channels": IDS}),
}
_BOXES: Mapping[str, Check] = {**INPUT, "confirm": CONFIRM}
CHOOSERS: dict[str, Shape] = {
    "checkboxes": Shape(
        {"options": many(RICH_OPTION, 10)}, {**_BOXES, "initial_options": many(RICH_OPTION, 10)}
    ),
    "radio_buttons": Shape({"options": many(RICH_OPTION, 10)}, {**_BOXES, "initial_option": RICH_OPTION}),
    "datepicker": Shape({}, {**PICKS, "initial_date": string(10)}),
    "timepicker": Shape({}, {**PICKS, "initial_time": string(5), "timezone": string(100)}),
}
DATETIME = {"datetimepicker": Shape({}, {**_BOXES, "initial_date_time": whole(10**9, 10**10 - 1)})}
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
    "overflow": Shape(
        {"options": many(_option("plain_text", links=True), 5, least=2)},
        {"action_id": ID, "confirm": CONFIRM},
    ),
    "workflow_button": Shape(
        {
            "text": plain(75),
            "workflow": Shape(
                {
                    "trigger": Shape(
                        {"url": url()},
                        {
                            "customizable_input_parameters": many(
                                Shape({"name": ID, "value": ANYTHING}, {}), 100
                            )
                        },
                    )
                },
                {},
            ),
        },
        {"action_id": ID, "style": STYLE, "accessibility_label": string(75)},
    ),
}
IMAGE = {"image": Shape({"alt_text": string(2000, shortest=1), "image_url": url()}, {})}
TYPED: dict[str, Shape] = {
    "plain_text_input": Shape(
        {},
        {
            **ASKS,
            "initial_value": ANYTHING,
            "multiline": flag,
            "min_length": whole(0, 3000),
            "max_length": whole(1, 3000),
            "dispatch_action_config": DISPATCH,
        },
        _lengths,
    ),
    "email_text_input": Shape({}, {**ASKS, "initial_value": ANYTHING, "dispatch_action_config": DISPATCH}),
    "url_text_input": Shape({}, {**ASKS, "initial_value": ANYTHING, "dispatch_action_config": DISPATCH}),
    "number_input": Shape(
        {"is_decimal_allowed": flag},
        {
            **ASKS,
            "initial_value": _number,
            "min_value": _number,
            "max_value": _number,
            "dispatch_action_config": DISPATCH,
        },
    ),
}

SUGGESTIONS = Shape(
    {},
    {
        "options": many(OPTION, 100, least=0),
        "option_groups": many(
            Shape({"label": plain(75), "options": many(OPTION, 100, least=0)}, {}), 100, least=0
        ),
    },
    _either_options,
)
"""What an app answers to the query of an external select."""

IN_ACTIONS = typed({**BUTTONS, **SELECTS, **CHOOSERS, **DATETIME}, "element")
IN_SECTION = typed({**BUTTONS, **SELECTS, **MULTI, **CHOOSERS, **IMAGE}, "element")
IN_INPUT = typed({**SELECTS, **MULTI, **CHOOSERS, **DATETIME, **TYPED}, "element")
IN_CONTEXT = typed(
    {
        **IMAGE,
        "plain_text": Shape({"text": string(3000, shortest=1)}, {"emoji": flag}),
        "mrkdwn": Shape({"text": string(3000, shortest=1)}, {"verbatim": flag}),
    },
    "element",
)
