"""The services that issue tokens: Software Hub (Cloud Pak for Data) and IBM Cloud IAM.

A token may live for only six minutes, so its own ``exp`` decides when the next one is fetched. One thread fetches, the
others wait for it, all within the deadline of the call that needs the token.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import httpx
from pydantic import SecretStr

from bot.errors import Rejected, Unavailable
from bot.watsonx.responses import Answer, OnCall, ask, clean_text
from bot.watsonx.token_lifetime import good_until_ms
from bot.watsonx.transport import Call, TooLate, WatsonxHttp, deadline, utc_ms

if TYPE_CHECKING:
    from collections.abc import Callable

IAM_URL = "https://iam.cloud.ibm.com"
_IAM_GRANT = "urn:ibm:params:oauth:grant-type:apikey"


class FetchedTokens:
    """Tokens from a service, each used until shortly before it expires.

    Args:
        request: Returns the request for a new token.
        field: The answer's field that holds it.
        secret: The credential in the request, masked if the service repeats it.
        timeout_s: Total seconds for one token, within the deadline of the call that needs it.
        now: Returns UTC epoch milliseconds.
        on_call: Called after every exchange, as operation ``token``.
    """

    def __init__(
        self,
        http: WatsonxHttp,
        *,
        request: Callable[[], httpx.Request],
        field: str,
        secret: SecretStr,
        timeout_s: float = 20.0,
        now: Callable[[], int] = utc_ms,
        on_call: OnCall | None = None,
    ) -> None:
        self._http = http
        self._request = request
        self._field = field
        self._secret = secret
        self._timeout_s = timeout_s
        self._now = now
        self._on_call = on_call
        self._lock = threading.Lock()
        self._held: SecretStr | None = None
        self._good_until_ms = 0

    def token(self) -> SecretStr:
        """Return the current token, or a new one shortly before it expires (see ``TokenSource``)."""
        held, good_until_ms = self._held, self._good_until_ms
        if held is not None and self._now() < good_until_ms:
            return held
        return self._next(held)

    def renew(self, stale: SecretStr) -> SecretStr | None:
        """Return a token that another thread has fetched in the meantime, or a new one (see ``TokenSource``)."""
        return self._next(stale)

    def _next(self, stale: SecretStr | None) -> SecretStr:
        """Fetch a token unless another thread has replaced the stale one."""
        with deadline(self._timeout_s) as call:
            if not self._lock.acquire(timeout=max(call.ends_s - time.monotonic(), 0.0)):
                raise Unavailable("the token service did not answer in time")
            try:
                if self._held is None or self._held == stale:
                    self._held, self._good_until_ms = self._fetch(call)
                return self._held
            finally:
                self._lock.release()

    def _fetch(self, call: Call) -> tuple[SecretStr, int]:
        """Fetch a token, and until when to use it."""
        try:
            answer = ask(self._http, self._request(), "token", self._on_call)
        except (httpx.HTTPError, TooLate) as error:
            late = "; it took too long" if isinstance(error, TooLate) or not call.sent else ""
            raise Unavailable(
                f"the token service cannot be reached: {clean_text(str(error))}{late}"
            ) from None
        if not answer.ok:
            raise self._refusal(answer)
        body = answer.json()
        value = body.get(self._field) if isinstance(body, dict) else None
        if not isinstance(value, str) or not is_token(value):
            raise Unavailable(
                "the token service answered without a token", status=answer.status, trace=answer.trace
            )
        return SecretStr(value), good_until_ms(value, self._now(), expires_in_s=body.get("expires_in"))

    def _refusal(self, answer: Answer) -> Rejected | Unavailable:
        """Distinguish wrong credentials from a failing service."""
        words = answer.words([self._secret.get_secret_value()])
        status, trace, code = answer.status, answer.trace, answer.code
        if 400 <= status < 500 and status not in (408, 429):  # noqa: PLR2004 - HTTP's own numbers
            return Rejected(
                f"the token service refused the credentials: {words}", status=status, trace=trace, code=code
            )
        wait_s = answer.retry_after_s(self._now())
        return Unavailable(
            f"the token service failed: {words}",
            status=status,
            trace=trace,
            code=code,
            retry_after_s=wait_s,
        )


class SoftwareHubTokens(FetchedTokens):
    """Tokens of a Software Hub (Cloud Pak for Data) user; the other arguments are those of ``FetchedTokens``.

    Args:
        base_url: The cluster's route.
        api_key: The user's API key; or
        password: the user's password.

    Raises:
        ValueError: Unless exactly one of API key and password is given.
    """

    def __init__(
        self,
        http: WatsonxHttp,
        *,
        base_url: str,
        username: str,
        api_key: SecretStr | None = None,
        password: SecretStr | None = None,
        timeout_s: float = 20.0,
        now: Callable[[], int] = utc_ms,
        on_call: OnCall | None = None,
    ) -> None:
        secret = api_key or password
        if secret is None or (api_key and password):
            raise ValueError("Software Hub needs a user name and either an API key or a password.")
        field = "api_key" if api_key else "password"

        def request() -> httpx.Request:
            body = {"username": username, field: secret.get_secret_value()}
            return http.build_request("POST", f"{base_url}/icp4d-api/v1/authorize", json=body)

        super().__init__(
            http, request=request, field="token", secret=secret, timeout_s=timeout_s, now=now, on_call=on_call
        )


class IamTokens(FetchedTokens):
    """Tokens of IBM Cloud's identity service; the arguments are those of ``FetchedTokens``."""

    def __init__(
        self,
        http: WatsonxHttp,
        *,
        api_key: SecretStr,
        iam_url: str = IAM_URL,
        timeout_s: float = 20.0,
        now: Callable[[], int] = utc_ms,
        on_call: OnCall | None = None,
    ) -> None:
        def request() -> httpx.Request:
            form = {"grant_type": _IAM_GRANT, "apikey": api_key.get_secret_value()}
            return http.build_request("POST", f"{iam_url}/identity/token", data=form)

        super().__init__(
            http,
            request=request,
            field="access_token",
            secret=api_key,
            timeout_s=timeout_s,
            now=now,
            on_call=on_call,
        )


def is_token(text: str) -> bool:
    """Return whether a text can stand in an Authorization header: printable ASCII without spaces, not empty."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text
