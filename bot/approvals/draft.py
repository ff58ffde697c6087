"""From a request's text to what would be sent, to the facts that the policy rules on, and to its ruling. Pure."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sizing
from bot.approvals import policy
from bot.approvals.policy import Facts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.approvals.policy import Ruling
    from bot.approvals.policy_file import Policy
    from bot.approvals.request import Request


@dataclass(frozen=True, slots=True)
class Site:
    """Where specs are created.

    Args:
        target: Base URL of the service; empty in a dry run.
        spaces: Further spaces that ``space=`` may name, id by name.
        label: Shown on every card, such as ``prod``.
    """

    target: str
    space_id: str
    spaces: Mapping[str, str] = field(default_factory=dict)
    label: str | None = None
    dry_run: bool = False

    def space_names(self, space_id: str) -> frozenset[str]:
        """Return the names by which a policy may call a space: its id and its name."""
        return frozenset({space_id, *(name for name, known in self.spaces.items() if known == space_id)})

    def name_of(self, space_id: str) -> str:
        """Return the name of a space in the settings, else its id."""
        return next((name for name, known in self.spaces.items() if known == space_id), space_id)


@dataclass(frozen=True, slots=True)
class Draft:
    """What a text asks for.

    Args:
        payload: The body as canonical JSON.
        digest: SHA-256 of payload and target.
    """

    sized: sizing.SizingRequest
    breakdown: sizing.Breakdown
    body: dict[str, Any]
    payload: str
    digest: str
    name: str
    space_id: str
    use_gpus: int | None


@dataclass(frozen=True, slots=True)
class Content:
    """The content of one revision of a request, and exactly what it would send where.

    Args:
        payload: The REST body as canonical JSON.
        digest: SHA-256 of what would be sent, to which host and space.
        target: Base URL of the service; empty in a dry run.
        purpose: In its author's words; nothing that is sent depends on it.
    """

    text: str
    canonical: str
    name: str
    use_gpus: int | None
    payload: str
    digest: str
    target: str
    space_id: str
    purpose: str | None

    def columns(self) -> dict[str, Any]:
        """Return the content by column."""
        return {name: getattr(self, name) for name in self.__slots__}


def draft(text: str, site: Site, use_gpus: int | None = None) -> Draft:
    """Parse and size a text for a site.

    Raises:
        SizingError: The text cannot be read, or a person could not have chosen this GPU count.
    """
    sized = _read(text, tuple(site.spaces), site.space_id)
    breakdown = sizing.size(sized)
    if use_gpus == breakdown.num_gpus:
        use_gpus = None
    try:
        spec = sizing.spec_for(sized, breakdown, use_gpus)
    except ValueError:
        message = f"{use_gpus} GPUs cannot be chosen: at least {breakdown.num_gpus}, at most 64."
        example = sized.canonical
        raise sizing.SizingError("E16", message, source=text, span=(0, len(text)), example=example) from None
    body = spec.body()
    space_id = _space_id(sized, site)
    return Draft(
        sized=sized,
        breakdown=breakdown,
        body=body,
        payload=sizing.canonical_json(body),
        digest=sizing.digest(body, site.target, space_id),
        name=str(body["name"]),
        space_id=space_id,
        use_gpus=use_gpus,
    )


@functools.lru_cache(maxsize=256)
def _read(text: str, spaces: tuple[str, ...], default_space: str) -> sizing.SizingRequest:
    """Parse a text once for the ruling, the card and what follows an approval; the values never change."""
    sized = sizing.parse(text, spaces=(*spaces, default_space))
    return sized.model_copy(update={"space": None}) if sized.space == default_space else sized


def content(
    text: str, drafted: Draft, site: Site, *, purpose: str | None, digest: str | None = None
) -> Content:
    """Return the content of a draft at a site.

    Args:
        digest: What approvals are bound to; None for that of a creation.
    """
    return Content(
        text=text,
        canonical=drafted.sized.canonical,
        name=drafted.name,
        use_gpus=drafted.use_gpus,
        payload=drafted.payload,
        digest=digest or drafted.digest,
        target=site.target,
        space_id=drafted.space_id,
        purpose=purpose,
    )


def facts(drafted: Draft, site: Site, *, workflow: bool = False) -> Facts:
    """Return the facts that the policy rules on."""
    return _facts(drafted.sized, drafted.breakdown, drafted.use_gpus, site, workflow=workflow)


def facts_of(text: str, site: Site, use_gpus: int | None = None, *, workflow: bool = False) -> Facts:
    """Return the facts of a text, in half the time of a draft, since no body is made.

    Raises:
        SizingError: The text cannot be read.
    """
    sized = _read(text, tuple(site.spaces), site.space_id)
    breakdown = sizing.size(sized)
    by_hand = None if use_gpus == breakdown.num_gpus else use_gpus
    return _facts(sized, breakdown, by_hand, site, workflow=workflow)


def ruling_of(request: Request, rules: Policy, site: Site, at: int) -> Ruling:
    """Return what a policy says about a stored request; one that can no longer be read is denied.

    Args:
        at: UTC epoch milliseconds, since escalations depend on it.
    """
    try:
        drafted = draft(request.text, site, request.use_gpus)
    except sizing.SizingError as error:
        return policy.unreadable(rules, f"The request can no longer be read: {error.message}")
    seen = facts(drafted, site, workflow=request.execution_id is not None)
    return policy.rule(rules, seen, at - request.asked_at)


def _facts(
    sized: sizing.SizingRequest,
    breakdown: sizing.Breakdown,
    use_gpus: int | None,
    site: Site,
    *,
    workflow: bool,
) -> Facts:
    return Facts(
        num_gpus=use_gpus or breakdown.num_gpus,
        gpu_memory_gb=Decimal(breakdown.gpu_memory_gb_exact),
        method=sized.method,
        spaces=site.space_names(_space_id(sized, site)),
        override=use_gpus is not None,
        workflow=workflow,
    )


def _space_id(sized: sizing.SizingRequest, site: Site) -> str:
    return site.spaces.get(sized.space, site.space_id) if sized.space else site.space_id
