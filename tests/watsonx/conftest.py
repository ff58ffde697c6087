from __future__ import annotations

import socket
import ssl
import threading
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from pydantic import SecretStr

from bot.sandbox.watsonx.fake_watsonx import FakeCluster
from bot.watsonx.client import SpecsClient
from bot.watsonx.tokens import StaticToken, tokens_from
from bot.watsonx.transport import WatsonxHttp

BODY = {
    "name": "peft-10b-lora-2x128mb",
    "description": "10b 2x128MB lora",
    "nodes": {"cpu": {"units": "2"}, "mem": {"size": "31Gi"}, "gpu": {"num_gpu": 1}},
}


@pytest.fixture
def body():
    """The body of the seed's first example, fresh for every test."""
    return {**BODY, "nodes": {part: dict(value) for part, value in BODY["nodes"].items()}}


@pytest.fixture
def cluster():
    """A stand-in cluster over plain http."""
    with FakeCluster() as running:
        yield running


@pytest.fixture(scope="session")
def authority():
    """Signs the certificates of stand-in clusters, made while the tests run."""
    return trustme.CA()


@pytest.fixture
def bundle(authority, tmp_path):
    """The path of the authority's own certificate, as WATSONX_CA_BUNDLE takes it."""
    path = tmp_path / "bundle.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def serves_tls(authority):
    """Make contexts whose certificate for loopback holds until so many seconds from now."""

    def make(valid_s=86_400.0):
        now = datetime.now(UTC)
        limits = {"not_before": now - timedelta(days=2), "not_after": now + timedelta(seconds=valid_s)}
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", "127.0.0.1", **limits).configure_cert(context)
        return context

    return make


@pytest.fixture
def secure(serves_tls):
    """A stand-in cluster over https."""
    with FakeCluster(tls=serves_tls()) as running:
        yield running


@pytest.fixture
def open_client():
    """Make clients that are closed after the test."""
    with ExitStack() as stack:

        def make(cluster, *, timeout_s=3.0, tokens=None, calls=None, bundle=None, **options):
            http = options.pop("http", None) or WatsonxHttp(bundle)
            stack.callback(http.close)
            return SpecsClient(
                base_url=options.pop("base_url", cluster.url),
                space_id=cluster.space_id,
                tokens=tokens
                or tokens_from(
                    http, base_url=cluster.url, username=cluster.username, api_key=SecretStr(cluster.api_key)
                ),
                timeout_s=timeout_s,
                http=http,
                on_call=None if calls is None else lambda *call: calls.append(call),
                **options,
            )

        yield make


@pytest.fixture
def client(cluster, open_client):
    """A client of the stand-in cluster."""
    return open_client(cluster)


@pytest.fixture
def raw_server():
    """Serve raw bytes: each connection is handed to a function, in a thread of its own."""
    with ExitStack() as stack:

        def serve(behave):
            server = Raw(behave)
            stack.callback(server.close)
            return server

        yield serve


@pytest.fixture
def answering(raw_server):
    """Serve the same bytes to every request."""

    def serve(head, content=b""):
        def behave(server, connection):
            server.received.append(connection.recv(65536))
            connection.sendall(head + b"\r\nContent-Length: %d\r\n\r\n" % len(content) + content)

        return raw_server(behave)

    return serve


@pytest.fixture
def raw_client(open_client):
    """Make clients of a raw server, with a given token so that the first bytes are the call's own."""

    def make(server, **options):
        options.setdefault("tokens", StaticToken(SecretStr("given-token")))
        return open_client(server, base_url=f"http://127.0.0.1:{server.port}", **options)

    return make


class Raw:
    """A socket server without manners."""

    space_id = "space-1"
    url = ""

    def __init__(self, behave):
        self.behave = behave
        self.received = []
        self.done = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self):
        self.done.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _accept(self):
        while not self.done.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.settimeout(5)
                self.behave(self, connection)
