"""A model of PyTorch's caching allocator: how much GPU memory is reserved after a series of allocations.

vLLM before 0.6.4 counts the memory that the allocator has reserved from the driver as used, not the memory that
tensors occupy. With hundreds of adapter slots the two differ by gigabytes, so we replay the rounding.

Source: PyTorch 2.3, ``c10/cuda/CUDACachingAllocator.cpp``. Blocks up to 1 MiB come from segments of 2 MiB, blocks below
10 MiB from segments of 20 MiB, and larger blocks from segments of their own, rounded up to 2 MiB. The allocator takes
the smallest free block that is large enough and splits it if more than 1 MiB (512 bytes of a small block) remains.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from operator import attrgetter

_MIB = 1024**2
_ROUND = 512
_SMALL, _LARGE = _MIB, 10 * _MIB
_BY_SIZE = attrgetter("size")
_SMALL_SEGMENT, _SHARED_SEGMENT, _OWN_STEP = 2 * _MIB, 20 * _MIB, 2 * _MIB


@dataclass(slots=True, eq=False)
class Block:
    """A part of a segment, linked to its neighbours in the same segment."""

    size: int
    small: bool
    free: bool = True
    before: "Block | None" = None
    after: "Block | None" = None


@dataclass(slots=True)
class Allocator:
    """The state of one GPU.

    Args:
        reserved: Bytes reserved from the driver.
        used: Bytes in blocks that hold a tensor.
        peak: Maximum of ``used`` so far.
    """

    reserved: int = 0
    used: int = 0
    peak: int = 0
    _free: tuple[list[Block], list[Block]] = field(default_factory=lambda: ([], []))

    def take(self, size: int) -> Block:
        """Allocate a tensor of this many bytes."""
        size = max(_ROUND, -(-size // _ROUND) * _ROUND)
        small = size <= _SMALL
        pool = self._free[small]
        place = bisect_left(pool, size, key=_BY_SIZE)
        block = pool.pop(place) if place < len(pool) else self._segment(size, small=small)
        left = block.size - size
        if left >= _ROUND if small else left > _SMALL:
            rest = Block(left, small, before=block, after=block.after)
            if rest.after is not None:
                rest.after.before = rest
            block.after, block.size = rest, size
            insort(pool, rest, key=_BY_SIZE)
        block.free = False
        self.used += block.size
        self.peak = max(self.peak, self.used)
        return block

    def give(self, *blocks: Block) -> None:
        """Free tensors. A block merges with its free neighbours and stays reserved."""
        for given in blocks:
            self.used -= given.size
            block, after = given, given.after
            if after is not None and after.free:
                self._drop(after)
                self._join(block, after)
            before = block.before
            if before is not None and before.free:
                self._drop(before)
                self._join(before, block)
                block = before
            block.free = True
            insort(self._free[block.small], block, key=_BY_SIZE)

    def trim(self) -> None:
        """Release the segments that are completely free (``torch.cuda.empty_cache``)."""
        for pool in self._free:
            kept = [block for block in pool if block.before is not None or block.after is not None]
            self.reserved -= sum(block.size for block in pool) - sum(block.size for block in kept)
            pool[:] = kept

    def _segment(self, size: int, *, small: bool) -> Block:
        """Reserve a segment for a block of this size."""
        own = -(-size // _OWN_STEP) * _OWN_STEP
        length = _SMALL_SEGMENT if small else _SHARED_SEGMENT if size < _LARGE else own
        self.reserved += length
        return Block(length, small)

    def _drop(self, block: Block) -> None:
        """Remove a block from the free blocks."""
        pool = self._free[block.small]
        place = bisect_left(pool, block.size, key=_BY_SIZE)
        while pool[place] is not block:
            place += 1
        del pool[place]

    @staticmethod
    def _join(first: Block, second: Block) -> None:
        """Merge two neighbours into the first."""
        first.size += second.size
        first.after = second.after
        if second.after is not None:
            second.after.before = first
