"""Whether a remote spec is what a body asks for, key by key."""

from __future__ import annotations

from typing import Any

import pytest

from bot.provisioning.comparison import hardware_differences
from bot.workflow.ports import RemoteSpec

OURS: dict[str, Any] = {"cpu": {"units": "2"}, "mem": {"size": "8Gi"}, "gpu": {"num_gpu": 1}}


@pytest.mark.parametrize(
    ("theirs", "equal"),
    [
        ({}, True),
        ({"cpu": {"units": 2}}, True),
        ({"gpu": {"num_gpu": "1"}}, True),
        ({"gpu": {"num_gpu": 1, "gpu_profile": ""}, "more": {}, "num_nodes": 1}, True),
        ({"gpu": {"num_gpu": 1, "gpu_profile": "x"}}, False),
        ({"more": {"x": 0}}, False),
        ({"num_nodes": 2}, False),
        ({"cpu": {"units": "3"}}, False),
        ({"mem": {"size": "9Gi"}}, False),
        ({"mem": {"size": "8"}}, False),
        ({"gpu": {"num_gpu": 2}}, False),
        ({"gpu": {"num_gpu": "two"}}, False),
        ({"gpu": {"num_gpu": None}}, False),
        ({"gpu": {}}, False),
        ({"gpu": None}, False),
        ({"cpu": None}, False),
        ({"mem": {}}, False),
    ],
)
def test_remote_nodes_are_compared_by_value(theirs: dict[str, Any], equal: bool) -> None:
    """Text or number, with further keys or without while they say nothing; what is missing or odd is never equal."""
    assert (_differences({**OURS, **theirs}) == ()) == equal


def _differences(nodes: dict[str, Any]) -> tuple[str, ...]:
    spec = RemoteSpec("id", "peft-x", "", nodes, "space", "", is_global=False)
    return hardware_differences(OURS, spec)
