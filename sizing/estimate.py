"""The second opinion: what a vLLM server could do with the GPUs that the formula asks for.

The estimate never changes the formula's number. It needs the model's layer shapes, so there is none for a request
that gives only a parameter count.
"""

from typing import Any, Literal, NamedTuple

from sizing import models, vllm
from sizing.advice import next_valid_gpus
from sizing.formula import Breakdown
from sizing.methods import METHODS
from sizing.parsing.draft import CONFIG_FILE
from sizing.request import SizingRequest
from sizing.serving import GIB, SHORT_CONTEXTS, Option, Serving, Span
from sizing.shapes import Shapes
from sizing.units import MICROBYTES_PER_BYTE
from sizing.vllm import Batch, Held, Slots

Verdict = Literal["fits", "tight", "does_not_fit"]

CONTEXT_TOKENS = 8192
_BLOCK_TOKENS = 16  # vLLM allocates KV cache in blocks of this many tokens
_FAR_OFF = 4

# Memory outside PyTorch's allocator on each GPU, in GiB: CUDA modules and buffers of libraries. Fitted: in 53 runs of
# two Llama-2 models on vLLM 0.5.0 it was 0.247 to 0.275, so we take 0.25 plus or minus 0.25.
_OUTSIDE_MEASURED = Span(0, 0.5)
# Not fitted: the above with a margin; since 0.6.4 it includes the CUDA context.
_OUTSIDE_RESERVED, _OUTSIDE_CONTEXT = Span(0, 0.75), Span(0.1, 1.0)
_OUTSIDE_PARALLEL = Span(0.2, 1.2)  # not fitted: buffers of NCCL and of the custom all-reduce
_MEASURED_FAMILY, _MEASURED_RELEASE = "llama-2-", (0, 5, 0)


class Tokens(NamedTuple):
    """A lower and an upper bound."""

    low: int
    high: int


class Estimate(NamedTuple):
    """What memory is left for serving. Amounts are totals over all GPUs, unless stated otherwise.

    Args:
        verdict: ``fits`` if even the pessimistic bound holds the load, ``does_not_fit`` if not even the optimistic
            bound has room for a KV cache (or for the given users), otherwise ``tight``.
        usable_bytes: Memory that vLLM may use.
        model_load_gib: What vLLM logs after loading the model, for one GPU.
        reserve_gib: Memory per GPU for one full batch and outside PyTorch's allocator.
        kv_gib: Memory left for keys and values.
        kv_bytes_per_token: Keys and values of one token in all layers, averaged over the longest sequence.
        tokens_left: Tokens whose keys and values fit in ``kv_gib``.
        contexts_8k: Sequences of 8192 tokens that fit at the same time, by the pessimistic bound.
        load_tokens: Tokens that must fit at the same time.
        rank_bucket: The adapter rank that vLLM allocates. None without adapters.
        range_because: Sentences that explain why there are two bounds.
        measured: Whether measurements cover this configuration.
        assumptions: Sentences that name what had to be assumed.
        serving_flags: The matching arguments of ``vllm serve``.
        vllm_defaults: Those of ``serving_flags`` that equal vLLM's defaults.
    """

    verdict: Verdict
    num_gpus: int
    usable_bytes: int
    weights_bytes: int
    model_load_gib: float
    adapter_bytes: int
    reserve_gib: Span
    kv_gib: Span
    kv_bytes_per_token: int
    tokens_left: Tokens
    contexts_8k: int
    load_tokens: int
    rank_bucket: int | None
    options: tuple[Option, ...]
    range_because: tuple[str, ...]
    measured: bool
    assumptions: tuple[str, ...]
    serving_flags: tuple[str, ...]
    vllm_defaults: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the estimate as a JSON object."""
        found = {key: list(v) if type(v) is tuple else v for key, v in self._asdict().items()}
        found |= {key: getattr(self, key)._asdict() for key in ("reserve_gib", "kv_gib", "tokens_left")}
        found["options"] = [option._asdict() for option in self.options]
        return found


class _Server(NamedTuple):
    """Everything that determines the memory in use."""

    request: SizingRequest
    model: str
    shapes: Shapes
    serving: Serving
    slots: Slots
    gpus: int


def explain(
    request: SizingRequest, breakdown: Breakdown, use_gpus: int | None = None, serving: Serving | None = None
) -> Estimate | None:
    """Estimate what a vLLM server can do on the computed GPUs.

    Args:
        use_gpus: Overrides the computed number of GPUs.
        serving: The server's options. None for the defaults.

    Returns:
        The estimate, or None if the model's layer shapes are unknown.
    """
    shapes = shapes_of(request)
    if shapes is None:
        return None
    model = request.model or CONFIG_FILE
    serving = serving or Serving()
    context = SHORT_CONTEXTS.get(model, serving.max_model_len)
    serving = serving._replace(max_model_len=min(serving.max_model_len, context))
    slots = Slots(sum(group.count for group in request.adapters), rank_bucket(request, shapes, serving) or 0)
    server = _Server(request, model, shapes, serving, slots, use_gpus or breakdown.num_gpus)
    return _estimate(server)


def shapes_of(request: SizingRequest) -> Shapes | None:
    """Return the layer shapes of the request's model, or None if they are unknown."""
    if request.model is None:
        return request.shapes
    return models.table()[request.model].shapes


def contradiction(breakdown: Breakdown, found: Estimate) -> str | None:
    """Describe in one line how the estimate contradicts the formula. None if the two agree."""
    gpus = f"{found.num_gpus} GPU" + ("s" if found.num_gpus != 1 else "")
    fixed = (found.weights_bytes + found.adapter_bytes) / GIB
    load = found.load_tokens * found.kv_bytes_per_token / GIB
    if found.verdict == "does_not_fit" and found.kv_gib.high == 0:
        return (
            f"By memory this does not fit on {gpus}: weights and adapter slots take {fixed:.1f} GiB and one batch at "
            f"least {found.num_gpus * found.reserve_gib.low:.1f} GiB, of {found.usable_bytes / GIB:.1f} GiB that vLLM "
            f"may use."
        )
    if found.verdict == "does_not_fit":
        return (
            f"By memory the load does not fit on {gpus}: {found.load_tokens:,} tokens take {load:.1f} GiB, and at most "
            f"{found.kv_gib.high:.1f} GiB are left for them."
        )
    need = fixed + found.num_gpus * found.reserve_gib.high + load
    if found.verdict == "fits" and breakdown.gpu_memory_gb > _FAR_OFF * need:
        return (
            f"The formula asks for {breakdown.gpu_memory_gb} GB; by memory {need:.1f} GiB are enough for the load, "
            f"less than a quarter."
        )
    return None


def rank_bucket(request: SizingRequest, shapes: Shapes, serving: Serving) -> int | None:
    """Return the rank that vLLM allocates for every slot: the largest adapter's, rounded up to a rank it supports.

    If only sizes were given, assume adapters that target all linear layers except experts.
    """
    if not request.adapters:
        return None
    one = vllm.rank_one_bytes(shapes) * MICROBYTES_PER_BYTE
    rank = max(group.rank or -(-group.microbytes // one) for group in request.adapters)
    ranks = serving.generation.ranks
    return next((bucket for bucket in ranks if bucket >= rank), ranks[-1])


def _estimate(server: _Server) -> Estimate:
    """Combine the two bounds."""
    request, serving, gpus = server.request, server.serving, server.gpus
    bits = METHODS[request.method].bits
    usable = int(serving.gpu_bytes(request.gpu_gb) * serving.gpu_memory_utilization)
    few, many = (_held(server, batch) for batch in _batches(serving))
    outside = _outside(server)
    most, least = (usable - few.all_in - outside.low * GIB, usable - many.all_in - outside.high * GIB)
    kv = Span(max(0, int(least)) * gpus, max(0, int(most)) * gpus)
    longest = vllm.sequence_bytes(server.shapes, serving.max_model_len, serving, gpus)
    tokens = Tokens(*(_tokens(int(end), longest, serving.max_model_len) for end in kv))
    fixed = few.model + few.slots
    unmeasured = _unmeasured(server)
    flags = _flags(server)
    return Estimate(
        verdict=_verdict(server, kv, longest),
        num_gpus=gpus,
        usable_bytes=usable * gpus,
        weights_bytes=vllm.weights_bytes(request.params, server.shapes, bits),
        model_load_gib=round(few.model / GIB, 4),
        adapter_bytes=gpus * sum(vllm.slot_tensors(server.shapes, server.slots, serving, gpus)),
        reserve_gib=Span(
            round((few.all_in - fixed) / GIB + outside.low, 3),
            round((many.all_in - fixed) / GIB + outside.high, 3),
        ),
        kv_gib=Span(*(round(end / GIB, 3) for end in kv)),
        kv_bytes_per_token=-(-longest // serving.max_model_len),
        tokens_left=tokens,
        contexts_8k=int(kv.low) // vllm.sequence_bytes(server.shapes, CONTEXT_TOKENS, serving, gpus),
        load_tokens=serving.users.people * serving.users.tokens if serving.users else serving.max_model_len,
        rank_bucket=server.slots.rank or None,
        options=serving.options(request.gpu_gb),
        range_because=_because(server, unmeasured),
        measured=not unmeasured,
        assumptions=_assumptions(server),
        serving_flags=flags,
        vllm_defaults=tuple(flag for flag in flags if flag in serving.default_flags(request.gpu_gb)),
    )


def _batches(serving: Serving) -> tuple[Batch, Batch]:
    """Return the smallest and the largest batch that vLLM may profile."""
    samplers = serving.generation.samplers
    few, many = serving.batched_tokens()
    return Batch(few, serving.max_num_seqs, samplers[0]), Batch(many, serving.max_num_seqs, samplers[-1])


def _held(server: _Server, batch: Batch) -> Held:
    bits = METHODS[server.request.method].bits
    return vllm.held(
        server.request.params, server.shapes, bits, server.slots, server.serving, batch, server.gpus
    )


def _tokens(kv: int, longest: int, max_model_len: int) -> int:
    """Return how many tokens fit, in whole blocks."""
    return kv * max_model_len // longest // _BLOCK_TOKENS * _BLOCK_TOKENS


def _verdict(server: _Server, kv: Span, longest: int) -> Verdict:
    """Compare the memory that is left with the load."""
    users, serving = server.serving.users, server.serving
    load = (
        users.people * vllm.sequence_bytes(server.shapes, users.tokens, serving, server.gpus) if users else 0
    )
    if kv.high <= load:
        return "does_not_fit"
    return "fits" if kv.low >= max(load, longest) else "tight"


def _unmeasured(server: _Server) -> tuple[str, ...]:
    """Name everything that no measurement covers."""
    serving = server.serving
    found = [
        (not server.model.startswith(_MEASURED_FAMILY), server.model),
        (serving.vllm != _MEASURED_RELEASE, f"vLLM {serving.release}"),
        (server.gpus > 1, "tensor parallelism"),
        (server.request.quantized, "a quantized base model"),
        (serving.kv_cache_dtype != "auto", "a KV cache in 8 bits"),
    ]
    return tuple(words for differs, words in found if differs)


def _outside(server: _Server) -> Span:
    """Return bounds for the memory outside PyTorch's allocator, in GiB per GPU."""
    generation = server.serving.generation
    if not _unmeasured(server):
        return _OUTSIDE_MEASURED
    spans = [
        _OUTSIDE_RESERVED if generation.counts_reserved else _OUTSIDE_CONTEXT,
        generation.graphs_gib,
        _OUTSIDE_PARALLEL if server.gpus > 1 else Span(0, 0),
    ]
    return Span(sum(span.low for span in spans), sum(span.high for span in spans))


def _because(server: _Server, unmeasured: tuple[str, ...]) -> tuple[str, ...]:
    """Explain why there are two bounds."""
    serving, generation, outside = server.serving, server.serving.generation, _outside(server)
    few, many = _batches(serving)
    graphs = generation.graphs_gib
    said = []
    if unmeasured:
        said.append(f"not validated: no measurement covers {_listed(unmeasured)}.")
    said.append(f"{outside.low:g} to {outside.high:g} GiB a GPU lie outside PyTorch's allocator.")
    if graphs.high:
        said.append(
            f"{graphs.low:g} to {graphs.high:g} GiB of that are CUDA graphs, which count since vLLM 0.20."
        )
    if few.tokens != many.tokens:
        said.append(
            f"vLLM tries {few.tokens:,} or {many.tokens:,} tokens at once, by the GPU (max-num-batched-tokens)."
        )
    if few.sampler != many.sampler:
        small, large = (2 + sum(batch.sampler) for batch in (few, many))
        said.append(f"The sampler takes {small} to {large} bytes a logit, by its kernel.")
    return tuple(said)


def _listed(words: tuple[str, ...]) -> str:
    """Join words with commas and ``or``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _assumptions(server: _Server) -> tuple[str, ...]:
    """Name what the numbers assume."""
    request, serving = server.request, server.serving
    said = [
        f"vLLM may use {serving.gpu_memory_utilization:.0%} of each GPU of {serving.gib(request.gpu_gb):g} GiB.",
        f"Adapters in 16 bits, KV cache in {8 * serving.kv_bytes} bits.",
    ]
    if serving.users is None:
        said.append(f"It fits where one sequence of {serving.max_model_len:,} tokens fits (max-model-len).")
    else:
        said.append(
            f"It fits where {serving.users.people:,} sequences of {serving.users.tokens:,} tokens fit at once."
        )
    if request.quantized:
        said.append("Quantized are the linear layers only, in groups of 128; the rest stays in 16 bits.")
    if request.adapters:
        said += _adapter_assumptions(server)
    if server.model in SHORT_CONTEXTS:
        said.append(
            f"{server.model} has {SHORT_CONTEXTS[server.model]:,} positions; vLLM refuses a longer max-model-len."
        )
    if server.shapes.windowed_layers and not serving.generation.windows:
        said.append(f"vLLM {serving.release} keeps all tokens of windowed layers.")
    if next_valid_gpus(server.gpus) is not None:
        valid = next_valid_gpus(server.gpus)
        said.append(f"vLLM usually cannot start on {server.gpus} GPUs; the next count is {valid}.")
    return tuple(said)


def _adapter_assumptions(server: _Server) -> list[str]:
    request, shapes, serving = server.request, server.shapes, server.serving
    said = ["Every adapter has a slot of its own on the GPUs (max-loras), in all LoRA-capable layers."]
    if any(group.rank is None for group in request.adapters):
        said.append("The rank is worked out from the adapter's size, as if it targeted all linear layers.")
    largest = max(group.microbytes for group in request.adapters)
    most = serving.generation.ranks[-1]
    if largest > most * vllm.rank_one_bytes(shapes) * MICROBYTES_PER_BYTE:
        said.append(f"The largest adapter is larger than any that vLLM serves (rank {most}).")
    if shapes.architecture in vllm.WITHOUT_ADAPTERS:
        said.append(f"vLLM has no LoRA for {shapes.architecture}.")
    if shapes.experts and not serving.generation.expert_adapters:
        said.append(f"vLLM {serving.release} has no adapters beside experts.")
    return said


def _flags(server: _Server) -> tuple[str, ...]:
    """Return the arguments of ``vllm serve``."""
    serving = server.serving
    flags = [
        f"--tensor-parallel-size={server.gpus}",
        f"--max-model-len={serving.max_model_len}",
        f"--gpu-memory-utilization={serving.gpu_memory_utilization:g}",
        f"--max-num-seqs={serving.max_num_seqs}",
    ]
    if serving.kv_cache_dtype != "auto":
        flags.append(f"--kv-cache-dtype={serving.kv_cache_dtype}")
    if server.slots.adapters:
        flags += [
            "--enable-lora",
            f"--max-loras={server.slots.adapters}",
            f"--max-lora-rank={server.slots.rank}",
        ]
    return tuple(flags)
