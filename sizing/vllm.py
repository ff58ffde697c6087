"""The GPU memory of a vLLM server: weights, adapter slots, and the tensors of one full batch.

The tensors are listed in the order in which vLLM creates them, and replayed through a model of PyTorch's allocator.

Source: vLLM's ``model_executor/models/llama.py``, ``lora/layers*`` (``create_lora_weights``, ``_get_logits``),
``worker/model_runner.py`` (``profile_run``) and ``v1/worker/gpu_model_runner.py`` (``_dummy_run``,
``_dummy_sampler_run``).
"""

from collections.abc import Iterator
from typing import NamedTuple

from sizing.allocator import Allocator
from sizing.methods import DEFAULT, METHODS
from sizing.serving import OLDEST, Serving, Version
from sizing.shapes import ARCHITECTURES, Shapes

WIDE = 2  # bytes of a 16-bit number: activations, adapters and everything that is not quantized
GROUP = 128  # quantized weights with a common scale and zero point: the usual group size of GPTQ and AWQ
_WIDEST = 16  # bits
_CONVOLVED = 3  # previous inputs that a Mamba layer's convolution of width 4 keeps
_FLOAT = 4
_INDEX = 8
_VOCAB_STEP = 64  # vLLM pads the vocabulary to a multiple of this
_ALIKE = 2  # layers to replay: the third reuses the blocks of the second
_TABLES = 6  # tensors with one index per token: positions, token ids, and the adapter of each token

# Classes whose embedding and output layer have adapters (``embedding_modules``): first release, and first without.
_ALWAYS = (OLDEST, None)
_EMBEDDING_ADAPTERS: dict[str, tuple[Version, Version | None]] = {
    "LlamaForCausalLM": _ALWAYS,
    "MistralForCausalLM": _ALWAYS,
    "Mistral3ForConditionalGeneration": ((0, 12, 0), None),
    "Llama4ForCausalLM": _ALWAYS,
    "Llama4ForConditionalGeneration": ((0, 12, 0), None),
    "Phi3ForCausalLM": _ALWAYS,
    "PhimoeForCausalLM": _ALWAYS,
    "MixtralForCausalLM": _ALWAYS,
    "GraniteForCausalLM": _ALWAYS,
    "GraniteMoeForCausalLM": _ALWAYS,
    "GraniteMoeHybridForCausalLM": _ALWAYS,
    "GPTBigCodeForCausalLM": (OLDEST, (0, 10, 0)),
    "Qwen3ForCausalLM": ((0, 20, 0), None),
    "Qwen3MoeForCausalLM": ((0, 20, 0), None),
}
WITHOUT_ADAPTERS = ("FalconForCausalLM", "StableLmForCausalLM")


class Linear(NamedTuple):
    """A module of a layer: one or more outputs of the same input, each with its own adapter.

    Args:
        outs: Widths of the outputs.
        by_input: Tensor parallelism divides the input among the GPUs instead of the outputs.
        experts: How many of these a layer has.
    """

    d_in: int
    outs: tuple[int, ...]
    by_input: bool = False
    experts: int = 1

    @property
    def weights(self) -> int:
        """The parameters without biases."""
        return self.d_in * sum(self.outs) * self.experts


class Slots(NamedTuple):
    """The adapters that are on the GPUs at the same time. ``rank`` is what vLLM allocates for each."""

    adapters: int
    rank: int


class Held(NamedTuple):
    """The memory in use on one GPU, in bytes.

    Args:
        model: The weights, as in vLLM's log ("Loading model weights took").
        all_in: Both of them and one full batch.
    """

    model: int
    slots: int
    all_in: int


class Batch(NamedTuple):
    """The batch that vLLM profiles at start-up. ``sampler`` is a row of ``Generation.samplers``."""

    tokens: int
    sequences: int
    sampler: tuple[int, ...]


def layers(shapes: Shapes) -> tuple[tuple[int, tuple[Linear, ...]], ...]:
    """Return each kind of layer: how many there are, and the modules of one."""
    hidden, kind = shapes.hidden, ARCHITECTURES[shapes.architecture]
    mixer = _attention(shapes)
    mixture = (
        Linear(hidden, (shapes.moe_intermediate,) * 2, experts=shapes.experts),
        Linear(shapes.moe_intermediate, (hidden,), by_input=True, experts=shapes.experts),
        *_mlp(hidden, shapes.shared_intermediate, gated=True, fused=False),
    )
    dense = _mlp(hidden, shapes.intermediate, gated=kind.gated, fused="gate_up" in kind.fused)
    mixtures = shapes.layers - shapes.dense_layers if shapes.experts else 0
    if shapes.mamba is not None:
        inner = shapes.mamba.heads * shapes.mamba.head_dim
        state = Linear(hidden, (2 * inner + 2 * shapes.mamba.state + shapes.mamba.heads,))
        mamba = (state, Linear(inner, (hidden,), by_input=True))
        block = mixture if mixtures else dense
        return (shapes.attention_layers, (*mixer, *block)), (shapes.mamba.layers, (*mamba, *block))
    return (shapes.layers - mixtures, (*mixer, *dense)), (mixtures, (*mixer, *mixture))


def _attention(shapes: Shapes) -> tuple[Linear, ...]:
    """Return the modules of attention."""
    hidden, q, kv = shapes.hidden, shapes.q_dim, shapes.kv_dim
    if shapes.latent is not None:
        kept, value = shapes.latent.key_value, shapes.heads * shapes.latent.value_dim
        keys = shapes.heads * (shapes.head_dim - shapes.latent.rotary)
        return (
            Linear(hidden, (shapes.latent.query,)),
            Linear(shapes.latent.query, (q,)),
            Linear(hidden, (kept + shapes.latent.rotary,)),
            Linear(kept, (keys + value,)),
            Linear(value, (hidden,), by_input=True),
        )
    fused = "qkv" in ARCHITECTURES[shapes.architecture].fused
    outs = (q + 2 * kv,) if fused else (q, kv, kv)
    return Linear(hidden, outs), Linear(q, (hidden,), by_input=True)


def _mlp(hidden: int, width: int, *, gated: bool, fused: bool) -> tuple[Linear, ...]:
    """Return the modules of a dense MLP; none if its width is 0."""
    if not width:
        return ()
    ups = (width,) if not gated else (2 * width,) if fused else (width, width)
    return Linear(hidden, ups), Linear(width, (hidden,), by_input=True)


def linear_weights(shapes: Shapes) -> int:
    """Count the parameters in linear modules, which quantization compresses."""
    return sum(count * sum(linear.weights for linear in modules) for count, modules in layers(shapes))


def weights_bytes(params: int, shapes: Shapes, bits: int) -> int:
    """Return the memory of the base model's weights.

    Only linear layers are quantized. Embeddings, norms and the output layer stay in 16 bits. Each group of 128
    quantized weights has a 16-bit scale and a zero point of the same width as the weights.
    """
    linear = linear_weights(shapes)
    return _stored(linear, bits) + (params - linear) * WIDE


def _stored(weights: int, bits: int) -> int:
    """Return the memory of linear weights."""
    if bits == METHODS[DEFAULT].bits:
        return weights * WIDE
    return (weights * bits + weights // GROUP * (_WIDEST + bits)) // 8


def has_embedding_adapters(shapes: Shapes, serving: Serving) -> bool:
    """Whether the embedding and the output layer have adapters."""
    if shapes.architecture not in _EMBEDDING_ADAPTERS:
        return False
    since, until = _EMBEDDING_ADAPTERS[shapes.architecture]
    return since <= serving.vllm and (until is None or serving.vllm < until)


def rank_one_bytes(shapes: Shapes) -> int:
    """Return the size of an adapter of rank 1 that targets all linear modules except experts."""
    widths = (
        count * (linear.d_in * len(linear.outs) + sum(linear.outs))
        for count, modules in layers(shapes)
        for linear in modules
        if linear.experts == 1
    )
    return sum(widths) * WIDE


def sequence_bytes(shapes: Shapes, tokens: int, serving: Serving, gpus: int) -> int:
    """Return the memory of one sequence of this many tokens, on all GPUs together.

    Attention layers keep keys and values, windowed layers only those of their window, and Mamba layers their state.
    Latent attention keeps one vector on every GPU. If there are more GPUs than KV heads, they hold copies.
    """
    number = serving.kv_bytes
    if shapes.latent is not None:
        return shapes.layers * tokens * (shapes.latent.key_value + shapes.latent.rotary) * number * gpus
    token = 2 * shapes.kv_dim * max(1, -(-gpus // shapes.kv_heads)) * number
    kept = min(tokens, shapes.window) if serving.generation.windows else tokens
    attended = (shapes.attention_layers - shapes.windowed_layers) * tokens + shapes.windowed_layers * kept
    state = 0
    if shapes.mamba is not None:
        inner = shapes.mamba.heads * shapes.mamba.head_dim
        state = shapes.mamba.layers * (
            inner * shapes.mamba.state + _CONVOLVED * (inner + 2 * shapes.mamba.state)
        )
    return attended * token + state * WIDE


def slot_tensors(shapes: Shapes, slots: Slots, serving: Serving, gpus: int) -> Iterator[int]:
    """Yield the tensors of all adapter slots on one GPU, in bytes.

    Every module gets a pair of matrices, whatever modules an adapter targets. With tensor parallelism, every GPU has
    the whole first matrix if outputs are divided, and the whole second matrix if inputs are.
    """
    if not slots.adapters:
        return
    each = slots.adapters * slots.rank * WIDE
    extra, edges = _extra_vocab(shapes, slots, serving), has_embedding_adapters(shapes, serving)
    if edges:
        if extra:
            yield slots.adapters * extra * shapes.hidden * WIDE
        yield each * (shapes.vocab + extra)
        yield each * shapes.hidden
    for count, modules in layers(shapes):
        for linear in modules * count:
            if linear.experts > 1 and not serving.generation.expert_adapters:
                continue
            d_in = -(-linear.d_in // gpus) if linear.by_input else linear.d_in
            yield from [each * linear.experts * d_in] * len(linear.outs)
            for out in linear.outs:
                yield each * linear.experts * (out if linear.by_input else -(-out // gpus))
    if edges:
        yield each * shapes.hidden
        yield each * (_padded(shapes.vocab + extra) if extra else shapes.vocab)
        if extra:
            yield slots.adapters * extra * shapes.hidden * WIDE


def weight_tensors(
    params: int, shapes: Shapes, bits: int, slots: Slots, serving: Serving, gpus: int
) -> Iterator[int]:
    """Yield the tensors of the base model on one GPU, in bytes, including the rows that adapters may add."""
    rows = _extra_vocab(shapes, slots, serving)
    yield _padded(shapes.vocab + rows * slots.adapters) * shapes.hidden * WIDE // gpus
    for count, modules in layers(shapes):
        for linear in modules * count:
            yield _stored(linear.weights, bits) // gpus
    tables = 1 if shapes.tied_embeddings else 2
    yield max(0, params - linear_weights(shapes) - tables * shapes.vocab * shapes.hidden) * WIDE // gpus
    if tables > 1:
        yield _padded(shapes.vocab + rows) * shapes.hidden * WIDE // gpus
    yield serving.max_model_len * shapes.head_dim * WIDE


def held(
    params: int, shapes: Shapes, bits: int, slots: Slots, serving: Serving, batch: Batch, gpus: int
) -> Held:
    """Replay what a server allocates on one GPU at start-up."""
    gpu = Allocator()
    for size in weight_tensors(params, shapes, bits, slots, serving, gpus):
        gpu.take(size)
    model = gpu.used
    for size in slot_tensors(shapes, slots, serving, gpus):
        gpu.take(size)
    adapters = gpu.used - model
    gpu.trim()
    _run(gpu, shapes, slots, batch, gpus)
    _sample(gpu, shapes, slots, serving, batch)
    return Held(model, adapters, gpu.reserved if serving.generation.counts_reserved else gpu.peak)


def _run(gpu: Allocator, shapes: Shapes, slots: Slots, batch: Batch, gpus: int) -> None:
    """Replay the layers on one batch. Each result is allocated before its input is freed."""
    each = batch.tokens * WIDE
    buffer = batch.tokens * slots.rank * _FLOAT
    for _ in range(_TABLES):
        gpu.take(batch.tokens * _INDEX)
    residual, current = gpu.take(each * shapes.hidden), gpu.take(each * shapes.hidden)
    for modules in [modules for count, modules in layers(shapes) if count] * _ALIKE:
        for width in _widths(shapes, modules, gpus):
            result = gpu.take(each * width)
            if slots.adapters:
                gpu.give(gpu.take(buffer))
            gpu.give(current)
            current = result
    gpu.give(residual)


def _widths(shapes: Shapes, modules: tuple[Linear, ...], gpus: int) -> Iterator[int]:
    """Yield the widths of one token's results in one layer, in order. A mixture has one for each expert in use."""
    for linear in modules:
        times = shapes.experts_per_token if linear.experts > 1 else 1
        if linear.by_input:
            yield times * -(-linear.d_in // gpus)
            yield times * linear.outs[0]
        else:
            yield times * -(-sum(linear.outs) // gpus)


def _sample(gpu: Allocator, shapes: Shapes, slots: Slots, serving: Serving, batch: Batch) -> None:
    """Replay the output layer and the sampler on the last token of every sequence."""
    rows, extra = batch.sequences, _extra_vocab(shapes, slots, serving)
    chosen = gpu.take(rows * shapes.hidden * WIDE)
    logits = rows * (shapes.vocab + extra)
    gpu.take(logits * WIDE)
    if extra:
        words = rows * extra * WIDE
        whole = gpu.take((slots.adapters + 1) * words)
        turned = gpu.take((slots.adapters + 1) * words)
        gpu.give(turned, whole, gpu.take(words))
    gpu.give(gpu.take(rows * slots.rank * _FLOAT), chosen)
    for share in batch.sampler:
        gpu.take(logits * share)


def _extra_vocab(shapes: Shapes, slots: Slots, serving: Serving) -> int:
    """Return how many tokens an adapter may add to the vocabulary."""
    return serving.generation.extra_vocab if slots.adapters and has_embedding_adapters(shapes, serving) else 0


def _padded(vocab: int) -> int:
    return -(-vocab // _VOCAB_STEP) * _VOCAB_STEP
