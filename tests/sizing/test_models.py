"""The model table: every count from its shape, every name that people paste, and the sizes of LoRA ranks."""

import csv
import re
from pathlib import Path

import pytest

from sizing import SizingError, model_names, parse
from sizing import models as model_table
from sizing.shapes import ARCHITECTURES, TARGETS

DATA = Path(__file__).parents[1] / "data"
NOMINAL = {"granite-powerlm-3b", "allam-13b"}
COMPUTED = {
    "codellama-70b",
    "falcon-180b",
    "falcon-7b",
    "granite-13b",
    "granite-4.0-h-1b",
    "granite-7b",
    "mixtral-8x22b-instruct",
}


@pytest.mark.parametrize("model", model_table.table().values(), ids=lambda model: model.name)
def test_every_count_follows_from_its_shape(model):
    """Embeddings, attention, MLPs, experts, norms and biases add up to the parameters, to the last one."""
    if model.shapes is None:
        assert (model.name, model.params_are) in {(name, "nominal") for name in NOMINAL}
        return
    assert model.shapes.parameters() == model.params
    assert model.params_are == ("computed" if model.name in COMPUTED else "exact")
    assert model.architecture in ARCHITECTURES


def test_the_table_knows_what_it_counts():
    """91 published counts (two of them for Llama 3, which has the shapes of 3.1), 7 computed, 2 by name."""
    counted = [model.params_are for model in model_table.table().values()]
    assert [counted.count(how) for how in ("exact", "computed", "nominal")] == [91, 7, 2]


def test_the_model_table_is_sound():
    """Names are canonical text and safe names, no name means two models, every rank has a writable size."""
    seen: dict[str, str] = {}
    for model in model_table.table().values():
        assert re.fullmatch(r"[a-z0-9.-]+", model.name)
        for name in model.names:
            assert seen.setdefault(name.lower(), model.name) == model.name
            assert parse(f"{name} none lora").model == model.name
        if model.shapes is None or not model.shapes.uniform:
            continue
        for rank in (1, 7, 512):
            for targets in TARGETS:
                if not model.shapes.linears(targets):
                    continue
                request = parse(f"{model.name} 3xr{rank}:{targets} lora")
                assert parse(request.canonical) == request
    assert len({name.replace(".", "_") for name in model_names()}) == len(model_names())


def before() -> list[dict[str, str]]:
    """The table of the release before."""
    with (DATA / "models_0_1.csv").open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))


CHANGED = {
    "granite-13b": (13_000_000_000, 13_077_390_336),
    "granite-20b": (20_000_000_000, 20_066_993_152),
    "granite-34b": (34_000_000_000, 33_715_603_456),
    "granite-code-3b": (3_000_000_000, 3_482_503_680),
    "granite-code-8b": (8_000_000_000, 8_054_910_976),
    "granite-moe-1b": (1_000_000_000, 1_334_628_352),
    "granite-moe-3b": (3_000_000_000, 3_298_793_472),
}
"""Parameters by the release before, and now: each is an exact count in the place of a nominal one."""


def test_no_name_of_the_release_before_is_sized_differently_but_for_exact_counts():
    """Every name is still known, with IBM's support; the counts that changed are these, and in the changelog."""
    changelog = (DATA.parents[1] / "CHANGELOG.md").read_text(encoding="utf-8")
    changed = {}
    for row in before():
        for name in filter(None, (row["name"], *row["aliases"].split(";"))):
            found = model_table.find(name)
            assert found is not None, name
            assert (found.lora, found.qlora) == (row["lora"], row["qlora"])
            if found.params != int(row["params"]):
                assert row["params_are"] == "nominal"
                changed[name] = (int(row["params"]), found.params)
    assert changed == CHANGED
    for name, (_, params) in CHANGED.items():
        assert f"`{name}` {params / 10**9:.2f}b" in changelog, name


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", "qwen2.5-7b"),
        ("ibm-granite/granite-3.3-8b-instruct", "granite-3.3-8b"),
        ("mistral-7b-instruct-v0.3", "mistral-7b-v0.3"),
        ("gemma-2-9b-it", "gemma-2-9b"),
        ("llama-2-7b", "llama-2-7b"),
        ("unsloth/Llama-3.2-3B-Instruct", "llama-3.2-3b"),
        ("TheBloke/Llama-2-13B-chat-hf", "llama-2-13b"),
        ("llama3.1:8b", "llama-3.1-8b"),
        ("LLAMA3.1:70B-Instruct", "llama-3.1-70b"),
        ("qwen2.5:7b-instruct", "qwen2.5-7b"),
        ("gemma2:27b", "gemma-2-27b"),
        ("phi3:mini", "phi-3-mini"),
        ("granite-code:8b", "granite-8b-code"),
        ("mistral:7b", "mistral-7b-v0.1"),
        ("gpt-oss:120b", "gpt-oss-120b"),
        ("Mistral_7B_Instruct_v0.3", "mistral-7b-v0.3"),
        ("qwen2.5-7b-instruct-20240919", "qwen2.5-7b"),
        ("granite-3.3-8b-instruct-2025-04", "granite-3.3-8b"),
        ("mistral-nemo-instruct-2407", "mistral-nemo-12b"),
        ("Mistral-Large-Instruct-2411", "mistral-large-2"),
        ("mistralai/Mixtral-8x22B-Instruct-v0.1", "mixtral-8x22b-instruct"),
        ("granite-4-h-small", "granite-4.0-h-small"),
        ("granite-4-350m", "granite-4.0-350m"),
    ],
)
def test_a_model_is_found_by_what_people_paste(typed, name):
    """Any organisation and case, variants and dates, ollama's colon, points and dashes alike; the answer says which."""
    request = parse(f"{typed} 2x128MB qlora4")
    assert request.model == name
    assert request.params == model_table.table()[name].params
    assert f"{typed} -> {name}" in request.assumptions or typed.lower() == name


@pytest.mark.parametrize("model", model_table.table().values(), ids=lambda model: model.name)
def test_every_listed_name_may_be_written_in_other_ways(model):
    """Another organisation, capitals, spaces or underscores for dashes, dashes for points, one more variant."""
    for name in model.names:
        last = name.rpartition("/")[2]
        spaced = [last.replace("-", " ")] if last not in {"8x7b", "8x22b", "r1-distill-qwen-1.5b"} else []
        forms = [
            f"someone/{last}",
            last.upper(),
            last.replace("-", "_"),
            last.replace(".", "-"),
            f"{last}-hf",
            *spaced,
        ]
        for form in forms:
            request = parse(f"{form} 2x128MB qlora4")
            assert request.canonical == f"{model.name} 2x128MB qlora4", form


@pytest.mark.parametrize(
    "typed",
    [
        "mistral-large-instruct-2512",  # another model: the releases of this row are told apart by dates
        "qwen3-6b",
        "yi-156b",
        "llama-3.1-8b-turbo",
        "granite-8b",
        "gemma-22b",
    ],
)
def test_a_name_that_is_only_near_is_refused(typed):
    """Other digits are another model, and so is an unknown release."""
    with pytest.raises(SizingError) as refused:
        parse(f"{typed} 2x128MB")
    assert refused.value.code == "E16"


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        # rank * sum(d_in + d_out) * layers * 2 bytes, in MiB
        ("qwen2.5-7b r16", 16 * (2 * 3584 * 2 + 2 * (3584 + 512) + 3 * (3584 + 18944)) * 28 * 2 / 2**20),
        # heads of 256 are wider than hidden / heads: q and o are 3584 x 4096
        ("gemma-2-9b r8:attn", 8 * (2 * (3584 + 4096) + 2 * (3584 + 2048)) * 42 * 2 / 2**20),
        # q, k and v are one module of 9216, gate and up one of 16384
        ("phi-3-mini r16", 16 * (3072 + 9216 + 2 * 3072 + 3072 + 16384 + 8192 + 3072) * 32 * 2 / 2**20),
    ],
)
def test_a_rank_is_sized_by_the_modules_that_there_are(text, sizes):
    """Wide heads and fused projections change the matrices that an adapter consists of."""
    assert parse(f"{text} lora").adapters[0].microbytes == sizes * 2**20 * 10**6


@pytest.mark.parametrize(
    "text", ["8x7b r16", "qwen3-30b-a3b r16", "granite-4.0-h-micro r16", "phi-3-mini r16:qv", "allam-13b r8"]
)
def test_a_rank_without_one_size_is_refused(text):
    """Experts, hybrids, targets inside a fused module, and models known by name only."""
    with pytest.raises(SizingError) as refused:
        parse(f"{text} lora")
    assert refused.value.code == "E12"
    assert len(refused.value.message) < 140
    parse(refused.value.example)
