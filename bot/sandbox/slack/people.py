"""The built-in people, user groups and channels of the sandbox workspace."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

HOME_TEAM = "T0HOME001"
AWAY_TEAM = "T0AWAY001"
BOT_USER = "U0PEFT001"


@dataclass(frozen=True)
class Person:
    """Somebody, as in ``users.info``.

    Args:
        id: Slack user id, ``U…`` or ``W…``.
        name: The handle, without ``@``; unique in the workspace.
        tz: IANA time zone name.
        is_bot: An app's user.
        deleted: Deactivated.
        is_admin: Workspace admin.
        is_restricted: Guest of several channels.
        is_ultra_restricted: Guest of one channel.
        is_stranger: From another organisation, without a shared channel.
        enterprise_id: Enterprise Grid organisation, or empty.
        global_id: The id in the whole Grid, if it differs from the one in this workspace.
        role: The person's part, one word for the sandbox page.
    """

    id: str
    name: str
    real_name: str
    tz: str = "Europe/Berlin"
    is_bot: bool = False
    deleted: bool = False
    is_admin: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    team_id: str = HOME_TEAM
    enterprise_id: str = ""
    global_id: str = ""
    role: str = ""

    @property
    def is_confined(self) -> bool:
        """Whether they are a guest or a stranger, who sees only their own conversations."""
        return self.is_restricted or self.is_ultra_restricted or self.is_stranger

    @property
    def is_full(self) -> bool:
        """Whether they are an active member of this workspace, not a bot, guest or stranger."""
        return not (self.is_bot or self.deleted or self.is_confined) and self.team_id == HOME_TEAM


@dataclass(frozen=True)
class UserGroup:
    """A user group: ``S…`` id, handle, name, member ids, whether it is disabled, and its last edit."""

    id: str
    handle: str
    name: str
    members: tuple[str, ...] = ()
    disabled: bool = False
    updated_by: str = ""
    updated_s: int = 1_700_000_000


@dataclass(frozen=True)
class Channel:
    """A conversation: ``C…`` channel or ``D…`` direct message, and its member ids (the bot's too)."""

    id: str
    name: str
    members: frozenset[str]
    is_private: bool = False
    is_im: bool = False
    is_archived: bool = False
    is_ext_shared: bool = False


@dataclass
class Directory:
    """Everything with an id in the workspace."""

    team_name: str = "Model Serving"
    team_domain: str = "model-serving"
    people: dict[str, Person] = field(default_factory=dict)
    groups: dict[str, UserGroup] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)

    def person(self, who: str | Person) -> Person:
        """Return a person by id, handle or ``@handle``.

        Raises:
            KeyError: There is no such person.
        """
        return _find(self.people, who.id if isinstance(who, Person) else who.removeprefix("@"), "name")

    def channel(self, which: str | Channel) -> Channel:
        """Return a conversation by id, name or ``#name``.

        Raises:
            KeyError: There is no such conversation.
        """
        key = which.id if isinstance(which, Channel) else which.removeprefix("#")
        return _find(self.channels, key, "name")

    def group(self, which: str) -> UserGroup:
        """Return a user group by id, handle or ``@handle``.

        Raises:
            KeyError: There is no such group.
        """
        return _find(self.groups, which.removeprefix("@"), "handle")

    def visible_to(self, who: str | Person) -> list[Channel]:
        """Return the conversations this person can see: guests and strangers only their own."""
        person = self.person(who)
        return [
            channel
            for channel in self.channels.values()
            if person.id in channel.members or not (person.is_confined or channel.is_private or channel.is_im)
        ]

    def change_person(self, who: str, **changes: Any) -> Person:
        """Change attributes of a person, such as ``deleted=True``; return the changed one."""
        changed = replace(self.person(who), **changes)
        self.people[changed.id] = changed
        return changed

    def change_group(self, which: str, **changes: Any) -> UserGroup:
        """Change attributes of a user group, such as ``members=()``; return the changed one."""
        changed = replace(self.group(which), **changes)
        self.groups[changed.id] = changed
        return changed

    def change_channel(self, which: str | Channel, **changes: Any) -> Channel:
        """Change attributes of a conversation, such as ``is_archived=True``; return the changed one."""
        changed = replace(self.channel(which), **changes)
        self.channels[changed.id] = changed
        return changed


def _find(table: Mapping[str, T], key: str, by: str) -> T:
    """Return the entry with this id, or with this value of the attribute ``by``."""
    if key in table:
        return table[key]
    for entry in table.values():
        if getattr(entry, by) == key:
            return entry
    raise KeyError(key)


def bot_person() -> Person:
    """Return the app's own user."""
    return Person(BOT_USER, "peftsize", "peftsize", tz="UTC", is_bot=True, role="bot")


def default_directory() -> Directory:
    """Return the workspace without a people file."""
    everyone = [
        bot_person(),
        Person("U0ROSA001", "rosa", "Rosa Requester", role="requester"),
        Person("U0ADA0001", "ada", "Ada Approver", role="approver", tz="America/New_York"),
        Person("U0BEN0001", "ben", "Ben Approver", role="approver", tz="Asia/Tokyo"),
        Person("U0INES001", "ines", "Ines Admin", role="admin", is_admin=True),
        Person("U0GUS0001", "gus", "Gus Guest", role="guest", is_restricted=True),
        Person("U0FAY0001", "fay", "Fay Foreign", role="foreigner", is_stranger=True, team_id=AWAY_TEAM),
    ]
    ids = frozenset(person.id for person in everyone)
    staff = ids - {"U0GUS0001", "U0FAY0001"}
    return Directory(
        people={person.id: person for person in everyone},
        groups={
            one.id: one
            for one in (
                UserGroup("S0APPROVE", "approvers", "Capacity approvers", ("U0ADA0001", "U0BEN0001")),
                # those of the policy cookbook, docs/policy.md
                UserGroup("S0GPU", "gpu-team", "GPU team", ("U0ADA0001", "U0BEN0001")),
                UserGroup("S0LEADS", "leads", "Team leads", ("U0ADA0001",)),
                UserGroup("S0SEC", "security", "Security", ("U0BEN0001",)),
                UserGroup("S0PROD", "production", "Production", ("U0ADA0001", "U0BEN0001")),
                UserGroup("S0MANAGERS", "managers", "Managers", ("U0INES001",)),
            )
        },
        channels={
            "C0MLSERVE": Channel("C0MLSERVE", "ml-serving", ids, is_ext_shared=True),
            "C0APPROVE": Channel("C0APPROVE", "approvals", staff),
            "C0NOBOT01": Channel("C0NOBOT01", "random", ids - {BOT_USER, "U0FAY0001"}),
            "C0PRIVATE": Channel("C0PRIVATE", "capacity-planning", staff - {BOT_USER}, is_private=True),
        },
    )


def zone(person: Person) -> tzinfo:
    """Return the person's time zone, or UTC if the machine does not know it."""
    try:
        return ZoneInfo(person.tz)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def user_json(person: Person, seconds: float) -> dict[str, Any]:
    """Return the ``user`` object of ``users.info`` at a time (UTC epoch seconds, for the zone's offset)."""
    offset = datetime.fromtimestamp(seconds, UTC).astimezone(zone(person)).utcoffset()
    user: dict[str, Any] = {
        "id": person.id,
        "team_id": person.team_id,
        "name": person.name,
        "deleted": person.deleted,
        "real_name": person.real_name,
        "tz": person.tz,
        "tz_label": person.tz,
        "tz_offset": int(offset.total_seconds()) if offset else 0,
        "profile": {
            "real_name": person.real_name,
            "display_name": person.name,
            "team": person.team_id,
            "avatar_hash": "g0000000000",
        },
        "is_admin": person.is_admin,
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": person.is_restricted,
        "is_ultra_restricted": person.is_ultra_restricted,
        "is_bot": person.is_bot,
        "is_app_user": False,
        "updated": 1700000000,
    }
    if person.is_stranger:
        user["is_stranger"] = True
    if person.enterprise_id:
        user["enterprise_user"] = {
            "id": person.global_id or person.id,
            "enterprise_id": person.enterprise_id,
            "teams": [person.team_id],
        }
    return user
