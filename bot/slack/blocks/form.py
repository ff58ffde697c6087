"""The form: a field for each part of a request, a text box, and numbers that follow both."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sizing
from bot.approvals.wording import PURPOSE_CODES
from bot.messages import gigabytes, gpus
from bot.slack.blocks.kit import (
    LONGEST_VALUE,
    field,
    modal,
    option,
    plain_text,
    section,
    select,
    text_input,
)
from bot.slack.blocks.text import code, plain, safe
from sizing.methods import DEFAULT, METHODS
from sizing.parsing.purpose import LONGEST_PURPOSE
from sizing.request import DEFAULT_GPU_GB

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bot.approvals.draft import Draft, Site
    from bot.approvals.policy_file import Defaults
    from sizing import SizingError, SizingRequest

FORM = "peftsize.form"
FIELD = "peftsize.field"
"""The action id of every field; its block id names the field: ``state.values[<block>][FIELD]``."""
MODEL, ADAPTERS, METHOD, SPACE, CHANNEL, TEXT = "model", "adapters", "method", "space", "channel", "request"
PURPOSE = "purpose"
NUMBERS = "numbers"
LONGEST_TEXT = 300
_MOST_OPTIONS = 100
_AS_TYPED = ("on_enter_pressed", "on_character_entered")


@dataclass(frozen=True, slots=True)
class Filled:
    """The content of the fields.

    Args:
        model: A number of parameters or a name of the table.
        adapters: As typed, with ``name=`` and ``gpu=`` if wanted.
        method: A row of the sizing table.
        space: A space's name; empty for the default one.
        channel_id: Where the card goes; empty if nobody chose.
        text: A whole request; takes precedence over the fields.
    """

    model: str = ""
    adapters: str = ""
    method: str = DEFAULT
    space: str = ""
    channel_id: str = ""
    text: str = ""
    purpose: str = ""

    @classmethod
    def of(cls, text: str, sized: SizingRequest, purpose: str = "") -> Filled:
        """Return the fields of a request; its text in the box if it is too long for them."""
        adapters = ["+".join(group.typed for group in sized.adapters) or "none"]
        if sized.gpu_gb != DEFAULT_GPU_GB:
            adapters.append(f"gpu={sized.gpu_gb}")
        if sized.name is not None:
            adapters.append(f"name={sized.name}")
        made = cls(sized.model_text, " ".join(adapters), sized.method, sized.space or "", purpose=purpose)
        return made if len(made.request_text) <= LONGEST_TEXT else cls(text=text, purpose=purpose)

    @property
    def request_text(self) -> str:
        """The request as text; empty if neither a model nor a text is given."""
        if self.text.strip():
            return self.text.strip()
        return " ".join(words for _, words in self._parts()) if self.model or self.adapters.strip() else ""

    def block_of(self, error: SizingError) -> str:
        """Return the field that an error is about."""
        if self.text.strip():
            return TEXT
        place, end = error.span[0], 0
        for block, words in self._parts():
            end += len(words) + 1
            if place < end - 1:
                return block
        return ADAPTERS if self.model else MODEL

    def _parts(self) -> Iterable[tuple[str, str]]:
        space = f"space={self.space}" if self.space else ""
        parts = (
            (MODEL, self.model),
            (ADAPTERS, self.adapters.strip()),
            (METHOD, self.method),
            (SPACE, space),
        )
        return ((block, words) for block, words in parts if words)


def form_view(
    filled: Filled,
    numbers: str,
    opened: Mapping[str, Any],
    site: Site,
    *,
    asks_channel: bool = True,
    asks_purpose: str = "",
) -> dict[str, Any]:
    """Return the form.

    Args:
        filled: Initial values; Slack keeps what a person has changed since.
        numbers: The result of the fields, see ``numbers``.
        opened: Where it was opened and what it edits, see ``modals.about``.
        site: Its spaces can be chosen if there are several.
        asks_channel: Whether the person chooses the channel of a new request's card.
        asks_purpose: What the policy requires of the purpose, as a sentence; empty for nothing.
    """
    edits = bool(opened.get("request_id"))
    blocks = [
        field(
            MODEL,
            "Base model",
            _model(filled.model),
            "Search the model table, or type a number of parameters such as 13b.",
        ),
        field(
            ADAPTERS,
            "Adapters",
            text_input(FIELD, "2x128MB", LONGEST_TEXT, filled.adapters, _AS_TYPED),
            "Count and size, or LoRA rank: 2x128MB, 4xr16, 8x64MB+2x1GB, none. Options: name=, gpu=.",
        ),
        field(METHOD, "Method", select(FIELD, _methods(), filled.method)),
    ]
    if site.spaces:
        blocks.append(field(SPACE, "Space", select(FIELD, _spaces(site), filled.space or site.space_id)))
    if asks_channel and not edits:
        wanted = filled.channel_id or str(opened.get("channel_id") or "")
        blocks.append(field(CHANNEL, "Channel for the card", _channel(wanted), acts=False))
    blocks += [
        field(
            PURPOSE,
            "Purpose",
            text_input(FIELD, "quarterly eval, ABC-123", LONGEST_PURPOSE, filled.purpose),
            f"What it is for; shown on the card. {asks_purpose}".rstrip(),
            acts=False,
        ),
        field(
            TEXT,
            "Or type the request",
            text_input(FIELD, "10b 2x128MB qlora4", LONGEST_TEXT, filled.text, _AS_TYPED),
            "Base model, adapters and method in any order. This text takes precedence over the fields.",
        ),
        section(numbers, block_id=NUMBERS),
    ]
    if edits:
        blocks.append(section("A change makes a new revision and clears the existing approvals."))
    return modal(
        "Edit request" if edits else "New request",
        blocks,
        callback_id=FORM,
        submit="Submit again" if edits else "Submit",
        metadata=json.dumps(dict(opened)),
    )


def asks_purpose(rules: Defaults) -> str:
    """Say what the policy requires of a purpose; empty for nothing."""
    if rules.purpose == "optional" and rules.purpose_pattern is None:
        return ""
    like = f", matching {rules.purpose_pattern}" if rules.purpose_pattern else ""
    return f"{rules.purpose.capitalize()}{like}."


def numbers(result: Draft | SizingError | None, deny: str | None = None) -> str:
    """Return the result of the fields: the numbers, or what is wrong.

    Args:
        result: The draft of the fields or their error; None while they are empty.
        deny: Why the policy denies the draft, if it does.
    """
    if result is None:
        return "Choose a base model: the numbers appear here."
    if isinstance(result, sizing.SizingError):
        return f":warning: {safe(result.message, 400)}"
    computed = result.breakdown
    count, per_gpu = computed.num_gpus, result.sized.gpu_gb
    exact = gigabytes(computed.gpu_memory_gb_exact)
    gpu = f"*{computed.gpu_memory_gb} GB* of GPU memory ({exact}) on *{count} × {per_gpu} GB GPU*"
    lines = [
        f"{gpu}, {computed.num_cpus} CPUs, {computed.cpu_memory_gb} GB of CPU memory",
        code(computed.formula, 600),
        f"Request: {code(result.sized.canonical, 600)}",
    ]
    advice = sizing.advise(result.sized, computed)
    if advice.next_valid_gpus is not None:
        lines.append(
            f":warning: {gpus(count)} usually cannot be used for tensor parallelism; "
            f"the card offers {advice.next_valid_gpus}."
        )
    if deny is not None:
        lines.append(f":no_entry: The policy denies this: {safe(deny, 400)}")
    return "\n".join(lines)


def field_errors(error: SizingError, filled: Filled) -> dict[str, str]:
    """Return what to say under the field that an error is about."""
    block = filled.block_of(error)
    words = f"{error.message} {error.hint}" if block == TEXT else error.message
    return {block: plain(words, 600)}


def problem(words: str, filled: Filled, code: str = "") -> dict[str, str]:
    """Return an error under its field: the purpose, for a refusal code about it; else where the request begins."""
    if code in PURPOSE_CODES:
        return {PURPOSE: plain(words, 600)}
    return {TEXT if filled.text.strip() else MODEL: plain(words, 600)}


def suggestions(query: str) -> list[dict[str, Any]]:
    """Return the base models that match what somebody typed."""
    return [option(f"{one.name} ({_billions(one.params)})", one.name) for one in sizing.search(query)]


def _billions(params: int) -> str:
    return f"{params / 1e9:,.1f} billion parameters"


def _model(name: str) -> dict[str, Any]:
    element: dict[str, Any] = {
        "type": "external_select",
        "action_id": FIELD,
        "min_query_length": 0,
        "placeholder": plain_text("llama-3.1-8b, 13b, …"),
    }
    if name:
        element["initial_option"] = option(name, name)
    return element


def _channel(channel_id: str) -> dict[str, Any]:
    element: dict[str, Any] = {
        "type": "conversations_select",
        "action_id": FIELD,
        "filter": {"include": ["public", "private"]},
    }
    if channel_id[:1] in {"C", "G"}:
        element["initial_conversation"] = channel_id
    return element


def _methods() -> list[dict[str, Any]]:
    return [option(f"{row.title} ({row.name})", row.name) for row in METHODS.values()]


def _spaces(site: Site) -> list[dict[str, Any]]:
    named = [name for name, space_id in site.spaces.items() if space_id == site.space_id]
    default = option(f"{named[0] if named else site.space_id} (default)", site.space_id)
    others = [option(name, name) for name in site.spaces if name not in named and len(name) <= LONGEST_VALUE]
    return [default, *others][:_MOST_OPTIONS]
