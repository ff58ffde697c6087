"""``peftsize doctor``: what would fail in use, each with its fix. Looks, and changes nothing."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from bot import messages
from bot.approvals import policy as policies
from bot.errors import BotError, PeopleError, SettingsError, SpecsError, StoreError
from bot.runtime import settings as configuration
from bot.runtime import settings_check, wiring
from bot.runtime.settings import sqlite_path
from bot.runtime.settings_check import Need
from bot.store import schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from slack_sdk import WebClient

    from bot.runtime.settings import Settings

LARGEST_SKEW_S = 60
"""Slack refuses, and so do we, what is more than five minutes off."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at.

    Args:
        name: What.
        status: ``ok``, ``warning`` or ``failed``.
        found: What was found, in words.
        fix: What to do, where something is wrong.
    """

    name: str
    status: str
    found: str
    fix: str = ""


def examine() -> list[Check]:
    """Look at everything; a later check is left out where an earlier one makes it pointless."""
    try:
        settings = configuration.load()
    except SettingsError as error:
        return [
            Check("settings", "failed", problem, "correct it in the environment or in .env")
            for problem in error.problems
        ]
    return [*_settings(settings), *_database(settings), *_slack(settings), *_watsonx(settings), _manifest()]


def _settings(settings: Settings) -> Iterator[Check]:
    socket = settings.slack_app_token is not None
    need = Need(slack=True, http=not socket, socket=socket, watsonx=True, approvers=True)
    try:
        settings_check.check(settings, need)
    except SettingsError as error:
        for problem in error.problems:
            yield Check("settings", "failed", problem, "see the settings table in the README")
    else:
        yield Check("settings", "ok", f"complete for {'Socket' if socket else 'HTTP'} mode")


def _database(settings: Settings) -> Iterator[Check]:
    path = sqlite_path(settings.database_url)
    if path is not None and not path.exists():
        writable = path.parent.is_dir() and os.access(path.parent, os.W_OK)
        if writable:
            yield Check("database", "ok", "does not exist yet; serve makes it")
        else:
            yield Check(
                "database", "failed", "the folder cannot be written", "make the folder, or name another file"
            )
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
        fix = "start the database, or correct PEFTSIZE_DATABASE_URL"
        yield Check("database", "failed", messages.explain(error), fix)
    else:
        if at == schema.HEAD:
            yield Check("database", "ok", f"takes writes, schema {at}")
        else:
            found = f"schema {at or 'empty'}, this program's is {schema.HEAD}"
            yield Check("database", "warning", found, "serve migrates it, or run: peftsize database upgrade")
    finally:
        if database is not None:
            database.close()


def _slack(settings: Settings) -> Iterator[Check]:
    if settings.slack_bot_token is None:
        return
    from slack_sdk.errors import SlackApiError, SlackClientError

    from bot.slack.inbound.app import web_client

    client = web_client(
        settings.slack_bot_token.get_secret_value(), settings.slack_api_url, wiring.SLACK_TIMEOUT_S
    )
    try:
        told = client.auth_test()
    except SlackApiError as error:
        word = error.response.get("error", "an error") if isinstance(error.response.data, dict) else "no JSON"
        yield Check(
            "Slack token", "failed", f"auth.test: {word}", "install the app again and set SLACK_BOT_TOKEN"
        )
        return
    except (SlackClientError, OSError) as error:
        fix = "check the network and SLACK_API_URL"
        yield Check("Slack token", "failed", f"Slack cannot be reached: {type(error).__name__}", fix)
        return
    yield Check("Slack token", "ok", f"{told.get('user')} in {told.get('team')}")
    yield _scopes(told.headers)
    yield _clock(told.headers)
    for channel in (settings.peftsize_approval_channel, settings.peftsize_anchor_channel):
        if channel:
            yield _member(client, channel)
    yield from _policy(settings, client)


def _scopes(headers: dict[str, Any]) -> Check:
    from bot.slack.manifest import EVENTS, FURTHER, SCOPES

    given = {name.lower(): value for name, value in headers.items()}.get("x-oauth-scopes")
    if given is None:
        return Check("Slack scopes", "warning", "Slack did not say which scopes the token has")
    has = {scope.strip() for scope in str(given).split(",")}
    needed = {scope for scope in (*SCOPES.values(), *EVENTS.values(), *FURTHER) if scope}
    missing = sorted(needed - has)
    if missing:
        fix = "add them under “OAuth & Permissions” (or update the manifest) and install the app again"
        return Check("Slack scopes", "failed", f"missing: {', '.join(missing)}", fix)
    return Check("Slack scopes", "ok", f"all {len(needed)} are there")


def _clock(headers: dict[str, Any]) -> Check:
    date = {name.lower(): value for name, value in headers.items()}.get("date")
    if not date:
        return Check("clock", "warning", "Slack's answer had no date to compare with")
    skew = abs(time.time() - parsedate_to_datetime(str(date)).timestamp())
    if skew > LARGEST_SKEW_S:
        return Check(
            "clock",
            "failed",
            f"{skew:.0f} s off Slack's",
            "set the clock (NTP): signatures live five minutes",
        )
    return Check("clock", "ok", f"within {LARGEST_SKEW_S} s of Slack's")


def _member(client: WebClient, channel: str) -> Check:
    from slack_sdk.errors import SlackApiError, SlackClientError

    try:
        told = client.conversations_info(channel=channel)
    except SlackApiError as error:
        return Check(
            "channel",
            "failed",
            f"{channel}: {error.response.get('error')}",
            "invite the bot: /invite @peftsize",
        )
    except (SlackClientError, OSError) as error:
        return Check("channel", "failed", f"{channel}: {type(error).__name__}", "check the network")
    if told["channel"].get("is_member"):
        return Check("channel", "ok", f"the bot is in {channel}")
    return Check("channel", "failed", f"the bot is not in {channel}", "type there: /invite @peftsize")


def _policy(settings: Settings, client: WebClient) -> Iterator[Check]:
    from bot.slack.outbound.people import SlackPeople, identify

    try:
        rules = configuration.rules(settings)
        identity = identify(client, settings.peftsize_teams, settings.peftsize_app_id)
        people = SlackPeople(client, lambda: identity)
        groups = {entry: people.members(entry) for entry in rules.entries() if entry.startswith("S")}
    except (SettingsError, PeopleError) as error:
        yield Check("policy", "failed", messages.explain(error), "correct the policy, or try again")
        return
    troubles = [f"the user group {name} does not exist" for name, found in groups.items() if found is None]
    troubles += [messages.unreachable(found) for found in policies.shortages(rules, groups.get)]
    for trouble in troubles:
        yield Check("policy", "failed", trouble, "correct PEFTSIZE_POLICY_FILE or the user group")
    if not troubles:
        yield Check("policy", "ok", "enforceable: every quorum can be reached")


def _watsonx(settings: Settings) -> Iterator[Check]:
    try:
        settings_check.check(settings, Need(watsonx=True))
    except SettingsError:
        return
    space = settings.watsonx_space_id or ""
    spaces = {space: "the default space"} | {found: name for name, found in settings.peftsize_spaces.items()}
    with wiring.connect_specs(settings) as specs:
        for found, name in spaces.items():
            fix = "check the credentials, the space id and the user's role there"
            yield _answers(f"watsonx space {name}", partial(specs.check, found), fix)
        yield _answers(
            "watsonx specs", partial(specs.list, space), "the user needs to see the space's assets"
        )


def _answers(name: str, call: Callable[[], object], fix: str) -> Check:
    try:
        call()
    except SpecsError as error:
        return Check(name, "failed", messages.explain(error), fix)
    return Check(name, "ok", "answers")


def _manifest() -> Check:
    try:
        from bot.slack.manifest import manifest

        text = manifest()
    except (OSError, BotError) as error:
        return Check("manifest", "failed", type(error).__name__, "install peftsize again")
    return Check(
        "manifest", "ok", f"{len(text.splitlines())} lines; update the app if scopes are missing above"
    )
