"""The deployment requests of the next step: complete, in IBM's shape, and honest about what is assumed."""

from __future__ import annotations

import pytest

from sizing import adapter_deployment, base_deployment, parse
from sizing.deployment import ADAPTER, BASE_DEPLOYMENT, BASE_MODEL


def test_the_base_deployment_switches_lora_on_inside_the_foundation_model() -> None:
    """The specification stands beside ``online``; LoRA stands inside its parameters, with every number filled in."""
    sized = parse("llama-3.1-8b 2xr16+1xr20 qlora4")
    found = base_deployment(sized, "spec-1", "space-1")
    assert found.path == "/ml/v4/deployments?version=2024-03-14"
    assert found.body == {
        "name": sized.spec_name,
        "space_id": "space-1",
        "asset": {"id": BASE_MODEL},
        "online": {
            "parameters": {
                "serving_name": found.body["online"]["parameters"]["serving_name"],
                "foundation_model": {
                    "enable_lora": True,
                    "max_gpu_loras": 3,
                    "max_cpu_loras": 3,
                    "max_lora_rank": 32,
                },
            }
        },
        "hardware_spec": {"id": "spec-1", "num_nodes": 1},
    }
    assert not [line for line in found.assumed if "max_lora_rank" in line]


def test_a_rank_that_nobody_gave_is_marked_as_assumed() -> None:
    """Sizes do not tell the rank, so the one in the body is said to be assumed."""
    found = base_deployment(parse("10b 2x128MB qlora4"), "spec-1", "space-1")
    assert found.body["online"]["parameters"]["foundation_model"]["max_lora_rank"] == 64
    assert [line for line in found.assumed if line.startswith("max_lora_rank 64 is assumed")]


def test_a_base_alone_has_no_lora() -> None:
    """Without adapters nothing is switched on."""
    found = base_deployment(parse("10b none qlora4"), "spec-1", "space-1")
    assert "foundation_model" not in found.body["online"]["parameters"]


def test_an_adapter_names_the_base_deployment_and_no_hardware() -> None:
    """What is not known stands as a placeholder and is said to need replacing."""
    sized = parse("10b 2x128MB qlora4")
    open_ends = adapter_deployment(sized, "space-1")
    assert (open_ends.body["asset"]["id"], open_ends.body["base_deployment_id"]) == (ADAPTER, BASE_DEPLOYMENT)
    assert "hardware_spec" not in open_ends.body
    assert sum(line.startswith("Replace") for line in open_ends.assumed) == 2
    known = adapter_deployment(sized, "space-1", "asset-1", "base-1")
    assert (known.body["asset"]["id"], known.body["base_deployment_id"]) == ("asset-1", "base-1")
    assert not [line for line in known.assumed if line.startswith("Replace")]


def test_serving_names_are_what_the_address_takes() -> None:
    """Lower case letters, digits and underscores, at most 36 of them, also for an adapter of a long name."""
    sized = parse(
        "llama-3.1-8b 1x1MB+2x2MB+3x3MB+4x4MB+5x5MB qlora4 name=A-very-long-name-that-somebody-typed-by-hand"
    )
    for found in (base_deployment(sized, "s", "p"), adapter_deployment(sized, "p")):
        name = found.body["online"]["parameters"]["serving_name"]
        assert len(name) <= 36
        assert name == name.lower()
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")


@pytest.mark.parametrize(
    ("rank", "bucket"),
    [
        *[(1, 8), (8, 8), (9, 16), (16, 16), (17, 32), (32, 32), (33, 64), (64, 64), (65, 128), (128, 128)],
        *[(129, 256), (256, 256), (257, 320), (320, 320), (321, 512), (512, 512)],
    ],
)
def test_a_rank_is_rounded_up_to_one_that_vllm_takes(rank: int, bucket: int) -> None:
    """The smallest of vLLM's values that holds the largest adapter."""
    found = base_deployment(parse(f"llama-3.1-8b 2xr{rank}+1xr1 lora"), "spec-1", "space-1")
    assert found.body["online"]["parameters"]["foundation_model"]["max_lora_rank"] == bucket


def test_every_sentence_about_what_is_assumed() -> None:
    """What to replace and with what, which rank was assumed, and that no cluster has seen the body."""
    untried = "The body follows IBM's SDK tests and documentation; it was not tried on a cluster."
    base = base_deployment(parse("llama-3.1-8b 1xr16+1x10MB lora"), "spec-1", "space-1")
    assert base.assumed == (
        "Replace <base model asset id>: the asset of the base model in the space.",
        "max_lora_rank 16 is assumed, since sizes do not tell the rank: take the largest of yours.",
        untried,
    )
    assert adapter_deployment(parse("10b 1x10MB"), "space-1").assumed == (
        "Replace <adapter asset id>: the asset of the adapter in the space.",
        "Replace <base deployment id>: the id that creating the base deployment answered with.",
        untried,
    )
    assert adapter_deployment(parse("10b 1x10MB"), "space-1", "a", "b").assumed == (untried,)


def test_the_adapters_request_in_full() -> None:
    """Name, space, asset and address of the adapter; path and version as for the base."""
    found = adapter_deployment(parse("10b 2x128MB qlora4"), "space-1", "asset-1", "base-1")
    assert found.path == "/ml/v4/deployments?version=2024-03-14"
    assert found.body == {
        "name": "peft-10b-qlora4-2x128mb-adapter",
        "space_id": "space-1",
        "asset": {"id": "asset-1"},
        "online": {"parameters": {"serving_name": "peft_10b_qlora4_2x128mb_adapter"}},
        "base_deployment_id": "base-1",
    }
    long = adapter_deployment(parse("10b name=A-" + "b" * 24 + "-" + "c" * 30), "space-1")
    assert long.body["online"]["parameters"]["serving_name"] == "a_" + "b" * 24 + "_adapter"
