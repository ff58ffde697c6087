"""Somebody who reaches the HTTP port sends bytes as slowly as they please, over as many connections."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import pytest

from bot.runtime import serve, shutdown
from bot.runtime.http_server import listen
from tests.support.command_line import run
from tests.threats.claims import Threat

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator

    from tests.support.team import Team

THREAT = Threat(
    what="A slow client at the HTTP port",
    can={
        "hold some of the 500 connections for ten seconds each": "test_a_request_that_never_ends_is_cut_off"
    },
    cannot={
        "stop probes and commands with 110 connections": "test_110_dripping_connections_stop_nothing",
        "hold a connection by a byte now and then": "test_a_request_that_never_ends_is_cut_off",
        "reach the probes if they have a separate address": "test_probes_apart",
    },
    do="set `PEFTSIZE_PROBE_ADDRESS` to an address that only the platform reaches, limit connections in the proxy "
    "in front, or use Socket Mode.",
)
WITHIN_S = 0.6
HEAD = b"POST /slack/events HTTP/1.1\r\nHost: x\r\nX-Filler: "


def test_110_dripping_connections_stop_nothing(team: Team) -> None:
    """While they drip, probes answer and a signed command makes a card."""
    with ExitStack() as stack:
        drips = [
            stack.enter_context(socket.create_connection(("127.0.0.1", team.port), timeout=10))
            for _ in range(110)
        ]
        for drip in drips:
            drip.sendall(HEAD)
        for _ in range(3):
            for drip in drips:
                drip.sendall(b"y")
            assert team.get("/livez") == (200, "ok\n")
        assert team.ask().message_ts
        assert team.get("/readyz")[0] == 200


def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer everything."""
    environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", "3")])
    return [b"ok\n"]


@pytest.fixture
def port() -> Iterator[int]:
    """A server whose requests must arrive within ``WITHIN_S``."""
    server = listen(answer, host="127.0.0.1", port=0, threads=2, request_within_s=WITHIN_S)
    with shutdown.running(server, within_s=5):
        yield int(server.effective_port)


@pytest.mark.parametrize(
    ("first", "drip"),
    [
        (b"", b""),
        (b"", b"\r\n"),
        (HEAD, b"y"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", b"y"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\ny\r\n"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + HEAD, b"y"),
    ],
    ids=["nothing", "empty lines", "head", "body", "chunks", "second request"],
)
def test_a_request_that_never_ends_is_cut_off(port: int, first: bytes, drip: bytes) -> None:
    """The server ends the connection, however often a byte arrives."""
    with socket.create_connection(("127.0.0.1", port), timeout=0.1) as client:
        client.sendall(first)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                client.sendall(drip)
                if client.recv(4096) == b"":
                    return
            except TimeoutError:
                continue
            except OSError:
                return
    pytest.fail("the connection was still open")


def test_a_connection_that_is_kept_serves_on(port: int) -> None:
    """Requests that arrive whole are answered, one after the other, also after a pause."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    for pause_s in (0, 2 * WITHIN_S, 0):
        time.sleep(pause_s)
        connection.request("POST", "/", body=b"x" * 100_000)
        assert connection.getresponse().read() == b"ok\n"
    connection.close()


def ask(port: int, path: str) -> int:
    """Return the status of a page."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_probes_apart(new_team: Callable[..., Team], stopping: threading.Event) -> None:
    """With ``PEFTSIZE_PROBE_ADDRESS`` a second server has them, and the metrics alone."""
    team = new_team(peftsize_probe_address="127.0.0.1:0")
    probes = serve.probe_server(team.product, stopping=stopping)
    assert probes is not None
    with shutdown.running(probes, within_s=5):
        apart = int(probes.effective_port)
        assert [ask(apart, path) for path in ("/livez", "/readyz", "/metrics", "/slack/events")] == [
            *(200, 200, 200),
            404,
        ]
        assert [ask(team.port, path) for path in ("/livez", "/readyz", "/metrics")] == [200, 200, 404]
        stopping.set()
        assert (ask(apart, "/livez"), ask(apart, "/readyz")) == (200, 503)


def test_without_the_setting_all_stay_on_the_http_port(team: Team, stopping: threading.Event) -> None:
    """As before."""
    assert serve.probe_server(team.product, stopping=stopping) is None
    assert team.get("/metrics")[0] == 200


@pytest.mark.parametrize("wrong", ["9090", "host", "host:x", ":99999", "a b:1", "http://x:1"])
def test_an_address_that_is_none_is_named(team: Team, wrong: str) -> None:
    """At start, with an example."""
    environment = team.environment | {"PEFTSIZE_PROBE_ADDRESS": wrong}
    ran = run("requests", "list", folder=team.folder, environment=environment)
    assert (ran.code, "such as 127.0.0.1:9090" in ran.err) == (2, True)
