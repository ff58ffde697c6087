"""What a policy says about a stored request. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.approvals import policy
from bot.approvals.draft import draft, facts
from sizing import SizingError

if TYPE_CHECKING:
    from bot.approvals.draft import Site
    from bot.approvals.policy import Ruling
    from bot.approvals.policy_file import Policy
    from bot.approvals.request import Request


def ruling_of(request: Request, rules: Policy, site: Site, at: int) -> Ruling:
    """Return what a policy says about a stored request; one that can no longer be read is denied.

    Args:
        at: UTC epoch milliseconds, since escalations depend on it.
    """
    try:
        drafted = draft(request.text, site, request.use_gpus)
    except SizingError as error:
        return policy.unreadable(rules, f"The request can no longer be read: {error.message}")
    seen = facts(drafted, site, workflow=request.execution_id is not None)
    return policy.rule(rules, seen, at - request.asked_at)
