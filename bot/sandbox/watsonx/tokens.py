"""Tokens of the stand-in cluster: real JSON web tokens, signed with a key created at start."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class TokenService:
    """Issues and verifies tokens."""

    def __init__(self, now: Callable[[], int], lifetime_s: float = 3600.0) -> None:
        self.lifetime_s = lifetime_s
        self.issued = 0
        self._now = now
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._revoked: set[str] = set()
        self._given: list[str] = []

    def issue(self, lifetime_s: float | None = None) -> str:
        """Issue a token."""
        issued_s = self._now() / 1000
        ends_s = issued_s + (self.lifetime_s if lifetime_s is None else lifetime_s)
        with self._lock:
            self.issued += 1
            claims = {"sub": "sandbox", "iat": issued_s, "exp": ends_s, "jti": self.issued}
            unsigned = f"{_pack({'alg': 'HS256', 'typ': 'JWT'})}.{_pack(claims)}"
            token = f"{unsigned}.{self._signature(unsigned)}"
            self._given.append(token)
        return token

    def verdict(self, authorization: str | None) -> str:
        """Verify an Authorization header: ``good``, ``expired`` or ``unknown``."""
        token = (authorization or "").removeprefix("Bearer ")
        unsigned, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(unsigned).encode()):
            return "unknown"
        if token in self._revoked:
            return "expired"
        payload = unsigned.rpartition(".")[2]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return "good" if self._now() / 1000 < claims["exp"] else "expired"

    def revoke_all(self) -> None:
        """Treat every token issued so far as expired."""
        with self._lock:
            self._revoked.update(self._given)

    def _signature(self, unsigned: str) -> str:
        """Sign with HS256."""
        digest = hmac.new(self._key, unsigned.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _pack(part: dict[str, Any]) -> str:
    """Encode one part of a token."""
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
