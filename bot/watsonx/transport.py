"""One HTTP client whose calls end in time, and which knows whether a byte has left.

httpx bounds each connect, read and write, not their sum: a server that sends one byte a second keeps a call alive for
ever. Here each socket operation gets what is left of the call's deadline. This is also the last place before the bytes
leave, so it refuses to send what is too late (a process that was frozen just before its request must not send it when
it wakes up), and notes whether anything was sent: only then can an outcome be uncertain.
"""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import httpcore
import httpx

_CURRENT: ContextVar[Call | None] = ContextVar("watsonx_call", default=None)
_SOCKET_OPTIONS = Iterable[
    tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
]


class TooLate(Exception):
    """The call was over before its bytes left, so they were not sent."""


@dataclass
class Call:
    """A REST call in progress.

    Args:
        ends_s: When it must be over, on the monotonic clock.
        not_after_ms: UTC epoch milliseconds after which nothing more may be sent.
        clock: Returns UTC epoch milliseconds.
        sent: Whether a byte of a request may have left.
    """

    ends_s: float
    not_after_ms: int | None
    clock: Callable[[], int]
    sent: bool = False

    def left_s(self) -> float:
        """Return the seconds left.

        Raises:
            httpcore.TimeoutException: None are left, and the request has left.
            TooLate: None are left, and nothing has left.
        """
        left = self.ends_s - time.monotonic()
        if left <= 0 and not self.sent:
            raise TooLate
        if left <= 0:
            raise httpcore.TimeoutException("the call's deadline has passed")
        return left

    def may_send(self) -> None:
        """Note that bytes are about to leave.

        Raises:
            TooLate: The call is over, by either clock.
        """
        late = self.not_after_ms is not None and self.clock() > self.not_after_ms
        if late or time.monotonic() >= self.ends_s:
            raise TooLate
        self.sent = True


def utc_ms() -> int:
    """Return the wall clock as UTC epoch milliseconds."""
    return time.time_ns() // 1_000_000


@contextmanager
def deadline(
    timeout_s: float, *, not_after_ms: int | None = None, clock: Callable[[], int] = utc_ms
) -> Iterator[Call]:
    """Bound everything sent and read inside the block, also by an outer call's deadline.

    Args:
        timeout_s: Seconds for connecting, writing and reading together.
        not_after_ms: See ``Call``.

    Yields:
        The call, whose ``sent`` says afterwards whether a byte may have left.
    """
    outer = _CURRENT.get()
    ends_s = time.monotonic() + timeout_s
    call = Call(min(ends_s, outer.ends_s) if outer else ends_s, not_after_ms, clock)
    mark = _CURRENT.set(call)
    try:
        yield call
    finally:
        _CURRENT.reset(mark)


class WatsonxHttp(httpx.Client):
    """The process's one HTTP client for watsonx and its token services.

    It follows no redirects (a bearer token must not travel) and reads neither proxy variables nor ``~/.netrc``: a proxy
    meant for package downloads must not see the token, a netrc entry would replace it, and behind a proxy "nothing was
    sent" could no longer be proven.

    Args:
        ca_bundle: PEM file of the only authorities to trust; None for the system's store.

    Raises:
        OSError: The file cannot be read or holds no certificate (``ssl.SSLError`` is one).
    """

    def __init__(self, ca_bundle: str | None = None) -> None:
        super().__init__(
            transport=_Transport(_ssl_context(ca_bundle)), trust_env=False, follow_redirects=False
        )


def _ssl_context(ca_bundle: str | None) -> ssl.SSLContext:
    """Trust only the given authorities, or the system's store."""
    context = ssl.create_default_context(cafile=ca_bundle)
    if ca_bundle is not None:
        # Python 3.13 began to refuse certificates without the extensions of RFC 5280, which
        # self-signed clusters often lack. Signature, name and dates are checked as before.
        # Source: https://docs.python.org/3/whatsnew/3.13.html#ssl
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


class _Transport(httpx.BaseTransport):
    """httpx over a connection pool whose sockets keep the current call's deadline."""

    def __init__(self, ssl_context: ssl.SSLContext) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl_context, max_connections=32, keepalive_expiry=5.0, network_backend=_Backend()
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        url = request.url
        with _foreign_errors():
            answer = self._pool.handle_request(
                httpcore.Request(
                    request.method,
                    httpcore.URL(
                        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                    ),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    def close(self) -> None:
        """Close the pooled connections."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    """The answer's body as it arrives."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _foreign_errors():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


@contextmanager
def _foreign_errors() -> Iterator[None]:
    """Turn httpcore's errors into httpx's."""
    try:
        yield
    except httpcore.TimeoutException as error:
        raise httpx.TimeoutException(str(error) or "timed out") from error
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
        raise httpx.TransportError(str(error) or type(error).__name__) from error


class _Backend(httpcore.NetworkBackend):
    """Opens connections within the current call's deadline."""

    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: _SOCKET_OPTIONS | None = None,
    ) -> httpcore.NetworkStream:
        """Try each address of the host with an equal share of the time left."""
        addresses = _resolve(host, port, _left_s(timeout))
        for place, address in enumerate(addresses, start=1):
            left_s = _left_s(timeout)
            share_s = left_s / (len(addresses) - place + 1) if left_s is not None else None
            try:
                stream = self._inner.connect_tcp(address, port, share_s, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if place == len(addresses):
                    raise
            else:
                return _Stream(stream)
        raise httpcore.ConnectError("the name has no address")


def _resolve(host: str, port: int, timeout_s: float | None) -> list[str]:
    """Resolve a name in a thread, since the resolver takes no deadline."""
    results: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            results.put(list(dict.fromkeys(str(entry[4][0]) for entry in entries)))
        except (OSError, UnicodeError) as error:
            results.put(error if isinstance(error, OSError) else OSError(str(error)))

    threading.Thread(target=look_up, daemon=True, name="resolve").start()
    try:
        addresses = results.get(timeout=timeout_s)
    except queue.Empty:
        raise httpcore.ConnectTimeout("the name look-up took too long") from None
    if isinstance(addresses, OSError):
        raise httpcore.ConnectError(str(addresses)) from addresses
    return addresses


class _Stream(httpcore.NetworkStream):
    """A connection that gives each operation the time left of the current call."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left_s(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        call = _CURRENT.get()
        if buffer and call is not None:
            call.may_send()
        self._inner.write(buffer, _left_s(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, _left_s(timeout)))

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


def _left_s(timeout_s: float | None) -> float | None:
    """Return the time limit of the next socket operation."""
    call = _CURRENT.get()
    return timeout_s if call is None else call.left_s()
