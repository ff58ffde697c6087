"""Reads the people of the sandbox workspace from a TOML file (``--people FILE``)."""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.sandbox.slack.people import BOT_USER, Channel, Directory, Person, UserGroup, bot_person

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class PeopleFileError(ValueError):
    """The people file cannot be read; the message names the table and the key."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Team(_Table):
    name: str = Directory.team_name
    domain: str = Directory.team_domain


class _Channel(_Table):
    id: str
    name: str
    members: list[str] | None = None
    bot: bool = True
    is_private: bool = False
    is_archived: bool = False
    is_ext_shared: bool = False


class _File(_Table):
    team: _Team = _Team()
    person: list[Person] = Field(min_length=1)
    group: list[UserGroup] = []
    channel: list[_Channel] = Field(min_length=1)


def load_directory(path: Path) -> Directory:
    """Read people, groups and channels from a TOML file.

    Tables: ``[team]``, ``[[person]]``, ``[[group]]``, ``[[channel]]``. Members are ids or names. The bot joins a
    channel unless it has ``bot = false``, and every full member does unless it lists ``members``.

    Raises:
        PeopleFileError: Not TOML, an unknown key, a missing or repeated id, or a member who does not exist.
        OSError: The file cannot be read.
    """
    try:
        read = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PeopleFileError(f"not TOML: {error}") from None
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise PeopleFileError("; ".join(problems)) from None
    people = [bot_person(), *read.person]
    ids = Counter([p.id for p in people] + [g.id for g in read.group] + [c.id for c in read.channel])
    if repeated := next((one for one, count in ids.items() if count > 1), None):
        raise PeopleFileError(f"the id {repeated} is used twice")
    directory = Directory(read.team.name, read.team.domain, people={person.id: person for person in people})
    full = [person.id for person in read.person if person.is_full]
    for group in read.group:
        directory.groups[group.id] = replace(group, members=tuple(_ids(directory, group.members, group.id)))
    for channel in read.channel:
        there = {*_ids(directory, full if channel.members is None else channel.members, channel.id)} - {
            BOT_USER
        }
        members = frozenset(there | {BOT_USER} if channel.bot else there)
        rest = channel.model_dump(exclude={"bot", "members"})
        directory.channels[channel.id] = Channel(members=members, **rest)
    return directory


def _ids(directory: Directory, names: Iterable[str], where: str) -> list[str]:
    """Turn names and ids into ids."""
    try:
        return [directory.person(name).id for name in names]
    except KeyError as error:
        raise PeopleFileError(f"members of {where}: nobody is called {error}") from None
