"""Who somebody is, looked up in Slack for each decision; and who the bot is.

Simultaneous look-ups of one person share a call. Members of a user group are cached for a few seconds, since one
person who clicks often would use up Slack's limit
(https://docs.slack.dev/reference/methods/usergroups.users.list: tier 2, 20 a minute). ``live`` bypasses the cache.
A failed look-up is a ``PeopleError``, never a guess.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from bot.approvals.policy import Person
from bot.approvals.request import GroupEdit
from bot.errors import PeopleError
from bot.slack.outbound.web_api import FAILURES, retry_after_s, word_of
from bot.workflow.single_flight import SingleFlight, TooSoon

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from slack_sdk import WebClient

    from bot.approvals.request import Request

_NOBODY = frozenset({"user_not_found", "users_not_found", "user_not_visible"})
_NO_GROUP = frozenset({"no_such_subteam", "subteam_not_found"})
_WILL_NOT_SAY = frozenset({"missing_scope", "unknown_method", "bot_not_found", "not_allowed_token_type"})
_SLACKBOT = "USLACKBOT"
_USER = "users.info"
_MEMBERS = "usergroups.users.list"
_GROUPS = "usergroups.list"
FRESH_MS = 5_000
"""How long the members of a user group, and for asking and reading a user, are cached.

A removal may take this long to count, except before a POST.
"""

Answer = TypeVar("Answer")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the bot is in Slack, and whose deliveries it accepts.

    Args:
        team_ids: Accepted workspaces (or Enterprise Grids, ``E…``).
        app_id: The only accepted app; None if Slack did not say.
        url: Of the workspace, with a trailing slash.
    """

    team_ids: frozenset[str]
    app_id: str | None
    bot_id: str
    bot_user_id: str
    url: str = "https://slack.com/"
    enterprise_id: str | None = None

    def is_ours(self, team_id: str | None, enterprise_id: str | None = None) -> bool:
        """Return whether a workspace, or its Grid, is ours."""
        ours = self.team_ids | ({self.enterprise_id} if self.enterprise_id else frozenset())
        return team_id in ours or enterprise_id in ours

    def link(self, channel_id: str, message_ts: str, thread_ts: str | None = None) -> str:
        """Return the address of a message, in a thread or not, without asking Slack.

        Source: the answers of https://docs.slack.dev/reference/methods/chat.getPermalink.
        """
        address = f"{self.url}archives/{channel_id}/p{message_ts.replace('.', '')}"
        return f"{address}?thread_ts={thread_ts}&cid={channel_id}" if thread_ts else address


def card_link(identity: Identity | None, request: Request | None) -> str | None:
    """Return the address of a request's card, if it has one."""
    if identity is None or request is None or request.message_ts is None:
        return None
    return identity.link(request.channel_id, request.message_ts, request.thread_ts)


def identify(
    client: WebClient, teams: Collection[str] = (), app_id: str | None = None, *, timeout_s: int | None = None
) -> Identity:
    """Ask Slack who we are.

    Args:
        teams: Accepted workspaces, instead of the token's own workspace and Grid.
        app_id: The accepted app, instead of the bot's own.
        timeout_s: Seconds for each of the two calls; the client's own if None.

    Raises:
        PeopleError: Slack could not say.
    """
    if timeout_s is not None:
        client.timeout = timeout_s
    auth = _asked("auth.test", client.auth_test)
    if not (auth.get("team_id") and auth.get("user_id")):
        raise PeopleError("auth.test", "names no workspace or no user")
    bot_id = str(auth.get("bot_id") or "")
    if app_id is None and bot_id:
        app_id = auth.get("app_id") or _app_of(client, bot_id)
    return Identity(
        team_ids=frozenset(teams) or frozenset({str(auth["team_id"])}),
        app_id=app_id,
        bot_id=bot_id,
        bot_user_id=str(auth["user_id"]),
        url=str(auth.get("url") or "https://slack.com/"),
        enterprise_id=None if teams else auth.get("enterprise_id") or None,
    )


def _app_of(client: WebClient, bot_id: str) -> str | None:
    """Return the app a bot belongs to; None if Slack does not say, and the signature must suffice."""
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
        identity: Returns who we are; None until Slack has said.
    """

    def __init__(
        self, client: WebClient, identity: Callable[[], Identity | None], clock: Callable[[], int]
    ) -> None:
        self._client = client
        self._identity = identity
        self._users = SingleFlight(self._ask_user, clock, fresh_ms=0, retry_after_s=_asked_to_wait)
        self._groups = SingleFlight(self._ask_members, clock, fresh_ms=FRESH_MS, retry_after_s=_asked_to_wait)
        self._edited = SingleFlight(self._ask_edits, clock, fresh_ms=FRESH_MS, retry_after_s=_asked_to_wait)

    def look_up(self, team_id: str, user_id: str, groups: Collection[str], *, live: bool = False) -> Person:
        """Describe a person, and which of the groups they are in.

        Args:
            team_id: The person's workspace according to the delivery.
            groups: User groups to check; not checked for somebody who is barred anyway.
            live: Whether to bypass the cache of groups.

        Raises:
            PeopleError: Slack could not say.
        """
        identity = self._who_we_are()
        person = _described(identity, team_id, user_id, _shared(self._users, _USER, user_id, live=live))
        if person.barred:
            return person
        ids = {person.user_id, *person.aliases}
        return replace(person, groups=self._groups_of(ids, groups, live=live))

    def asker(self, team_id: str, user_id: str) -> Person:
        """Describe somebody who asks or reads, without their groups; the answer is at most ``FRESH_MS`` old.

        Raises:
            PeopleError: Slack could not say.
        """
        identity = self._who_we_are()
        user = _shared(self._users, _USER, user_id, fresh_ms=FRESH_MS)
        return _described(identity, team_id, user_id, user)

    def known(self, team_id: str, user_id: str) -> Person | None:
        """Return what ``asker`` would, if Slack need not be asked for it."""
        identity, user = self._identity(), self._users.known(user_id, FRESH_MS)
        return _described(identity, team_id, user_id, user) if identity and user else None

    def members(self, group_id: str, *, live: bool = False) -> frozenset[str] | None:
        """Return the members of a user group; None if there is no such group.

        Args:
            live: Whether to ask now; otherwise the answer is at most ``FRESH_MS`` old.

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
        answer = _asked(_GROUPS, self._client.usergroups_list)
        groups = (group for group in answer.get("usergroups") or () if group.get("id") == entry)
        return next((f"@{group['handle']}" for group in groups), "")

    def edits(self, groups: Collection[str], since: int) -> tuple[GroupEdit, ...]:
        """Return which of the user groups were edited at ``since`` or later.

        Args:
            since: UTC epoch milliseconds. Slack counts in seconds, so an edit in the same second is included.

        Raises:
            PeopleError: Slack could not say.
        """
        edits = _shared(self._edited, _GROUPS, "all")
        return tuple(edit for edit in edits if edit.group in groups and edit.at // 1000 >= since // 1000)

    def _who_we_are(self) -> Identity:
        identity = self._identity()
        if identity is None:
            raise PeopleError("auth.test", "not answered yet")
        return identity

    def _groups_of(self, ids: Collection[str], groups: Collection[str], *, live: bool) -> frozenset[str]:
        """Return which of the groups somebody is in, by any of their ids; a deleted group has no members."""
        return frozenset(
            group for group in groups if not frozenset(ids).isdisjoint(self.members(group, live=live) or ())
        )

    def _ask_edits(self, _all: str) -> tuple[GroupEdit, ...]:
        answer = _asked(_GROUPS, self._client.usergroups_list)
        return tuple(
            GroupEdit(
                str(one["id"]), str(one.get("updated_by") or ""), int(one.get("date_update") or 0) * 1000
            )
            for one in answer.get("usergroups") or ()
        )

    def _ask_user(self, user_id: str) -> Mapping[str, Any] | None:
        """Return Slack's answer about a user, or None if there is none."""
        if not user_id:  # a workflow may name nobody
            return None
        try:
            user: Mapping[str, Any] = _asked(_USER, self._client.users_info, user=user_id)["user"]
        except PeopleError as error:
            if error.error not in _NOBODY:
                raise
            return None
        return user

    def _ask_members(self, group_id: str) -> frozenset[str] | None:
        try:
            answer = _asked(_MEMBERS, self._client.usergroups_users_list, usergroup=group_id)
        except PeopleError as error:
            if error.error not in _NO_GROUP:
                raise
            return None
        return frozenset(answer.get("users") or ())


def _shared(
    flights: SingleFlight[Answer], method: str, key: str, *, live: bool = False, fresh_ms: int | None = None
) -> Answer:
    """Return a shared answer; raises ``PeopleError`` while Slack asks to wait."""
    try:
        return flights.get(key, live=live, fresh_ms=fresh_ms)
    except TooSoon as early:
        raise PeopleError(method, "ratelimited", retry_after_s=early.wait_s) from None


def _asked_to_wait(error: Exception) -> float | None:
    return error.retry_after_s if isinstance(error, PeopleError) else None


def _asked(method: str, call: Callable[..., Any], **arguments: str) -> Mapping[str, Any]:
    """Call Slack; every failure becomes a ``PeopleError`` with the method and Slack's error."""
    try:
        answer: Mapping[str, Any] = call(**arguments).data
    except FAILURES as error:
        raise PeopleError(method, word_of(error), retry_after_s=retry_after_s(error)) from None
    return answer


def _described(identity: Identity, team_id: str, user_id: str, user: Mapping[str, Any] | None) -> Person:
    """Return somebody as Slack describes them, without their groups."""
    if user is None:
        return Person(team_id, user_id, user_id, barred="unknown_person")
    enterprise: Mapping[str, Any] = user.get("enterprise_user") or {}
    ids = {user_id, str(user.get("id") or user_id), str(enterprise.get("id") or user_id)}
    global_id = str(enterprise.get("id") or user_id)
    return Person(
        team_id=team_id,
        user_id=global_id,
        name=_name(user) or user_id,
        enterprise_id=enterprise.get("enterprise_id") or None,
        barred=_gone(user) or _foreign(identity, team_id, user, enterprise) or _guest(user),
        aliases=frozenset(ids - {global_id}),
    )


def _gone(user: Mapping[str, Any]) -> str | None:
    """Return why nobody acts under an account, or None."""
    if user.get("deleted"):
        return "deleted"
    return "bot" if user.get("is_bot") or user.get("is_workflow_bot") or user.get("id") == _SLACKBOT else None


def _guest(user: Mapping[str, Any]) -> str | None:
    return "guest" if user.get("is_restricted") or user.get("is_ultra_restricted") else None


def _foreign(
    identity: Identity, team_id: str, user: Mapping[str, Any], enterprise: Mapping[str, Any]
) -> str | None:
    """Bar people of other workspaces: the delivery and Slack must both name one of ours."""
    if user.get("is_stranger"):
        return "stranger"
    grid = enterprise.get("enterprise_id")
    workspaces = {user.get("team_id"), *(enterprise.get("teams") or ())}
    at_home = any(identity.is_ours(one) for one in workspaces) or identity.is_ours(None, grid)
    from_home = identity.is_ours(team_id) or (identity.is_ours(None, grid) and team_id in workspaces)
    return None if at_home and from_home else "foreign_team"


def _name(user: Mapping[str, Any]) -> str:
    """Return the displayed name."""
    profile: Mapping[str, Any] = user.get("profile") or {}
    return str(profile.get("display_name") or profile.get("real_name") or user.get("name") or "")
