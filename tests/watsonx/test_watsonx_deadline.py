"""The total deadline, and the bytes that must not leave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.errors import Rejected, Unavailable, Uncertain
from bot.watsonx.client import NOT_SENT
from bot.watsonx.tokens import StaticToken, tokens_from
from bot.watsonx.transport import WatsonxHttp, utc_ms

ROOT = Path(__file__).parents[2]


def dribble(text):
    """Answer one byte every 50 ms, which satisfies any timeout of a single read."""

    def behave(server, connection):
        server.received.append(connection.recv(65536))
        for byte in text:
            connection.sendall(bytes([byte]))
            if server.done.wait(0.05):
                return

    return behave


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 201 Created\r\n" + b"X-Filler: y\r\n" * 100,
        b"HTTP/1.1 201 Created\r\nContent-Length: 1000\r\n\r\n" + b" " * 1000,
    ],
    ids=["headers", "body"],
)
def test_a_dribbling_server_cannot_outlast_the_deadline(raw_server, raw_client, body, text):
    """Headers or body byte by byte: the call ends at its deadline, uncertain for a write."""
    client = raw_client(raw_server(dribble(text)), timeout_s=0.6)
    began = time.monotonic()
    with pytest.raises(Uncertain, match=r"timed out|deadline"):
        client.create(body, "space-1", attempt_id="a1")
    assert 0.5 < time.monotonic() - began < 1.5


def test_a_dribbling_server_makes_a_read_unavailable(raw_server, raw_client):
    """A read that ran out of time is safe to repeat."""
    with pytest.raises(Unavailable):
        raw_client(raw_server(dribble(b"H" * 1000)), timeout_s=0.4).list("space-1")


def test_a_dribbling_error_keeps_its_status(raw_server, raw_client, body):
    """The status has arrived, so a 400 is a definite no even if its text never ends."""
    head = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 1000\r\n\r\nno"

    def behave(server, connection):
        connection.recv(65536)
        connection.sendall(head)
        server.done.wait(3)

    with pytest.raises(Rejected, match=r"^no$"):
        raw_client(raw_server(behave), timeout_s=0.5).create(body, "space-1", attempt_id="a1")


def test_token_and_call_share_one_deadline(raw_server, open_client, body):
    """A token service that dribbles uses up the create's own time, and then nothing was sent."""
    server = raw_server(dribble(b"HTTP/1.1 200 OK\r\n" + b"X-Filler: y\r\n" * 100))
    http = WatsonxHttp()
    base = f"http://127.0.0.1:{server.port}"
    tokens = tokens_from(http, base_url=base, username="u", api_key=SecretStr("k"), timeout_s=20)
    client = open_client(server, base_url=base, tokens=tokens, http=http, timeout_s=0.5)
    began = time.monotonic()
    with pytest.raises(Unavailable, match="token service"):
        client.create(body, "space-1", attempt_id="a1")
    assert time.monotonic() - began < 1.5
    assert [request.split(b" ")[1] for request in server.received] == [b"/icp4d-api/v1/authorize"]


def test_nothing_is_sent_after_the_last_moment(cluster, client, body):
    """The wall clock is read immediately before the bytes leave; too late means not sent."""
    client.check(cluster.space_id)
    with pytest.raises(Unavailable) as caught:
        client.create(body, cluster.space_id, attempt_id="a1", not_after_ms=utc_ms() - 1)
    assert caught.value.code == NOT_SENT
    assert cluster.posts_for(body["name"]) == []
    assert client.create(body, cluster.space_id, attempt_id="a2", not_after_ms=utc_ms() + 5000).status == 201


def test_a_clock_that_jumps_between_headers_and_body_leaves_half_a_request(cluster, open_client, body):
    """The body is kept back; since headers left, the outcome counts as uncertain, and no spec appears."""
    ticks = iter([1, 99])
    client = open_client(cluster, clock=lambda: next(ticks, 99))
    client.check(cluster.space_id)
    with pytest.raises(Uncertain, match="while the request was being sent"):
        client.create(body, cluster.space_id, attempt_id="a1", not_after_ms=50)
    time.sleep(0.1)
    assert cluster.specs() == []


FROZEN = """
import os, signal, sys
from pydantic import SecretStr
from bot.errors import Unavailable
from bot.watsonx.client import SpecsClient
from bot.watsonx.tokens import StaticToken
from bot.watsonx.transport import utc_ms

class Slow(StaticToken):
    def token(self):
        print("frozen", flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)
        return super().token()

url, space, token = sys.argv[1:]
client = SpecsClient(base_url=url, space_id=space, tokens=Slow(SecretStr(token)), timeout_s=1.0)
try:
    client.create({"name": "late"}, space, attempt_id="a1", not_after_ms=utc_ms() + 1000)
except Unavailable as error:
    print(error.code, flush=True)
"""


def test_a_process_frozen_before_its_post_sends_nothing_when_it_wakes_up(cluster):
    """SIGSTOP before the first byte, SIGCONT after the deadline: no POST arrives."""
    process = subprocess.Popen(
        [sys.executable, "-c", FROZEN, cluster.url, cluster.space_id, cluster.tokens.issue()],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    with process:
        assert process.stdout.readline() == "frozen\n"
        time.sleep(1.3)
        os.kill(process.pid, signal.SIGCONT)
        said, _ = process.communicate(timeout=20)
    assert said == f"{NOT_SENT}\n"
    assert cluster.posts_for("late") == []


def test_an_unroutable_address_leaves_time_for_the_next(cluster, open_client):
    """A name with several addresses gets through if one of them answers (::1 refuses, 127.0.0.1 serves)."""
    client = open_client(cluster, base_url=cluster.url.replace("127.0.0.1", "localhost"))
    client.check(cluster.space_id)


def test_a_name_without_an_address_is_unavailable(cluster, open_client, body):
    """DNS failed, so nothing was sent."""
    client = open_client(
        cluster, base_url="https://peftsize-test.invalid", tokens=StaticToken(SecretStr("t"))
    )
    with pytest.raises(Unavailable, match=r"no connection to peftsize-test.invalid"):
        client.create(body, cluster.space_id, attempt_id="a1")
