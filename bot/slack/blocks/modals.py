"""Modals that decide: the reason of a rejection, the confirmation of Cancel, Delete and some approvals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bot.messages import LONGEST_REASON, REFUSALS
from bot.slack.blocks.kit import field, modal, section, text_input
from bot.slack.blocks.text import code, mention, safe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.approvals.request import Request

REJECT_REASON, CONFIRM = "peftsize.reject_reason", "peftsize.confirm"
REASON_BLOCK, FIELD = "reason", "text"
"""Where a submitted view holds its text: ``state.values[<block>][FIELD].value``."""


def reject_view(
    request: Request, channel_id: str | None, message_ts: str | None, view_id: str | None = None
) -> dict[str, Any]:
    """Return the modal that asks why a request is rejected."""
    reason = text_input(FIELD, "What should the requester do instead?", LONGEST_REASON)
    reason |= {"multiline": True, "focus_on_load": True}
    hint = "It is shown on the card and kept in the audit. No secrets."
    return modal(
        "Reject request",
        [
            section(f"{code(request.canonical, 600)} · request `{request.id}`"),
            field(REASON_BLOCK, "Reason", reason, hint, optional=False, acts=False),
        ],
        callback_id=REJECT_REASON,
        submit="Reject",
        metadata=json.dumps(about(request, channel_id, message_ts, view_id)),
    )


def confirm_view(
    request: Request,
    action: str,
    channel_id: str | None,
    message_ts: str | None,
    view_id: str | None = None,
    effect: str = "",
) -> dict[str, Any]:
    """Return the confirmation of Cancel, Delete and some approvals.

    It is drawn from the row: whoever holds the bot's token can change what a card says, but not what this says.

    Args:
        action: ``cancel``, ``delete`` or ``approve``.
        effect: What an approval leads to; plain text.
    """
    if action == "approve":
        title, submit = "Approve request", "Approve"
        words = (
            f"*{safe(effect, 600)}*\n"
            f"{mention(request.requester_id, safe(request.requester_name, 80))} asked for it with "
            f"{code(request.canonical, 600)}, request `{request.id}`, revision {request.revision}.\n"
            "If the card said anything else, go back and tell an admin: the card was changed."
        )
    elif action == "delete":
        title, submit = "Delete spec", "Request deletion"
        words = (
            f"Ask for the deletion of spec {code(request.name, 80)} (id {code(request.spec_id or 'unknown', 80)})?\n"
            "It needs the same approval as its creation. After that, deployments that use the spec can no longer "
            "be started or scaled with it."
        )
    else:
        title, submit = "Cancel request", "Cancel it"
        words = (
            f"Cancel request `{request.id}` ({code(request.canonical, 600)})?\n"
            "Nothing will be created. You can submit it again later."
        )
    return modal(
        title,
        [section(words)],
        callback_id=CONFIRM,
        submit=submit,
        close="Go back",
        metadata=json.dumps(about(request, channel_id, message_ts, view_id) | {"action": action}),
    )


def reason_errors(problem: str) -> dict[str, str]:
    """Return the error under the reason's field, for a code of ``messages.reason_problem``."""
    return {REASON_BLOCK: REFUSALS[problem]}


def metadata(view: Mapping[str, Any]) -> dict[str, Any]:
    """Read what a modal was opened with: channel_id, request_id, revision, message_ts, view_id, action.

    It comes back from the client, so it says where somebody was, never what they may do.
    """
    try:
        opened = json.loads(view.get("private_metadata") or "{}")
    except ValueError:
        return {}
    return opened if isinstance(opened, dict) else {}


def about(
    request: Request | None, channel_id: str | None, message_ts: str | None, view_id: str | None
) -> dict[str, Any]:
    """Return the metadata of a modal: what it is about, and the message or Home tab it was opened from."""
    return {
        "channel_id": channel_id,
        "request_id": request.id if request is not None else None,
        "revision": request.revision if request is not None else None,
        "message_ts": message_ts,
        "view_id": view_id,
    }
