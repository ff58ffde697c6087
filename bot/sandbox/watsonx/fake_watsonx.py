"""A working stand-in for the cluster: tokens, spaces and hardware specifications over real HTTP(S).

It keeps the contract as far as that is known, is stricter where it is not, and can fail in every way that matters
(``FakeCluster.faults``).
"""

from __future__ import annotations

import secrets
import threading
import uuid
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from bot.sandbox.loopback import HOST, Call, Loopback, Moment, Reply, nobody
from bot.sandbox.watsonx.api import PATH, SpecsApi, problem
from bot.sandbox.watsonx.deployments import DeploymentsApi
from bot.sandbox.watsonx.faults import Faults
from bot.sandbox.watsonx.tokens import TokenService
from bot.watsonx.transport import utc_ms

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

KEPT_REQUESTS = 500
VERSION = "5.2.0"
"""The version of Software Hub; the oldest that ``ibm-watsonx-ai`` 1.8.1 supports is 4.8."""
_AUTHORIZE, _IAM = "/icp4d-api/v1/authorize", "/identity/token"


@dataclass
class Recorded:
    """A request as the panel shows it, without secrets.

    Args:
        at_ms: UTC epoch milliseconds of its arrival.
        query: First value of each parameter.
        headers: Names in lower case; Authorization masked.
        body: As text; credentials masked.
        status: 0 if the connection was dropped instead, None until it is answered.
    """

    at_ms: int
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: str
    status: int | None


class FakeCluster:
    """The stand-in: start it, point the settings at it, and inspect its requests. Without ``tls``, it serves http."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        now: Callable[[], int] = utc_ms,
        token_lifetime_s: float = 3600.0,
    ) -> None:
        self.space_id = "5f0c1d2e-0000-4000-8000-00000000a001"
        self.username = "sandbox"
        self.api_key = secrets.token_urlsafe(24)
        self.password = secrets.token_urlsafe(24)
        self.faults = Faults()
        self.tokens = TokenService(now, token_lifetime_s)
        self._now = now
        self._stopped = threading.Event()
        self.witness: Callable[[Moment, Call, int], None] = nobody
        """Called at each moment of each call, with the client's port; may be replaced at any time."""
        self._http = Loopback(self._serve, witness=self._witnessed, tls=tls)
        self.api = SpecsApi(self.faults, now, self._stopped.wait)
        self.api.add_space(self.space_id, "sandbox")
        self.deployments = DeploymentsApi(self.faults)
        self._requests: deque[Recorded] = deque(maxlen=KEPT_REQUESTS)

    def start(self) -> Self:
        """Listen on loopback."""
        self._stopped.clear()
        self._http.start()
        return self

    def stop(self) -> None:
        """Stop for good; pending commits do not happen."""
        self._stopped.set()
        self._http.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def go_down(self) -> None:
        """Refuse new connections; what was committed stays."""
        self._http.stop()

    def come_back(self) -> None:
        """Listen again, on the same port."""
        self._http.start()

    @property
    def url(self) -> str:
        """The base address, for ``WATSONX_URL`` (and ``WATSONX_IAM_URL``)."""
        return f"{'https' if self._http.tls else 'http'}://{HOST}:{self._http.port}"

    def settings(self) -> dict[str, str]:
        """Return the settings that point the product at this cluster."""
        return {
            "WATSONX_URL": self.url,
            "WATSONX_SPACE_ID": self.space_id,
            "WATSONX_USERNAME": self.username,
            "WATSONX_APIKEY": self.api_key,
        }

    def requests(self) -> list[Recorded]:
        """Return the received requests, oldest first."""
        return list(self._requests)

    def posts_for(self, name: str) -> list[Recorded]:
        """Return the creates received for a name, whatever their outcome."""
        mark = f'"name":"{name}"'
        posts = (r for r in self.requests() if (r.method, r.path) == ("POST", PATH))
        return [post for post in posts if mark in post.body.replace('": "', '":"')]

    def specs(self, name: str | None = None, space_id: str | None = None) -> list[dict[str, Any]]:
        """Return the specifications of a space (by default the first), without the global ones."""
        specs = self.api.seen_from(space_id or self.space_id, name)
        return [spec for spec in specs if "space_id" in spec["metadata"]]

    def _witnessed(self, moment: Moment, call: Call, port: int) -> None:
        self.witness(moment, call, port)

    def _serve(self, call: Call) -> Reply:
        """Answer one request and record it."""
        secret = call.path in (_AUTHORIZE, _IAM)
        headers = {name: "***" if name == "authorization" else value for name, value in call.headers.items()}
        body = "***" if secret else call.body.decode("utf-8", "replace")
        record = Recorded(self._now(), call.method, call.path, dict(call.query), headers, body, None)
        self._requests.append(record)
        reply = self._answer(call)
        record.status = reply.status
        transaction = call.headers.get("x-global-transaction-id") or uuid.uuid4().hex
        traced = {"X-Global-Transaction-Id": transaction, **reply.headers}
        return Reply(
            reply.status, reply.body, traced, reply.hold_s + self.faults.every_answer_s, reply.drop, reply.cut
        )

    def _answer(self, call: Call) -> Reply:
        """Return the answer: tokens and version for everybody, the rest with a token."""
        if (call.method, call.path) == ("GET", "/ml/wml_services/v2/version"):
            return Reply(200, {"version": VERSION})
        if call.method == "POST" and call.path in (_AUTHORIZE, _IAM):
            return self._token(call)
        is_create = (call.method, call.path) == ("POST", PATH)
        return (
            self._trouble(is_create, writes=call.method in ("POST", "DELETE"))
            or self._token_refused(call, is_create)
            or self.api.answer(call)
            or self.deployments.answer(call)
            or Reply(404, "<!DOCTYPE html><html><head><title>404 Not Found</title></head></html>")
        )

    def _trouble(self, is_create: bool, *, writes: bool) -> Reply | None:
        """Answer in the service's place, if a fault says so."""
        faults = self.faults
        if faults.takes_call("too_many", is_create=is_create):
            wait_s = faults.retry_after_s
            headers = {} if wait_s is None else {"Retry-After": str(wait_s)}
            return Reply(429, problem(429, "too_many_requests", "Too many requests.").body, headers)
        if faults.takes_call("broken", is_create=is_create):
            page = "<!DOCTYPE html><html><head><title>Internal Server Error</title></head></html>"
            bodies = {"json": problem(500, "internal", "It broke.").body, "html": page, "empty": None}
            return Reply(500, bodies[faults.broken_body])
        if writes and faults.take("refused"):
            return problem(faults.refused_status, "refused", faults.refused_words)
        return None

    def _token_refused(self, call: Call, is_create: bool) -> Reply | None:
        """Refuse a token that is expired or unknown."""
        verdict = self.tokens.verdict(call.headers.get("authorization"))
        if verdict == "expired" or self.faults.takes_call("expired", is_create=is_create):
            if self.faults.expired_status == 400:  # noqa: PLR2004 - the switch's own value
                return Reply(
                    400, {"code": 400, "error": "Bad Request", "reason": "", "message": "jwt expired"}
                )
            return problem(401, "not_authenticated", "The token has expired.")
        return None if verdict == "good" else problem(401, "not_authenticated", "The token is not valid.")

    def _token(self, call: Call) -> Reply:
        """Issue a token like Software Hub or IBM Cloud."""
        if self.faults.take("token_trouble"):
            return Reply(503, "<html><head><title>Application is not available</title></head></html>")
        if call.path == _IAM:
            form = call.form()
            grant = form.get("grant_type") == "urn:ibm:params:oauth:grant-type:apikey"
            if not grant or not _same(form.get("apikey"), self.api_key):
                words = "Provided API key could not be found."
                return Reply(400, {"errorCode": "BXNIM0415E", "errorMessage": words})
            lifetime_s = self.tokens.lifetime_s
            token = self.tokens.issue()
            ends_s = int(self._now() / 1000 + lifetime_s)
            return Reply(200, {"access_token": token, "expires_in": int(lifetime_s), "expiration": ends_s})
        body = call.json()
        given = body if isinstance(body, dict) else {}
        known = _same(given.get("api_key"), self.api_key) or _same(given.get("password"), self.password)
        if given.get("username") != self.username or not known:
            return Reply(401, {"_statusCode_": 401, "message": "Invalid credentials"})
        return Reply(200, {"_messageCode_": "200", "message": "Success", "token": self.tokens.issue()})


def _same(given: object, secret: str) -> bool:
    """Compare in constant time."""
    return isinstance(given, str) and secrets.compare_digest(given.encode(), secret.encode())
