"""The look-up methods of the stand-in: ``auth``, ``bots``, ``users``, ``usergroups``, ``conversations``.

Source: https://docs.slack.dev/reference/methods.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.sandbox.slack.people import Channel, user_json
from bot.sandbox.slack.web import Api, Args, Method, SlackRefusal, need, require_scope

if TYPE_CHECKING:
    from bot.sandbox.slack.people import UserGroup

_TRUE = {"true", "1", True}


def readable(api: Api, reference: Any) -> Channel:
    """Return a conversation that the bot can see; a private one only as a member.

    Raises:
        SlackRefusal: ``channel_not_found``.
    """
    try:
        channel = api.workspace.directory.channel(str(reference))
    except KeyError:
        raise SlackRefusal("channel_not_found") from None
    if (channel.is_private or channel.is_im) and api.app.bot_user_id not in channel.members:
        raise SlackRefusal("channel_not_found")
    return channel


def open_im(api: Api, user: str) -> Channel:
    """Return the direct message channel of the bot with somebody; always the same one."""
    directory = api.workspace.directory
    person = directory.people.get(user)
    if person is None:
        raise SlackRefusal("user_not_found")
    if person.is_bot:
        raise SlackRefusal("cannot_dm_bot")
    if person.deleted:
        raise SlackRefusal("user_disabled")
    name = f"D{user[1:]}"
    with api.workspace.lock:
        new = Channel(name, user, frozenset({user, api.app.bot_user_id}), is_private=True, is_im=True)
        return directory.channels.setdefault(name, new)


def auth_test(api: Api, _args: Args) -> dict[str, Any]:
    """Return the token's owner."""
    directory = api.workspace.directory
    bot = directory.people[api.app.bot_user_id]
    who = {
        "url": f"https://{directory.team_domain}.slack.com/",
        "team": directory.team_name,
        "user": bot.name,
        "team_id": api.app.team_id,
        "user_id": bot.id,
        "bot_id": api.app.bot_id,
        "is_enterprise_install": False,
    }
    return who | ({"enterprise_id": bot.enterprise_id} if bot.enterprise_id else {})


def bots_info(api: Api, args: Args) -> dict[str, Any]:
    """Return the app of a bot id."""
    (bot,) = need(args, "bot")
    if bot != api.app.bot_id:
        raise SlackRefusal("bot_not_found")
    name = api.workspace.directory.people[api.app.bot_user_id].name
    fields = {"id": bot, "deleted": False, "name": name, "updated": 1700000000, "app_id": api.app.app_id}
    return {"bot": fields | {"user_id": api.app.bot_user_id, "icons": {}}}


def manifest_export(api: Api, args: Args) -> dict[str, Any]:
    """Return the app's manifest."""
    (app_id,) = need(args, "app_id")
    if app_id != api.app.app_id:
        raise SlackRefusal("app_not_found")
    return {"manifest": api.manifest}


def users_info(api: Api, args: Args) -> dict[str, Any]:
    """Return a user."""
    (user,) = need(args, "user")
    if api.faults.users_info_fails:
        raise SlackRefusal("internal_error")
    person = api.workspace.directory.people.get(str(user))
    if person is None:
        raise SlackRefusal("user_not_found")
    return {"user": user_json(person, api.workspace.clock())}


def _group_json(api: Api, group: UserGroup, *, with_users: bool) -> dict[str, Any]:
    """Return a user group as in ``usergroups.list``."""
    fields = {
        "id": group.id,
        "team_id": api.app.team_id,
        "is_usergroup": True,
        "is_subteam": True,
        "name": group.name,
        "handle": group.handle,
        "description": "",
        "is_external": False,
        "date_create": 1700000000,
        "date_update": group.updated_s,
        "updated_by": group.updated_by,
        "date_delete": 1700000000 if group.disabled else 0,
        "user_count": len(group.members),
    }
    return fields | ({"users": list(group.members)} if with_users else {})


def usergroups(api: Api, args: Args) -> dict[str, Any]:
    """List the user groups, the disabled ones on request."""
    disabled, users = args.get("include_disabled") in _TRUE, args.get("include_users") in _TRUE
    groups = [g for g in api.workspace.directory.groups.values() if disabled or not g.disabled]
    shown = [] if api.faults.missing_group else groups
    return {"usergroups": [_group_json(api, group, with_users=users) for group in shown]}


def usergroup_users(api: Api, args: Args) -> dict[str, Any]:
    """List the members of a user group."""
    (name,) = need(args, "usergroup")
    group = api.workspace.directory.groups.get(str(name))
    disabled = args.get("include_disabled") in _TRUE
    if group is None or api.faults.missing_group or (group.disabled and not disabled):
        raise SlackRefusal("no_such_subteam")
    return {"users": list(group.members)}


def _channel_json(api: Api, channel: Channel) -> dict[str, Any]:
    """Return a conversation as in ``conversations.info``."""
    fields: dict[str, Any] = {
        "id": channel.id,
        "created": 1700000000,
        "is_archived": channel.is_archived,
        "is_im": channel.is_im,
        "is_org_shared": False,
        "context_team_id": api.app.team_id,
    }
    if channel.is_im:
        other = next(iter(channel.members - {api.app.bot_user_id}))
        return fields | {"user": other, "is_user_deleted": api.workspace.directory.people[other].deleted}
    return fields | {
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": not channel.is_private,
        "is_group": channel.is_private,
        "is_private": channel.is_private,
        "is_mpim": False,
        "is_general": False,
        "is_member": api.app.bot_user_id in channel.members,
        "is_shared": channel.is_ext_shared,
        "is_ext_shared": channel.is_ext_shared,
        "creator": "U0INES001",
        "num_members": len(channel.members),
        "topic": {"value": "", "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
    }


def _read_scope(channel: Channel) -> str:
    """Return the scope for reading such a conversation."""
    if channel.is_im:
        return "im:read"
    return "groups:read" if channel.is_private else "channels:read"


def conversation(api: Api, args: Args) -> dict[str, Any]:
    """Return a conversation."""
    (reference,) = need(args, "channel")
    channel = readable(api, reference)
    require_scope(api, _read_scope(channel))
    return {"channel": _channel_json(api, channel)}


def conversation_open(api: Api, args: Args) -> dict[str, Any]:
    """Open the direct message with one person."""
    users = args.get("users") or ""
    names = users if isinstance(users, list) else str(users).replace(" ", "").split(",")
    if names == [""]:
        raise SlackRefusal("users_list_not_supplied")
    if len(names) != 1:
        raise SlackRefusal("method_not_supported_for_channel_type")
    known = f"D{names[0][1:]}" in api.workspace.directory.channels
    channel = open_im(api, names[0])
    full = args.get("return_im") in _TRUE
    fields = _channel_json(api, channel) if full else {"id": channel.id}
    return {"no_op": known, "already_open": known, "channel": fields}


LOOKUPS: dict[str, Method] = {
    "auth.test": Method(auth_test),
    "apps.manifest.export": Method(manifest_export, caller="config"),
    "bots.info": Method(bots_info, "users:read"),
    "users.info": Method(users_info, "users:read"),
    "usergroups.list": Method(usergroups, "usergroups:read"),
    "usergroups.users.list": Method(usergroup_users, "usergroups:read"),
    "conversations.info": Method(conversation),
    "conversations.open": Method(conversation_open, "im:write"),
}
