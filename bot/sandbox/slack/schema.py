"""Small checks that compose into Slack's rules for JSON; each checks one value.

A check takes the value and its JSON pointer and yields sentences in Slack's own form,
``[ERROR] must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Problems = Iterator[str]
Check = Callable[[Any, str], Problems]


def problem(words: str, where: str) -> str:
    """Return one sentence in the form of ``response_metadata.messages``."""
    return f"[ERROR] {words} [json-pointer:{where}]"


def string(longest: int, *, shortest: int = 0) -> Check:
    """Check a string of ``shortest`` to ``longest`` characters."""

    def check(value: Any, where: str) -> Problems:
        if not isinstance(value, str):
            yield problem("must be a string", where)
        elif len(value) > longest:
            yield problem(f"must be less than {longest + 1} characters", where)
        elif len(value) < shortest:
            yield problem(f"must be more than {shortest - 1} characters", where)

    return check


def one_of(*allowed: str) -> Check:
    """Check for one of a few strings."""

    def check(value: Any, where: str) -> Problems:
        if value not in allowed:
            yield problem(f"must be one of: {', '.join(allowed)}", where)

    return check


def flag(value: Any, where: str) -> Problems:
    """Check a boolean."""
    if not isinstance(value, bool):
        yield problem("must be a boolean", where)


def whole(least: int, most: int) -> Check:
    """Check an integer, with inclusive bounds."""

    def check(value: Any, where: str) -> Problems:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            yield problem(f"must be an integer from {least} to {most}", where)

    return check


def url(longest: int = 3000) -> Check:
    """Check a web address."""

    def check(value: Any, where: str) -> Problems:
        yield from string(longest, shortest=1)(value, where)
        if isinstance(value, str) and not value.startswith(("https://", "http://", "mailto:", "tel:")):
            yield problem("must be a valid URL", where)

    return check


def many(item: Check, most: int, *, least: int = 1) -> Check:
    """Check a list of ``least`` to ``most`` items, and each item."""

    def check(value: Any, where: str) -> Problems:
        if not isinstance(value, list):
            yield problem("must be an array", where)
            return
        if len(value) > most:
            yield problem(f"no more than {most} items allowed", where)
        if len(value) < least:
            yield problem(f"no less than {least} items allowed", where)
        for index, entry in enumerate(value):
            yield from item(entry, f"{where}/{index}")

    return check


@dataclass(frozen=True)
class Shape:
    """An object: its keys and their checks; any other key is refused.

    Args:
        needed: Required keys.
        allowed: Optional keys.
        rule: A check of the whole object, after its keys.
    """

    needed: Mapping[str, Check]
    allowed: Mapping[str, Check]
    rule: Check | None = None

    def __call__(self, value: Any, where: str) -> Problems:
        """Yield what is wrong with an object; see the module for the form."""
        if not isinstance(value, dict):
            yield problem("must be an object", where)
            return
        for key in self.needed.keys() - value.keys():
            yield problem(f"missing required field: {key}", where)
        for key, entry in value.items():
            check = self.needed.get(key) or self.allowed.get(key)
            if check is None:
                yield problem(f"invalid additional property: {key}", where)
            else:
                yield from check(entry, f"{where}/{key}")
        if self.rule is not None:
            yield from self.rule(value, where)


def typed(shapes: Mapping[str, Shape], noun: str) -> Check:
    """Check an object by the shape for its ``type``; the shapes do not list ``type`` themselves."""

    def check(value: Any, where: str) -> Problems:
        if not isinstance(value, dict):
            yield problem("must be an object", where)
            return
        shape = shapes.get(value["type"]) if isinstance(value.get("type"), str) else None
        if shape is None:
            yield problem(f"unsupported type of {noun}: {value.get('type')}", f"{where}/type")
            return
        yield from shape({key: entry for key, entry in value.items() if key != "type"}, where)

    return check


def text(longest: int, *kinds: str) -> Check:
    """Check a text object of the given kinds (``plain_text``, ``mrkdwn``; both by default)."""
    words = string(longest, shortest=1)
    shapes = {
        "plain_text": Shape({"text": words}, {"emoji": flag}),
        "mrkdwn": Shape({"text": words}, {"verbatim": flag}),
    }
    return typed({kind: shapes[kind] for kind in kinds or tuple(shapes)}, "text object")


def plain(longest: int) -> Check:
    """Check a plain text object."""
    return text(longest, "plain_text")
