"""A transformer's layer shapes, and what follows from them: its parameter count and the size of a LoRA adapter.

Shapes are the numbers of a model's `config.json`. What a number alone does not say (which layers carry a bias, how
many norms there are, which projections are fused) is a row of `ARCHITECTURES`. The model table's counts are
recomputed from here in a test.

Source: the `modeling_*.py` of Hugging Face Transformers named by `architectures` in each `config.json`.
"""

from typing import Literal, NamedTuple

TARGETS = ("all", "attn", "qv")
_ADAPTER_BYTES_PER_PARAM = 2  # adapters are served in 16 bits, whatever the base is quantized to
_MAMBA_KERNEL = 4  # `mamba_d_conv` of every Granite 4 hybrid; one group of states

Bias = Literal["none", "qkv", "all"]


class Architecture(NamedTuple):
    """What a class of models does that the numbers of its configuration do not say.

    Args:
        norms: norms of one layer, the final one not counted.
        norm_bias: the norms are LayerNorms with a bias, not RMSNorms.
        qk_norm: queries and keys have a norm each, of one head's width or of the full width.
        gated: the MLP is gate, up and down; else up and down.
        bias: which attention projections carry a bias, where the class decides it.
        mixture: the MLP of most layers is a mixture of experts.
        fused: projections that are one module: `qkv`, `gate_up`. An adapter sits beside the whole module.
        positions: learned positions with an embedding each.
        head_bias: the output layer carries a bias, even where its weights are the embedding's.
        router_bias: a mixture's router carries a bias an expert.
        expert_bias: a mixture's experts carry biases.
        sinks: attention has one learned sink a head.
        ties: embedding and output layer share weights where the configuration does not say.
    """

    norms: int = 2
    norm_bias: bool = False
    qk_norm: Literal["head", "full"] | None = None
    gated: bool = True
    bias: Bias | None = None
    mixture: bool = False
    fused: tuple[str, ...] = ()
    positions: int = 0
    head_bias: bool = False
    router_bias: bool = False
    expert_bias: bool = False
    sinks: bool = False
    ties: bool = False


_PLAIN = Architecture()
_MIXTURE = Architecture(mixture=True)
_GEMMA = Architecture(ties=True)

ARCHITECTURES: dict[str, Architecture] = {
    "LlamaForCausalLM": _PLAIN,
    "Llama4ForConditionalGeneration": _MIXTURE,
    "Llama4ForCausalLM": _MIXTURE,
    "GraniteForCausalLM": _PLAIN,
    "GraniteMoeForCausalLM": _MIXTURE._replace(ties=True),
    "GraniteMoeHybridForCausalLM": Architecture(fused=("gate_up",), ties=True),
    "GPTBigCodeForCausalLM": Architecture(
        norm_bias=True, gated=False, bias="all", fused=("qkv",), positions=8192, ties=True
    ),
    "MistralForCausalLM": _PLAIN,
    "Mistral3ForConditionalGeneration": _PLAIN,
    "MixtralForCausalLM": _MIXTURE,
    "Qwen2ForCausalLM": Architecture(bias="qkv"),
    "Qwen3ForCausalLM": Architecture(qk_norm="head"),
    "Qwen3MoeForCausalLM": _MIXTURE._replace(qk_norm="head"),
    "GemmaForCausalLM": _GEMMA,
    "Gemma2ForCausalLM": _GEMMA._replace(norms=4),
    "Gemma3ForCausalLM": _GEMMA._replace(norms=4, qk_norm="head"),
    "Gemma3ForConditionalGeneration": _GEMMA._replace(norms=4, qk_norm="head"),
    "PhiForCausalLM": Architecture(norms=1, norm_bias=True, gated=False, bias="all", head_bias=True),
    "Phi3ForCausalLM": Architecture(fused=("qkv", "gate_up")),
    "PhimoeForCausalLM": _MIXTURE._replace(norm_bias=True, head_bias=True),
    "FalconForCausalLM": Architecture(norm_bias=True, gated=False, fused=("qkv",), ties=True),
    "Olmo2ForCausalLM": Architecture(qk_norm="full"),
    "StableLmForCausalLM": Architecture(norm_bias=True),
    "DeepseekV3ForCausalLM": _MIXTURE._replace(router_bias=True),
    "GptOssForCausalLM": _MIXTURE._replace(router_bias=True, expert_bias=True, sinks=True),
}


class Mamba(NamedTuple):
    """The Mamba-2 layers of a hybrid: they keep a state instead of keys and values."""

    layers: int
    heads: int
    head_dim: int
    state: int


class Latent(NamedTuple):
    """DeepSeek's latent attention: keys and values are kept as one compressed vector and one rotary part."""

    query: int
    key_value: int
    rotary: int
    value_dim: int


class Shapes(NamedTuple):
    """The layer shapes of a transformer, as its `config.json` gives them.

    Args:
        architecture: a key of `ARCHITECTURES`.
        hidden: width of the residual stream.
        intermediate: width of a dense layer's MLP; 0 where every layer is a mixture.
        layers: all of them, Mamba layers included.
        heads: query heads.
        kv_heads: key and value heads.
        head_dim: width of one head; not always hidden / heads.
        vocab: rows of the embedding.
        tied_embeddings: the output layer is the embedding.
        bias: which attention projections carry a bias.
        mlp_bias: the projections of a dense MLP carry one too.
        experts: experts of one mixture layer; 0 for a dense model.
        experts_per_token: experts that one token uses.
        moe_intermediate: width of one expert.
        shared_intermediate: width of the expert that every token uses; 0 without one.
        dense_layers: layers of a mixture that are dense.
        window: tokens that a windowed layer attends to; 0 where all layers attend to all.
        windowed_layers: how many layers are windowed.
        mamba: the Mamba-2 layers, if there are any.
        latent: latent attention, if the model has it.
        vision: parameters of a vision tower and its projector.
    """

    architecture: str
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    tied_embeddings: bool
    bias: Bias = "none"
    mlp_bias: bool = False
    experts: int = 0
    experts_per_token: int = 0
    moe_intermediate: int = 0
    shared_intermediate: int = 0
    dense_layers: int = 0
    window: int = 0
    windowed_layers: int = 0
    mamba: Mamba | None = None
    latent: Latent | None = None
    vision: int = 0

    @property
    def q_dim(self) -> int:
        """Width of all queries of one token in one layer."""
        return self.heads * self.head_dim

    @property
    def kv_dim(self) -> int:
        """Width of the keys (and of the values) of one token in one layer."""
        return self.kv_heads * self.head_dim

    @property
    def attention_layers(self) -> int:
        """Layers that keep keys and values."""
        return self.layers - (self.mamba.layers if self.mamba else 0)

    @property
    def uniform(self) -> bool:
        """Whether every layer is the same dense attention layer: the models whose LoRA ranks have a size."""
        return not (self.experts or self.mamba or self.latent)

    def linears(self, targets: str) -> tuple[tuple[int, int], ...]:
        """The (input, output) widths of one dense layer's target modules.

        Args:
            targets: `qv`, `attn` (q k v o) or `all` (q k v o gate up down; up and down where nothing gates).

        Returns:
            One pair a module, a fused module once; empty where the targets are part of a fused module.
        """
        kind = ARCHITECTURES[self.architecture]
        q, k, o = (self.hidden, self.q_dim), (self.hidden, self.kv_dim), (self.q_dim, self.hidden)
        if "qkv" in kind.fused:
            if targets == "qv":
                return ()
            attention: tuple[tuple[int, int], ...] = ((self.hidden, self.q_dim + 2 * self.kv_dim), o)
        elif targets == "qv":
            return (q, k)
        else:
            attention = (q, k, k, o)
        if targets == "attn":
            return attention
        up, down = (self.hidden, self.intermediate), (self.intermediate, self.hidden)
        if not kind.gated:
            return (*attention, up, down)
        if "gate_up" in kind.fused:
            return (*attention, (self.hidden, 2 * self.intermediate), down)
        return (*attention, up, up, down)

    def adapter_bytes(self, rank: int, targets: str = "all") -> int:
        """Size of one LoRA adapter as it is served; 0 where the targets are part of a fused module.

        A pair of matrices, `rank x input` and `output x rank`, stands beside each target module: that is
        rank * (input + output) parameters of 2 bytes. A saved file is often fp32, and so twice this.

        Source: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", section 4.1.
        """
        widths = sum(d_in + d_out for d_in, d_out in self.linears(targets))
        return rank * widths * self.layers * _ADAPTER_BYTES_PER_PARAM

    def parameters(self) -> int:
        """Count every parameter of the model, all experts and a vision tower included."""
        kind = ARCHITECTURES[self.architecture]
        norm = self.hidden * (2 if kind.norm_bias else 1)
        mixtures = self.layers - self.dense_layers if self.experts else 0
        total = self.vocab * self.hidden * (1 if self.tied_embeddings else 2) + norm + self.vision
        total += kind.positions * self.hidden + (self.vocab if kind.head_bias else 0)
        total += self.layers * self._norms(kind) * norm
        total += self.attention_layers * self._attention(kind)
        total += self.mamba.layers * _mamba(self.mamba, self.hidden) if self.mamba else 0
        total += (self.layers - mixtures) * self._mlp(kind, self.intermediate)
        total += mixtures * self._mixture(kind)
        return total

    def _norms(self, kind: Architecture) -> int:
        """Norms of one layer; Falcon has one where all heads share one key, two where they do not."""
        return 1 if self.architecture == "FalconForCausalLM" and self.kv_heads == 1 else kind.norms

    def _attention(self, kind: Architecture) -> int:
        """Parameters of one layer's attention."""
        if self.latent is not None:
            return self._latent_attention(self.latent)
        total = self.hidden * (2 * self.q_dim + 2 * self.kv_dim)
        if self.bias != "none":
            total += self.q_dim + 2 * self.kv_dim + (self.hidden if self.bias == "all" else 0)
        if kind.qk_norm is not None:
            total += 2 * self.head_dim if kind.qk_norm == "head" else self.q_dim + self.kv_dim
        return total + (self.heads if kind.sinks else 0)

    def _latent_attention(self, latent: Latent) -> int:
        """Parameters of one layer's latent attention: down, norm and up for queries and for keys with values."""
        plain = self.head_dim - latent.rotary
        query = self.hidden * latent.query + latent.query + latent.query * self.q_dim
        kept = self.hidden * (latent.key_value + latent.rotary) + latent.key_value
        up = latent.key_value * self.heads * (plain + latent.value_dim)
        return query + kept + up + self.heads * latent.value_dim * self.hidden

    def _mlp(self, kind: Architecture, width: int) -> int:
        """Parameters of one dense MLP."""
        inputs = 2 if kind.gated else 1
        biases = inputs * width + self.hidden if self.mlp_bias else 0
        return (inputs + 1) * self.hidden * width + biases

    def _mixture(self, kind: Architecture) -> int:
        """Parameters of one mixture layer: router, all experts, and the shared expert."""
        router = self.experts * (self.hidden + (1 if kind.router_bias else 0))
        expert = 3 * self.hidden * self.moe_intermediate
        if kind.expert_bias:
            expert += 2 * self.moe_intermediate + self.hidden
        return router + self.experts * expert + 3 * self.hidden * self.shared_intermediate


def _mamba(mamba: Mamba, hidden: int) -> int:
    """Parameters of one Mamba-2 layer: in, convolution, step, decay and skip of each head, norm, out."""
    inner = mamba.heads * mamba.head_dim
    mixed = inner + 2 * mamba.state
    projections = hidden * (inner + mixed + mamba.heads) + inner * hidden
    return projections + mixed * (_MAMBA_KERNEL + 1) + 3 * mamba.heads + inner
