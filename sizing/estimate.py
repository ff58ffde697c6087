"""The second opinion: what a vLLM server would do with the GPUs that the formula asks for.

An estimate with its assumptions beside the formula's number, which it never changes. It needs the model's layer
shapes, so it is silent about typed parameter counts and about mixtures of experts.

Source: vLLM's `lora/layers/base_linear.py`, `logits_processor.py` and `vocal_parallel_embedding.py` (what is
allocated for adapters), `config/lora.py` (`MaxLoRARanks`), and its default `gpu_memory_utilization` of 0.9.
"""

from typing import Any, NamedTuple

from sizing import models
from sizing.advice import next_valid_gpus
from sizing.formula import Breakdown
from sizing.methods import METHODS
from sizing.request import SizingRequest
from sizing.shapes import Shapes
from sizing.units import MICROBYTES_PER_BYTE

RANK_BUCKETS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
CONTEXT_TOKENS = 8192
_GIB = 1024**3
_WIDE = 2  # bytes of a 16-bit number: adapters, KV-cache, and what quantization leaves alone
_USED_TENTHS = 9  # of ten: vLLM's default `gpu_memory_utilization`
_RESERVE = 2 * _GIB  # a GPU's activations and CUDA graphs, a round guess
_PROJECTIONS = 7  # q k v o gate up down
_GROUP = 128  # quantized weights that share one scale and one zero point: GPTQ's and AWQ's usual group size


class Estimate(NamedTuple):
    """What is left for serving, on all GPUs together.

    Args:
        num_gpus: GPUs it was computed for.
        usable_bytes: memory that vLLM may use.
        weights_bytes: the base model.
        adapter_bytes: the adapter slots.
        kv_bytes_per_token: keys and values of one token in all layers.
        tokens_left: tokens whose keys and values fit in what is left; 0 where the model does not fit.
        contexts_8k: sequences of 8192 tokens that fit at the same time.
        rank_bucket: the adapter rank that is allocated, None without adapters.
        assumptions: what had to be assumed, a sentence each.
        serving_flags: the arguments of `vllm serve` that go with it.
    """

    num_gpus: int
    usable_bytes: int
    weights_bytes: int
    adapter_bytes: int
    kv_bytes_per_token: int
    tokens_left: int
    contexts_8k: int
    rank_bucket: int | None
    assumptions: tuple[str, ...]
    serving_flags: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The estimate as a JSON object."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in self._asdict().items()}


def explain(request: SizingRequest, breakdown: Breakdown, use_gpus: int | None = None) -> Estimate | None:
    """Estimate what a vLLM server can do on the computed GPUs.

    Args:
        request: what was asked.
        breakdown: what the formula says.
        use_gpus: another number of GPUs than the computed one.

    Returns:
        The estimate, or None where the model's layer shapes are not known.
    """
    shapes = shapes_of(request)
    if shapes is None:
        return None
    gpus = use_gpus or breakdown.num_gpus
    bits = METHODS[request.method].bits
    bucket = rank_bucket(request, shapes)
    slots = sum(group.count for group in request.adapters)
    usable = gpus * (request.gpu_gb * _GIB * _USED_TENTHS // 10 - _RESERVE)
    weights = weights_bytes(request.params, shapes, bits)
    adapters = slots * slot_bytes(shapes, bucket, gpus) if bucket else 0
    per_token = kv_bytes_per_token(shapes, gpus)
    tokens = max(0, usable - weights - adapters) // per_token
    return Estimate(
        num_gpus=gpus,
        usable_bytes=usable,
        weights_bytes=weights,
        adapter_bytes=adapters,
        kv_bytes_per_token=per_token,
        tokens_left=tokens,
        contexts_8k=tokens // CONTEXT_TOKENS,
        rank_bucket=bucket,
        assumptions=_assumptions(request, shapes, gpus),
        serving_flags=_flags(slots, bucket, gpus),
    )


def shapes_of(request: SizingRequest) -> Shapes | None:
    """The layer shapes that an estimate needs, or None: every layer alike, its seven projections apart."""
    shapes = models.table()[request.model].shapes if request.model is not None else None
    if shapes is None or not shapes.uniform or len(shapes.linears("all")) != _PROJECTIONS:
        return None
    return shapes


def weights_bytes(params: int, shapes: Shapes, bits: int) -> int:
    """Memory of the base model's weights.

    Only the linear layers are quantized; embeddings, norms and the output layer stay in 16 bits. Each group of 128
    quantized weights carries a 16-bit scale and a zero point of the weights' own width.
    """
    if bits == METHODS["lora"].bits:
        return params * _WIDE
    linear = shapes.layers * sum(d_in * d_out for d_in, d_out in shapes.linears("all"))
    scales = linear // _GROUP * (16 + bits)
    return (linear * bits + scales) // 8 + (params - linear) * _WIDE


def slot_bytes(shapes: Shapes, rank: int, gpus: int) -> int:
    """Memory of one adapter slot on all GPUs, of this rank, whatever the adapter's own target modules are.

    A slot has the pair of matrices beside every linear layer, the embedding and the output layer. With tensor
    parallelism the first matrix of q k v gate up, the second of o and down, and both of embedding and output layer
    are held by every GPU; the others are divided.
    """
    q, k, v, o, gate, up, down = shapes.linears("all")
    column = sum(gpus * d_in + d_out for d_in, d_out in (q, k, v, gate, up))
    row = sum(d_in + gpus * d_out for d_in, d_out in (o, down))
    vocabulary = 2 * gpus * (shapes.vocab + shapes.hidden)
    return rank * (shapes.layers * (column + row) + vocabulary) * _WIDE


def kv_bytes_per_token(shapes: Shapes, gpus: int) -> int:
    """Memory of one token's keys and values: two vectors a layer; GPUs beyond the KV heads hold copies."""
    copies = max(1, -(-gpus // shapes.kv_heads))
    return 2 * shapes.layers * shapes.kv_dim * copies * _WIDE


def rank_bucket(request: SizingRequest, shapes: Shapes) -> int | None:
    """The rank that is allocated for every slot: the largest adapter's, rounded up to one that vLLM knows.

    Where only sizes were given, the rank that such an adapter has when it targets all linear layers.
    """
    if not request.adapters:
        return None
    one = shapes.adapter_bytes(1) * MICROBYTES_PER_BYTE
    rank = max(group.rank or -(-group.microbytes // one) for group in request.adapters)
    return next((bucket for bucket in RANK_BUCKETS if bucket >= rank), RANK_BUCKETS[-1])


def _assumptions(request: SizingRequest, shapes: Shapes, gpus: int) -> tuple[str, ...]:
    """What the numbers rest on."""
    said = [
        f"vLLM with its default of 90 % of each {request.gpu_gb} GiB GPU, less 2 GiB for activations.",
        "KV-cache and adapters in 16 bits.",
    ]
    if request.method != "lora":
        said.append("Quantized are the linear layers only, in groups of 128; the rest stays in 16 bits.")
    if request.adapters:
        said.append(
            "Every adapter has a slot of its own on the GPUs (max-loras), in all LoRA-capable layers."
        )
        if any(group.rank is None for group in request.adapters):
            said.append(
                "The rank is worked out from the adapter's size, as if it targeted all linear layers."
            )
        largest = max(group.microbytes for group in request.adapters)
        if largest > shapes.adapter_bytes(RANK_BUCKETS[-1]) * MICROBYTES_PER_BYTE:
            said.append("The largest adapter is larger than any that vLLM serves (rank 512).")
    if next_valid_gpus(gpus) is not None:
        said.append(f"vLLM usually cannot start on {gpus} GPUs; the next count is {next_valid_gpus(gpus)}.")
    return tuple(said)


def _flags(slots: int, bucket: int | None, gpus: int) -> tuple[str, ...]:
    """The arguments of `vllm serve`."""
    flags = [f"--tensor-parallel-size={gpus}", f"--max-model-len={CONTEXT_TOKENS}"]
    if bucket is not None:
        flags += ["--enable-lora", f"--max-loras={slots}", f"--max-lora-rank={bucket}"]
    return tuple(flags)
