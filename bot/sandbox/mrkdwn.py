"""Renders Slack's markup as plain text.

Source: https://docs.slack.dev/messaging/formatting-message-text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.sandbox.slack.people import Directory

_REFERENCE = re.compile(r"<([^<>]+)>")
_CODE = re.compile(r"```(.*?)```|`([^`\n]+)`", re.DOTALL)
_MARKS = re.compile(r"(?<![\w*_~])([*_~])(\S(?:[^\n]*?\S)?)\1(?![\w*_~])")


def plain_words(mrkdwn: str, directory: Directory) -> str:
    """Return mrkdwn as plain text: references by name, without formatting marks, entities decoded."""

    def reference(match: re.Match[str]) -> str:
        target, _, label = match.group(1).partition("|")
        if target.startswith("@"):
            person = directory.people.get(target[1:])
            return "@" + (person.real_name if person else label or target[1:])
        if target.startswith("#"):
            channel = directory.channels.get(target[1:])
            return "#" + (channel.name if channel else label or target[1:])
        if target.startswith("!subteam^"):
            group = directory.groups.get(target.removeprefix("!subteam^"))
            return "@" + (group.handle if group else label or target)
        if target.startswith("!date^"):
            return label or target
        if target.startswith("!"):
            return "@" + target[1:]
        return f"{label} ({target})" if label and label != target else target

    def prose(text: str) -> str:
        text = _REFERENCE.sub(reference, text)
        for _ in range(2):
            text = _MARKS.sub(r"\2", text)
        return text

    parts, at = [], 0
    for code in _CODE.finditer(mrkdwn):
        parts += [prose(mrkdwn[at : code.start()]), code.group(1) or code.group(2) or ""]
        at = code.end()
    parts.append(prose(mrkdwn[at:]))
    words = "".join(parts)
    return words.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
