"""``/livez``, ``/readyz`` and ``/metrics``, beside Slack's endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from bot.runtime.metrics import Metrics


class HealthServer:
    """A WSGI app that answers the probes and passes other requests on.

    Args:
        inner: Answers everything else; None in Socket Mode.
        problems: Returns why the product is not ready; empty if it is.
        metrics: None if ``/metrics`` is served elsewhere.
    """

    def __init__(
        self, inner: WSGIApplication | None, problems: Callable[[], list[str]], metrics: Metrics | None
    ) -> None:
        self._inner = inner
        self._problems = problems
        self._metrics = metrics

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path = environ.get("PATH_INFO", "")
        if path not in {"/livez", "/readyz"} and (path != "/metrics" or self._metrics is None):
            if self._inner is not None and path == "/slack/events":
                return self._inner(environ, start_response)
            return _answer(start_response, "404 Not Found", b"not found\n")
        if environ.get("REQUEST_METHOD") not in {"GET", "HEAD"}:
            return _answer(start_response, "405 Method Not Allowed", b"use GET\n")
        if path == "/livez":
            return _answer(start_response, "200 OK", b"ok\n")
        if path == "/metrics" and self._metrics is not None:
            return _measured(self._metrics, start_response)
        problems = self._problems()
        if problems:
            return _answer(start_response, "503 Service Unavailable", ("\n".join(problems) + "\n").encode())
        return _answer(start_response, "200 OK", b"ready\n")


def _measured(metrics: Metrics, start_response: StartResponse) -> Iterable[bytes]:
    try:
        text = metrics.text()
    except StoreError as error:
        return _answer(start_response, "503 Service Unavailable", f"# the database: {error.what}\n".encode())
    return _answer(start_response, "200 OK", text, "text/plain; version=0.0.4; charset=utf-8")


def _answer(
    start_response: StartResponse, status: str, body: bytes, content_type: str = "text/plain; charset=utf-8"
) -> Iterable[bytes]:
    start_response(status, [("Content-Type", content_type), ("Content-Length", str(len(body)))])
    return [body]
