"""From a text to what would be sent: host, space, GPU count, and what the policy sees of it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from decimal import Decimal

import pytest

from bot.approvals.draft import Site, draft, facts
from bot.approvals.policy import Facts
from sizing import SizingError

SITE = Site("https://cpd.example", "id-0", {"dev": "id-1", "prod": "id-2", "main": "id-0"})
TEXT = "10b 2x128MB qlora4"
PAYLOAD = (
    '{"description":"Custom hardware specification for foundation models","name":"peft-10b-qlora4-2x128mb",'
    '"nodes":{"cpu":{"units":"2"},"gpu":{"num_gpu":1},"mem":{"size":"8Gi"}}}'
)
BOUND = '{{"body":{},"space_id":"{}","target":"https://cpd.example"}}'


def bound(payload: str, space_id: str) -> str:
    return hashlib.sha256(BOUND.format(payload, space_id).encode()).hexdigest()


def test_a_draft_in_full() -> None:
    """Body, canonical payload, digest with host and space, name and default space."""
    got = draft(TEXT, SITE)
    assert got.payload == PAYLOAD
    assert got.body == json.loads(PAYLOAD)
    assert got.digest == bound(PAYLOAD, "id-0")
    assert (got.name, got.space_id, got.use_gpus) == ("peft-10b-qlora4-2x128mb", "id-0", None)
    assert (got.sized.canonical, got.breakdown.num_gpus) == (TEXT, 1)


@pytest.mark.parametrize(
    ("typed", "space_id", "kept"),
    [
        ("", "id-0", ""),
        (" space=dev", "id-1", " space=dev"),
        (" space=prod", "id-2", " space=prod"),
        (" space=main", "id-0", " space=main"),
        (" space=id-0", "id-0", ""),
    ],
)
def test_a_space_by_name_or_the_default_one_by_id(typed: str, space_id: str, kept: str) -> None:
    """The digest is bound to the space's id; naming the default by its id says nothing new."""
    got = draft(TEXT + typed, SITE)
    assert got.space_id == space_id
    assert got.digest == bound(PAYLOAD, space_id)
    assert got.sized.canonical == TEXT + kept


@pytest.mark.parametrize("typed", ["space=id-1", "space=test"])
def test_no_other_space_may_be_asked_for(typed: str) -> None:
    """The id of a further space is no name of it."""
    with pytest.raises(SizingError) as refused:
        draft(f"{TEXT} {typed}", SITE)
    assert refused.value.code == "E11"


def test_a_text_is_read_once_for_a_site() -> None:
    """Ruling, card and execution look at the very same request; another site reads the text by its own spaces."""
    text = f"{TEXT} space=dev"
    assert draft(text, SITE).sized is draft(text, replace(SITE, dry_run=True), use_gpus=4).sized
    with pytest.raises(SizingError):
        draft(text, replace(SITE, spaces={}))


def test_more_gpus_by_hand_are_part_of_what_is_sent() -> None:
    """Another count is another body, name and digest; the computed count chosen by hand is no choice."""
    computed = draft("80b none lora", SITE)
    assert draft("80b none lora", SITE, use_gpus=3) == computed
    chosen = draft("80b none lora", SITE, use_gpus=4)
    assert (computed.use_gpus, chosen.use_gpus) == (None, 4)
    assert chosen.body["nodes"]["gpu"] == {"num_gpu": 4}
    assert chosen.name == "peft-80b-lora-none-use4gpu"
    assert chosen.digest != computed.digest
    with pytest.raises(SizingError, match="2 GPUs cannot be chosen"):
        draft("80b none lora", SITE, use_gpus=2)


def test_the_policy_sees_the_exact_request() -> None:
    """GPUs that would be reserved, exact memory, method, and the space by its id and every name."""
    got = facts(draft("10b 2x128MB lora space=main", SITE), SITE)
    assert got == Facts(
        num_gpus=1,
        gpu_memory_gb=Decimal("30.375"),
        method="lora",
        spaces=frozenset({"id-0", "main"}),
        override=False,
        workflow=False,
    )


def test_the_policy_sees_a_count_chosen_by_hand() -> None:
    """The chosen number counts, and that it was chosen; a workflow's request is one."""
    got = facts(draft("80b none lora space=dev", SITE, use_gpus=4), SITE, workflow=True)
    assert (got.num_gpus, got.override, got.workflow) == (4, True, True)
    assert got.spaces == {"id-1", "dev"}


def test_a_site_is_what_it_is_told() -> None:
    """It creates for real, has no label and no further spaces, unless it is said."""
    site = Site("https://cpd.example", "id-0")
    assert (site.spaces, site.label, site.dry_run) == ({}, None, False)


def test_the_names_of_a_space() -> None:
    """An id alone where it has no name, all of its names where it has several."""
    twice = replace(SITE, spaces={"a": "id-1", "b": "id-1", "c": "id-2"})
    assert twice.space_names("id-1") == {"id-1", "a", "b"}
    assert twice.space_names("id-0") == {"id-0"}
    assert Site("https://cpd.example", "id-0").space_names("id-9") == {"id-9"}


@pytest.mark.parametrize("gpus", [2, 65, 0, -1])
def test_a_count_that_nobody_could_choose_is_told_with_its_limits(gpus: int) -> None:
    """Fewer than computed cannot hold the model, more than 64 is a typing mistake; the text runs as it is."""
    with pytest.raises(SizingError) as refused:
        draft("80b none lora", SITE, use_gpus=gpus)
    error = refused.value
    assert error.message == f"{gpus} GPUs cannot be chosen: at least 3, at most 64."
    assert (error.code, error.span, error.example) == ("E16", (0, 13), "80b none lora")
