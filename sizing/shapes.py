"""The layer shapes of a transformer, from which its parameter count and the size of a LoRA adapter follow.

Shapes are the numbers in a model's ``config.json``. What the numbers do not say (which layers have a bias, how many
norms there are, which projections are fused) is in ``ARCHITECTURES``. A test recomputes the counts of the model table.

Source: the ``modeling_*.py`` of Hugging Face Transformers for the ``architectures`` in each ``config.json``.
"""

from typing import Literal, NamedTuple

TARGETS = ("all", "attn", "qv")
_ADAPTER_BYTES_PER_PARAM = 2  # adapters are served in 16 bits, even on a quantized base model
_MAMBA_KERNEL = 4  # ``mamba_d_conv`` of all Granite 4 hybrids; they have one group of states

Bias = Literal["none", "qkv", "all"]


class Architecture(NamedTuple):
    """Properties of a class of models that its configuration does not contain.

    Args:
        norms: Norms per layer, without the final norm.
        norm_bias: The norms are LayerNorms with a bias instead of RMSNorms.
        qk_norm: Queries and keys have a norm each, of one head's width or of the full width.
        gated: The MLP has gate, up and down projections; otherwise only up and down.
        bias: Which attention projections have a bias, if the class determines it.
        mixture: The MLP of most layers is a mixture of experts.
        fused: Projections that form one module: ``qkv``, ``gate_up``. An adapter targets the whole module.
        positions: Learned position embeddings.
        head_bias: The output layer has a bias, even if it shares its weights with the embedding.
        router_bias: The router of a mixture has a bias for each expert.
        expert_bias: The experts of a mixture have biases.
        sinks: Attention has a learned sink for each head.
        ties: Default of ``tie_word_embeddings``.
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
    """The Mamba-2 layers of a hybrid model, which keep a state instead of keys and values."""

    layers: int
    heads: int
    head_dim: int
    state: int


class Latent(NamedTuple):
    """DeepSeek's latent attention, which keeps keys and values as a compressed vector and a rotary part."""

    query: int
    key_value: int
    rotary: int
    value_dim: int


class Shapes(NamedTuple):
    """The layer shapes of a transformer, as its ``config.json`` gives them.

    Args:
        architecture: A key of ``ARCHITECTURES``.
        intermediate: Width of the MLP in dense layers; 0 if every layer is a mixture.
        layers: All layers, including Mamba layers.
        kv_heads: Key and value heads.
        head_dim: Width of one head, not always hidden / heads.
        vocab: Rows of the embedding.
        tied_embeddings: The output layer shares the weights of the embedding.
        bias: Which attention projections have a bias.
        mlp_bias: The projections of a dense MLP have a bias.
        experts: Experts in a mixture layer; 0 for a dense model.
        shared_intermediate: Width of the expert that every token uses; 0 if there is none.
        dense_layers: Dense layers of a mixture model.
        window: Tokens that a windowed layer attends to; 0 if no layer has a window.
        windowed_layers: Number of layers with a window.
        vision: Parameters of a vision tower and its projector.
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
        """Width of the keys, and of the values, of one token in one layer."""
        return self.kv_heads * self.head_dim

    @property
    def attention_layers(self) -> int:
        """Number of layers that keep keys and values."""
        return self.layers - (self.mamba.layers if self.mamba else 0)

    @property
    def uniform(self) -> bool:
        """Whether all layers are the same dense attention layer. Only then does a LoRA rank have one size."""
        return not (self.experts or self.mamba or self.latent)

    def linears(self, targets: str) -> tuple[tuple[int, int], ...]:
        """Return the input and output widths of the target modules in one dense layer.

        Args:
            targets: ``qv``, ``attn`` (q k v o) or ``all`` (q k v o gate up down, without gate if the MLP has none).

        Returns:
            One pair for each module. Empty if the targets are only a part of a fused module.
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
        """Return the size of a LoRA adapter as it is served. 0 if the targets are only a part of a fused module.

        Each target module gets two matrices, ``rank x input`` and ``output x rank``: rank * (input + output)
        parameters of 2 bytes. A saved file is often in fp32 and twice as large.

        Source: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", section 4.1.
        """
        widths = sum(d_in + d_out for d_in, d_out in self.linears(targets))
        return rank * widths * self.layers * _ADAPTER_BYTES_PER_PARAM

    def parameters(self) -> int:
        """Count all parameters of the model, including all experts and a vision tower."""
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
        """Return the norms per layer. Falcon has one if all heads share a key, otherwise two."""
        return 1 if self.architecture == "FalconForCausalLM" and self.kv_heads == 1 else kind.norms

    def _attention(self, kind: Architecture) -> int:
        """Count the parameters of attention in one layer."""
        if self.latent is not None:
            return self._latent_attention(self.latent)
        total = self.hidden * (2 * self.q_dim + 2 * self.kv_dim)
        if self.bias != "none":
            total += self.q_dim + 2 * self.kv_dim + (self.hidden if self.bias == "all" else 0)
        if kind.qk_norm is not None:
            total += 2 * self.head_dim if kind.qk_norm == "head" else self.q_dim + self.kv_dim
        return total + (self.heads if kind.sinks else 0)

    def _latent_attention(self, latent: Latent) -> int:
        """Count the parameters of latent attention in one layer: down, norm and up, for queries and for keys."""
        plain = self.head_dim - latent.rotary
        query = self.hidden * latent.query + latent.query + latent.query * self.q_dim
        kept = self.hidden * (latent.key_value + latent.rotary) + latent.key_value
        up = latent.key_value * self.heads * (plain + latent.value_dim)
        return query + kept + up + self.heads * latent.value_dim * self.hidden

    def _mlp(self, kind: Architecture, width: int) -> int:
        """Count the parameters of a dense MLP."""
        inputs = 2 if kind.gated else 1
        biases = inputs * width + self.hidden if self.mlp_bias else 0
        return (inputs + 1) * self.hidden * width + biases

    def _mixture(self, kind: Architecture) -> int:
        """Count the parameters of a mixture: router, all experts and the shared expert."""
        router = self.experts * (self.hidden + (1 if kind.router_bias else 0))
        expert = 3 * self.hidden * self.moe_intermediate
        if kind.expert_bias:
            expert += 2 * self.moe_intermediate + self.hidden
        return router + self.experts * expert + 3 * self.hidden * self.shared_intermediate


def _mamba(mamba: Mamba, hidden: int) -> int:
    """Count the parameters of a Mamba-2 layer: in, convolution, step, decay and skip of each head, norm, out."""
    inner = mamba.heads * mamba.head_dim
    mixed = inner + 2 * mamba.state
    projections = hidden * (inner + mixed + mamba.heads) + inner * hidden
    return projections + mixed * (_MAMBA_KERNEL + 1) + 3 * mamba.heads + inner
