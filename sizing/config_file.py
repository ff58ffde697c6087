"""Models that are not in the table: layer shapes from the ``config.json`` of a Hugging Face repository.

Source: Hugging Face Transformers, the ``configuration_*.py`` of each class, for the names and defaults of the fields.
"""

import json
from collections.abc import Mapping
from typing import Any

from sizing.errors import ConfigError
from sizing.models import BaseModel
from sizing.parsing.limits import FEWEST_PARAMS, MOST_PARAMS
from sizing.shapes import ARCHITECTURES, Architecture, Bias, Latent, Mamba, Shapes

_MOST = 10**9  # of any number; a larger one is a mistake
_MOST_LAYERS = 10_000


def read(text: str) -> BaseModel:
    """Read a model's shapes and count its parameters.

    Args:
        text: The content of the file.

    Returns:
        A row like those of the model table, with an empty name.

    Raises:
        ConfigError: The file is not a configuration, or not of a class that we can count.
    """
    try:
        config = json.loads(text)
    except (ValueError, RecursionError):
        raise ConfigError(None, "is not JSON") from None
    if not isinstance(config, dict):
        raise ConfigError(None, "holds no JSON object")
    shapes = _Reader(config).shapes()
    params = shapes.parameters()
    if not FEWEST_PARAMS <= params <= MOST_PARAMS:
        raise ConfigError(None, f"adds up to {params:,} parameters; a model has 1 million to 10 trillion")
    return BaseModel(
        name="",
        hub_id="",
        aliases=(),
        architecture=shapes.architecture,
        params=params,
        params_are="computed",
        active_params=None,
        shapes=shapes,
        lora="unknown",
        qlora="unknown",
        note="",
        source="config.json",
    )


class _Reader:
    """Reads the fields of a configuration. Classes have different names for the same field."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config

    def shapes(self) -> Shapes:
        """Read the shapes of the class that the file names."""
        architecture = self._architecture()
        kind = ARCHITECTURES[architecture]
        self._refuse_what_is_not_counted()
        latent = self._latent() if architecture == "DeepseekV3ForCausalLM" else None
        hidden, heads = self._number("hidden_size", "n_embd"), self._number("num_attention_heads", "n_head")
        layers = self._number("num_hidden_layers", "n_layer", most=_MOST_LAYERS)
        mamba = self._mamba(layers) if architecture == "GraniteMoeHybridForCausalLM" else None
        experts = self._experts(kind)
        dense = self._dense_layers(layers) if experts else 0
        bias = self._bias(kind)
        window, windowed = self._windows(architecture, layers)
        return Shapes(
            architecture=architecture,
            hidden=hidden,
            intermediate=self._intermediate(architecture, hidden, dense=not experts or dense > 0),
            layers=layers,
            heads=heads,
            kv_heads=self._kv_heads(architecture, heads),
            head_dim=self._head_dim(hidden, heads, latent),
            vocab=self._number("vocab_size"),
            tied_embeddings=self._flag("tie_word_embeddings", default=kind.ties),
            bias=bias,
            mlp_bias=kind.bias == "all" or self._flag("mlp_bias", default=False),
            experts=experts,
            experts_per_token=self._optional("num_experts_per_tok", "experts_per_token") or 0,
            moe_intermediate=self._number("moe_intermediate_size", "intermediate_size") if experts else 0,
            shared_intermediate=self._shared(architecture, experts),
            dense_layers=dense,
            window=window,
            windowed_layers=windowed,
            mamba=mamba,
            latent=latent,
        )

    def _architecture(self) -> str:
        """Return the class, if it can be counted."""
        named = self.config.get("architectures")
        if named is None:
            raise ConfigError("architectures", "is missing")
        architecture = named[0] if isinstance(named, list) and named else named
        if not isinstance(architecture, str):
            raise ConfigError("architectures", "must be a list with the name of one class")
        if architecture not in ARCHITECTURES:
            raise ConfigError(
                "architectures",
                f"names {architecture[:60]}, which I cannot count",
            )
        return architecture

    def _refuse_what_is_not_counted(self) -> None:
        """Refuse a vision tower, whose parameters do not follow from the shapes of the text model."""
        for field in ("vision_config", "text_config", "audio_config"):
            if field in self.config:
                raise ConfigError(field, "is of a model that sees or hears, which I cannot count")

    def _value(self, *fields: str) -> tuple[str, Any]:
        """Return the first of several fields that is present, and its value."""
        return next(
            ((field, self.config[field]) for field in fields if self.config.get(field) is not None),
            (fields[0], None),
        )

    def _optional(self, *fields: str, least: int = 1, most: int = _MOST) -> int | None:
        """Return an integer, or None if the field is missing."""
        field, value = self._value(*fields)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ConfigError(
                field, f"must be a whole number from {least} to {most:,}; it is {json.dumps(value)[:40]}"
            )
        return value

    def _number(self, *fields: str, most: int = _MOST) -> int:
        """Return a required integer."""
        found = self._optional(*fields, most=most)
        if found is None:
            raise ConfigError(fields[0], "is missing")
        return found

    def _flag(self, field: str, *, default: bool) -> bool:
        """Return a boolean."""
        value = self.config.get(field)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise ConfigError(field, f"must be true or false; it is {json.dumps(value)[:40]}")
        return value

    def _intermediate(self, architecture: str, hidden: int, *, dense: bool) -> int:
        """Return the width of a dense MLP, 0 if no layer has one."""
        if not dense:
            return 0
        if architecture == "GraniteMoeHybridForCausalLM":
            return self._number("shared_intermediate_size")
        if architecture.startswith("Llama4"):
            return self._number("intermediate_size_mlp")
        if architecture in {"GPTBigCodeForCausalLM", "FalconForCausalLM"}:
            return self._optional("n_inner", "ffn_hidden_size", "intermediate_size") or 4 * hidden
        return self._number("intermediate_size")

    def _kv_heads(self, architecture: str, heads: int) -> int:
        """Return the number of key and value heads. It defaults to the number of query heads."""
        if architecture == "GPTBigCodeForCausalLM":
            return 1 if self._flag("multi_query", default=True) else heads
        if architecture == "FalconForCausalLM":
            if self._flag("new_decoder_architecture", default=False):
                return self._number("num_kv_heads")
            return 1 if self._flag("multi_query", default=True) else heads
        found = self._optional("num_key_value_heads") or heads
        if heads % found:
            raise ConfigError(
                "num_key_value_heads", f"must divide num_attention_heads, {heads}; it is {found}"
            )
        return found

    def _head_dim(self, hidden: int, heads: int, latent: Latent | None) -> int:
        """Return the width of one head. With latent attention, the sum of its plain and its rotary part."""
        if latent is not None:
            return self._number("qk_nope_head_dim") + latent.rotary
        found = self._optional("head_dim")
        if found is None and hidden % heads:
            raise ConfigError("num_attention_heads", f"must divide hidden_size, {hidden}; it is {heads}")
        return found or hidden // heads

    def _bias(self, kind: Architecture) -> Bias:
        """Return which attention projections have a bias."""
        if kind.bias is not None:
            return kind.bias
        if self._flag("use_qkv_bias", default=False):
            return "qkv"
        return "all" if self._flag("attention_bias", default=False) else "none"

    def _experts(self, kind: Architecture) -> int:
        """Return the number of experts. Required if the class is a mixture."""
        fields = ("num_local_experts", "num_experts", "n_routed_experts")
        found = self._optional(*fields, least=0)
        if kind.mixture and not found:
            raise ConfigError(fields[0], "is missing, and the class is a mixture of experts")
        return found or 0

    def _dense_layers(self, layers: int) -> int:
        """Return the number of dense layers of a mixture: the first few, or those in between."""
        first = self._optional("first_k_dense_replace", least=0, most=layers)
        if first is not None:
            return first
        listed = self.config.get("mlp_only_layers")
        step = self._optional("decoder_sparse_step", "interleave_moe_layer_step") or 1
        return len(listed) if isinstance(listed, list) and listed else layers - layers // step

    def _shared(self, architecture: str, experts: int) -> int:
        """Return the width of the expert that every token uses."""
        if not experts:
            return 0
        if architecture.startswith("Llama4"):
            return self._number("intermediate_size")
        several = self._optional("n_shared_experts", least=0) or 0
        if several:
            return several * self._number("moe_intermediate_size")
        return self._optional("shared_intermediate_size", "shared_expert_intermediate_size", least=0) or 0

    def _layer_types(self, layers: int) -> list[Any] | None:
        """Return the kind of each layer, if the file lists them."""
        listed = self.config.get("layer_types")
        if listed is None:
            return None
        if not isinstance(listed, list) or len(listed) != layers:
            raise ConfigError("layer_types", f"must list one type for each of {layers} layers")
        return listed

    def _windows(self, architecture: str, layers: int) -> tuple[int, int]:
        """Return the window in tokens, and how many layers have it."""
        window = self._optional("sliding_window", "attention_chunk_size") or 0
        if not window or not self._flag("use_sliding_window", default=True):
            return 0, 0
        if (listed := self._layer_types(layers)) is not None:
            return window, sum(kind in ("sliding_attention", "chunked_attention") for kind in listed)
        pattern = self._optional("sliding_window_pattern", "_sliding_window_pattern")
        if pattern is None:
            pattern = {"Gemma2ForCausalLM": 2, "Gemma3ForCausalLM": 6, "GptOssForCausalLM": 2}.get(
                architecture
            )
        return window, layers - layers // pattern if pattern else layers

    def _mamba(self, layers: int) -> Mamba | None:
        """Return the Mamba-2 layers of a hybrid."""
        listed = self._layer_types(layers)
        if listed is None:
            raise ConfigError("layer_types", "is missing: which layers are Mamba")
        count = listed.count("mamba")
        if not count:
            return None
        heads, width = self._number("mamba_n_heads"), self._number("mamba_d_head")
        return Mamba(count, heads, width, self._number("mamba_d_state"))

    def _latent(self) -> Latent:
        """Return the latent attention of DeepSeek."""
        return Latent(
            self._number("q_lora_rank"),
            self._number("kv_lora_rank"),
            self._number("qk_rope_head_dim"),
            self._number("v_head_dim"),
        )
