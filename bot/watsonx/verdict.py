"""What an answer proves: that nothing happened, that nothing will, or neither."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from bot.errors import NameTaken, Rejected, SpecsError, Unavailable, Uncertain

if TYPE_CHECKING:
    from pydantic import SecretStr

    from bot.watsonx.responses import Answer

_UNPROVEN = frozenset({300, 301, 302, 303, 304, 305, 306, 408})
"""Statuses that do not prove that a write had no effect; 307 and 308 do (RFC 9110, 15.4)."""


def failure(answer: Answer, token: SecretStr, *, writes: bool, now_ms: int) -> SpecsError:
    """Return the error that an unsuccessful answer proves.

    Args:
        token: The token that was sent, masked if the service repeats it.
        writes: Whether the request could have changed something.
        now_ms: UTC epoch milliseconds, for a ``Retry-After`` that is a date.
    """
    words = answer.words([token.get_secret_value()])
    status, trace, code = answer.status, answer.trace, answer.code
    if answer.expired:
        return Unavailable(
            f"a new token was not accepted either: {words}", status=status, trace=trace, code=code
        )
    if status == httpx.codes.TOO_MANY_REQUESTS:
        wait_s = answer.retry_after_s(now_ms)
        return Unavailable(words, status=status, trace=trace, code=code, retry_after_s=wait_s)
    if answer.headers.get("location") and httpx.codes.is_redirect(status):
        words = "the service redirects elsewhere and redirects are not followed; check WATSONX_URL"
    definite = httpx.codes.is_client_error(status) or status in (307, 308)
    if definite and status not in _UNPROVEN:
        # undocumented: some versions answer with the status, some with a code, some in words only
        taken = writes and (status == httpx.codes.CONFLICT or "exist" in f"{code} {words}".lower())
        return (NameTaken if taken else Rejected)(words, status=status, trace=trace, code=code)
    if writes:
        return Uncertain(words, status=status, trace=trace, code=code)
    return Unavailable(
        words, status=status, trace=trace, code=code, retry_after_s=answer.retry_after_s(now_ms)
    )


def static_token_refused(answer: Answer, token: SecretStr) -> Rejected:
    """Return the error for a configured token that is not accepted; ``token`` is masked in the service's words."""
    words = answer.words([token.get_secret_value()])
    return Rejected(
        f"the token in WATSONX_TOKEN has expired or is not accepted; a configured token is not renewed: {words}",
        status=answer.status,
        trace=answer.trace,
        code=answer.code,
    )


def unreadable(answer: Answer) -> Unavailable:
    """Return the error for a 2xx answer that is not the API's, such as a log-in page."""
    words = answer.words() if answer.json() is None else "unexpected JSON"
    return Unavailable(f"the answer could not be read: {words}", status=answer.status, trace=answer.trace)
