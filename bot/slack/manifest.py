"""The app's manifest for Slack: the file at the root, for Socket Mode or for an address.

``SCOPES`` lists the scope of each Web API method that the bot calls; tests compare it with the manifest and with the
calls in the code, so that no scope is missing or left over.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import yaml

from bot.slack.inbound.payload import PATH

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SCOPES: dict[str, str] = {
    "auth.test": "",
    "bots.info": "users:read",
    "chat.delete": "chat:write",
    "chat.postMessage": "chat:write",
    "chat.postEphemeral": "chat:write",
    "chat.update": "chat:write",
    "conversations.open": "im:write",
    "functions.completeError": "",
    "functions.completeSuccess": "",
    "usergroups.list": "usergroups:read",
    "usergroups.users.list": "usergroups:read",
    "users.info": "users:read",
    "views.open": "",
    "views.publish": "",
    "views.update": "",
}
"""Scope by method; empty where any bot token may call it. Source: https://docs.slack.dev/reference/methods."""

EVENTS: dict[str, str] = {
    "app_home_opened": "",
    "app_mention": "app_mentions:read",
    "app_uninstalled": "",
    "function_executed": "",
    "member_joined_channel": "channels:read",
    "tokens_revoked": "",
}
"""Scope by event. Private channels need ``groups:read`` as well for the same ``member_joined_channel``.

Source: https://docs.slack.dev/reference/events.
"""

_EXAMPLE = "https://bot.example.com"
_COMPARED = ("features", "oauth_config", "settings")
_FREE = frozenset({"bot_user", "description", "name", "usage_hint"})
"""What an admin may change without breaking anything."""

FURTHER: dict[str, str] = {
    "commands": "the slash command and the message shortcut",
    "groups:read": "member_joined_channel in private channels",
}
"""Scopes that no method of ``SCOPES`` and no event of ``EVENTS`` names."""


def manifest(url: str | None = None) -> str:
    """Return the manifest as YAML; the file's comments are kept for Socket Mode only.

    Args:
        url: Public address of the bot for HTTP mode, such as ``https://bot.example.com``; None for Socket Mode.

    Raises:
        ValueError: The address is not https.
    """
    text = _file().read_text(encoding="utf-8")
    if url is None:
        return text
    document: dict[str, Any] = yaml.safe_load(text)
    address = request_url(url)
    settings, features = document["settings"], document["features"]
    settings["socket_mode_enabled"] = False
    settings["event_subscriptions"] = {"request_url": address, **settings["event_subscriptions"]}
    interactivity = {"request_url": address, "message_menu_options_url": address}
    settings["interactivity"] = settings["interactivity"] | interactivity
    features["slash_commands"] = [{**command, "url": address} for command in features["slash_commands"]]
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)


def lacking(has: Mapping[str, Any], *, socket: bool) -> list[str]:
    """Return what an app in Slack lacks of our manifest.

    Args:
        has: The app's manifest, as returned by ``apps.manifest.export``.
        socket: Whether the bot uses Socket Mode; over HTTP, every address must be the app's own for events.

    Returns:
        One entry for each difference, such as ``settings.event_subscriptions.bot_events: app_mention``.
        Names and descriptions may differ.
    """
    given = (has.get("settings") or {}).get("event_subscriptions") or {}
    try:
        url = None if socket else request_url(str(given.get("request_url")))
    except ValueError:
        url = _EXAMPLE
    wanted: dict[str, Any] = yaml.safe_load(manifest(url))
    steps = wanted["functions"].keys() - (has.get("functions") or {}).keys()
    return [
        *(line for part in _COMPARED for line in _lacking(wanted[part], has.get(part), part)),
        *(f"functions: {name}" for name in sorted(steps)),
    ]


def _lacking(wanted: Any, has: Any, path: str) -> Iterator[str]:
    """Compare two manifests; lists are sets of names, or of entries known by a name."""
    if isinstance(wanted, dict):
        known = has if isinstance(has, dict) else {}
        for key in (key for key in wanted if key not in _FREE):
            yield from _lacking(wanted[key], known.get(key), f"{path}.{key}")
    elif isinstance(wanted, list):
        known = {_name_of(entry): entry for entry in has or ()}
        for entry in wanted:
            name = _name_of(entry)
            if name not in known:
                yield f"{path}: {name}"
            elif isinstance(entry, dict):
                yield from _lacking(entry, known[name], f"{path} {name}")
    elif wanted != (has or False):
        yield f"{path}: {str(wanted).lower() if isinstance(wanted, bool) else wanted}"


def _name_of(entry: Any) -> str:
    return str(entry.get("command") or entry.get("callback_id")) if isinstance(entry, dict) else str(entry)


def request_url(url: str) -> str:
    """Return where Slack posts to, for the bot's public address.

    Raises:
        ValueError: The address is not https, or contains a query or a password.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("the address must look like https://bot.example.com")
    base = url.rstrip("/")
    return base if base.endswith(PATH) else base + PATH


def _file() -> Path:
    """Return the manifest: beside the package when installed, at the root in a checkout."""
    installed = Path(__file__).parent.parent / "manifest.yml"
    return installed if installed.exists() else installed.parent.parent / "manifest.yml"
