"""The hardware-specification API as the bot uses it; foreign errors stop here.

A call that did not succeed ends in one of three errors: ``Unavailable`` (provably nothing happened), ``Rejected`` (a
definite no) or ``Uncertain`` (it may have happened). A create is not idempotent, so what is not proven is uncertain.
A read changes nothing, so a read that is not definitely refused is unavailable.
"""

from __future__ import annotations

import json
import re
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from bot.errors import Rejected, Unavailable, Uncertain
from bot.watsonx.deployments import PATH as DEPLOYMENTS
from bot.watsonx.deployments import VERSION, deployments_in, deployments_url, next_page
from bot.watsonx.responses import Answer, OnCall, ask, clean_text
from bot.watsonx.specs import (
    is_spec_id,
    spec_id_in,
    spec_in,
    specs_in,
    warnings_in,
)
from bot.watsonx.transport import Call, TooLate, WatsonxHttp, deadline, utc_ms
from bot.watsonx.verdict import failure, static_token_refused, unreadable
from bot.workflow.ports import Created, Deleted, Deployment, RemoteSpec, SpecList

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import SecretStr

    from bot.watsonx.tokens import TokenSource

NOT_SENT = "not_sent"
"""The code of an ``Unavailable`` whose request was not sent because it was too late."""

_SPECS = "/v2/hardware_specifications"
_MOST_PAGES = 200
_ATTEMPT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")


class SpecsClient:
    """Hardware specifications over REST: the port ``bot.workflow.ports.Specs``.

    Args:
        base_url: The cluster's route or platform host, as ``check_base_url`` returns it.
        space_id: The default deployment space.
        timeout_s: Total seconds of one call: token, connecting, writing and reading together.
        ca_bundle: PEM file of the authorities to trust, if ``http`` is None.
        http: The process's client; None makes one.
        on_call: Called after every exchange: operation, status or None, seconds.
        clock: Returns UTC epoch milliseconds; ``not_after_ms`` is compared with it.

    Raises:
        OSError: The CA bundle cannot be read.
    """

    def __init__(
        self,
        *,
        base_url: str,
        space_id: str,
        tokens: TokenSource,
        timeout_s: float,
        ca_bundle: str | None = None,
        http: WatsonxHttp | None = None,
        on_call: OnCall | None = None,
        clock: Callable[[], int] = utc_ms,
    ) -> None:
        self._base_url = base_url
        self.space_id = space_id
        self._tokens = tokens
        self._timeout_s = timeout_s
        self._http = http or WatsonxHttp(ca_bundle)
        self._on_call = on_call
        self._clock = clock
        self._user_agent = _user_agent()

    @property
    def target(self) -> str:
        """The base address, as used in digests."""
        return self._base_url

    def close(self) -> None:
        """Close the pooled connections."""
        self._http.close()

    def find(self, name: str, space_id: str) -> SpecList:
        """Return the specs with exactly this name, global ones included; names are not unique.

        Raises:
            Unavailable: There was no usable answer.
            Rejected: The service refused.
        """
        # filtered again, in case the service ignores the name
        params = {"space_id": _required(space_id), "name": name}
        return [spec for spec in self._listed("find", params) if spec.name == name]

    def list(self, space_id: str) -> SpecList:
        """Return all specs that the space sees, global ones included, in the service's order.

        Raises:
            Unavailable: There was no usable answer.
            Rejected: The service refused.
        """
        return self._listed("list", {"space_id": _required(space_id)})

    def get(self, spec_id: str, space_id: str) -> RemoteSpec | None:
        """Return one spec, or None if it does not exist.

        Raises:
            Unavailable: There was no usable answer.
            Rejected: The service refused.
        """
        params = {"space_id": _required(space_id)}
        if not is_spec_id(spec_id):
            return None
        answer = self._send("get", "GET", f"{_SPECS}/{spec_id}", params, gone=True)
        if answer.status == httpx.codes.NOT_FOUND:
            return None
        spec = spec_in(answer.json())
        if spec is None:
            raise unreadable(answer)
        return spec

    def create(
        self,
        body: Mapping[str, Any],
        space_id: str,
        *,
        attempt_id: str,
        not_after_ms: int | None = None,
    ) -> Created:
        """Create one spec, with at most one POST.

        Args:
            body: Sent without spaces, its keys in the given order.
            space_id: The deployment space; without one the spec would be global.
            attempt_id: Sent as the transaction id.
            not_after_ms: UTC epoch milliseconds after which no byte may leave.

        Raises:
            Unavailable: Provably nothing was created; code ``not_sent`` if it was too late.
            Rejected: The service refused.
            Uncertain: It may have been created.
            ValueError: The attempt id does not fit a header.
        """
        answer = self._send(
            "create",
            "POST",
            _SPECS,
            {"space_id": _required(space_id)},
            content=json.dumps(body, separators=(",", ":"), allow_nan=False).encode(),
            attempt_id=attempt_id,
            not_after_ms=not_after_ms,
        )
        content = answer.json()
        spec_id = spec_id_in(content)
        if spec_id is None:
            message = "the service reported success without a readable id"
            raise Uncertain(message, status=answer.status, trace=answer.trace)
        return Created(spec_id, answer.status, answer.trace, warnings_in(content))

    def delete(self, spec_id: str, space_id: str, *, attempt_id: str) -> Deleted:
        """Delete one spec. Returns normally also if it was gone before.

        Raises:
            Unavailable: Provably nothing was deleted.
            Rejected: The service refused.
            Uncertain: It may have been deleted.
            ValueError: The attempt id does not fit a header.
        """
        params = {"space_id": _required(space_id)}
        if not is_spec_id(spec_id):
            raise Rejected("this is not the id of a hardware specification", code="no_such_id")
        path = f"{_SPECS}/{spec_id}"
        answer = self._send("delete", "DELETE", path, params, attempt_id=attempt_id, gone=True)
        return Deleted(answer.status, answer.trace)

    def check(self, space_id: str) -> None:
        """Check address, credentials and space with one read.

        Raises:
            Unavailable: There was no usable answer.
            Rejected: The credentials or the space are refused.
        """
        answer = self._send("check", "GET", f"/v2/spaces/{quote(_required(space_id), safe='')}", {})
        if not isinstance(answer.json(), dict):
            raise unreadable(answer)

    def deployments(self, space_id: str) -> tuple[Deployment, ...]:
        """Return every deployment of a space that names a hardware specification, from all pages.

        Raises:
            Unavailable: There was no usable answer, or more than ``_MOST_PAGES`` pages.
            Rejected: The service refused.
        """
        base_url = deployments_url(self._base_url)
        if base_url is None:
            raise Rejected("the machine-learning host of this region is not known", code="no_ml_host")
        first = {"space_id": _required(space_id), "version": VERSION}
        deployments: list[Deployment] = []
        params = first
        for _ in range(_MOST_PAGES):
            answer = self._send("deployments", "GET", DEPLOYMENTS, params | first, base_url=base_url)
            page = deployments_in(answer)
            if page is None:
                raise unreadable(answer)
            deployments += page
            following = next_page(answer)
            if following is None:
                return tuple(deployments)
            params = following
        raise Unavailable("the list of deployments has too many pages")

    def _listed(self, op: str, params: dict[str, str]) -> SpecList:
        """Send a list call and read it."""
        answer = self._send(op, "GET", _SPECS, params)
        specs = specs_in(answer)
        if specs is None:
            raise unreadable(answer)
        return specs

    def _send(
        self,
        op: str,
        method: str,
        path: str,
        params: dict[str, str],
        *,
        content: bytes | None = None,
        attempt_id: str | None = None,
        not_after_ms: int | None = None,
        gone: bool = False,
        base_url: str | None = None,
    ) -> Answer:
        """Make one call, again with a new token if the first is not accepted; return a 2xx (or 404 if ``gone``)."""
        headers = {
            "User-Agent": self._user_agent,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        if attempt_id is not None:
            headers["X-Global-Transaction-Id"] = _header_safe(attempt_id)
        if content is not None:
            headers["Content-Type"] = "application/json"
        request = self._http.build_request(
            method,
            (base_url or self._base_url) + path,
            params=params,
            headers=headers,
            content=content,
            timeout=self._timeout_s,
        )
        with deadline(self._timeout_s, not_after_ms=not_after_ms, clock=self._clock) as call:
            token = self._tokens.token()
            answer = self._exchange(op, request, token, call)
            if answer.expired:
                other = self._tokens.renew(token)
                if other is None:
                    raise static_token_refused(answer, token)
                token, call.sent = other, False  # the refusal proves that nothing was done
                answer = self._exchange(op, request, token, call)
        absent = answer.status == httpx.codes.NOT_FOUND and not answer.is_page
        if answer.ok or (gone and absent):
            return answer
        raise failure(answer, token, writes=method != "GET", now_ms=self._clock())

    def _exchange(self, op: str, request: httpx.Request, token: SecretStr, call: Call) -> Answer:
        """Send once; a failure without an answer becomes one of our errors."""
        request.headers["Authorization"] = f"Bearer {token.get_secret_value()}"
        try:
            return ask(self._http, request, op, self._on_call)
        except TooLate:
            if call.sent and request.method != "GET":
                raise Uncertain("the deadline passed while the request was being sent") from None
            raise Unavailable("the deadline passed before anything was sent", code=NOT_SENT) from None
        except httpx.HTTPError as error:
            why = clean_text(str(error)) or type(error).__name__
            if call.sent and request.method != "GET":
                raise Uncertain(f"no answer to the request: {why}") from None
            what = "no usable answer from" if call.sent else "no connection to"
            raise Unavailable(f"{what} {request.url.host}: {why}") from None


def _required(space_id: str) -> str:
    """Refuse a missing space id, with which the spec would be global."""
    if not space_id.strip():
        raise Rejected("no space id: without one the specification would be global", code="no_space")
    return space_id


def _header_safe(attempt_id: str) -> str:
    """Refuse an attempt id that does not fit a header."""
    if not _ATTEMPT.fullmatch(attempt_id):
        raise ValueError("an attempt id is 1 to 100 letters, digits, dots, dashes and underscores")
    return attempt_id


def _user_agent() -> str:
    """Return the product and its version."""
    try:
        return f"peftsize/{version('peftsize')}"
    except PackageNotFoundError:
        return "peftsize"
