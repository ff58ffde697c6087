"""The client against a cluster that works."""

from __future__ import annotations

import json

import pytest
from pydantic import SecretStr

from bot.errors import Rejected, Unavailable
from bot.sandbox.watsonx.api import PREDEFINED
from bot.watsonx.tokens import StaticToken


def test_create_sends_the_body_exactly_and_returns_the_id(cluster, client, body):
    """One POST leaves, with the seed's shape and types, the space, the attempt and our own agent."""
    made = client.create(body, cluster.space_id, attempt_id="attempt-1")
    (post,) = cluster.posts_for(body["name"])
    assert post.body == json.dumps(body, separators=(",", ":"))
    assert post.query == {"space_id": cluster.space_id}
    assert post.headers["content-type"] == "application/json"
    assert post.headers["x-global-transaction-id"] == "attempt-1"
    assert post.headers["user-agent"].startswith("peftsize")
    assert made.status == 201
    assert made.trace == "attempt-1"
    assert made.warnings == ()
    (spec,) = cluster.specs()
    assert made.spec_id == spec["metadata"]["asset_id"]


def test_created_spec_can_be_found_read_and_deleted(cluster, client, body):
    """What was created is found by its name, read by its id, and gone after the delete."""
    made = client.create(body, cluster.space_id, attempt_id="a1")
    (found,) = client.find(body["name"], cluster.space_id)
    assert (found.id, found.name, found.description) == (made.spec_id, body["name"], body["description"])
    assert found.nodes == body["nodes"]
    assert (found.space_id, found.is_global) == (cluster.space_id, False)
    assert found.created_at.endswith("Z")
    assert client.get(made.spec_id, cluster.space_id) == found
    assert client.delete(made.spec_id, cluster.space_id, attempt_id="d1").status == 204
    assert client.get(made.spec_id, cluster.space_id) is None
    assert client.find(body["name"], cluster.space_id) == []


def test_list_holds_global_and_own_specs_but_no_other_spaces(cluster, client, body):
    """Predefined specs are marked as global; another space's specs are not seen."""
    cluster.api.add_space("elsewhere", "other")
    cluster.api.add("hidden", body["nodes"], "elsewhere")
    client.create(body, cluster.space_id, attempt_id="a1")
    listed = client.list(cluster.space_id)
    assert {spec.name for spec in listed if spec.is_global} == set(PREDEFINED)
    assert [spec.name for spec in listed if not spec.is_global] == [body["name"]]


def test_find_filters_again_when_the_service_ignores_the_name(answering, raw_client):
    """A service that answers with everything does not make every spec a match."""
    resources = [
        {"metadata": {"name": name, "asset_id": f"id-{name}"}, "entity": {}}
        for name in ("wanted", "Wanted", "x")
    ]
    answer = json.dumps({"total_results": 3, "resources": resources}).encode()
    found = raw_client(answering(b"HTTP/1.1 200 OK", answer)).find("wanted", "space-1")
    assert [spec.id for spec in found] == ["id-wanted"]


def test_delete_of_a_spec_that_is_gone_counts_as_gone(cluster, client):
    """404 from the service itself is what a delete wanted."""
    gone = client.delete("11111111-2222-3333-4444-555555555555", cluster.space_id, attempt_id="d1")
    assert gone.status == 404
    assert gone.trace


def test_delete_is_not_believed_by_a_gateways_404(answering, raw_client):
    """A page that says 404 is not the service's word, so the delete is refused instead of done."""
    page = b"<!DOCTYPE html><html><title>No such route</title></html>"
    server = answering(b"HTTP/1.1 404 Not Found", page)
    with pytest.raises(Rejected, match=r"^No such route$"):
        raw_client(server).delete("abc", "space-1", attempt_id="d1")


def test_predefined_specs_cannot_be_deleted(cluster, client):
    """403 is a definite no, in the service's own words."""
    (small,) = client.find("S", cluster.space_id)
    with pytest.raises(Rejected, match="predefined") as caught:
        client.delete(small.id, cluster.space_id, attempt_id="d1")
    assert (caught.value.status, caught.value.code) == (403, "forbidden")


@pytest.mark.parametrize("space_id", ["", "  "])
def test_nothing_is_sent_without_a_space(cluster, client, body, space_id):
    """A create without a space would be global: not a byte leaves, not even for a token."""
    calls = [
        lambda: client.create(body, space_id, attempt_id="a1"),
        lambda: client.delete("abc", space_id, attempt_id="a1"),
        lambda: client.list(space_id),
        lambda: client.find("x", space_id),
        lambda: client.get("abc", space_id),
        lambda: client.check(space_id),
    ]
    for call in calls:
        with pytest.raises(Rejected, match="no space id"):
            call()
    assert cluster.requests() == []


@pytest.mark.parametrize("spec_id", ["", "..", "a/../b", "a b", "x" * 201, "é", "a?b"])
def test_ids_that_are_none_never_reach_a_path(cluster, client, spec_id):
    """An id with path or query characters is no spec, and is not asked for."""
    assert client.get(spec_id, cluster.space_id) is None
    with pytest.raises(Rejected, match="not the id"):
        client.delete(spec_id, cluster.space_id, attempt_id="d1")
    assert cluster.requests() == []


@pytest.mark.parametrize("attempt_id", ["", "a b", "a\r\nX-Evil: 1", "x" * 101])
def test_attempt_ids_cannot_smuggle_headers(cluster, client, body, attempt_id):
    """What does not belong in a header is a programming error, found before anything is sent."""
    with pytest.raises(ValueError, match="attempt id"):
        client.create(body, cluster.space_id, attempt_id=attempt_id)
    assert cluster.requests() == []


def test_check_accepts_a_known_space_and_refuses_another(cluster, client):
    """One read tells whether address, credentials and space work together."""
    client.check(cluster.space_id)
    with pytest.raises(Rejected, match="does not exist") as caught:
        client.check("unknown-space")
    assert caught.value.status == 404


def test_warnings_of_a_create_are_kept(cluster, client, body):
    """What the service adds to a success is there to be shown."""
    cluster.faults.warn = 1
    made = client.create(body, cluster.space_id, attempt_id="a1")
    assert made.warnings == ("Nothing checks this size against the cluster.",)


def test_every_exchange_is_reported(cluster, open_client, body):
    """Metrics hear of the operation, the status and the time of each exchange."""
    calls = []
    client = open_client(cluster, calls=calls)
    client.create(body, cluster.space_id, attempt_id="a1")
    client.find("x", cluster.space_id)
    cluster.stop()
    with pytest.raises(Unavailable):
        client.list(cluster.space_id)
    assert [(op, status) for op, status, _ in calls] == [("create", 201), ("find", 200), ("list", None)]
    assert all(0 <= seconds < 3 for _, _, seconds in calls)


def test_the_target_is_the_base_address(cluster, client):
    """Digests bind an approval to this address."""
    assert client.target == cluster.url


def test_tokens_are_in_no_repr_and_no_record(cluster, open_client, body):
    """Neither the client's parts nor the cluster's record shows a secret."""
    token = cluster.tokens.issue()
    source = StaticToken(SecretStr(token))
    client = open_client(cluster, tokens=source)
    client.create(body, cluster.space_id, attempt_id="a1")
    assert token not in repr(source) + repr(client) + repr(cluster.requests())
    assert cluster.requests()[-1].headers["authorization"] == "***"
