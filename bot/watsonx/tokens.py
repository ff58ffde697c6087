"""Where bearer tokens come from, and which source the configured credentials select."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bot.watsonx.token_services import IAM_URL, IamTokens, SoftwareHubTokens, is_token
from bot.watsonx.transport import WatsonxHttp, utc_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

    from bot.watsonx.responses import OnCall


class TokenSource(Protocol):
    """A source of bearer tokens."""

    def token(self) -> SecretStr:
        """Return a token that should be accepted now.

        Raises:
            Unavailable: The token service cannot be reached or used at present.
            Rejected: It refuses the credentials.
        """
        ...

    def renew(self, stale: SecretStr) -> SecretStr | None:
        """Return a token other than the one that was not accepted; None if this source has only that one.

        Raises:
            Unavailable: As for ``token``.
            Rejected: As for ``token``.
        """
        ...


@dataclass(frozen=True)
class StaticToken:
    """A configured token, never renewed.

    Raises:
        ValueError: It holds characters that no token has; HTTP libraries would repeat it in an error.
    """

    value: SecretStr

    def __post_init__(self) -> None:
        if not is_token(self.value.get_secret_value()):
            raise ValueError("WATSONX_TOKEN is not a token: it is empty or holds spaces or other characters.")

    def token(self) -> SecretStr:
        """Return the token."""
        return self.value

    def renew(self, stale: SecretStr) -> SecretStr | None:  # noqa: ARG002 - the port's shape
        """Return None: there is no other."""
        return None


def tokens_from(
    http: WatsonxHttp,
    *,
    base_url: str,
    token: SecretStr | None = None,
    username: str | None = None,
    api_key: SecretStr | None = None,
    password: SecretStr | None = None,
    iam_url: str = IAM_URL,
    timeout_s: float = 20.0,
    now: Callable[[], int] = utc_ms,
    on_call: OnCall | None = None,
) -> TokenSource:
    """Return the token source for the configured credentials; sends nothing.

    Args:
        base_url: The cluster's route, as ``check_base_url`` returns it.
        token: Used as it is; takes precedence over the others.
        username: With an API key or a password: Software Hub.
        api_key: Without a user name: IBM Cloud IAM.
        timeout_s: As for ``FetchedTokens``.
        now: As for ``FetchedTokens``.
        on_call: As for ``FetchedTokens``.

    Raises:
        ValueError: The credentials are incomplete.
    """
    if token is not None:
        return StaticToken(token)
    if username:
        return SoftwareHubTokens(
            http,
            base_url=base_url,
            username=username,
            api_key=api_key,
            password=password if api_key is None else None,
            timeout_s=timeout_s,
            now=now,
            on_call=on_call,
        )
    if api_key is not None:
        return IamTokens(
            http, api_key=api_key, iam_url=iam_url, timeout_s=timeout_s, now=now, on_call=on_call
        )
    raise ValueError(
        "No credentials: give a token, a user name with an API key or password, or an API key alone."
    )
