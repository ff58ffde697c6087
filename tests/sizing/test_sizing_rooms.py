"""The rooms of the sizing engine one by one: units, models, formula, advice, payload."""

import doctest
import hashlib
import importlib
import pkgutil
import re
import subprocess
import sys
from fractions import Fraction

import pytest
from pydantic import ValidationError

import sizing
from sizing import (
    HardwareSpec,
    SizingRequest,
    advise,
    canonical_json,
    digest,
    parse,
    size,
    spec_for,
)
from sizing import models as model_table
from sizing.request import AdapterGroup
from sizing.units import count_of, half_even, params_text, size_parts

MIB = 1024**2
MICRO = 10**6


def answer(text):
    request = parse(text)
    needs = size(request)
    return request, needs, advise(request, needs)


@pytest.mark.parametrize(
    ("kib", "expected"),
    [
        (Fraction(1024 * 1024), ("1", "GB")),
        (Fraction(1000 * 1024), ("1000", "MB")),
        (Fraction("94.375") * 1024, ("94.375", "MB")),
        (Fraction(1, 2), ("0.5", "KB")),
        (Fraction("1.0005") * 1024, ("1024.512", "KB")),
        (Fraction("1.123456") * 1024, ("1.123456", "MB")),
        (Fraction("0.0001") * MIB, ("0.0001", "GB")),
    ],
)
def test_a_size_has_one_unit(kib, expected):
    """The largest unit with at least 1 and at most 3 decimals; else the fewest decimals, the larger of equals."""
    assert size_parts(int(kib * 1024 * MICRO)) == expected


def test_numbers_are_counted_and_written_exactly():
    """A number finer than the finest step has no count; scales change at one thousand; halves go to the even side."""
    assert count_of("0.0000000001", 10**9) is None
    assert [params_text(n) for n in (999_999_999, 10**9, 10**12)] == ["999.999999m", "1b", "1t"]
    assert [half_even(n, 8, 2) for n in (525, 515)] == ["65.62", "64.38"]
    assert half_even(5, 2, 0) == "2"


@pytest.mark.parametrize(
    ("targets", "mib"),
    [
        # r * sum(d_in + d_out) * layers * 2 bytes, with r = 16, hidden 4096, key and value 1024, 32 layers:
        ("qv", 16 * ((4096 + 4096) + (4096 + 1024)) * 32 * 2 / MIB),  # q, v
        ("attn", 16 * (2 * (4096 + 4096) + 2 * (4096 + 1024)) * 32 * 2 / MIB),  # q, o, k, v
        # and gate, up (4096 -> 14336), down (14336 -> 4096)
        ("all", 16 * (2 * (4096 + 4096) + 2 * (4096 + 1024) + 3 * (4096 + 14336)) * 32 * 2 / MIB),
    ],
)
def test_an_adapters_size_is_its_matrices(targets, mib):
    """Hu et al. 2021, section 4.1: two matrices, rank x d_in and d_out x rank, beside each target module."""
    assert mib == {"qv": 13, "attn": 26, "all": 80}[targets]
    shapes = model_table.find("llama-3.1-8b").shapes
    assert shapes.adapter_bytes(16, targets) == mib * MIB
    assert parse(f"llama-3.1-8b r16:{targets} lora").adapters[0].size == f"{mib:.0f}MB"


def test_the_breakdown_is_told_line_by_line():
    """Each term with the request's numbers and its exact gigabytes."""
    _, needs, _ = answer("10b 1x0.5GB 2x128MB 1x512KB qlora4")
    assert [tuple(term) for term in needs.terms] == [
        ("Base model", "10 × 0.5", "5"),
        ("1 × 512MB adapters", "1 × 512/1024", "0.5"),
        ("2 × 128MB adapters", "2 × 128/1024", "0.25"),
        ("1 × 512KB adapters", "1 × 512/1048576", "0.00048828125"),
        ("Overhead", "50 % of 5.75048828125", "2.875244140625"),
        ("GPU memory", "sum", "8.625732421875"),
    ]


def test_full_gpus_are_not_one_more():
    """80 GB from both sides, and exactly 240, 480 and 720 GB."""
    assert [size(parse(f"{b} none lora")).num_gpus for b in ("26.666666666b", "26.666666667b")] == [1, 2]
    assert [size(parse(f"{b} none lora")).num_gpus for b in ("80b", "160b", "240b")] == [3, 6, 9]
    assert [size(parse(f"80b none lora gpu={gb}")).num_gpus for gb in (40, 48, 96, 141)] == [6, 5, 3, 2]


def test_advice_for_the_example():
    """Use, headroom, what still fits, and the three methods side by side."""
    _, _, advice = answer("10b 2x128MB qlora4")
    assert (advice.use_percent, advice.use_percent_short, advice.headroom_gb_exact) == (
        "9.84",
        "9.8",
        "72.125",
    )
    assert (advice.more_fit, advice.more_fit_size) == (384, "128MB")
    assert (advice.largest_base_params, advice.largest_base) == (106_166_666_666, "106.1b")
    assert [(r.method, r.gpu_memory_gb, r.num_gpus) for r in advice.methods] == [
        ("lora", 31, 1),
        ("qlora8", 16, 1),
        ("qlora4", 8, 1),
    ]
    assert advice.methods[0].canonical == "10b 2x128MB lora"
    assert advice.methods[0].name == "peft-10b-lora-2x128mb"
    assert advice.cheaper is None
    assert advice.next_valid_gpus is None
    assert advice.warnings == ()


def test_the_cheapest_way_to_lose_a_gpu():
    """The method with the least quantization that needs fewer GPUs."""
    _, _, advice = answer("70b 10x500MB lora")
    assert [(r.gpu_memory_gb, r.num_gpus) for r in advice.methods] == [(218, 3), (113, 2), (60, 1)]
    assert advice.cheaper.method == "qlora8"
    assert advice.next_valid_gpus == 4


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("10b none lora", []),
        ("80b none lora", ["W1"]),
        ("240b none lora", ["W1", "W2"]),
        ("106b none lora", []),
        ("1b 1x3GB lora", ["W3"]),
        ("1b 1x2GB lora", []),
        ("10b none", ["W4"]),
        ("10b none qlora", ["W4"]),
        ("granite-moe-3b none qlora4", ["W5"]),
        ("granite-moe-3b none lora", []),
        ("llama-3.1-405b none lora", ["W1", "W2", "W5"]),
        ("8x22b none qlora4", []),
        ("10b none fp8", ["W6"]),
    ],
)
def test_warnings(text, codes):
    """Each warning where its condition holds, and nowhere else; none stops the sizing."""
    _, _, advice = answer(text)
    assert [warning.code for warning in advice.warnings] == codes
    assert all(warning.message for warning in advice.warnings)


def test_an_override_is_marked():
    """More GPUs than computed change GPUs and CPUs only, and are told in name and description."""
    request, needs, advice = answer("80b none lora")
    spec = spec_for(request, needs, use_gpus=advice.next_valid_gpus)
    assert spec.body() == {
        "name": "peft-80b-lora-none-use4gpu",
        "description": "Custom hardware specification for foundation models; 4 GPUs chosen instead of the computed 3",
        "nodes": {"cpu": {"units": "5"}, "mem": {"size": "240Gi"}, "gpu": {"num_gpu": 4}},
    }
    for wrong in (2, 65):
        with pytest.raises(ValueError, match=rf"^use_gpus={wrong} is not 3 to 64$"):
            spec_for(request, needs, use_gpus=wrong)
    assert spec_for(request, needs, use_gpus=3) == spec_for(request, needs)


def test_names_follow_the_rule():
    """Typed names are kept; GPU size and override are appended; long ones end in a hash of the canonical text."""
    assert parse("10b none lora name=My-Spec").spec_name == "My-Spec"
    assert parse("10b none lora gpu=40").spec_name == "peft-10b-lora-none-gpu40"
    assert parse("10b none lora name=a").name_for(4) == "a-use4gpu"
    request = parse("26.666666666b 10x999.999MB 10x99.999MB 10x9.999MB 10x1MB qlora4")
    fingerprint = hashlib.sha256(request.canonical.encode()).hexdigest()[:8]
    whole = "peft-26_666666666b-qlora4-10x999_999mb-10x99_999mb-10x9_999mb-10x1mb"
    assert request.spec_name == f"{whole[:55]}-{fingerprint}"
    dash_at_the_cut = parse("26.6666b 10x999.999MB 10x99.999MB 10x999KB 10x1KB qlora4 gpu=141")
    assert dash_at_the_cut.name_for(None)[:-9] == "peft-26_6666b-qlora4-10x999_999mb-10x99_999mb-10x999kb"
    assert request.name_for(4) != request.spec_name
    assert len(parse(f"10b none lora name={'n' * 64}").name_for(4)) == 64


def test_a_spec_refuses_what_the_api_would_not_take():
    """Types are the API's own: text for units and size, an integer for GPUs, no tags, nothing else."""
    good = spec_for(*answer("10b none lora")[:2]).body()
    assert HardwareSpec.model_validate(good).body() == good
    for path, value in [
        (("name",), "a b"),
        (("name",), "n\n"),
        (("description",), "<b>"),
        (("nodes", "gpu", "num_gpu"), "1"),
        (("nodes", "cpu", "units"), 2),
        (("nodes", "mem", "size"), "8"),
        (("extra",), 1),
    ]:
        bad = {**good, "nodes": {key: dict(node) for key, node in good["nodes"].items()}}
        place = bad
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        with pytest.raises(ValidationError):
            HardwareSpec.model_validate(bad)


def test_the_digest_binds_body_target_and_space():
    """Key order does not change it; body, server and space do."""
    body = {"name": "a", "nodes": {"gpu": {"num_gpu": 1}}}
    assert canonical_json({"b": 1, "a": "é"}) == '{"a":"\\u00e9","b":1}'
    assert digest(body, "https://a", "s") == digest(dict(reversed(body.items())), "https://a", "s")
    others = [
        digest({**body, "name": "b"}, "https://a", "s"),
        digest(body, "https://b", "s"),
        digest(body, "https://a", "t"),
    ]
    assert len({digest(body, "https://a", "s"), *others}) == 4
    assert re.fullmatch("[0-9a-f]{64}", digest(body, "https://a", "s"))


def test_requests_are_values_and_json():
    """Equal values are equal requests, whatever was assumed; a request survives JSON."""
    request = parse("llama-3.1-8b 2xr16 gpu=40")
    assert SizingRequest.model_validate_json(request.model_dump_json()) == request
    assert hash(parse("10b")) == hash(parse("10b none lora"))
    assert parse("10b") == parse("10b none lora") != parse("10b none qlora8")
    assert AdapterGroup(count=1, microbytes=5) != 5
    with pytest.raises(ValidationError):
        request.params = 1


def test_the_engine_is_light():
    """Importing it loads neither Slack, SQLAlchemy nor httpx, and reads no model table."""
    code = (
        "import sys, sizing, sizing.models as m; sizing.parse('10b 2x128MB qlora4');"
        "assert not {'slack_bolt', 'sqlalchemy', 'httpx', 'logging'} & set(sys.modules);"
        "assert m.table.cache_info().misses == 0"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("room", sorted(room.name for room in pkgutil.iter_modules(sizing.__path__)))
def test_the_examples_in_the_docstrings_hold(room):
    """Every example in a docstring gives what it shows."""
    failed, _ = doctest.testmod(importlib.import_module(f"sizing.{room}"))
    assert failed == 0
