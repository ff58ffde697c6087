"""Slack's Web API without the network: who may call which method, and the answer.

The methods themselves are in ``chat``, ``lookups`` and ``views``, each with its table.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from bot.sandbox.slack.faults import Faults, Rates

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.sandbox.slack.workspace import Workspace

Args = dict[str, Any]
SCOPES = frozenset(
    {
        "app_mentions:read",
        "channels:read",
        "chat:write",
        "commands",
        "groups:read",
        "im:write",
        "usergroups:read",
        "users:read",
    }
)
"""The default scopes of the bot's token."""


class SlackRefusal(Exception):
    """A call that Slack answers with ``ok: false``.

    Args:
        error: Slack's name of the error.
        more: Further keys of the answer, such as ``needed``.
    """

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.error = error
        self.more = more


@dataclass(frozen=True)
class InstalledApp:
    """The app as installed in the workspace; every stand-in has new secrets."""

    app_id: str = "A0PEFT001"
    team_id: str = "T0HOME001"
    bot_id: str = "B0PEFT001"
    bot_user_id: str = "U0PEFT001"
    scopes: frozenset[str] = SCOPES
    bot_token: str = field(default_factory=lambda: f"xoxb-{secrets.token_hex(20)}", repr=False)
    app_token: str = field(default_factory=lambda: f"xapp-1-{secrets.token_hex(20)}", repr=False)
    config_token: str = field(default_factory=lambda: f"xoxe.xoxp-1-{secrets.token_hex(20)}", repr=False)
    signing_secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    verification_token: str = field(default_factory=lambda: secrets.token_hex(12), repr=False)
    workflow_token: str = field(default_factory=lambda: f"xwfp-{secrets.token_hex(20)}", repr=False)


@dataclass(frozen=True)
class Call:
    """One received call, without its secrets.

    Args:
        method: Web API method, or ``response_url``.
        args: Its arguments, masked.
        status: The HTTP status; 0 if the connection was broken on purpose.
        at_s: UTC epoch seconds.
    """

    method: str
    args: Args
    status: int
    answer: dict[str, Any]
    at_s: float


@dataclass
class Api:
    """What a method sees: the state, the calling app, and the address of the stand-in.

    ``manifest`` is the answer of ``apps.manifest.export``.
    """

    workspace: Workspace
    app: InstalledApp
    origin: str
    faults: Faults = field(default_factory=Faults)
    rates: Rates = field(default_factory=Rates)
    warnings: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    open_socket: Callable[[], str] | None = None
    manifest: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Method:
    """What a method does, the scope it needs (empty: none), and which token it takes."""

    call: Callable[[Api, Args], dict[str, Any]]
    scope: str = ""
    caller: Literal["bot", "app", "config"] = "bot"


SECRET_KEYS = frozenset({"token", "trigger_id", "response_url", "bot_access_token"})


def need(args: Args, *names: str) -> list[Any]:
    """Return required arguments.

    Raises:
        SlackRefusal: One is missing or empty.
    """
    if missing := [name for name in names if args.get(name) in (None, "")]:
        words = [f"[ERROR] missing required field: {name}" for name in missing]
        raise SlackRefusal("invalid_arguments", response_metadata={"messages": words})
    return [args[name] for name in names]


def from_json(args: Args, name: str, error: str) -> Any:
    """Return a JSON argument, which form-encoded calls write as a string.

    Raises:
        SlackRefusal: The string is not JSON.
    """
    value = args.get(name)
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise SlackRefusal(error) from None


def authorise(api: Api, known: Method, token: str) -> None:
    """Check the token and its scope.

    Raises:
        SlackRefusal: No token, a wrong one, one of the wrong kind, revoked, or without the scope.
    """
    if not token:
        raise SlackRefusal("not_authed")
    ours = {
        api.app.bot_token: "bot",
        api.app.workflow_token: "bot",
        api.app.app_token: "app",
        api.app.config_token: "config",
    }
    kind = next((ours[one] for one in ours if secrets.compare_digest(token.encode(), one.encode())), None)
    if kind is None:
        raise SlackRefusal("invalid_auth")
    if kind != known.caller:
        raise SlackRefusal("not_allowed_token_type")
    if kind == "bot" and api.faults.revoked:
        raise SlackRefusal(api.faults.revoked)
    require_scope(api, known.scope)


def require_scope(api: Api, scope: str) -> None:
    """Check that the bot has a scope.

    Raises:
        SlackRefusal: It has not; the answer names the needed and the provided scopes.
    """
    if scope and scope not in api.app.scopes:
        raise SlackRefusal("missing_scope", needed=scope, provided=",".join(sorted(api.app.scopes)))


def answer(api: Api, known: Method | None, args: Args, token: str) -> dict[str, Any]:
    """Answer one call of the Web API.

    Returns:
        The answer's JSON: ``{"ok": true, …}`` or ``{"ok": false, "error": …}``.
    """
    if known is None:
        return {"ok": False, "error": "unknown_method"}
    try:
        authorise(api, known, token)
        return {"ok": True, **known.call(api, args)}
    except SlackRefusal as refusal:
        return {"ok": False, "error": refusal.error, **refusal.more}


def masked(value: Any) -> Any:
    """Return JSON with everything secret in Slack's traffic replaced by a word in brackets."""
    if isinstance(value, dict):
        return {
            key: f"<{key}>" if key in SECRET_KEYS and isinstance(entry, str) and entry else masked(entry)
            for key, entry in value.items()
        }
    return [masked(entry) for entry in value] if isinstance(value, list) else value
