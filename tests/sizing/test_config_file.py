"""A model's own `config.json`: its shapes are counted, and what is missing or wrong is named."""

import json

import pytest

from sizing import ConfigError, SizingError, explain, models, parse, read_config, size

CONFIGS = {
    "llama-3.1-8b": {
        "architectures": ["LlamaForCausalLM"], "hidden_size": 4096, "intermediate_size": 14336,
        "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
        "tie_word_embeddings": False, "attention_bias": False, "torch_dtype": "bfloat16",
    },
    "llama-3.2-1b": {
        "architectures": ["LlamaForCausalLM"], "hidden_size": 2048, "intermediate_size": 8192, "head_dim": 64,
        "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
        "tie_word_embeddings": True,
    },
    "granite-3b-code": {
        "architectures": ["LlamaForCausalLM"], "hidden_size": 2560, "intermediate_size": 10240,
        "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 49152,
        "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True,
    },
    "granite-20b-code": {
        "architectures": ["GPTBigCodeForCausalLM"], "n_embd": 6144, "n_inner": 24576, "n_layer": 52, "n_head": 48,
        "multi_query": True, "vocab_size": 49152, "n_positions": 8192,
    },
    "qwen2.5-7b": {
        "architectures": ["Qwen2ForCausalLM"], "hidden_size": 3584, "intermediate_size": 18944,
        "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4, "vocab_size": 152064,
        "tie_word_embeddings": False, "use_sliding_window": False, "sliding_window": 131072,
    },
    "qwen3-30b-a3b": {
        "architectures": ["Qwen3MoeForCausalLM"], "hidden_size": 2048, "intermediate_size": 6144,
        "moe_intermediate_size": 768, "num_hidden_layers": 48, "num_attention_heads": 32,
        "num_key_value_heads": 4, "head_dim": 128, "vocab_size": 151936, "num_experts": 128,
        "num_experts_per_tok": 8, "decoder_sparse_step": 1, "mlp_only_layers": [], "tie_word_embeddings": False,
    },
    "mixtral-8x7b": {
        "architectures": ["MixtralForCausalLM"], "hidden_size": 4096, "intermediate_size": 14336,
        "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 32000,
        "num_local_experts": 8, "num_experts_per_tok": 2, "sliding_window": None,
    },
    "gemma-2-9b": {
        "architectures": ["Gemma2ForCausalLM"], "hidden_size": 3584, "intermediate_size": 14336, "head_dim": 256,
        "num_hidden_layers": 42, "num_attention_heads": 16, "num_key_value_heads": 8, "vocab_size": 256000,
        "sliding_window": 4096,
    },
    "gpt-oss-20b": {
        "architectures": ["GptOssForCausalLM"], "hidden_size": 2880, "intermediate_size": 2880, "head_dim": 64,
        "num_hidden_layers": 24, "num_attention_heads": 64, "num_key_value_heads": 8, "vocab_size": 201088,
        "num_local_experts": 32, "experts_per_token": 4, "attention_bias": True, "sliding_window": 128,
        "layer_types": ["sliding_attention", "full_attention"] * 12, "tie_word_embeddings": False,
    },
    "phi-2": {
        "architectures": ["PhiForCausalLM"], "hidden_size": 2560, "intermediate_size": 10240,
        "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 51200,
        "tie_word_embeddings": False,
    },
    "falcon-7b": {
        "architectures": ["FalconForCausalLM"], "hidden_size": 4544, "num_hidden_layers": 32,
        "num_attention_heads": 71, "multi_query": True, "new_decoder_architecture": False, "vocab_size": 65024,
    },
    "falcon-40b": {
        "architectures": ["FalconForCausalLM"], "hidden_size": 8192, "num_hidden_layers": 60,
        "num_attention_heads": 128, "num_kv_heads": 8, "new_decoder_architecture": True, "vocab_size": 65024,
    },
    "deepseek-v3": {
        "architectures": ["DeepseekV3ForCausalLM"], "hidden_size": 7168, "intermediate_size": 18432,
        "moe_intermediate_size": 2048, "num_hidden_layers": 61, "num_attention_heads": 128,
        "num_key_value_heads": 128, "vocab_size": 129280, "n_routed_experts": 256, "n_shared_experts": 1,
        "num_experts_per_tok": 8, "first_k_dense_replace": 3, "q_lora_rank": 1536, "kv_lora_rank": 512,
        "qk_rope_head_dim": 64, "qk_nope_head_dim": 128, "v_head_dim": 128, "tie_word_embeddings": False,
    },
    "granite-4.0-h-tiny": {
        "architectures": ["GraniteMoeHybridForCausalLM"], "hidden_size": 1536, "intermediate_size": 512,
        "shared_intermediate_size": 1024, "num_hidden_layers": 40, "num_attention_heads": 12,
        "num_key_value_heads": 4, "vocab_size": 100352, "num_local_experts": 64, "num_experts_per_tok": 6,
        "mamba_n_heads": 48, "mamba_d_head": 64, "mamba_d_state": 128, "tie_word_embeddings": True,
        "layer_types": (["mamba"] * 5 + ["attention"] + ["mamba"] * 4) * 4,
    },
}  # fmt: skip
LLAMA = CONFIGS["llama-3.1-8b"]


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_is_counted_like_the_table(name):
    """The fields as each class names them give the published count, the shapes of the table, and the same size."""
    base = read_config(json.dumps(CONFIGS[name]))
    known = models.table()[name]
    assert base.params == known.params
    assert base.shapes == known.shapes
    request = parse("2x128MB qlora4", base=base)
    named = parse(f"{name} 2x128MB qlora4")
    assert (request.model, request.params) == (None, named.params)
    assert size(request).raw_ticks == size(named).raw_ticks
    assert parse(request.canonical) == request
    assert request.assumptions[0].startswith("config.json -> ")


def test_a_config_sizes_ranks_and_has_a_second_opinion():
    """The shapes of the file serve wherever a named model's would."""
    request = parse("4xr16 lora", base=read_config(json.dumps(LLAMA)))
    named = parse("llama-3.1-8b 4xr16 lora")
    assert request.adapters == named.adapters
    assert explain(request, size(request)).weights_bytes == explain(named, size(named)).weights_bytes
    quantized = request.with_method("qlora4")
    assert explain(quantized, size(quantized)) is not None


def test_a_text_beside_a_config_names_no_model():
    """A second model is refused, and its fix is read beside the file again."""
    base = read_config(json.dumps(LLAMA))
    with pytest.raises(SizingError) as refused:
        parse("10b 2x128MB lora", base=base)
    assert (refused.value.code, refused.value.suggestion) == ("E05", "2x128MB lora")
    assert parse("2x128MB lora", base=base).params == base.params


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"architectures": None}, "architectures"),
        ({"architectures": ["BartForConditionalGeneration"]}, "architectures"),
        ({"architectures": [7]}, "architectures"),
        ({"hidden_size": None}, "hidden_size"),
        ({"hidden_size": "4096"}, "hidden_size"),
        ({"num_hidden_layers": 0}, "num_hidden_layers"),
        ({"num_hidden_layers": True}, "num_hidden_layers"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers"),
        ({"num_attention_heads": None}, "num_attention_heads"),
        ({"num_attention_heads": 33}, "num_key_value_heads"),
        ({"num_attention_heads": 56}, "num_attention_heads"),
        ({"num_key_value_heads": 7}, "num_key_value_heads"),
        ({"head_dim": -128}, "head_dim"),
        ({"intermediate_size": None}, "intermediate_size"),
        ({"vocab_size": 1.5}, "vocab_size"),
        ({"tie_word_embeddings": "no"}, "tie_word_embeddings"),
        ({"vision_config": {}}, "vision_config"),
        ({"architectures": ["MixtralForCausalLM"]}, "num_local_experts"),
        ({"sliding_window": 4096, "layer_types": ["sliding_attention"]}, "layer_types"),
        ({"hidden_size": 10**9, "head_dim": 128}, None),
    ],
)
def test_a_wrong_or_missing_field_is_named(change, field):
    """The field stands in the error and in its sentence; a number that no model has is refused as a whole."""
    with pytest.raises(ConfigError) as refused:
        read_config(json.dumps(LLAMA | change))
    assert refused.value.field == field
    assert field is None or f"“{field}”" in refused.value.message
    assert refused.value.to_json()["field"] == field


@pytest.mark.parametrize("text", ["", "[]", "{", "7", "[" * 100_000, '{"architectures": []}'])
def test_what_is_no_configuration_is_refused(text):
    """Any text is refused in one sentence."""
    with pytest.raises(ConfigError):
        read_config(text)


SENTENCES = [
    ({"architectures": None}, "“architectures” is missing."),
    ({"architectures": [7]}, "“architectures” must be a list with the name of one class."),
    ({"architectures": []}, "“architectures” must be a list with the name of one class."),
    ({"architectures": ["Bart"]}, "“architectures” names Bart, which I cannot count."),
    ({"architectures": ["B" * 61]}, f"“architectures” names {'B' * 60}, which I cannot count."),
    ({"text_config": {}}, "“text_config” is of a model that sees or hears, which I cannot count."),
    ({"vision_config": None}, "“vision_config” is of a model that sees or hears, which I cannot count."),
    ({"audio_config": {}}, "“audio_config” is of a model that sees or hears, which I cannot count."),
    ({"hidden_size": None}, "“hidden_size” is missing."),
    ({"hidden_size": 0}, "“hidden_size” must be a whole number from 1 to 1,000,000,000; it is 0."),
    (
        {"hidden_size": 10**9 + 1},
        "“hidden_size” must be a whole number from 1 to 1,000,000,000; it is 1000000001.",
    ),
    (
        {"hidden_size": "x" * 50},
        f'“hidden_size” must be a whole number from 1 to 1,000,000,000; it is "{"x" * 39}.',
    ),
    (
        {"num_hidden_layers": 10001},
        "“num_hidden_layers” must be a whole number from 1 to 10,000; it is 10001.",
    ),
    ({"mlp_bias": 1}, "“mlp_bias” must be true or false; it is 1."),
    ({"attention_bias": "x" * 50}, f'“attention_bias” must be true or false; it is "{"x" * 39}.'),
    ({"num_key_value_heads": 7}, "“num_key_value_heads” must divide num_attention_heads, 32; it is 7."),
    ({"num_attention_heads": 56}, "“num_attention_heads” must divide hidden_size, 4096; it is 56."),
    (
        {"architectures": ["MixtralForCausalLM"]},
        "“num_local_experts” is missing, and the class is a mixture of experts.",
    ),
    (
        {"architectures": ["MixtralForCausalLM"], "num_local_experts": 0},
        "“num_local_experts” is missing, and the class is a mixture of experts.",
    ),
    (
        {"architectures": ["MixtralForCausalLM"], "num_local_experts": -1},
        "“num_local_experts” must be a whole number from 0 to 1,000,000,000; it is -1.",
    ),
    (
        {"sliding_window": 9, "layer_types": ["sliding_attention"]},
        "“layer_types” must list one type for each of 32 layers.",
    ),
    ({"sliding_window": 9, "layer_types": "all"}, "“layer_types” must list one type for each of 32 layers."),
    (
        {"architectures": ["GraniteMoeHybridForCausalLM"], "shared_intermediate_size": 9},
        "“layer_types” is missing: which layers are Mamba.",
    ),
    (
        {"vocab_size": 10**9, "hidden_size": 10**6, "head_dim": 128},
        "The file adds up to 2,001,704,001,000,000 parameters; a model has 1 million to 10 trillion.",
    ),
]


@pytest.mark.parametrize(("change", "sentence"), SENTENCES)
def test_each_mistake_has_its_sentence(change, sentence):
    """The field, what it must be, and what it is, cut to forty characters."""
    with pytest.raises(ConfigError) as refused:
        read_config(json.dumps(LLAMA | change))
    assert refused.value.message == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("", "The file is not JSON."), ("{", "The file is not JSON."), ("[]", "The file holds no JSON object.")],
)
def test_a_file_that_is_no_configuration_has_its_sentence(text, sentence):
    """Where no field is at fault, the file is."""
    with pytest.raises(ConfigError) as refused:
        read_config(text)
    assert refused.value.message == sentence
    assert refused.value.to_json() == {
        "code": "E18",
        "field": None,
        "message": sentence,
        "hint": "Correct the file, or write the model's parameters in its place: peftsize size 8b 2x128MB",
    }


def shapes(name, **change):
    return read_config(json.dumps(CONFIGS[name] | change)).shapes


def test_fields_have_the_defaults_of_their_class():
    """What a file leaves out is what Transformers takes for it."""
    assert shapes("granite-20b-code", multi_query=False).kv_heads == 48
    assert shapes("granite-20b-code", multi_query=None).kv_heads == 1
    assert shapes("granite-20b-code", n_inner=None).intermediate == 4 * 6144
    assert shapes("falcon-7b", multi_query=False).kv_heads == 71
    assert shapes("falcon-7b", multi_query=None, new_decoder_architecture=None).kv_heads == 1
    assert shapes("falcon-7b", ffn_hidden_size=100).intermediate == 100
    assert shapes("llama-3.1-8b", num_key_value_heads=None).kv_heads == 32
    assert shapes("llama-3.1-8b", tie_word_embeddings=None).tied_embeddings is False
    assert shapes("gemma-2-9b", tie_word_embeddings=None).tied_embeddings is True
    assert shapes("llama-3.1-8b", attention_bias=None).bias == "none"
    assert shapes("llama-3.1-8b", attention_bias=True).bias == "all"
    assert shapes("llama-3.1-8b", use_qkv_bias=True).bias == "qkv"
    assert shapes("llama-3.1-8b", mlp_bias=True).mlp_bias is True
    assert shapes("phi-2").mlp_bias is True
    assert shapes("llama-3.1-8b", num_local_experts=0).experts == 0
    assert read_config(json.dumps(LLAMA | {"num_hidden_layers": 10_000})).shapes.layers == 10_000


@pytest.mark.parametrize(
    ("change", "dense"),
    [
        ({}, 0),
        ({"mlp_only_layers": [0, 1, 2]}, 3),
        ({"decoder_sparse_step": 2}, 24),
        ({"decoder_sparse_step": None, "interleave_moe_layer_step": 3}, 32),
        ({"first_k_dense_replace": 0, "mlp_only_layers": [1]}, 0),
        ({"first_k_dense_replace": 48}, 48),
    ],
)
def test_dense_layers_of_a_mixture_are_counted(change, dense):
    """The first few, those that are listed, or those between the mixtures."""
    assert shapes("qwen3-30b-a3b", **change).dense_layers == dense


@pytest.mark.parametrize(
    ("name", "change", "window"),
    [
        ("gemma-2-9b", {}, (4096, 21)),
        ("gemma-2-9b", {"sliding_window_pattern": 6}, (4096, 35)),
        ("gemma-2-9b", {"_sliding_window_pattern": 3}, (4096, 28)),
        ("gemma-2-9b", {"architectures": ["Gemma3ForCausalLM"]}, (4096, 35)),
        ("gemma-2-9b", {"layer_types": ["sliding_attention"] * 2 + ["full_attention"] * 40}, (4096, 2)),
        ("gemma-2-9b", {"layer_types": ["chunked_attention"] * 3 + ["full_attention"] * 39}, (4096, 3)),
        ("gpt-oss-20b", {"layer_types": None}, (128, 12)),
        ("llama-3.1-8b", {"sliding_window": 1024}, (1024, 32)),
        ("llama-3.1-8b", {"attention_chunk_size": 512}, (512, 32)),
        ("llama-3.1-8b", {"sliding_window": 1024, "use_sliding_window": False}, (0, 0)),
        ("llama-3.1-8b", {}, (0, 0)),
    ],
)
def test_windowed_layers_are_counted(name, change, window):
    """As listed, by the pattern, or all of them; none where windows are not used."""
    found = shapes(name, **change)
    assert (found.window, found.windowed_layers) == window


@pytest.mark.parametrize(
    ("name", "change", "width"),
    [
        ("deepseek-v3", {}, 2048),
        ("deepseek-v3", {"n_shared_experts": 3}, 6144),
        ("deepseek-v3", {"n_shared_experts": 0}, 0),
        ("qwen3-30b-a3b", {"shared_expert_intermediate_size": 77}, 77),
        ("qwen3-30b-a3b", {"shared_intermediate_size": 0}, 0),
        ("granite-4.0-h-tiny", {}, 1024),
        ("llama-3.1-8b", {"shared_intermediate_size": 99}, 0),
    ],
)
def test_the_shared_expert_has_its_width(name, change, width):
    """As the class names it; a dense model has none."""
    assert shapes(name, **change).shared_intermediate == width


def test_a_hybrid_without_mamba_layers_has_none():
    """A list of attention layers alone is a plain transformer."""
    found = shapes("granite-4.0-h-tiny", layer_types=["attention"] * 40)
    assert (found.mamba, found.attention_layers) == (None, 40)


def test_what_a_file_gives_is_a_row_without_a_name():
    """Nothing is said of it that the file does not say."""
    base = read_config(json.dumps(LLAMA))
    assert (base.name, base.hub_id, base.aliases, base.note) == ("", "", (), "")
    assert (base.params_are, base.active_params, base.source) == ("computed", None, "config.json")
    assert (base.lora, base.qlora, base.architecture) == ("unknown", "unknown", "LlamaForCausalLM")
