"""The order of messages that wait for Slack's limits, and the limit that each of them spends."""

from __future__ import annotations

from enum import IntEnum

POSTS = "chat.postMessage:"
UPDATES, ANSWERS, HOMES = "chat.update", "chat.postEphemeral", "views.publish"
"""Budgets that a whole workspace shares; each post spends that of its channel, too."""


class Rank(IntEnum):
    """What goes first: cards that people must act on, then decisions, then answers, then redraws."""

    NEW_CARD = 0
    DECISION = 1
    ANSWER = 2
    REDRAW = 3


def posts(where: str) -> str:
    """Return the budget of messages to a channel, or to a person."""
    return f"{POSTS}{where}"
