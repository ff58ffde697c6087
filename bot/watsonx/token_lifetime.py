"""How long a token is used: until shortly before it expires, by its own claims."""

from __future__ import annotations

import base64
import json
from typing import Any

ASSUMED_LIFETIME_S = 300.0
"""For a token that does not say when it expires; the shortest known lifetime is 6 minutes."""
LONGEST_MARGIN_S = 60.0
LONGEST_S = 1e12
"""Larger numbers are not times."""


def good_until_ms(token: str, now_ms: int, *, expires_in_s: object = None) -> int:
    """Return until when to use a token, in UTC epoch milliseconds: a margin before its expiry.

    The lifetime comes from the token (``exp - iat``) and counts from its receipt, so that a clock that differs from the
    service's does no harm.

    Args:
        token: A JSON web token, or an opaque one.
        now_ms: UTC epoch milliseconds of its receipt.
        expires_in_s: The lifetime named in the answer, if any.
    """
    claims = _claims(token)
    ends_s, issued_s, named_s = (
        _number(value) for value in (claims.get("exp"), claims.get("iat"), expires_in_s)
    )
    lifetime_s = named_s if named_s is not None else ASSUMED_LIFETIME_S
    if ends_s is not None:
        lifetime_s = ends_s - (issued_s if issued_s is not None else now_ms / 1000)
    margin_s = min(LONGEST_MARGIN_S, max(lifetime_s, 0) / 5)
    return now_ms + int((lifetime_s - margin_s) * 1000)


def _claims(token: str) -> dict[str, Any]:
    """Return a token's claims; its signature is for the service to check."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 - header, payload, signature (RFC 7519)
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _number(value: object) -> float | None:
    """Return a usable number of seconds, or None for anything else, NaN included."""
    usable = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LONGEST_S
    return float(value) if usable and isinstance(value, int | float) else None
