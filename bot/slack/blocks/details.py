"""The Details modal: everything that the card leaves out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sizing
from bot.approvals.request import Kind
from bot.approvals.state_machine import has_live_spec
from bot.messages import gpus, moment, verdict
from bot.slack.blocks import breakdown, notes, status
from bot.slack.blocks.card import host
from bot.slack.blocks.kit import LONGEST_SECTION, context, divider, modal, section
from bot.slack.blocks.text import code, date, fence, mention, safe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.approvals.draft import Draft, Site
    from bot.approvals.request import Request
    from bot.slack.blocks.kit import Block
    from sizing import Estimate

NO_GPU_FIELD = (
    "The body has no GPU-memory field: the number reaches the platform only as CPU memory and GPU count. "
    "Nothing checks the size against the cluster; what does not fit fails at deployment."
)
_GIB = 1024**3
_MOST_EVENTS = 20
_LONGEST_PURPOSE = 600
_EVENTS = {
    "requested": "asked",
    "voted": "approved",
    "withdrawn": "withdrew the approval",
    "revised": "asked for approval again",
    "started": "sent it to the cluster",
    "released": "sent nothing, and will try again",
    "adopted": "found the spec that had been created",
    "found": "found the spec that had been created",
    "lost": "lost the answer of the cluster",
    "use_unknown": "could not find out who uses the spec",
    "missed": "looked for the spec and found none",
    "retried": "tried again",
    "given_up": "gave up",
}
"""What somebody did, by audit event; any other event is shown by its name."""


def details_view(
    request: Request,
    drafted: Draft | None,
    *,
    site: Site,
    now: int,
    events: Sequence[Mapping[str, Any]] = (),
    linked: tuple[int, int, str] | None = None,
) -> dict[str, Any]:
    """Return Details.

    Args:
        drafted: Its text, parsed again; None for a deletion, or if it can no longer be parsed.
        now: UTC epoch milliseconds.
        events: The request's audit rows, oldest first.
        linked: The part of the purpose to link (start, end) and the address.
    """
    blocks: list[Block] = [section(status.sentence(request, drafted, site=site, now=now))]
    if not status.is_open(request, now) and (came := status.outcome(request)):
        blocks.append(section(came))
    if has_live_spec(request):
        blocks += _deployments(request, drafted)
    blocks.append(section(_asked(request)))
    if said := status.purpose(request, _LONGEST_PURPOSE, linked):
        blocks.append(section(said))
    warned = notes.of_request(request, drafted, site, ruling=None, warning=None)
    if drafted is not None and request.kind is Kind.CREATE:
        if said := notes.lines([*warned, *breakdown.numbers(drafted).warnings], LONGEST_SECTION // 2):
            blocks.append(section(said))
        blocks += [breakdown.needs(drafted), *breakdown.explained(drafted)]
    blocks += [divider(), *_sent(request, site)]
    if drafted is not None and (opinion := _opinion(drafted)):
        blocks += [divider(), section("*Second opinion*"), *opinion]
    if events:
        blocks += [divider(), section(_story(events))]
    return modal("Details", blocks)


def json_view(request: Request) -> dict[str, Any]:
    """Return the exact body, where it goes, and what an approval is bound to."""
    return modal("Exact request body", _body(request))


def explain_view(request: Request, drafted: Draft | None) -> dict[str, Any]:
    """Return the second opinion: an estimate beside the formula's number, or why there is none."""
    opinion = _opinion(drafted) if drafted is not None else None
    why = [section("Not available: the layer shapes of this base model are not known here.")]
    return modal("Second opinion", [section(code(request.canonical, 600)), *(opinion or why)])


def _deployments(request: Request, drafted: Draft | None) -> list[Block]:
    """Return the next step: the requests that deploy the base model and an adapter, ready to paste."""
    spec_id = request.spec_id or ""
    if drafted is None:
        return [section(status.next_step(spec_id))]
    base = sizing.base_deployment(drafted.sized, spec_id, request.space_id)
    parts = [("*Next step:* deploy the base model", base)]
    if drafted.sized.adapters:
        adapter = sizing.adapter_deployment(drafted.sized, request.space_id)
        parts.append(("Then deploy each adapter on it", adapter))
    blocks: list[Block] = []
    for words, deployment in parts:
        body = json.dumps(deployment.body, indent=2)
        blocks.append(section(f"{words}\n{fence(f'POST {deployment.path}', 200)}\n{fence(body, 1800)}"))
        blocks.append(context(" ".join(safe(line, 200) for line in deployment.assumed)))
    return blocks


def _asked(request: Request) -> str:
    via = " through a workflow" if request.origin == "workflow" else ""
    edited = f", revision {request.revision} by {mention(request.author_id)}" if request.revision > 1 else ""
    return (
        f"{code(request.canonical, 1200)}\nRequest `{request.id}` for spec {code(request.name, 80)}, asked "
        f"{date(request.created_at)}{via}{edited}"
    )


def _sent(request: Request, site: Site) -> list[Block]:
    """Return what is, or was, sent, and where."""
    if request.kind is Kind.CREATE:
        return _body(request)
    return [
        section(
            f"*What is deleted*  spec {code(request.name, 80)}, id {code(request.spec_id or 'unknown', 80)}, on "
            f"`{safe(host(request.target), 120)}`, space {code(site.name_of(request.space_id), 80)}\n"
            "Deployments that use it can no longer be started or scaled with it."
        )
    ]


def _body(request: Request) -> list[Block]:
    where = f"POST {host(request.target)}/v2/hardware_specifications?space_id={request.space_id}"
    body = json.dumps(json.loads(request.payload), indent=2)
    return [
        section(f"*What is sent*\n{fence(where, 600)}\n{fence(body, 2000)}"),
        section(
            f"An approval is bound to this body, host and space (SHA-256 {code(request.digest, 80)}), "
            f"revision {request.revision}, asked {moment(request.created_at)}."
        ),
        context(NO_GPU_FIELD),
    ]


def _opinion(drafted: Draft) -> list[Block] | None:
    estimate = sizing.explain(drafted.sized, drafted.breakdown, drafted.use_gpus)
    return _estimate(drafted, estimate) if estimate is not None else None


def _estimate(drafted: Draft, estimate: Estimate) -> list[Block]:
    low, high = estimate.tokens_left
    rows = [
        ("vLLM may use", _gib(estimate.usable_bytes / _GIB)),
        ("base model's weights", _gib(estimate.weights_bytes / _GIB)),
        ("adapter slots", _gib(estimate.adapter_bytes / _GIB)),
        ("kept free per GPU", f"{estimate.reserve_gib.low:,.1f} to {_gib(estimate.reserve_gib.high)}"),
        ("left for KV cache", f"{estimate.kv_gib.low:,.1f} to {_gib(estimate.kv_gib.high)}"),
        ("KV cache per token", f"{estimate.kv_bytes_per_token:,} bytes"),
        ("tokens left", f"{low:,} to {high:,}"),
        ("concurrent 8k contexts", f"{estimate.contexts_8k:,}"),
    ]
    if estimate.rank_bucket is not None:
        rows.insert(3, ("LoRA rank allocated", str(estimate.rank_bucket)))
    table = "\n".join(f"{name:<23} {value:>20}" for name, value in rows)
    number = f"{drafted.breakdown.gpu_memory_gb} GB, {gpus(drafted.use_gpus or drafted.breakdown.num_gpus)}"
    contradicted = sizing.contradiction(drafted.breakdown, estimate)
    said = (
        verdict(estimate.verdict) if contradicted is None else f"{verdict(estimate.verdict)}. {contradicted}"
    )
    usual = " ".join(estimate.vllm_defaults)
    defaults = f"\nvLLM's own defaults: {code(usual, 400)}" if usual else ""
    return [
        section(f"*An estimate.* The formula's number ({number}) does not change by it."),
        section(f"On {gpus(estimate.num_gpus)}: *{safe(said, 500)}*\n```\n{table}\n```"),
        section("*Why it is a range*\n" + _bullets(estimate.range_because)),
        section("*Assumptions*\n" + _bullets(estimate.assumptions)),
        section(f"*Matching serving flags*\n{fence(chr(10).join(estimate.serving_flags), 900)}{defaults}"),
    ]


def _story(events: Sequence[Mapping[str, Any]]) -> str:
    """Return what happened so far, one line per event; views are left to the audit."""
    lines = [_event(event) for event in events if not str(event["event"]).endswith(".viewed")]
    earlier = [f"… {len(lines) - _MOST_EVENTS} earlier"] if len(lines) > _MOST_EVENTS else []
    return "\n".join(["*History*", *earlier, *lines[-_MOST_EVENTS:]])[:LONGEST_SECTION]


def _event(event: Mapping[str, Any]) -> str:
    name, reason = str(event["event"]), str(event.get("reason") or "")
    actor = event.get("actor") or {}
    who = mention(str(actor["user_id"])) if actor.get("user_id") else "peftsize"
    did = _EVENTS.get(name, name.replace("_", " "))
    if name.endswith(".refused"):
        did = f"could not {name.removesuffix('.refused').replace('_', ' ')}"
        reason = reason.replace("_", " ")
    return f"{date(int(event['at']))} {who} {did}" + (f": {safe(reason, 40)}" if reason else "")


def _bullets(lines: tuple[str, ...]) -> str:
    return "\n".join(f"• {safe(words, 300)}" for words in lines)


def _gib(count: float) -> str:
    return f"{count:,.1f} GiB"
