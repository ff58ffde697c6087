"""Who somebody is, asked of Slack when it is decided; and who we are ourselves.

A person is looked up for every decision; those who decide at the same moment share the call. The members of a
user group serve for a few seconds, since one person who presses a button often would spend what Slack allows
(https://docs.slack.dev/reference/methods/usergroups.users.list: tier 2, 20 a minute). Whoever must know what
is true now asks for it ``live``. A failed question is a ``PeopleError``, never a guess.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from bot.approvals.policy import Person
from bot.approvals.request import GroupEdit
from bot.errors import PeopleError
from bot.slack.outbound.web_api import FAILURES, retry_after_s, word_of
from bot.workflow.single_flight import SingleFlight, TooSoon

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from slack_sdk import WebClient

_NOBODY = frozenset({"user_not_found", "users_not_found", "user_not_visible"})
_NO_GROUP = frozenset({"no_such_subteam", "subteam_not_found"})
_WILL_NOT_SAY = frozenset({"missing_scope", "unknown_method", "bot_not_found", "not_allowed_token_type"})
_SLACKBOT = "USLACKBOT"
_USER = "users.info"
_MEMBERS = "usergroups.users.list"
_GROUPS = "usergroups.list"
GROUP_FRESH_MS = 5_000
"""How long the members of a user group serve: removing somebody may count so much later, except before a POST."""

Answer = TypeVar("Answer")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the bot is in Slack, and whose deliveries it takes.

    Args:
        team_ids: Workspaces (or Enterprise Grids, ``E…``) whose deliveries are taken.
        app_id: The only app whose deliveries are taken; None where Slack did not say.
        bot_id: The bot.
        bot_user_id: The bot's user.
        url: Of the workspace, with a slash at the end.
        enterprise_id: The Enterprise Grid of the workspace, if any.
    """

    team_ids: frozenset[str]
    app_id: str | None
    bot_id: str
    bot_user_id: str
    url: str = "https://slack.com/"
    enterprise_id: str | None = None

    def is_ours(self, team_id: str | None, enterprise_id: str | None = None) -> bool:
        """Return whether a workspace, or the Grid it belongs to, is ours."""
        ours = self.team_ids | ({self.enterprise_id} if self.enterprise_id else frozenset())
        return team_id in ours or enterprise_id in ours

    def link(self, channel_id: str, message_ts: str, thread_ts: str | None = None) -> str:
        """Return the address of a message, in a thread or not, made without asking Slack.

        Source: https://docs.slack.dev/reference/methods/chat.getPermalink, whose answers look so.
        """
        address = f"{self.url}archives/{channel_id}/p{message_ts.replace('.', '')}"
        return f"{address}?thread_ts={thread_ts}&cid={channel_id}" if thread_ts else address


def identify(
    client: WebClient, teams: Collection[str] = (), app_id: str | None = None, *, timeout_s: int | None = None
) -> Identity:
    """Ask Slack who we are.

    Args:
        client: With the bot's token.
        teams: Whose deliveries are taken, instead of the token's own workspace and Grid.
        app_id: The app, instead of the one the bot belongs to.
        timeout_s: Seconds for each of the two questions; the client's own where None.

    Returns:
        The identity.

    Raises:
        PeopleError: Slack could not say.
    """
    if timeout_s is not None:
        client.timeout = timeout_s
    told = _asked("auth.test", client.auth_test)
    if not (told.get("team_id") and told.get("user_id")):
        raise PeopleError("auth.test", "names no workspace or no user")
    bot_id = str(told.get("bot_id") or "")
    if app_id is None and bot_id:
        app_id = told.get("app_id") or _app_of(client, bot_id)
    return Identity(
        team_ids=frozenset(teams) or frozenset({str(told["team_id"])}),
        app_id=app_id,
        bot_id=bot_id,
        bot_user_id=str(told["user_id"]),
        url=str(told.get("url") or "https://slack.com/"),
        enterprise_id=None if teams else told.get("enterprise_id") or None,
    )


def _app_of(client: WebClient, bot_id: str) -> str | None:
    """Return the app a bot belongs to; None where Slack refuses to say, and the signature must do."""
    try:
        bot: Mapping[str, Any] = _asked("bots.info", client.bots_info, bot=bot_id).get("bot") or {}
    except PeopleError as error:
        if error.error not in _WILL_NOT_SAY:
            raise
        log.warning(
            "Slack does not say which app this is; set PEFTSIZE_APP_ID", extra={"facts": {"what": error.what}}
        )
        return None
    return bot.get("app_id")


class SlackPeople:
    """The port ``People`` over the Web API.

    Args:
        client: With the bot's token and a short timeout.
        identity: Who we are; None while Slack has not said.
        clock: Returns UTC epoch milliseconds.
    """

    def __init__(
        self, client: WebClient, identity: Callable[[], Identity | None], clock: Callable[[], int]
    ) -> None:
        self._client = client
        self._identity = identity
        self._users = SingleFlight(self._ask_user, clock, fresh_ms=0, retry_after_s=_asked_to_wait)
        self._groups = SingleFlight(
            self._ask_members, clock, fresh_ms=GROUP_FRESH_MS, retry_after_s=_asked_to_wait
        )
        self._edited = SingleFlight(
            self._ask_edits, clock, fresh_ms=GROUP_FRESH_MS, retry_after_s=_asked_to_wait
        )

    def look_up(self, team_id: str, user_id: str, groups: Collection[str], *, live: bool = False) -> Person:
        """Describe a person and which of the groups they are in.

        Args:
            team_id: The person's workspace as the delivery named it.
            user_id: The person.
            groups: User groups to ask about; not asked for somebody who has no say anyway.
            live: Whether groups are asked now, too.

        Raises:
            PeopleError: Slack could not say.
        """
        identity = self._identity()
        if identity is None:
            raise PeopleError("auth.test", "not answered yet")
        user = _shared(self._users, _USER, user_id, live=live)
        if user is None:
            return Person(team_id, user_id, user_id, barred="unknown_person")
        enterprise: Mapping[str, Any] = user.get("enterprise_user") or {}
        ids = {user_id, str(user.get("id") or user_id), str(enterprise.get("id") or user_id)}
        global_id = str(enterprise.get("id") or user_id)
        barred = _barred(user) or _foreign(identity, team_id, user, enterprise)
        return Person(
            team_id=team_id,
            user_id=global_id,
            name=_name(user) or user_id,
            enterprise_id=enterprise.get("enterprise_id") or None,
            barred=barred,
            groups=frozenset() if barred else self._groups_of(ids, groups, live=live),
            aliases=frozenset(ids - {global_id}),
        )

    def members(self, group_id: str, *, live: bool = False) -> frozenset[str] | None:
        """Return the members of a user group, or None if there is no such group.

        Args:
            group_id: The group.
            live: Whether it is asked now; else the answer is at most ``GROUP_FRESH_MS`` old.

        Raises:
            PeopleError: Slack could not say.
        """
        return _shared(self._groups, _MEMBERS, group_id, live=live)

    def name(self, entry: str) -> str:
        """Return the display name of a person, or the handle of a user group; empty if there is none.

        Raises:
            PeopleError: Slack could not say.
        """
        if not entry.startswith("S"):
            user = _shared(self._users, _USER, entry)
            return _name(user) if user is not None else ""
        told = _asked(_GROUPS, self._client.usergroups_list)
        found = (group for group in told.get("usergroups") or () if group.get("id") == entry)
        return next((f"@{group['handle']}" for group in found), "")

    def edits(self, groups: Collection[str], since: int) -> tuple[GroupEdit, ...]:
        """Return those of the user groups that were edited at a time or later.

        Args:
            groups: Ids of user groups.
            since: UTC epoch milliseconds. Slack counts seconds: an edit in the same second is one.

        Raises:
            PeopleError: Slack could not say.
        """
        found = _shared(self._edited, _GROUPS, "all")
        return tuple(edit for edit in found if edit.group in groups and edit.at // 1000 >= since // 1000)

    def _groups_of(self, ids: Collection[str], groups: Collection[str], *, live: bool) -> frozenset[str]:
        """Return those of the groups that somebody is in, by any of their ids; one that is gone has no members."""
        return frozenset(
            group for group in groups if not frozenset(ids).isdisjoint(self.members(group, live=live) or ())
        )

    def _ask_edits(self, _all: str) -> tuple[GroupEdit, ...]:
        told = _asked(_GROUPS, self._client.usergroups_list)
        return tuple(
            GroupEdit(
                str(one["id"]), str(one.get("updated_by") or ""), int(one.get("date_update") or 0) * 1000
            )
            for one in told.get("usergroups") or ()
        )

    def _ask_user(self, user_id: str) -> Mapping[str, Any] | None:
        """Return what Slack says of a user, or None if there is none."""
        try:
            user: Mapping[str, Any] = _asked(_USER, self._client.users_info, user=user_id)["user"]
        except PeopleError as error:
            if error.error not in _NOBODY:
                raise
            return None
        return user

    def _ask_members(self, group_id: str) -> frozenset[str] | None:
        try:
            told = _asked(_MEMBERS, self._client.usergroups_users_list, usergroup=group_id)
        except PeopleError as error:
            if error.error not in _NO_GROUP:
                raise
            return None
        return frozenset(told.get("users") or ())


def _shared(flights: SingleFlight[Answer], method: str, key: str, *, live: bool = False) -> Answer:
    """Return a shared answer; raises ``PeopleError`` while Slack wants to be left alone."""
    try:
        return flights.get(key, live=live)
    except TooSoon as early:
        raise PeopleError(method, "ratelimited", retry_after_s=early.wait_s) from None


def _asked_to_wait(error: Exception) -> float | None:
    return error.retry_after_s if isinstance(error, PeopleError) else None


def _asked(method: str, call: Callable[..., Any], **arguments: str) -> Mapping[str, Any]:
    """Ask Slack; every trouble becomes a ``PeopleError`` that names the method and Slack's own word."""
    try:
        told: Mapping[str, Any] = call(**arguments).data
    except FAILURES as error:
        raise PeopleError(method, word_of(error), retry_after_s=retry_after_s(error)) from None
    return told


def _barred(user: Mapping[str, Any]) -> str | None:
    """Return why somebody can have no say, whatever the workspace, or None."""
    if user.get("deleted"):
        return "deleted"
    if user.get("is_bot") or user.get("is_workflow_bot") or user.get("id") == _SLACKBOT:
        return "bot"
    if user.get("is_stranger"):
        return "stranger"
    if user.get("is_restricted") or user.get("is_ultra_restricted"):
        return "guest"
    return None


def _foreign(
    identity: Identity, team_id: str, user: Mapping[str, Any], enterprise: Mapping[str, Any]
) -> str | None:
    """Bar people of other workspaces: both what the delivery says and what Slack says must be home."""
    grid = enterprise.get("enterprise_id")
    workspaces = {user.get("team_id"), *(enterprise.get("teams") or ())}
    at_home = any(identity.is_ours(one) for one in workspaces) or identity.is_ours(None, grid)
    from_home = identity.is_ours(team_id) or (identity.is_ours(None, grid) and team_id in workspaces)
    return None if at_home and from_home else "foreign_team"


def _name(user: Mapping[str, Any]) -> str:
    """Return the name that people see."""
    profile: Mapping[str, Any] = user.get("profile") or {}
    return str(profile.get("display_name") or profile.get("real_name") or user.get("name") or "")
