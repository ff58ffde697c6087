"""The stand-in keeps the contract, and is strict about it."""

from __future__ import annotations

import socket
import time

import httpx
import pytest

from bot.sandbox.watsonx.faults import ALWAYS, Faults

PATH = "/v2/hardware_specifications"


@pytest.fixture
def http(cluster):
    headers = {"Authorization": f"Bearer {cluster.tokens.issue()}"}
    with httpx.Client(base_url=cluster.url, headers=headers, trust_env=False) as client:
        yield client


def changed(body, path, value):
    """Replace (or, with a value of ..., remove) one field."""
    *parents, last = path
    part = body
    for key in parents:
        part = part[key]
    if value is ...:
        del part[last]
    else:
        part[last] = value
    return body


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("name",), ..., "must be strings"),
        (("name",), 5, "must be strings"),
        (("name",), "a name", "letters, digits"),
        (("name",), "x" * 65, "letters, digits"),
        (("name",), "a<b>", "any tags"),
        (("description",), "for <you>", "any tags"),
        (("description",), None, "must be strings"),
        (("extra",), 1, "Unknown field: extra"),
        (("nodes",), ..., "nodes must be an object"),
        (("nodes", "cpu", "units"), 2, "string such as '2'"),
        (("nodes", "mem", "size"), "31", "string such as '31Gi'"),
        (("nodes", "mem", "size"), "31GB", "string such as '31Gi'"),
        (("nodes", "gpu", "num_gpu"), "1", "integer"),
        (("nodes", "gpu", "num_gpu"), True, "integer"),
        (("nodes", "gpu", "num_gpu"), 1.0, "integer"),
        (("nodes", "gpu", "num_gpu"), 0, "integer"),
        (("nodes", "tpu"), {}, "nodes must be an object"),
        (("nodes", "gpu"), ..., "nodes must be an object"),
    ],
)
def test_bodies_of_other_shapes_and_types_are_refused(cluster, http, body, path, value, words):
    """400 in the usual envelope with a trace, and nothing is stored."""
    reply = http.post(PATH, params={"space_id": cluster.space_id}, json=changed(body, path, value))
    assert reply.status_code == 400
    assert words in reply.json()["errors"][0]["message"]
    assert len(reply.json()["trace"]) == 32
    assert cluster.specs() == []


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff"])
def test_a_body_that_is_no_object_is_refused(cluster, http, content):
    """400, never a broken connection."""
    assert http.post(PATH, params={"space_id": cluster.space_id}, content=content).status_code == 400


def test_the_answer_is_wrapped(cluster, http, body):
    """201 with metadata and entity, and the space's href."""
    made = http.post(PATH, params={"space_id": cluster.space_id}, json=body)
    assert made.status_code == 201
    metadata = made.json()["metadata"]
    assert metadata["asset_type"] == "hardware_specification"
    assert metadata["href"] == f"{PATH}/{metadata['asset_id']}?space_id={cluster.space_id}"
    assert made.json()["entity"] == {"hardware_specification": {"nodes": body["nodes"]}}


def test_a_create_without_a_space_is_global(cluster, http, body):
    """The trap of the real service is there too: it shows in every space."""
    http.post(PATH, json=body)
    cluster.api.add_space("other", "other")
    listed = http.get(PATH, params={"space_id": "other", "name": body["name"]}).json()
    assert listed["total_results"] == 1
    assert "space_id" not in listed["resources"][0]["metadata"]


def test_calls_without_a_token_of_ours_are_refused(cluster):
    """Nothing, nonsense and a token of another cluster get 401."""
    for header in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Bearer e30.e30.x"}):
        assert httpx.get(cluster.url + PATH, headers=header, trust_env=False).status_code == 401


def test_unknown_paths_answer_a_page(http):
    """As a router does."""
    assert http.get("/nope").headers["content-type"].startswith("text/html")
    assert http.put(PATH, json={}).status_code == 404


def test_credentials_are_in_no_record(cluster):
    """The panel shows the traffic, so passwords and tokens must be masked there."""
    body = {"username": cluster.username, "password": cluster.password}
    token = httpx.post(f"{cluster.url}/icp4d-api/v1/authorize", json=body, trust_env=False).json()["token"]
    httpx.get(cluster.url + PATH, headers={"Authorization": f"Bearer {token}"}, trust_env=False)
    shown = repr(cluster.requests())
    assert cluster.password not in shown
    assert token not in shown


def test_an_oversized_or_unmeasured_body_is_refused(cluster):
    """The stand-in cannot be filled up."""
    with httpx.Client(trust_env=False) as http:
        assert http.post(cluster.url + PATH, content=b"x" * (1024 * 1024 + 1)).status_code == 413
        assert http.post(cluster.url + PATH, content=iter([b"x"])).status_code == 413


def test_faults_can_spare_everything_but_creates(cluster, http, body):
    """So that a look-up before the create does not use them up."""
    cluster.faults.creates_only, cluster.faults.too_many = True, 1
    space = {"space_id": cluster.space_id}
    assert http.get(PATH, params=space).status_code == 200
    assert http.post(PATH, params=space, json=body).status_code == 429
    assert http.post(PATH, params=space, json=body).status_code == 201


def test_every_answer_can_be_slow(cluster, http):
    """A slow service, for measuring what must not wait for it."""
    cluster.faults.every_answer_s = 0.3
    began = time.monotonic()
    assert http.get(PATH).status_code == 200
    assert time.monotonic() - began >= 0.3


def test_a_half_sent_create_is_no_request(cluster):
    """A client that dies in the middle of its body has created nothing and is not counted."""
    token = cluster.tokens.issue()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 500\r\n\r\n{{"
    )
    with socket.create_connection(("127.0.0.1", int(cluster.url.rpartition(":")[2]))) as raw:
        raw.sendall(head.encode())
        raw.shutdown(socket.SHUT_WR)
        assert raw.recv(100) == b""
    assert cluster.requests() == []


def test_counts_run_out_unless_they_are_for_always():
    """A count of two happens twice; ALWAYS happens until it is switched off."""
    faults = Faults(broken=2, too_many=ALWAYS)
    assert [faults.take("broken") for _ in range(3)] == [True, True, False]
    assert all(faults.take("too_many") for _ in range(5))
    faults.clear()
    assert faults == Faults()
    assert not faults.take("too_many")
