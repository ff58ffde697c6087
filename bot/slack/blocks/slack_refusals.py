"""What Slack's own refusals mean, and what to do about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.messages import short

if TYPE_CHECKING:
    from collections.abc import Mapping

SLACK_REFUSED: Mapping[str, tuple[str, str]] = {
    "is_archived": (
        "The channel is archived, and nobody can post there.",
        "Unarchive it and post again, or use another channel.",
    ),
    "restricted_action_read_only_channel": (
        "The channel is read-only for this app.",
        "Have a channel admin let the app post there and post again, or use another channel.",
    ),
    "restricted_action": (
        "A workspace setting prevents this app from posting there.",
        "Ask a workspace admin to allow it and post again, or use another channel.",
    ),
    "missing_scope": (
        "The app lacks a scope that this needs.",
        "Ask the operator to install the app again from its manifest; peftsize doctor names the scope.",
    ),
    "account_inactive": (
        "The app's account is deactivated, or its workspace is gone.",
        "Ask the operator to install the app again and to set its new token.",
    ),
    "token_revoked": (
        "The app's token was revoked.",
        "Ask the operator to install the app again and to set its new token.",
    ),
    "invalid_auth": (
        "Slack does not accept the app's token.",
        "Ask the operator to set SLACK_BOT_TOKEN to the bot token on the app's page.",
    ),
    "unknown_method": (
        "Slack does not know a method that this release uses.",
        "Ask the operator to update peftsize.",
    ),
    "invalid_blocks": (
        "Slack rejected the message as malformed, which is a bug in peftsize.",
        "Ask the operator to update peftsize.",
    ),
    "exchanged_trigger_id": (
        "Slack opens one form per click, and this click has already opened one.",
        "Close the form and press again.",
    ),
    "expired_trigger_id": ("Slack allows three seconds to open a form, and it took longer.", "Press again."),
}
"""What a refusal of Slack's means, and what to do about it, by Slack's own word for it."""

_SLACK_REFUSED_LIKE: Mapping[str, str] = {
    "restricted_action_thread_only_channel": "restricted_action",
    "restricted_action_non_threadable_channel": "restricted_action",
    "restricted_action_thread_locked": "restricted_action",
    "ekm_access_denied": "restricted_action",
    "team_access_not_granted": "account_inactive",
    "not_authed": "invalid_auth",
    "token_expired": "token_revoked",
    "invalid_arguments": "invalid_blocks",
    "invalid_blocks_format": "invalid_blocks",
    "msg_blocks_too_long": "invalid_blocks",
    "msg_too_long": "invalid_blocks",
    "no_text": "invalid_blocks",
    "view_too_large": "invalid_blocks",
    "trigger_expired": "expired_trigger_id",
    "trigger_exchanged": "exchanged_trigger_id",
    "not_allowed_token_type": "missing_scope",
    "no_permission": "missing_scope",
}
"""Words of Slack's that mean the same to whoever reads it."""


def is_known(word: str) -> bool:
    """Return whether we know what a word of Slack's means."""
    return word in SLACK_REFUSED or word in _SLACK_REFUSED_LIKE


def slack_refused(word: str) -> str:
    """Say what a refusal of Slack's means and what to do about it.

    Args:
        word: Slack's own word, such as ``missing_scope``.
    """
    known = SLACK_REFUSED.get(_SLACK_REFUSED_LIKE.get(word, word))
    cause, way_out = known or (
        "Slack refused it.",
        "Give the code to the operator, who can look it up in Slack's documentation.",
    )
    return f"{cause} {way_out} (Slack said: {short(word)}.)"


def not_opened(word: str | None) -> str:
    """Say why a form did not open; ``word`` is Slack's own for its refusal, None where none came in time."""
    if word is None:
        return "Slack did not open the form in time, so nothing was done. Try again."
    return f"Slack did not open the form, so nothing was done. {slack_refused(word)}"
