"""What an approval covers: the operation on the cluster, computed from a request's text. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sizing
from bot.approvals.draft import Content
from bot.approvals.request import Kind, Request

if TYPE_CHECKING:
    from bot.approvals.draft import Draft


@dataclass(frozen=True, slots=True)
class Operation:
    """What is sent for a request, and where; never read from the request's stored body.

    Args:
        payload: The exact REST body as canonical JSON; empty for a deletion.
        digest: SHA-256 of body, host and space; for a deletion, of spec id, host and space.
    """

    name: str
    space_id: str
    payload: str
    digest: str

    @property
    def body(self) -> dict[str, Any]:
        """Return the body to send: serialized, it is ``payload`` byte for byte."""
        body: dict[str, Any] = json.loads(self.payload)
        return body


def operation(request: Request, drafted: Draft, target: str) -> Operation:
    """Return what carrying out a request would send now.

    Args:
        request: Only its kind and spec id matter.
        drafted: Its text under the current settings.
        target: Base URL of the service.
    """
    digest = drafted.digest
    if request.kind is Kind.DELETE:
        digest = deletion_digest(replace(request, target=target, space_id=drafted.space_id))
    return Operation(drafted.name, drafted.space_id, drafted.payload, digest)


def deletion(request: Request) -> Content:
    """Return the content of a request to delete another request's spec."""
    columns = {name: getattr(request, name) for name in Content.__slots__}
    return Content(**columns | {"digest": deletion_digest(request), "purpose": None})


def deletion_digest(request: Request) -> str:
    """Return the digest that an approval of a deletion is bound to: the spec, its host and its space."""
    return sizing.digest({"delete": request.spec_id}, request.target, request.space_id)


def contradiction(request: Request) -> str | None:
    """Return how a row contradicts its own digest, or None if its columns agree.

    The row's own host and space are used, so a changed setting or formula is no contradiction.
    """
    try:
        body = json.loads(request.payload)
        name, num_gpus = body["name"], body["nodes"]["gpu"]["num_gpu"]
        digest = sizing.digest(body, request.target, request.space_id)
    except (ValueError, TypeError, KeyError):
        return "its body cannot be read"
    if request.kind is Kind.DELETE:
        digest = deletion_digest(request)
    if digest != request.digest:
        return "its digest is not that of its content, host and space"
    if name != request.name:
        return "its name is not that in its body"
    if request.use_gpus not in {None, num_gpus}:
        return "its GPU count is not that in its body"
    return None
