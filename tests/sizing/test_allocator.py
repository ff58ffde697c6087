"""PyTorch's caching allocator, replayed: what is reserved, by hand."""

from hypothesis import given
from hypothesis import strategies as st

from sizing.allocator import Allocator

MIB = 1024**2


def test_small_middle_and_large_tensors_come_from_their_own_segments():
    """Small ones from 2 MiB, those below 10 MiB from 20 MiB, larger ones from a segment of their own."""
    gpu = Allocator()
    gpu.take(1)
    assert (gpu.reserved, gpu.used) == (2 * MIB, 512)
    gpu.take(9 * MIB)
    gpu.take(9 * MIB)
    assert gpu.reserved == (2 + 20) * MIB
    gpu.take(2 * MIB)
    assert gpu.reserved == (2 + 20) * MIB, "what is left of the 20 MiB is taken"
    gpu.take(54 * MIB + 1)
    assert gpu.reserved == (2 + 20 + 56) * MIB


def test_up_to_one_mebibyte_of_a_large_block_is_not_split_off():
    """A tensor of 135 MiB holds the 136 MiB of its segment, one of 134.5 MiB leaves a free block."""
    gpu = Allocator()
    gpu.take(135 * MIB)
    assert gpu.used == 136 * MIB
    gpu.take(134 * MIB + MIB // 2)
    assert (gpu.used, gpu.reserved) == (136 * MIB + 134 * MIB + MIB // 2, 272 * MIB)
    gpu.take(MIB + MIB // 4)
    assert gpu.reserved == 272 * MIB, "1.25 MiB come from the free 1.5 MiB"


def test_the_last_512_bytes_of_a_small_block_are_split_off():
    """Two small tensors share a segment to its last byte: each holds what it needs, in steps of 512 bytes."""
    gpu = Allocator()
    gpu.take(MIB)
    gpu.take(MIB - 512)
    assert (gpu.used, gpu.reserved) == (2 * MIB - 512, 2 * MIB)
    gpu.take(512)
    assert (gpu.used, gpu.reserved) == (2 * MIB, 2 * MIB)
    gpu.take(513)
    assert (gpu.used, gpu.reserved) == (2 * MIB + 1024, 4 * MIB)


def test_freed_blocks_are_joined_and_taken_again():
    """Neighbours make room for one tensor of their size; the smallest free block that fits is taken."""
    gpu = Allocator()
    blocks = [gpu.take(size * MIB) for size in (5, 5, 8)]
    lone = gpu.take(16 * MIB)
    assert gpu.reserved == (20 + 16) * MIB
    gpu.give(blocks[0], blocks[2], lone, blocks[1])
    assert gpu.take(12 * MIB).size == 12 * MIB
    gpu.take(18 * MIB)
    assert gpu.reserved == 36 * MIB, "the first left the whole 20 MiB to the second"
    assert gpu.peak == (5 + 5 + 8 + 16) * MIB


@given(st.lists(st.tuples(st.integers(1, 64 * MIB), st.booleans()), max_size=60))
def test_everything_given_back_is_handed_back(steps):
    """Whatever came and went, used memory is reserved, and a GPU without tensors reserves nothing."""
    gpu, held = Allocator(), []
    for size, frees in steps:
        held.append(gpu.take(size))
        if frees:
            gpu.give(held.pop(size % len(held)))
        assert sum(block.size for block in held) == gpu.used <= gpu.reserved
        assert gpu.used <= gpu.peak
    gpu.give(*held)
    gpu.trim()
    assert (gpu.used, gpu.reserved) == (0, 0)
