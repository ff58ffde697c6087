"""The curve of GPUs over adapters: which counts it shows, and what each of them needs."""

from __future__ import annotations

import pytest

from sizing import parse, size
from sizing.growth import growth


@pytest.mark.parametrize(
    ("text", "adapter", "own", "last"),
    [
        ("10b 2x128MB qlora4", "128MB", 2, 392),  # (10 * 0.5 + 392 * 0.125) * 1.5 = 81: a second GPU
        ("10b 4x1GB+2x64MB lora", "1GB", 4, 54),  # the largest size grows, the other stays
        ("70b none lora", "128MB", 0, 300),  # the usual size; (140 + 37.5) * 1.5 = 266.25: a fourth GPU
        ("10b 600x1KB lora", "1KB", 600, 1000),  # no method ever needs another GPU
        ("10b 300x1MB lora", "1MB", 300, 1000),
        ("10b 999x128MB lora", "128MB", 999, 1000),
        ("1m 2x50GB lora", "50GB", 2, 12),  # (12 * 50) * 1.5 = 900: far more than twice as many
    ],
)
def test_the_curve_reaches_to_the_next_gpu(text: str, adapter: str, own: int, last: int) -> None:
    """It begins with the base alone, has the request's own count, and ends at 1000 adapters at the latest."""
    found = growth(parse(text))
    assert (found.adapter, found.own, found.counts[0], found.counts[-1]) == (adapter, own, 0, last)
    assert own in found.counts
    assert list(found.counts) == sorted(set(found.counts))


def test_the_curve_reaches_to_twice_as_many() -> None:
    """Where the next GPU comes sooner, twice the request's own count is the end."""
    assert growth(parse("10b 100x1GB lora")).counts[-1] == 200
    assert growth(parse("10b 501x1GB lora")).counts[-1] == 1000


def test_each_point_is_the_formula() -> None:
    """Every method's GPUs at every count are those that the formula gives."""
    found = growth(parse("13b 4x512MB+3x64MB qlora8 gpu=40"))
    assert set(found.gpus) == {"lora", "qlora8", "qlora4"}
    for method, gpus in found.gpus.items():
        for count, number in zip(found.counts, gpus, strict=True):
            group = f"{count}x512MB+" if count else ""
            assert number == size(f"13b {group}3x64MB {method} gpu=40").num_gpus


def test_a_long_curve_has_few_points() -> None:
    """About sixty, evenly spread, and the request's own count between them."""
    counts = growth(parse("10b 999x128MB lora")).counts
    assert counts == (*range(0, 987, 17), 999, 1000)
    assert growth(parse("10b 4x1GB lora")).counts[:6] == (0, 1, 2, 3, 4, 5)
