"""``peftsize doctor``: checks what would fail in use, each with its fix. It changes nothing."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from bot import messages
from bot.approvals import policy as policies
from bot.approvals.limits import never_reached
from bot.audit import signing_key
from bot.audit.signing_key import UnusableKey
from bot.errors import PeopleError, SettingsError, SpecsError, StoreError
from bot.runtime import settings as configuration
from bot.runtime import wiring
from bot.runtime.settings import Need, check_settings, sqlite_path
from bot.store import schema, triggers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from slack_sdk import WebClient

    from bot.approvals.policy_file import Policy
    from bot.runtime.settings import Settings
    from bot.slack.outbound.people import Identity, SlackPeople
    from bot.store import Database

LARGEST_SKEW_S = 60
"""Slack and the bot refuse requests that are more than five minutes off."""

MOST_PEOPLE = 80
"""People looked up in one run; Slack answers about a hundred ``users.info`` a minute.

Source: https://docs.slack.dev/reference/methods/users.info (tier 4).
"""

REINSTALL = "add it under “OAuth & Permissions” (or update the manifest), then reinstall the app"
NETWORK = "check the network and SLACK_API_URL"
CHANNEL_SCOPES = "channels:read (for a private channel groups:read)"
"""What ``conversations.info`` needs; only these checks call it."""
LATER = "check Slack's status page, then run the checks again"


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check.

    Args:
        status: ``ok``, ``warning`` or ``failed``.
        found: What was found, in words.
        fix: What to do, if something is wrong.
    """

    name: str
    status: Literal["ok", "warning", "failed"]
    found: str
    fix: str = ""


def examine() -> list[Check]:
    """Run every check, except those that an earlier failure makes pointless."""
    try:
        settings = configuration.load()
    except SettingsError as error:
        return [
            Check("settings", "failed", problem, "correct it in the environment or in .env")
            for problem in error.problems
        ]
    return [*_settings(settings), *_database(settings), *_slack(settings), *_watsonx(settings)]


def _settings(settings: Settings) -> Iterator[Check]:
    socket = settings.socket_mode
    need = Need(slack=True, http=not socket, socket=socket, watsonx=True, approvers=True)
    try:
        check_settings(settings, need)
    except SettingsError as error:
        for problem in error.problems:
            yield Check("settings", "failed", problem, "see docs/settings.md")
    else:
        yield Check("settings", "ok", f"complete for {'Socket' if socket else 'HTTP'} mode")
    yield from _signing_key(settings)


def _signing_key(settings: Settings) -> Iterator[Check]:
    """Name the key that seals approvals; problems with it are already among the settings."""
    path = settings.signing_key_file
    with suppress(UnusableKey):
        if path is not None and path.exists():
            yield Check("signing key", "ok", f"key {signing_key.load(path).id} in {path}")
        elif path is not None and sqlite_path(settings.database_url) is not None:
            yield Check("signing key", "ok", f"serve creates it at its first start, in {path}")


def _database(settings: Settings) -> Iterator[Check]:
    path = sqlite_path(settings.database_url)
    if path is not None and not path.exists():
        if path.parent.is_dir() and os.access(path.parent, os.W_OK):
            yield Check("database", "ok", "does not exist yet; serve creates it")
        else:
            fix = "create the folder, or set another file in PEFTSIZE_DATABASE_URL"
            yield Check("database", "failed", f"the folder {path.parent} is not writable", fix)
        return
    database = None
    try:
        database = wiring.open_database(settings)
        with database.read() as connection:
            at = schema.current(connection)
        schema.check(at)
        with database.write():
            pass
    except (StoreError, SettingsError) as error:
        fix = "start or repair the database, or correct PEFTSIZE_DATABASE_URL"
        yield Check("database", "failed", messages.explain(error), fix)
    else:
        if at == schema.HEAD:
            yield Check("database", "ok", f"accepts writes, schema {at}")
        else:
            versions = f"schema {at or 'empty'}, this program's is {schema.HEAD}"
            yield Check(
                "database", "warning", versions, "serve migrates it, or run: peftsize database upgrade"
            )
        if at is not None:
            yield _triggers(database)
            yield from _role_on(database)
        yield from _anchor(settings)
    finally:
        if database is not None:
            database.close()


def _triggers(database: Database) -> Check:
    """Check whether the database refuses to change the audit."""
    with database.read() as connection:
        missing = triggers.missing(connection)
    if missing:
        fix = "restart the bot or run peftsize database upgrade, then find out who dropped them"
        return Check("audit triggers", "failed", f"missing: {', '.join(missing)}", fix)
    return Check("audit triggers", "ok", "the database refuses to change or delete audit rows")


def _role_on(database: Database) -> Iterator[Check]:
    """Say whether the bot's role on PostgreSQL could change the audit; either is fine."""
    if database.is_sqlite:
        return
    with database.read() as connection:
        may = triggers.role_may_change(connection)
    words = (
        "the bot's role owns the audit; docs/postgresql.md has one that cannot change it"
        if may
        else "the bot's role cannot change or delete audit rows"
    )
    yield Check("database role", "ok", words)


def _anchor(settings: Settings) -> Iterator[Check]:
    """Check whether the anchor can be written."""
    path = settings.anchor_file
    if path is None:
        return
    if os.access(path if path.exists() else path.parent, os.W_OK) and not path.is_dir():
        yield Check("audit anchor", "ok", f"{path} can be written")
    else:
        fix = "make it writable for the bot, or set another file in PEFTSIZE_ANCHOR_FILE"
        yield Check(
            "audit anchor", "failed", f"{path} cannot be written, so nothing vouches for the audit", fix
        )


def _slack(settings: Settings) -> Iterator[Check]:
    if settings.slack_bot_token is None:
        return
    from bot.slack.inbound.app import web_client
    from bot.slack.outbound.people import identify
    from bot.slack.outbound.web_api import FAILURES, word_of

    client = web_client(
        settings.slack_bot_token.get_secret_value(), settings.slack_api_url, wiring.SLACK_TIMEOUT_S
    )
    try:
        answer = client.auth_test()
        identity = identify(client, settings.peftsize_teams, settings.peftsize_app_id)
    except FAILURES as error:
        yield Check("Slack token", "failed", f"auth.test: {word_of(error)}", _token_fix(word_of(error)))
        return
    except PeopleError as error:
        yield _unanswered("Slack token", error)
        return
    yield Check("Slack token", "ok", f"{answer.get('user')} in {answer.get('team')}")
    headers = {name.lower(): str(value) for name, value in answer.headers.items()}
    yield _scopes(headers.get("x-oauth-scopes"))
    yield _clock(headers.get("date"))
    if settings.slack_app_token is not None:
        yield _socket_mode(client, settings.slack_app_token.get_secret_value())
    yield _app_manifest(settings, client, identity.app_id)
    channels = {settings.peftsize_approval_channel, settings.peftsize_anchor_channel} - {None}
    with suppress(SettingsError):  # among the settings already
        rules = configuration.rules(settings)
        channels |= {entry for entry in rules.defaults.requesters if entry.startswith(("C", "G"))}
    for channel in sorted(filter(None, channels)):
        yield _member(client, channel)
    yield from _policy(settings, client, identity)


def _token_fix(word: str) -> str:
    """Return the fix for a bot token that ``auth.test`` refused."""
    if word[:1].isupper():  # the name of an exception: Slack did not answer
        return NETWORK
    if word in {"ratelimited", "internal_error", "service_unavailable", "fatal_error"}:
        return LATER
    return "install the app again and set SLACK_BOT_TOKEN"


def _unanswered(name: str, error: PeopleError) -> Check:
    """Return the check for a call that Slack did not answer, with the fix for its failure."""
    from bot.slack.manifest import SCOPES

    if error.error == "missing_scope":
        fix = f"the scope {SCOPES.get(error.method, CHANNEL_SCOPES)} is missing: {REINSTALL}"
    else:
        fix = NETWORK if error.error[:1].isupper() else LATER
    return Check(name, "failed", f"Slack did not answer {error.what}", fix)


def _scopes(given: str | None) -> Check:
    """Compare the token's scopes with the manifest's; a missing scope disables its events and methods."""
    from bot.slack.manifest import EVENTS, FURTHER, SCOPES

    if given is None:
        return Check("Slack scopes", "warning", "Slack did not report the token's scopes")
    uses: dict[str, list[str]] = {scope: [use] for scope, use in FURTHER.items()}
    for use, scope in [*((f"event {name}", scope) for name, scope in EVENTS.items()), *SCOPES.items()]:
        if scope:
            uses.setdefault(scope, []).append(use)
    missing = sorted(uses.keys() - {scope.strip() for scope in given.split(",")})
    if missing:
        named = "; ".join(f"{scope} ({', '.join(uses[scope])})" for scope in missing)
        return Check("Slack scopes", "failed", f"missing: {named}", REINSTALL)
    return Check("Slack scopes", "ok", f"all {len(uses)} granted")


def _clock(date: str | None) -> Check:
    if not date:
        return Check("clock", "warning", "Slack's answer had no date, so the clock was not compared")
    skew = abs(time.time() - parsedate_to_datetime(date).timestamp())
    if skew > LARGEST_SKEW_S:
        fix = "synchronize the clock (NTP): Slack's signatures expire after five minutes"
        return Check("clock", "failed", f"differs from Slack's by {skew:.0f} s", fix)
    return Check("clock", "ok", f"within {LARGEST_SKEW_S} s of Slack's")


def _socket_mode(client: WebClient, app_token: str) -> Check:
    """Ask for the address of a connection, without opening one."""
    from bot.slack.outbound.web_api import FAILURES, word_of

    try:
        client.apps_connections_open(app_token=app_token)
    except FAILURES as error:
        word = word_of(error)
        fix = (
            NETWORK
            if word[:1].isupper()
            else "turn on Socket Mode in the app's settings, create an app-level token (xapp-…) with the scope "
            "connections:write, and set SLACK_APP_TOKEN"
        )
        return Check("Socket Mode", "failed", f"apps.connections.open: {word}", fix)
    return Check("Socket Mode", "ok", "accepts connections")


def _app_manifest(settings: Settings, client: WebClient, app_id: str | None) -> Check:
    """Compare the app in Slack with our manifest, which takes a configuration token."""
    from bot.slack import manifest
    from bot.slack.outbound.web_api import FAILURES, word_of

    name, token = "manifest", settings.slack_config_token
    if token is None or app_id is None:
        what = "SLACK_CONFIG_TOKEN" if token is None else "PEFTSIZE_APP_ID"
        return Check(
            name,
            "warning",
            "event subscriptions and addresses were not compared: Slack does not show them to a bot",
            f"set {what} for this run to compare them with the manifest",
        )
    try:
        answer: Any = client.apps_manifest_export(app_id=app_id, token=token.get_secret_value()).data
    except FAILURES as error:
        word = word_of(error)
        fix = (
            NETWORK
            if word[:1].isupper()
            else "generate a new app configuration token; each is valid for 12 hours"
        )
        return Check(name, "failed", f"apps.manifest.export: {word}", fix)
    lacking = manifest.lacking(answer["manifest"], socket=settings.socket_mode)
    if lacking:
        fix = "update the app's manifest with the output of: peftsize manifest (--url … for HTTP mode)"
        return Check(name, "failed", f"the app in Slack lacks {'; '.join(lacking)}", fix)
    return Check(name, "ok", "event subscriptions, addresses and features match the manifest")


def _member(client: WebClient, channel: str) -> Check:
    from bot.slack.outbound.web_api import FAILURES, word_of

    try:
        info = client.conversations_info(channel=channel)["channel"]
    except FAILURES as error:
        word = word_of(error)
        if word == "channel_not_found":
            fix = "correct the id; if the channel is private, type there: /invite @peftsize"
            return Check("channel", "failed", f"{channel}: no such channel, or a private one", fix)
        return _unanswered("channel", PeopleError("conversations.info", word))
    if info.get("is_archived"):
        return Check("channel", "failed", f"{channel} is archived", "unarchive it, or name another channel")
    if info.get("is_member"):
        return Check("channel", "ok", f"the bot is in {channel}")
    return Check("channel", "failed", f"the bot is not in {channel}", "type there: /invite @peftsize")


def _policy(settings: Settings, client: WebClient, identity: Identity) -> Iterator[Check]:
    """Look up everybody whom the policy names, and check whether each quorum can be reached."""
    from bot.slack.outbound.people import SlackPeople

    try:
        rules = configuration.rules(settings)
    except SettingsError:
        return  # already among the settings
    roll = _Roll(SlackPeople(client, lambda: identity, wiring.clock), min(identity.team_ids))
    try:
        useless = [(entry, why) for entry in sorted(rules.entries()) if (why := roll.useless(entry))]
        asking = sorted(rules.defaults.requesters - rules.entries())
        useless += [(entry, why) for entry in asking if (why := roll.nobody(entry))]
        short = policies.unreachable(rules, roll.able_in, roll.barred)
    except PeopleError as error:
        yield _unanswered("policy", error)
        return
    for entry, why in useless:
        fix = f"remove it from {_named_in(settings, entry)}, or correct it"
        yield Check("policy", "failed", f"{_role(rules, entry)} {entry}: {why}", fix)
    for shortage in short:
        yield Check(
            "policy", "failed", messages.unreachable([shortage]), "name more approvers, or lower the quorum"
        )
    if not useless and not short:
        yield Check("policy", "ok", "everybody named can act, and every quorum can be reached")
    for idle in never_reached(rules):
        yield Check(
            "limits", "warning", idle, "raise the limit in PEFTSIZE_POLICY_FILE, or remove what it refuses"
        )
    if groups := sorted(entry for entry in rules.entries() if entry.startswith("S")):
        found_groups = (
            f"the policy uses user groups ({', '.join(groups)}), and Slack may let every member edit them"
        )
        fix = "let only admins edit user groups, in the workspace's permissions, or name people by user id"
        yield Check("user groups", "warning", found_groups, fix)


class _Roll:
    """Which of the policy's people can act; each is looked up once, in the workspace ``home``."""

    def __init__(self, people: SlackPeople, home: str) -> None:
        self._people = people
        self._home = home
        self._barred: dict[str, str | None] = {}
        self._members: dict[str, frozenset[str] | None] = {}

    def useless(self, entry: str) -> str | None:
        """Return why an entry lets nobody act, or None; raises ``PeopleError`` if Slack cannot say."""
        if not entry.startswith("S"):
            why = self._bar(entry)
            return why and messages.BARRED.get(why, why)
        members = self._group(entry)
        if members is None:
            return "there is no such user group"
        if not members:
            return "the user group has no members"
        return None if self.able_in(entry) else f"none of the {len(members)} members can act"

    def nobody(self, entry: str) -> str | None:
        """Return why an entry lets nobody ask, or None: guests and strangers whom it names may."""
        if entry.startswith("S"):
            return None if self._group(entry) else "there is no such user group, or nobody is in it"
        why = self._bar(entry) if entry.startswith(("U", "W")) else None
        return None if why in {None, "guest", "stranger", "foreign_team"} else messages.BARRED.get(why, why)

    def able_in(self, group: str) -> frozenset[str]:
        """Return the members of a user group who can act."""
        return frozenset(user for user in self._group(group) or () if self._bar(user) is None)

    @property
    def barred(self) -> frozenset[str]:
        """Everybody found so far who cannot act."""
        return frozenset(user for user, why in self._barred.items() if why is not None)

    def _group(self, group: str) -> frozenset[str] | None:
        if group not in self._members:
            self._members[group] = self._people.members(group)
        return self._members[group]

    def _bar(self, user: str) -> str | None:
        if user not in self._barred and len(self._barred) < MOST_PEOPLE:
            self._barred[user] = self._people.look_up(self._home, user, ()).barred
        return self._barred.get(user)


def _role(rules: Policy, entry: str) -> str:
    """Return what an entry of the policy is for."""
    if entry in rules.reached_later():
        return "escalation to"
    if entry in rules.approvers():
        return "approver"
    if entry in rules.defaults.admins:
        return "admin"
    return "requester" if entry in rules.defaults.requesters else "notify"


def _named_in(settings: Settings, entry: str) -> str:
    """Return the setting that names an entry."""
    named = {"PEFTSIZE_APPROVERS": settings.peftsize_approvers, "PEFTSIZE_ADMINS": settings.peftsize_admins}
    return next((name for name, entries in named.items() if entry in entries), "PEFTSIZE_POLICY_FILE")


def _watsonx(settings: Settings) -> Iterator[Check]:
    try:
        check_settings(settings, Need(watsonx=True))
    except SettingsError:
        return  # already among the settings
    space = settings.watsonx_space_id or ""
    spaces = {space: "the default space"} | {
        space_id: name for name, space_id in settings.peftsize_spaces.items()
    }
    with wiring.connect_specs(settings) as specs:
        for space_id, name in spaces.items():
            fix = "check the credentials, the space id and the user's role there"
            yield _answers(f"watsonx space {name}", partial(specs.check, space_id), fix)
        yield _answers(
            "watsonx specs", partial(specs.list, space), "give the user access to the space's assets"
        )
        yield _deployments(partial(specs.deployments, space))


def _deployments(ask: Callable[[], object]) -> Check:
    """Check whether deployments can be listed; if not, all else works, and people decide on deletions."""
    check = _answers(
        "watsonx deployments",
        ask,
        "give the user access to the space's deployments; until then it is unknown which specs are in use",
    )
    return replace(check, status="warning") if check.status == "failed" else check


def _answers(name: str, call: Callable[[], object], fix: str) -> Check:
    try:
        call()
    except SpecsError as error:
        return Check(name, "failed", messages.explain(error), fix)
    return Check(name, "ok", "answers")
