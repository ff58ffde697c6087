"""Reads who lives in the sandbox workspace from a TOML file (`--people FILE`)."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from bot.sandbox.slack.people import BOT_USER, HOME_TEAM, Channel, Directory, Person, UserGroup, bot_person

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T", Person, UserGroup, Channel)


class PeopleFileError(ValueError):
    """The people file cannot be read; the message names the table and the key."""


def load_directory(path: Path) -> Directory:
    """Reads people, groups and channels from a TOML file.

    Tables: `[team]` (name, domain), `[[person]]`, `[[group]]`, `[[channel]]` with the attributes of the
    dataclasses of this file as keys. Members are written as ids or names; a channel is joined by the bot
    unless it says `bot = false`, and by every full member unless it lists `members`.

    Raises:
        PeopleFileError: not TOML, an unknown key, a missing or repeated id, or a member who does not exist.
        OSError: the file cannot be read.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PeopleFileError(f"not TOML: {error}") from None
    if unknown := data.keys() - {"team", "person", "group", "channel"}:
        raise PeopleFileError(f"unknown table: {', '.join(sorted(unknown))}")
    directory = Directory()
    directory.team_name = data.get("team", {}).get("name", directory.team_name)
    directory.team_domain = data.get("team", {}).get("domain", directory.team_domain)
    directory.people[BOT_USER] = bot_person()
    for row in data.get("person", []):
        _put(directory.people, _made(Person, row, "person"))
    full = [p.id for p in directory.people.values() if not p.is_restricted and p.team_id == HOME_TEAM]
    for row in data.get("group", []):
        members = _members(directory, row.pop("members", []), "group")
        _put(directory.groups, _made(UserGroup, row | {"members": tuple(members)}, "group"))
    for row in data.get("channel", []):
        members = _members(directory, row.pop("members", full), "channel")
        there = set(members) | {BOT_USER} if row.pop("bot", True) else set(members) - {BOT_USER}
        _put(directory.channels, _made(Channel, row | {"members": frozenset(there)}, "channel"))
    if not directory.people.keys() - {BOT_USER} or not directory.channels:
        raise PeopleFileError("a workspace needs at least one [[person]] and one [[channel]]")
    return directory


def _made(kind: type[T], row: dict[str, Any], table: str) -> T:
    """Builds one entry, or says which key is wrong."""
    known = {f.name: f for f in fields(kind)}
    if unknown := row.keys() - known.keys():
        raise PeopleFileError(f"[[{table}]] unknown key: {', '.join(sorted(unknown))}")
    for name, value in row.items():
        wanted = {"str": str, "bool": bool}.get(str(known[name].type))
        if wanted is not None and not isinstance(value, wanted):
            raise PeopleFileError(f"[[{table}]] {name} must be a {wanted.__name__}")
    try:
        return kind(**row)
    except TypeError as error:
        raise PeopleFileError(f"[[{table}]] {error}") from None


def _put(table: dict[str, Any], entry: Any) -> None:
    """Adds an entry whose id is new."""
    if entry.id in table:
        raise PeopleFileError(f"the id {entry.id} is used twice")
    table[entry.id] = entry


def _members(directory: Directory, names: list[str], table: str) -> list[str]:
    """Turns names and ids into ids."""
    try:
        return [directory.person(name).id for name in names]
    except (KeyError, AttributeError) as error:
        raise PeopleFileError(f"[[{table}]] members: nobody is called {error}") from None
