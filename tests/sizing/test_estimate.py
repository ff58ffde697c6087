"""The second opinion: what a vLLM server holds, what is left, and how it is said."""

import pytest

from sizing import contradiction, explain, models, parse, size, vllm
from sizing.serving import GENERATIONS, GIB, Serving, Users, parse_users, parse_version
from sizing.vllm import Slots

OLD, LATER = Serving(vllm=(0, 10, 2)), Serving(vllm=(0, 12, 0))


def opinion(text, serving=None, gpus=None):
    request = parse(text)
    return explain(request, size(request), gpus, serving)


def line(text, serving=None, gpus=None):
    request = parse(text)
    return contradiction(size(request), explain(request, size(request), gpus, serving))


def test_weights_slots_and_flags_by_hand():
    """llama-3.1-8b with 4 adapters of rank 16 on vLLM 0.12: weights, slots and KV cache, added up by hand."""
    found = opinion("llama-3.1-8b 4xr16 lora", LATER)
    widths = (4096 + 4096) + 2 * (4096 + 1024) + (4096 + 4096) + 3 * (4096 + 14336)
    slot = 16 * (32 * widths + 2 * (128256 + 4096)) * 2
    assert found.weights_bytes == 16_060_522_496
    assert found.adapter_bytes == 4 * slot
    assert found.kv_bytes_per_token == 131_072
    assert found.usable_bytes == int(int(79.6 * GIB) * 0.9)
    most = found.usable_bytes / GIB - (16_060_522_496 + 4 * slot) / GIB
    assert found.kv_gib.low == pytest.approx(most - found.reserve_gib.high, abs=0.1)
    assert found.tokens_left.high == pytest.approx(found.kv_gib.high * GIB / 131_072, abs=16)
    assert found.contexts_8k == found.tokens_left.low // 8192
    assert found.serving_flags == (
        "--tensor-parallel-size=1",
        "--max-model-len=8192",
        "--gpu-memory-utilization=0.9",
        "--max-num-seqs=256",
        "--enable-lora",
        "--max-loras=4",
        "--max-lora-rank=16",
    )


def test_a_release_before_0_12_adds_words_to_every_slot():
    """Three times 256 x hidden a slot: in the embedding's rows, in its own table and in the output layer's."""
    old, later = opinion("llama-2-7b 64xr16 lora", OLD), opinion("llama-2-7b 64xr16 lora", LATER)
    tables = 2 * 256 * 4096 * 2
    matrices = 2 * 256 * 16 * 2
    assert old.adapter_bytes - later.adapter_bytes == 64 * (tables + matrices)
    rows = (64 * 256 + 256) * 4096 * 2
    assert old.model_load_gib - later.model_load_gib == pytest.approx(rows / GIB, abs=1e-4)


def test_qwen2_has_no_adapters_beside_embedding_and_output():
    """Its slots are its linear layers, whatever the release; Llama's also have the two tables."""
    shapes = models.table()["qwen2.5-7b"].shapes
    for serving in (OLD, LATER):
        linear = 8 * shapes.adapter_bytes(16)
        assert opinion("qwen2.5-7b 8xr16 lora", serving).adapter_bytes == linear
    assert not vllm.has_embedding_adapters(shapes, Serving())
    assert vllm.has_embedding_adapters(models.table()["llama-2-7b"].shapes, Serving())


@pytest.mark.parametrize(
    "model", [row for row in models.table().values() if row.shapes], ids=lambda row: row.name
)
def test_every_model_is_held(model):
    """Its linear layers are most of its parameters and never more; old and new releases answer."""
    linear = vllm.linear_weights(model.shapes)
    embedding = model.shapes.vocab * model.shapes.hidden
    assert linear + embedding <= model.params
    assert model.params - linear - 2 * embedding < 0.1 * model.params
    for generation in (GENERATIONS[0], GENERATIONS[-1]):
        found = opinion(f"{model.name} 2x64MB qlora4", Serving(vllm=generation.since))
        assert found.kv_gib.low <= found.kv_gib.high
        assert found.tokens_left.low <= found.tokens_left.high
        assert not found.measured
        assert found.range_because[0].startswith("not validated: no measurement covers ")


def test_tensor_parallelism_repeats_half_of_every_slot():
    """The first matrix is whole on every GPU where outputs are divided, the second where inputs are."""
    shapes = models.table()["llama-3.1-70b"].shapes
    hidden, kv, inner = 8192, 1024, 28672
    each = 8 * 2
    divided = each * 80 * (hidden + 2 * kv + hidden + 3 * inner)
    repeated = each * 80 * (5 * hidden + 2 * hidden)
    edges = each * 2 * (128256 + hidden)
    for gpus in (1, 4):
        tensors = sum(vllm.slot_tensors(shapes, Slots(1, 8), LATER, gpus))
        assert gpus * tensors == divided + gpus * (repeated + edges)


def test_what_a_sequence_keeps():
    """Windowed layers keep their window, Mamba layers a state, latent attention one vector on every GPU."""
    window = models.table()["gemma-3-27b"].shapes
    token = 2 * 16 * 128 * 2
    assert vllm.sequence_bytes(window, 8192, Serving(), 1) == token * (10 * 8192 + 52 * 1024)
    assert vllm.sequence_bytes(window, 512, Serving(), 1) == token * 62 * 512
    assert vllm.sequence_bytes(window, 8192, Serving(vllm=(0, 8, 0)), 1) == token * 62 * 8192
    hybrid = models.table()["granite-4.0-h-small"].shapes
    state = 36 * (128 * 64 * 128 + 3 * (128 * 64 + 2 * 128)) * 2
    assert vllm.sequence_bytes(hybrid, 1000, Serving(), 1) == 4 * 1000 * 2 * 8 * 128 * 2 + state
    latent = models.table()["deepseek-v3"].shapes
    assert vllm.sequence_bytes(latent, 1, Serving(), 8) == 61 * (512 + 64) * 2 * 8
    plain = models.table()["llama-3.1-8b"].shapes
    assert vllm.sequence_bytes(plain, 1, Serving(kv_cache_dtype="fp8"), 1) == 65_536
    assert vllm.sequence_bytes(plain, 1, Serving(), 16) == 2 * 131_072, "16 GPUs hold 8 KV heads twice"


def test_experts_have_adapters_since_0_12():
    """Before it the slots of a mixture are attention's alone; since then every expert has its pair."""
    old, later = (opinion("mixtral-8x7b 20MB lora", serving, 1) for serving in (OLD, LATER))
    assert old.rank_bucket == later.rank_bucket == 16
    experts = 16 * 32 * 8 * 3 * (4096 + 14336) * 2
    assert later.adapter_bytes - old.adapter_bytes == experts - (2 * 256 * 4096 + 2 * 256 * 16) * 2
    assert any("no adapters beside experts" in said for said in old.assumptions)


def test_the_verdict_compares_the_range_with_the_load():
    """Fits where the pessimistic end holds it, does not fit where the optimistic end does not, else tight."""
    low, high = opinion("llama-3.1-8b 4xr16 lora", LATER).tokens_left
    for people, verdict in (
        (low // 4096, "fits"),
        (high // 4096, "tight"),
        (high // 4096 + 1, "does_not_fit"),
    ):
        assert (
            opinion("llama-3.1-8b 4xr16 lora", LATER._replace(users=Users(people, 4096))).verdict == verdict
        )
    longest = opinion("llama-3.1-8b 4xr16 lora", LATER._replace(max_model_len=high + 16))
    assert longest.verdict == "tight", "a shorter max-model-len starts"
    none = opinion("llama-3.1-8b 500xr8:qv qlora4 gpu=8")
    assert (none.verdict, none.tokens_left, none.contexts_8k) == ("does_not_fit", (0, 0), 0)


def test_more_sequences_keep_more_memory_free():
    """The sampler sorts a row of logits for every sequence."""
    for release, bytes_a_logit in (((0, 5, 0), 30), ((0, 6, 3), 38)):
        few, many = (opinion("llama-2-7b none lora", Serving(release, max_num_seqs=n)) for n in (50, 4096))
        sort = bytes_a_logit * (4096 - 50) * 32000 / GIB
        assert many.reserve_gib.low - few.reserve_gib.low == pytest.approx(sort, abs=0.1)
        assert few.kv_gib.high - many.kv_gib.high == pytest.approx(sort, abs=0.1)


def test_a_contradiction_is_one_line():
    """It is told where memory says no to what the formula says fits, or a quarter is enough; else nothing is."""
    full = line("llama-2-7b 640xr16 lora", Serving((0, 5, 0), gpu_gib=63.43), 1)
    assert full.startswith("By memory this does not fit on 1 GPU: weights and adapter slots take 64.1 GiB")
    assert "on 2 GPUs:" in line("llama-3.1-8b 500xr8:qv qlora4 gpu=8")
    crowd = line("llama-3.1-8b 4xr16 lora", Serving(users=Users(1000, 4096)))
    assert crowd.startswith(
        "By memory the load does not fit on 1 GPU: 4,096,000 tokens take 500.0 GiB, and at most "
    )
    assert line("llama-3.1-8b 4xr16 lora") is None
    assert line("llama-3.1-8b 3x80GB lora").endswith("are enough for the load, less than a quarter.")
    assert line("llama-3.1-8b 4xr16 lora", Serving(max_model_len=10_000_000)) is None, (
        "tight contradicts nothing"
    )


def test_what_is_assumed_is_said():
    """Ranks beyond vLLM's, GPU counts that do not start, releases without adapters, short contexts."""
    huge = opinion("llama-3.1-8b 50x8GB qlora4")
    assert huge.rank_bucket == 512
    assert any("larger than any" in said for said in huge.assumptions)
    three = opinion("llama-3.1-70b 10x500MB lora")
    assert any("cannot start on 3" in said for said in three.assumptions)
    assert any("no LoRA for Falcon" in said for said in opinion("falcon-7b 2x64MB").assumptions)
    short = opinion("llama-2-7b none lora")
    assert "--max-model-len=4096" in short.serving_flags
    assert any("4,096 positions" in said for said in short.assumptions)
    old = opinion("gemma-2-9b none lora", Serving((0, 8, 0)))
    assert any("keeps all tokens of windowed layers" in said for said in old.assumptions)


def test_ranks_are_rounded_up_to_what_a_release_knows():
    """Rank 1 has a slot of its own since 0.12; before, 8 is the least."""
    assert opinion("llama-3.1-8b r1", OLD).rank_bucket == 8
    assert opinion("llama-3.1-8b r1", LATER).rank_bucket == 1
    assert opinion("llama-3.1-8b 2xr8+r20", LATER).rank_bucket == 32


def test_every_option_is_stated_with_its_default():
    """The answer says how the server is started, and which of its flags vLLM would take by itself."""
    serving = Serving((0, 10, 2), 79.2, 0.85, 64, 16384, users=Users(20, 4096))
    found = opinion("llama-3.1-8b 4xr16 lora", serving)
    assert {option.name: (option.value, option.default) for option in found.options} == {
        "--vllm": ("0.10.2", "0.33.0"),
        "--gpu-gib": ("79.2", "79.6"),
        "--gpu-memory-utilization": ("0.85", "0.9"),
        "--max-num-seqs": ("64", "256"),
        "--max-model-len": ("16384", "8192"),
        "--kv-cache-dtype": ("auto", "auto"),
        "--users": ("20x4096", "none"),
    }
    assert found.vllm_defaults == ("--tensor-parallel-size=1", "--max-lora-rank=16")
    assert "--max-num-seqs=256" in opinion("llama-3.1-8b gpu=40", OLD).vllm_defaults
    assert "--gpu-memory-utilization=0.9" in opinion("llama-3.1-8b", OLD).vllm_defaults
    assert "--gpu-memory-utilization=0.9" not in opinion("llama-3.1-8b").vllm_defaults


def test_only_the_measured_is_called_so():
    """Llama-2 on one GPU with vLLM 0.5 in 16 bits; anything else is named as not covered."""
    assert opinion("llama-2-7b 4xr16 lora", Serving((0, 5, 0))).measured
    found = opinion("llama-2-70b 4xr16 qlora4", Serving((0, 6, 3), kv_cache_dtype="fp8"), 2)
    assert found.range_because[0] == (
        "not validated: no measurement covers vLLM 0.6.3, tensor parallelism, a quantized base model or "
        "a KV cache in 8 bits."
    )


def test_the_json_has_its_keys():
    """The keys that scripts read, ranges as objects."""
    found = opinion("llama-3.1-8b 4xr16 lora").to_json()
    old_keys = {
        "num_gpus", "usable_bytes", "weights_bytes", "adapter_bytes", "kv_bytes_per_token", "tokens_left",
        "contexts_8k", "rank_bucket", "assumptions", "serving_flags",
    }  # fmt: skip
    assert old_keys | {"verdict", "model_load_gib", "kv_gib", "range_because"} <= set(found)
    assert set(found["kv_gib"]) == set(found["tokens_left"]) == {"low", "high"}
    assert isinstance(found["range_because"], list)
    assert found["options"][0] == {"name": "--vllm", "value": "0.33.0", "default": "0.33.0"}


def test_it_is_silent_without_shapes():
    """A typed count and a model that is known by name only have no layer shapes; no adapters, no slots."""
    assert opinion("10b none lora") is None
    assert opinion("allam-13b none lora") is None
    bare = opinion("llama-3.1-8b none qlora4")
    assert (bare.adapter_bytes, bare.rank_bucket) == (0, None)
    assert "--enable-lora" not in bare.serving_flags


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("0.10.2", (0, 10, 2)),
        ("v0.5.0", (0, 5, 0)),
        ("0.5.3.post1", (0, 5, 3)),
        ("0.8.5rc1+cu124", (0, 8, 5)),
        ("1.0", (1, 0, 0)),
    ],
)
def test_releases_are_read(text, version):
    """A release as pip and vLLM write it; one that was not read, or is none, is refused."""
    assert parse_version(text) == version
    assert [parse_version(bad) for bad in ("0.4.2", "", "latest", "0.10.2 x", "-1.0", "１.0.0x")] == [
        None
    ] * 6


def test_users_are_read():
    """People times tokens each."""
    assert parse_users("20x4096") == parse_users("20×4096") == Users(20, 4096)
    assert [parse_users(bad) for bad in ("20", "0x4096", "20x0", "20 x 4096", "x", "-1x5")] == [None] * 6
