"""How the number of GPUs grows with the number of adapters, for each method."""

from typing import NamedTuple

from sizing import units
from sizing.formula import size
from sizing.methods import METHODS
from sizing.request import AdapterGroup, SizingRequest

_USUAL = AdapterGroup(count=0, microbytes=128 * 1024**2 * units.MICROBYTES_PER_BYTE)
_MOST = 1000  # adapters that a request may have
_POINTS, _FEWEST = 60, 10


class Growth(NamedTuple):
    """GPUs by number of adapters.

    Args:
        adapter: The size of one adapter: ``128MB``.
        counts: Numbers of adapters of that size, ascending from 0.
        gpus: For each method, the GPUs that each of ``counts`` needs.
        own: The request's own number of adapters.
    """

    adapter: str
    counts: tuple[int, ...]
    gpus: dict[str, tuple[int, ...]]
    own: int


def growth(request: SizingRequest) -> Growth:
    """Compute the GPUs for fewer and for more adapters of the request's largest size (128 MB if it has none).

    The counts go up to twice the request's own, and further until every method needs another GPU.
    """
    group = request.adapters[0] if request.adapters else _USUAL
    now = _gpus(request, group, group.count)
    step = range(group.count, _MOST, _FEWEST)
    grown = (n for n in step if all(then > now[name] for name, then in _gpus(request, group, n).items()))
    most = min(_MOST, max(2 * group.count, next(grown, _MOST), _FEWEST))
    counts = tuple(sorted({*range(0, most, -(-most // _POINTS)), group.count, most}))
    rows = [_gpus(request, group, count) for count in counts]
    return Growth(
        group.size, counts, {name: tuple(row[name] for row in rows) for name in METHODS}, group.count
    )


def _gpus(request: SizingRequest, group: AdapterGroup, count: int) -> dict[str, int]:
    """Return the GPUs by method for another number of adapters of the largest size."""
    mine = (AdapterGroup(count=count, microbytes=group.microbytes),) if count else ()
    changed = request.model_copy(update={"adapters": (*mine, *request.adapters[1:])})
    return {name: size(changed.with_method(name)).num_gpus for name in METHODS}
