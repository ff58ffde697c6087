"""Modals: the form, the reason of a rejection, the exact JSON, the second opinion."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sizing
from bot.messages import LONGEST_REASON, REFUSALS, gpus, moment, verdict
from bot.slack.blocks.answers import EXAMPLES
from bot.slack.blocks.card import NO_GPU_FIELD, host
from bot.slack.blocks.kit import LONGEST_TITLE, section
from bot.slack.blocks.text import code, fence, plain, safe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.approvals.draft import Draft
    from bot.approvals.request import Request
    from bot.slack.blocks.kit import Block
    from sizing import Estimate, SizingError

FORM, REJECT_REASON = "peftsize.form", "peftsize.reject_reason"
REQUEST_BLOCK, REASON_BLOCK, FIELD = "request", "reason", "text"
"""Where a submitted view keeps its text: ``state.values[<block>][FIELD].value``."""
LONGEST_REQUEST = 300
_GIB = 1024**3
_HINT = (
    "Base model, adapters and method in any order: 10b 2x128MB qlora4, llama-3.1-8b 4xr16 lora, 70b none qlora8. "
    "Options: name=, space=, gpu=."
)


def form_view(
    text: str = "",
    *,
    channel_id: str,
    request: Request | None = None,
    message_ts: str | None = None,
    view_id: str | None = None,
) -> dict[str, Any]:
    """Return the form: for a new request, or to edit one.

    Args:
        text: What stands in the field at first.
        channel_id: Where the card belongs.
        request: The request to edit; None for a new one.
        message_ts: The message the button was on.
        view_id: The Home tab the button was on.
    """
    shown = request.text if request is not None and not text else text
    element = {
        "type": "plain_text_input",
        "action_id": FIELD,
        "max_length": LONGEST_REQUEST,
        "focus_on_load": True,
        "placeholder": {"type": "plain_text", "text": EXAMPLES[0]},
    }
    if shown.strip():
        element["initial_value"] = plain(shown, LONGEST_REQUEST)
    blocks = [_input(REQUEST_BLOCK, "Request", element, _HINT)]
    if request is not None:
        blocks.insert(0, section("A change makes a new revision and clears the existing approvals."))
    return _modal(
        "Edit request" if request is not None else "New request",
        blocks,
        callback_id=FORM,
        submit="Ask again" if request is not None else "Ask",
        metadata=_metadata(request, channel_id, message_ts, view_id),
    )


def reject_view(
    request: Request, channel_id: str | None, message_ts: str | None, view_id: str | None = None
) -> dict[str, Any]:
    """Return the modal that asks why a request is rejected."""
    element = {
        "type": "plain_text_input",
        "action_id": FIELD,
        "multiline": True,
        "max_length": LONGEST_REASON,
        "focus_on_load": True,
        "placeholder": {"type": "plain_text", "text": "What should the requester do instead?"},
    }
    return _modal(
        "Reject request",
        [
            section(f"{code(request.canonical, 600)} · request `{request.id}`"),
            _input(
                REASON_BLOCK, "Reason", element, "It is shown on the card and kept in the audit. No secrets."
            ),
        ],
        callback_id=REJECT_REASON,
        submit="Reject",
        metadata=_metadata(request, channel_id, message_ts, view_id),
    )


def json_view(request: Request) -> dict[str, Any]:
    """Return the exact body, where it goes, and what an approval is bound to."""
    where = f"POST {host(request.target)}/v2/hardware_specifications?space_id={request.space_id}"
    body = json.dumps(json.loads(request.payload), indent=2)
    return _modal(
        "Exact request body",
        [
            section(f"{fence(where, 600)}\n{fence(body, 2000)}"),
            section(
                f"An approval is bound to this body, host and space (SHA-256 {code(request.digest, 80)}), "
                f"revision {request.revision}, asked {moment(request.created_at)}."
            ),
            section(NO_GPU_FIELD),
        ],
    )


def explain_view(request: Request, drafted: Draft | None) -> dict[str, Any]:
    """Return the second opinion: an estimate beside the formula's number, or why there is none."""
    found = None
    if drafted is not None:
        found = sizing.explain(drafted.sized, drafted.breakdown, drafted.use_gpus)
    blocks: list[Block]
    if drafted is None or found is None:
        blocks = [section("Not available: the layer shapes of this base model are not known here.")]
    else:
        blocks = _estimate(request, drafted, found)
    return _modal("Second opinion", blocks)


def field_errors(error: SizingError) -> dict[str, str]:
    """Return what to say under the form's field for a text that cannot be sized."""
    return {REQUEST_BLOCK: plain(f"{error.message} {error.hint}", 600)}


def reason_errors(problem: str) -> dict[str, str]:
    """Return what to say under the reason's field, for a code of ``report.reason_problem``."""
    return {REASON_BLOCK: REFUSALS[problem]}


def metadata(view: Mapping[str, Any]) -> dict[str, Any]:
    """Read what a form was opened with: channel_id, request_id, revision, message_ts, view_id.

    It comes back from the client, so it says where somebody was and never what they may do.
    """
    try:
        found = json.loads(view.get("private_metadata") or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _estimate(request: Request, drafted: Draft, found: Estimate) -> list[Block]:
    low, high = found.tokens_left
    rows = [
        ("vLLM may use", _gib(found.usable_bytes / _GIB)),
        ("base model's weights", _gib(found.weights_bytes / _GIB)),
        ("adapter slots", _gib(found.adapter_bytes / _GIB)),
        ("kept free a GPU", f"{found.reserve_gib.low:,.1f} to {_gib(found.reserve_gib.high)}"),
        ("left for KV cache", f"{found.kv_gib.low:,.1f} to {_gib(found.kv_gib.high)}"),
        ("KV cache a token", f"{found.kv_bytes_per_token:,} bytes"),
        ("tokens left", f"{low:,} to {high:,}"),
        ("contexts of 8k at once", f"{found.contexts_8k:,}"),
    ]
    if found.rank_bucket is not None:
        rows.insert(3, ("LoRA rank allocated", str(found.rank_bucket)))
    table = "\n".join(f"{name:<23} {value:>20}" for name, value in rows)
    number = f"{drafted.breakdown.gpu_memory_gb} GB, {gpus(drafted.use_gpus or drafted.breakdown.num_gpus)}"
    contradicted = sizing.contradiction(drafted.breakdown, found)
    said = verdict(found.verdict) if contradicted is None else f"{verdict(found.verdict)}. {contradicted}"
    usual = " ".join(found.vllm_defaults)
    defaults = f"\nWhat vLLM takes by itself: {code(usual, 400)}" if usual else ""
    return [
        section(
            f"{code(request.canonical, 600)}\n*An estimate.* The formula's number ({number}) does not change by it."
        ),
        section(f"On {gpus(found.num_gpus)}: *{safe(said, 500)}*\n```\n{table}\n```"),
        section("*It is a range because*\n" + _bullets(found.range_because)),
        section("*It assumes*\n" + _bullets(found.assumptions)),
        section(
            f"*Serving flags that go with it*\n{fence(chr(10).join(found.serving_flags), 900)}{defaults}"
        ),
    ]


def _bullets(lines: tuple[str, ...]) -> str:
    return "\n".join(f"• {safe(words, 300)}" for words in lines)


def _gib(count: float) -> str:
    return f"{count:,.1f} GiB"


def _metadata(
    request: Request | None, channel_id: str | None, message_ts: str | None, view_id: str | None
) -> str:
    return json.dumps(
        {
            "channel_id": channel_id,
            "request_id": request.id if request is not None else None,
            "revision": request.revision if request is not None else None,
            "message_ts": message_ts,
            "view_id": view_id,
        }
    )


def _input(block: str, label: str, element: dict[str, Any], hint: str) -> Block:
    return {
        "type": "input",
        "block_id": block,
        "label": {"type": "plain_text", "text": label},
        "element": element,
        "hint": {"type": "plain_text", "text": hint},
    }


def _modal(
    title: str, blocks: list[Block], *, callback_id: str = "", submit: str = "", metadata: str = ""
) -> dict[str, Any]:
    view: dict[str, Any] = {
        "type": "modal",
        "title": {"type": "plain_text", "text": title[:LONGEST_TITLE]},
        "close": {"type": "plain_text", "text": "Close"},
        "blocks": blocks,
    }
    if callback_id:
        view |= {
            "callback_id": callback_id,
            "submit": {"type": "plain_text", "text": submit},
            "private_metadata": metadata,
        }
    return view
