"""The complete answer as one JSON object, for the command line and for scripts."""

from typing import Any

from sizing.advice import compare, warnings
from sizing.errors import SizingError
from sizing.formula import Breakdown, size
from sizing.parsing.grammar import parse
from sizing.payload import spec_for
from sizing.request import SizingRequest


def result_json(text: str) -> dict[str, Any]:
    """Size a text, or explain why it cannot be sized. Never raises.

    Returns:
        ``{"request": {...}, "gpu_memory_gb": 8, ..., "hardware_specification": {...}}``, or ``{"error": {...}}``.
    """
    try:
        request = parse(text)
    except SizingError as error:
        return {"error": error.to_json()}
    return answer_json(request, size(request))


def answer_json(request: SizingRequest, needs: Breakdown) -> dict[str, Any]:
    """Return the object of ``result_json`` for a request that has been sized."""
    return {
        "request": {
            "params": request.params,
            "model": request.model,
            "method": request.method,
            "adapters": [{"count": g.count, "size": g.size, "gb": g.gb} for g in request.adapters],
        },
        "canonical": request.canonical,
        "name": request.spec_name,
        **_numbers(needs),
        "formula": needs.formula,
        "alternatives": [
            {"method": row.method, "name": row.name, **_numbers(row.breakdown)}
            for row in compare(request, needs)
            if row.method != request.method
        ],
        "assumptions": list(request.assumptions),
        "warnings": [warning._asdict() for warning in warnings(request, needs)],
        "hardware_specification": spec_for(request, needs).body(),
    }


def _numbers(needs: Breakdown) -> dict[str, Any]:
    """Return the five results."""
    names = ("gpu_memory_gb_exact", "gpu_memory_gb", "num_gpus", "num_cpus", "cpu_memory_gb")
    return {name: getattr(needs, name) for name in names}
