"""Whether a remote spec is what a body asks for, key by key."""

from __future__ import annotations

from typing import Any

import pytest

from bot.provisioning.comparison import differences, hardware_differences, in_words
from bot.provisioning.drift import Drift
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


def test_where_a_spec_differs() -> None:
    """Each path once, by name: what identifies it, then its hardware, with what only one side has."""
    body = {"name": "peft-x", "description": "by Rosa", "nodes": OURS}
    theirs = {**OURS, "cpu": {"units": "3"}, "gpu": {"num_gpu": 2, "gpu_profile": "x"}, "num_nodes": 2}
    spec = RemoteSpec(
        "id", "peft-y", "by Ada", theirs, "elsewhere", "", is_global=False, more={"spark": {"x": 1}}
    )
    hardware = ("nodes.cpu.units", "nodes.gpu.gpu_profile", "nodes.gpu.num_gpu", "nodes.num_nodes", "spark.x")
    assert hardware_differences(OURS, spec) == hardware
    assert differences(body, "space", spec) == ("description", "name", "space_id", *hardware)


@pytest.mark.parametrize(
    ("ours", "theirs", "paths"),
    [
        ("by Rosa", "", ()),
        ("by Rosa", "by Rosa", ()),
        ("by Rosa", "by Ada", ("description",)),
        (None, "by Ada", ("description",)),
        (None, "", ()),
    ],
)
def test_a_description(ours: str | None, theirs: str, paths: tuple[str, ...]) -> None:
    """A service may leave it out; another one differs."""
    body = {"name": "peft-x", "nodes": OURS} | ({} if ours is None else {"description": ours})
    spec = RemoteSpec("id", "peft-x", theirs, OURS, "space", "", is_global=False)
    assert differences(body, "space", spec) == paths


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        (("a",), "a"),
        (("a", "b", "c"), "a, b, c"),
        (("a", "b", "c", "d"), "a, b, c and 1 more"),
        (("a", "b", "c", "d", "e"), "a, b, c and 2 more"),
        (("x" * 60, "y" * 61), f"{'x' * 60}, {'y' * 60}"),
    ],
)
def test_differences_in_words(paths: tuple[str, ...], words: str) -> None:
    """Three by name, each cut to 60 characters; the others by their number."""
    assert in_words(paths) == words


@pytest.mark.parametrize(
    ("drift", "sentence"),
    [
        (
            Drift("vanished", "peft-x", "s-1", "R1"),
            (
                "peft-x (s-1) was created by R1 and is gone: deployments that name it will fail; "
                "ask for it again if it is needed."
            ),
        ),
        (
            Drift("changed", "peft-x", "s-1", "R1", ("nodes.mem", "name")),
            (
                "peft-x (s-1), created by R1, is not what was approved any more: it differs in nodes.mem, name. "
                "Find out who changed it, or delete it and ask again."
            ),
        ),
        (
            Drift("stranger", "peft-x", "s-1"),
            "peft-x (s-1) has our name pattern but was not made by this bot: find out who made it.",
        ),
    ],
)
def test_a_drift_in_words(drift: Drift, sentence: str) -> None:
    """What differs, and what to do."""
    assert drift.sentence() == sentence


def _differences(nodes: dict[str, Any]) -> tuple[str, ...]:
    spec = RemoteSpec("id", "peft-x", "", nodes, "space", "", is_global=False)
    return hardware_differences(OURS, spec)
