"""PyTorch's caching allocator on paper: what a GPU has reserved after a row of tensors came and went.

vLLM before 0.6.4 takes as used what the allocator has reserved from the driver, not what tensors hold. With hundreds
of adapter slots the two differ by gigabytes, so the rounding is replayed instead of guessed.

Source: PyTorch 2.3, `c10/cuda/CUDACachingAllocator.cpp`: small blocks up to 1 MiB come from segments of 2 MiB, larger
ones below 10 MiB from segments of 20 MiB, others from one of their own, rounded up to 2 MiB. The smallest free block
that is large enough is taken, and split where more than 1 MiB (or 512 bytes of a small one) would be left.
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
    """A piece of a segment; its neighbours in the same segment are linked."""

    size: int
    small: bool
    free: bool = True
    before: "Block | None" = None
    after: "Block | None" = None


@dataclass(slots=True)
class Allocator:
    """The state of one GPU.

    Args:
        reserved: bytes taken from the driver.
        used: bytes in blocks that hold a tensor.
        peak: the most that was ever used.
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
        """Free tensors; a block joins its free neighbours and stays reserved."""
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
        """Hand back the segments in which nothing is used (`torch.cuda.empty_cache`)."""
        for pool in self._free:
            kept = [block for block in pool if block.before is not None or block.after is not None]
            self.reserved -= sum(block.size for block in pool) - sum(block.size for block in kept)
            pool[:] = kept

    def _segment(self, size: int, *, small: bool) -> Block:
        """Reserve a segment."""
        own = -(-size // _OWN_STEP) * _OWN_STEP
        length = _SMALL_SEGMENT if small else _SHARED_SEGMENT if size < _LARGE else own
        self.reserved += length
        return Block(length, small)

    def _drop(self, block: Block) -> None:
        """Take a block out of the free ones."""
        pool = self._free[block.small]
        place = bisect_left(pool, block.size, key=_BY_SIZE)
        while pool[place] is not block:
            place += 1
        del pool[place]

    @staticmethod
    def _join(first: Block, second: Block) -> None:
        """Make one block of two neighbours."""
        first.size += second.size
        first.after = second.after
        if second.after is not None:
            second.after.before = first
