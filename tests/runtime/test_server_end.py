"""A server in a thread ends cleanly, whatever its threads are doing."""

from __future__ import annotations

import sys
import threading
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any

import pytest
from waitress.server import create_server

from bot.runtime import shutdown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads take turns so often that they meet between any two steps."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def app(_environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


def ask_on_and_on(port: int, over: threading.Event) -> None:
    with (
        suppress(OSError, HTTPException),
        closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection,
    ):
        while not over.is_set():
            connection.request("GET", "/")
            connection.getresponse().read()


@pytest.mark.usefixtures("hurried")
def test_it_ends_while_it_answers(caplog: pytest.LogCaptureFixture) -> None:
    """Threads that have answered wake the loop: nobody, we included, writes into a pipe that the loop has closed."""
    for _ in range(60):
        server: Any = create_server(app, host="127.0.0.1", port=0, threads=4)
        over = threading.Event()
        asking = [
            threading.Thread(target=ask_on_and_on, args=(server.effective_port, over)) for _ in range(3)
        ]
        with shutdown.running(server, within_s=5):
            for thread in asking:
                thread.start()
        over.set()
        for thread in asking:
            thread.join()
        assert server._map == {}
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
