"""Deployments are listed to the last page, on the right host, and what cannot be read is not taken for unused."""

from __future__ import annotations

import httpx
import pytest

from bot.errors import Rejected, Unavailable
from bot.sandbox.watsonx.faults import ALWAYS
from bot.watsonx.deployments import deployments_in, deployments_url
from bot.watsonx.responses import Answer
from bot.watsonx.url import PLATFORM_HOSTS
from bot.workflow.ports import Deployment


def test_every_page_is_read(cluster, open_client):
    """By the next page's own parameters, never its host; adapters have no specification of their own."""
    cluster.faults.deployments_page = 3
    ids = [cluster.deployments.deploy(f"d{n}", cluster.space_id, f"spec-{n}") for n in range(8)]
    cluster.deployments.deploy("adapter", cluster.space_id)
    cluster.deployments.deploy("elsewhere", "another-space", "spec-0")
    found = open_client(cluster).deployments(cluster.space_id)
    assert found == tuple(Deployment(each, f"d{n}", f"spec-{n}") for n, each in enumerate(ids))
    asked = [one for one in cluster.requests() if one.path == "/ml/v4/deployments"]
    assert [one.query.get("start") for one in asked] == [None, "3", "6"]
    assert all(one.query["space_id"] == cluster.space_id for one in asked)
    assert all(one.query["version"] == "2024-03-14" for one in asked)


def test_a_list_that_cannot_be_had_is_an_error(cluster, open_client):
    """A refusal, trouble, and an end that never comes: none of them is an empty list."""
    client = open_client(cluster)
    cluster.faults.deployments_refused = 1
    with pytest.raises(Rejected):
        client.deployments(cluster.space_id)
    cluster.faults.deployments_broken = 1
    with pytest.raises(Unavailable):
        client.deployments(cluster.space_id)
    assert client.deployments(cluster.space_id) == ()
    cluster.faults.deployments_page = 0
    cluster.deployments.deploy("d", cluster.space_id, "spec")
    with pytest.raises(Unavailable, match="too many pages"):
        client.deployments(cluster.space_id)
    cluster.faults.deployments_refused = ALWAYS
    with pytest.raises(Rejected):
        client.deployments(cluster.space_id)


@pytest.mark.parametrize("ml_host", sorted(PLATFORM_HOSTS))
def test_each_region_has_its_machine_learning_host(ml_host):
    """On IBM Cloud the deployments are on the host that belongs to the platform host."""
    assert deployments_url(f"https://{PLATFORM_HOSTS[ml_host]}") == f"https://{ml_host}"


def test_a_cluster_has_its_deployments_beside_its_specs():
    """Software Hub has one host; an unknown platform host is no guess."""
    assert deployments_url("https://cpd.example.com/prefix") == "https://cpd.example.com/prefix"
    assert deployments_url("http://127.0.0.1:8080") == "http://127.0.0.1:8080"
    assert deployments_url("https://api.new-region.dataplatform.cloud.ibm.com") is None


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "{}",
        '{"resources": {}}',
        '{"resources": [1]}',
        '{"resources": [{"metadata": {"id": "d"}}]}',
    ],
)
def test_what_cannot_be_read_is_not_unused(body):
    """A list with an entry of another shape says nothing about who uses what."""
    assert deployments_in(answer(body)) is None


def test_what_can_be_read_is():
    """The name may stand in either part."""
    entity = '{"metadata": {"id": "d1"}, "entity": {"name": "chat", "hardware_spec": {"id": "s1", "num_nodes": 1}}}'
    assert deployments_in(answer(f'{{"resources": [{entity}]}}')) == [Deployment("d1", "chat", "s1")]


def answer(body: str) -> Answer:
    return Answer(200, httpx.Headers(), body.encode())
