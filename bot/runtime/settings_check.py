"""What each use needs of the settings: everything missing or contradictory is named at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.errors import SettingsError
from bot.runtime.settings import rules

if TYPE_CHECKING:
    from bot.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Need:
    """What a command needs of the settings."""

    slack: bool = False
    http: bool = False
    socket: bool = False
    watsonx: bool = False
    approvers: bool = False


def check(settings: Settings, need: Need) -> None:
    """Refuse settings that a use of them cannot work with.

    Raises:
        SettingsError: With everything that is missing or contradictory.
    """
    troubles: list[str] = []
    if need.slack and settings.slack_bot_token is None:
        troubles.append("SLACK_BOT_TOKEN is missing: the bot token (xoxb-…) from “OAuth & Permissions”.")
    if need.http and settings.slack_signing_secret is None:
        troubles.append("SLACK_SIGNING_SECRET is missing: it is under “Basic Information” of the Slack app.")
    if need.socket and settings.slack_app_token is None:
        troubles.append("SLACK_APP_TOKEN is missing: Socket Mode needs an app-level token (xapp-…).")
    if need.watsonx:
        troubles += _watsonx(settings)
    if need.approvers:
        troubles += _approvers(settings)
    if troubles:
        raise SettingsError(tuple(troubles))


def _watsonx(settings: Settings) -> list[str]:
    """Name what is missing or contradictory for the REST calls."""
    troubles = []
    if not settings.watsonx_url:
        troubles.append("WATSONX_URL is missing: the cluster route or the IBM Cloud platform host.")
    if not settings.watsonx_space_id:
        troubles.append("WATSONX_SPACE_ID is missing: without a space a spec would be visible everywhere.")
    token, user = settings.watsonx_token, settings.watsonx_username
    key, password = settings.watsonx_apikey, settings.watsonx_password
    if token and (user or key or password):
        troubles.append("WATSONX_TOKEN stands beside other credentials; keep one kind.")
    elif key and password:
        troubles.append("WATSONX_APIKEY and WATSONX_PASSWORD are both set; keep one.")
    elif password and not user:
        troubles.append("WATSONX_USERNAME is missing: a password needs one.")
    elif user and not (key or password):
        troubles.append("WATSONX_APIKEY or WATSONX_PASSWORD is missing for WATSONX_USERNAME.")
    elif not (token or key) and not (user and password):
        troubles.append(
            "Credentials are missing: WATSONX_TOKEN, or WATSONX_USERNAME with WATSONX_APIKEY or "
            "WATSONX_PASSWORD, or WATSONX_APIKEY alone for IBM Cloud."
        )
    return troubles


def _approvers(settings: Settings) -> list[str]:
    """Say if nobody may approve, or the policy cannot be read."""
    try:
        found = rules(settings)
    except SettingsError as error:
        return list(error.problems)
    if not found.defaults.approvers and not any(rule.approvers for rule in found.rule):
        return [
            "Nobody may approve: set PEFTSIZE_APPROVERS, or PEFTSIZE_POLICY_FILE with [defaults] approvers."
        ]
    return []
