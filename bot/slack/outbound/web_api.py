"""Calls to Slack within its rate limits, and what a failure means."""

from __future__ import annotations

import re
from http import HTTPStatus
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.webhook import WebhookClient

from bot.errors import SlackTrouble
from bot.slack.outbound.pace import Pace, budget_of
from bot.workflow.outbox import posts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from slack_sdk import WebClient

FAILURES = (SlackClientError, OSError, HTTPException)
"""What a call through slack_sdk may raise when Slack or the network fails."""

_PERMANENT = frozenset(
    {
        "invalid_arguments",
        "invalid_blocks",
        "invalid_blocks_format",
        "msg_blocks_too_long",
        "msg_too_long",
        "no_text",
        "unknown_method",
    }
)
_PASSING = frozenset(
    {
        "fatal_error",
        "internal_error",
        "not_json",
        "ratelimited",
        "request_timeout",
        "service_unavailable",
        "team_added_to_org",
        "unknown",
    }
)
"""Errors after which the same call may succeed a minute later; every other error is a refusal."""
_WORD = re.compile(r"[a-z0-9_]{1,60}")
"""The shape of Slack's errors; a gateway's page in their place must reach no log and no label."""
PACED = "paced"
"""Our own error for a call that must wait for its budget."""


class CallFailed(SlackTrouble):
    """A call that was not made, or failed.

    Args:
        word: Slack's error; never anybody's text, never a token.
        retry_after_s: Seconds to wait, by Slack or by our own pacing.
        refused: Whether Slack understood and refused, so that only a repair helps.
    """

    def __init__(
        self, method: str, word: str, *, retry_after_s: float | None = None, refused: bool = False
    ) -> None:
        super().__init__(
            f"{method}: {word}",
            retry_after_s=retry_after_s,
            permanent=word in _PERMANENT,
            paced=word == PACED,
        )
        self.word = word
        self.refused = refused


def may_post(url: str, api_url: str) -> bool:
    """Return whether a response URL is Slack's own, or on the configured Web API's host."""
    try:
        to, api = urlsplit(url), urlsplit(api_url)
    except ValueError:
        return False
    if "@" in to.netloc:
        return False
    return (to.scheme, to.netloc) in {("https", "hooks.slack.com"), (api.scheme, api.netloc)}


def word_of(error: Exception) -> str:
    """Return Slack's error, or the exception's name if Slack did not answer."""
    if not isinstance(error, SlackApiError):
        return type(error).__name__
    response: Any = error.response
    if getattr(response, "status_code", None) == HTTPStatus.TOO_MANY_REQUESTS:
        return "ratelimited"
    data = getattr(response, "data", response)
    if not isinstance(data, dict):
        return "not_json"
    word = str(data.get("error") or "unknown")
    return word if _WORD.fullmatch(word) else "not_json"


def is_refusal(error: Exception) -> bool:
    """Return whether Slack understood the call and refused it, rather than failing itself."""
    return isinstance(error, SlackApiError) and word_of(error) not in _PASSING


def retry_after_s(error: Exception) -> float | None:
    """Return how long Slack asks to wait, or None if it does not say."""
    return header_s(getattr(getattr(error, "response", None), "headers", None) or {})


def header_s(headers: Mapping[str, Any]) -> float | None:
    """Return the seconds of a ``Retry-After`` header, or None."""
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), None)
    text = str(value[0] if isinstance(value, (list, tuple)) else value)
    return float(text) if text.isascii() and text.isdigit() else None


class Calls:
    """The Web API: paced, and with one kind of exception.

    Args:
        client: With the bot's token and no retry handlers.
        seen: Called after every call: method, 200 or Slack's error, seconds.
    """

    def __init__(
        self,
        client: WebClient,
        clock: Callable[[], int],
        seen: Callable[[str, int | str, float], None] = lambda *_: None,
    ) -> None:
        self._client = client
        self._clock = clock
        self.pace = Pace(clock)
        self._seen = seen
        self._direct: dict[str, str] = {}

    def __call__(self, method: str, *, to: str | None = None, **arguments: Any) -> dict[str, Any]:
        """Make one call, and return Slack's answer.

        Args:
            to: The person whose direct message channel is written to.
            **arguments: As Slack names them.

        Raises:
            CallFailed: It was not made, or failed.
        """
        budget = posts(to) if to else budget_of(method, str(arguments.get("channel", "")))
        if budget is not None and (wait := self.pace.wait_s(budget)):
            raise CallFailed(method, PACED, retry_after_s=wait)
        started = self._clock()
        word: int | str = int(HTTPStatus.OK)
        try:
            answer: Any = self._client.api_call(method, json=arguments).data
        except FAILURES as error:
            word = word_of(error)
            asked_s, refused = retry_after_s(error), is_refusal(error)
            if asked_s is not None and budget is not None:
                self.pace.close(budget, asked_s)
            raise CallFailed(method, str(word), retry_after_s=asked_s, refused=refused) from None
        finally:
            self._seen(method, word, (self._clock() - started) / 1000)
        return answer if isinstance(answer, dict) else {}

    def respond(self, url: str, **said: Any) -> bool:
        """Post a private answer to a response URL, whose host the caller has checked.

        Returns:
            False if the address is used up or too old.

        Raises:
            CallFailed: Slack or the network failed.
        """
        hook = WebhookClient(
            url,
            timeout=self._client.timeout,
            ssl=self._client.ssl,
            retry_handlers=[],
            logger=self._client.logger,
        )
        try:
            answer = hook.send_dict({"response_type": "ephemeral", "replace_original": False, **said})
        except FAILURES as error:
            raise CallFailed("response_url", word_of(error)) from None
        if (
            answer.status_code == HTTPStatus.TOO_MANY_REQUESTS
            or answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
        ):
            raise CallFailed("response_url", str(answer.status_code), retry_after_s=header_s(answer.headers))
        return answer.status_code == HTTPStatus.OK

    def direct(self, user_id: str) -> str:
        """Return the direct message channel with a person; it is cached until ``forget``.

        Raises:
            CallFailed: As for a call.
        """
        if user_id not in self._direct:
            answer = self("conversations.open", users=user_id)
            self._direct[user_id] = str(answer["channel"]["id"])
        return self._direct[user_id]

    def forget(self, user_id: str) -> None:
        """Forget a person's direct message channel, because Slack says that it is gone."""
        self._direct.pop(user_id, None)
