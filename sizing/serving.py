"""The options of a vLLM server, and how the generations of vLLM differ in their use of GPU memory.

Each generation is named by its oldest release that we have read. Source: the code of vLLM 0.5.0, 0.6.3, 0.6.4, 0.8.5,
0.10.2, 0.12.0, 0.20.0 and 0.33.0: ``worker/worker.py`` and ``v1/worker/gpu_worker.py`` (what counts as used),
``layers/sampler.py`` and ``v1/sample/ops/topk_topp_sampler.py`` (the sampler), ``lora/layers*`` (adapter slots),
``engine/arg_utils.py`` and ``config/cache.py`` (defaults).
"""

import re
from typing import Literal, NamedTuple

GIB = 1024**3
OLDEST = (0, 5, 0)
_A80_GIB = 79.6  # what an "80 GB" H100 reports
_SORT_16, _SORT_32, _KERNEL = (2, 8, 8, 10), (4, 4, 8, 8, 12), (4, 4, 4)
# The values of ``max_lora_rank`` that vLLM accepts. Source: vLLM, ``vllm/config/lora.py``.
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)

# Base models with fewer positions than the default of 8192 tokens. Source: ``max_position_embeddings`` of each
# ``config.json`` on the Hugging Face Hub.
SHORT_CONTEXTS = {
    **dict.fromkeys(("llama-2-7b", "llama-2-13b", "llama-2-70b", "granite-8b-code"), 4096),
    **dict.fromkeys(("olmo-2-7b", "olmo-2-13b", "yi-6b", "yi-9b", "yi-34b"), 4096),
    **dict.fromkeys(("phi-3-mini", "stablelm-3b"), 4096),
    **dict.fromkeys(
        ("phi-2", "tinyllama-1.1b", "falcon-7b", "falcon-40b", "falcon-180b", "granite-3b-code"), 2048
    ),
}

Version = tuple[int, int, int]
CacheType = Literal["auto", "fp8"]


class Span(NamedTuple):
    """A lower and an upper bound."""

    low: float
    high: float


class Generation(NamedTuple):
    """Releases of vLLM that use memory in the same way.

    Args:
        since: The oldest release that we have read.
        counts_reserved: Memory reserved by PyTorch's allocator counts as used, instead of memory in tensors.
        samplers: Tensors of the sampler while it sorts, in bytes per logit; two rows if kernels differ. They are the
            sorted logits, their indices, the initial indices and the sort's double buffer; since 0.6 also a 32-bit
            copy; since 0.20 a kernel of vLLM that does not sort.
        extra_vocab: Tokens that each adapter may add to the vocabulary.
        ranks: The ranks that slots may have.
        utilization: Default of ``--gpu-memory-utilization``.
    """

    since: Version
    counts_reserved: bool = False
    samplers: tuple[tuple[int, ...], ...] = (_SORT_32,)
    extra_vocab: int = 256
    expert_adapters: bool = False
    windows: bool = False
    ranks: tuple[int, ...] = RANKS
    graphs_gib: Span = Span(0, 0)
    utilization: float = 0.9


GENERATIONS = (
    Generation(OLDEST, counts_reserved=True, samplers=(_SORT_16,), ranks=RANKS[:6]),
    Generation((0, 5, 1), counts_reserved=True, samplers=(_SORT_16, _SORT_32), ranks=RANKS[:6]),
    Generation((0, 6, 0), counts_reserved=True, ranks=RANKS[:6]),
    Generation((0, 6, 4)),
    Generation((0, 10, 0), windows=True),
    Generation((0, 12, 0), extra_vocab=0, expert_adapters=True, windows=True, ranks=(1, *RANKS)),
    Generation(
        (0, 20, 0),
        samplers=(_KERNEL, _SORT_32),
        extra_vocab=0,
        expert_adapters=True,
        windows=True,
        ranks=(1, *RANKS),
        graphs_gib=Span(0.2, 1.5),
        utilization=0.92,
    ),
)


class Option(NamedTuple):
    """An option with its value and its default."""

    name: str
    value: str
    default: str


class Users(NamedTuple):
    """Concurrent users, each with a sequence of this many tokens."""

    people: int
    tokens: int

    def __str__(self) -> str:
        return f"{self.people}x{self.tokens}"


class Serving(NamedTuple):
    """The options of the server that an estimate is for.

    Args:
        gpu_gib: Memory of one GPU in GiB. None for what a GPU of the request's size reports.
        gpu_memory_utilization: Fraction of that memory that vLLM may use, above 0 and at most 1.
        kv_cache_dtype: ``auto`` (16 bits) or ``fp8``.
        users: The load to serve. None for one sequence of ``max_model_len`` tokens.
    """

    vllm: Version = (0, 33, 0)
    gpu_gib: float | None = None
    gpu_memory_utilization: float = 0.9
    max_num_seqs: int = 256
    max_model_len: int = 8192
    kv_cache_dtype: CacheType = "auto"
    users: Users | None = None

    @property
    def generation(self) -> Generation:
        """The generation of this release."""
        return next(known for known in reversed(GENERATIONS) if known.since <= self.vllm)

    @property
    def release(self) -> str:
        """The release as text: ``0.10.2``."""
        return ".".join(str(part) for part in self.vllm)

    @property
    def kv_bytes(self) -> int:
        """Bytes of one number in the KV cache."""
        return 1 if self.kv_cache_dtype == "fp8" else 2

    def options(self, gpu_gb: int) -> tuple[Option, ...]:
        """Return all options with their values and defaults."""
        usual = Serving()
        rows = [
            ("--vllm", self.release, usual.release),
            ("--gpu-gib", f"{self.gib(gpu_gb):g}", f"{usual.gib(gpu_gb):g}"),
            (
                "--gpu-memory-utilization",
                f"{self.gpu_memory_utilization:g}",
                f"{usual.gpu_memory_utilization:g}",
            ),
            ("--max-num-seqs", str(self.max_num_seqs), str(usual.max_num_seqs)),
            ("--max-model-len", str(self.max_model_len), str(usual.max_model_len)),
            ("--kv-cache-dtype", self.kv_cache_dtype, usual.kv_cache_dtype),
            ("--users", str(self.users) if self.users else "none", "none"),
        ]
        return tuple(Option(*row) for row in rows)

    def gpu_bytes(self, gpu_gb: int) -> int:
        """Return the memory of one GPU. An 80 GB GPU reports 79.6 GiB, others in proportion."""
        return int(self.gib(gpu_gb) * GIB)

    def gib(self, gpu_gb: int) -> float:
        """Return the memory of one GPU in GiB."""
        return self.gpu_gib if self.gpu_gib is not None else round(gpu_gb * _A80_GIB / 80, 2)

    def batched_tokens(self) -> tuple[int, int]:
        """Return bounds for the tokens in the batch that vLLM profiles at start-up (``max_num_batched_tokens``).

        Before 0.8 it is a whole sequence, since then 2048, or 8192 on a large GPU; at least one token per sequence.
        """
        if self.vllm < (0, 8, 0):
            tokens = max(self.max_model_len, 2048, self.max_num_seqs)
            return tokens, tokens
        return max(2048, self.max_num_seqs), max(8192, self.max_num_seqs)

    def default_flags(self, gpu_gb: int) -> frozenset[str]:
        """Return the flags that equal this release's defaults."""
        seqs = 1024 if self.vllm >= (0, 10, 0) and self.gib(gpu_gb) >= 70 else 256  # noqa: PLR2004 numbers of vLLM
        return frozenset(
            {
                "--tensor-parallel-size=1",
                f"--gpu-memory-utilization={self.generation.utilization:g}",
                f"--max-num-seqs={seqs}",
                "--max-loras=1",
                "--max-lora-rank=16",
                "--kv-cache-dtype=auto",
            }
        )


def parse_version(text: str) -> Version | None:
    """Parse a release such as ``0.10.2``. None if it is not one, or older than the first generation.

    >>> parse_version("0.10.2"), parse_version("v0.5"), parse_version("0.4.2")
    ((0, 10, 2), (0, 5, 0), None)
    """
    found = re.fullmatch(r"v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?(?:[.+-]?[a-z][a-z0-9.+]*)?", text, re.ASCII)
    if found is None:
        return None
    version = (int(found[1]), int(found[2]), int(found[3] or 0))
    return version if version >= OLDEST else None


def parse_users(text: str) -> Users | None:
    """Parse users and tokens per user: ``20x4096``. None if the text does not have this form."""
    found = re.fullmatch(r"(\d{1,6})[x×](\d{1,8})", text, re.ASCII)
    if found is None or int(found[1]) == 0 or int(found[2]) == 0:
        return None
    return Users(int(found[1]), int(found[2]))
