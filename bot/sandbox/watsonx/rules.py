"""What the stand-in cluster accepts as a hardware specification, stricter than the known service."""

from __future__ import annotations

import re
from typing import Any

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CPU_UNITS = re.compile(r"[1-9][0-9]{0,5}(?:\.[0-9]+)?")
_MEM_SIZE = re.compile(r"[1-9][0-9]{0,7}Gi")
MAX_DESCRIPTION = 1000


def complaint(body: object) -> str | None:
    """Return what is wrong with the body of a create, in a sentence, or None."""
    if not isinstance(body, dict):
        return "The request body must be a JSON object."
    unknown = sorted(set(body) - {"name", "description", "nodes"})
    if unknown:
        return f"Unknown field: {unknown[0]}."
    return _words_complaint(body.get("name"), body.get("description", "")) or _nodes_complaint(
        body.get("nodes")
    )


def _words_complaint(name: object, description: object) -> str | None:
    """Check name and description."""
    if not isinstance(name, str) or not isinstance(description, str):
        return "The fields name and description must be strings."
    if any(mark in text for text in (name, description) for mark in "<>"):
        return "You cannot include any tags in the request."
    if not _NAME.fullmatch(name):
        return "The name may hold letters, digits, '-' and '_' only, at most 64."
    return "The description is too long." if len(description) > MAX_DESCRIPTION else None


def _nodes_complaint(nodes: object) -> str | None:
    """Check the three parts and the types of their values."""
    parts = _exactly(nodes, "cpu", "mem", "gpu")
    if parts is None:
        return "The field nodes must be an object of cpu, mem and gpu."
    cpu, mem, gpu = (
        _exactly(parts[part], key) for part, key in (("cpu", "units"), ("mem", "size"), ("gpu", "num_gpu"))
    )
    if cpu is None or not isinstance(cpu["units"], str) or not _CPU_UNITS.fullmatch(cpu["units"]):
        return "nodes.cpu.units must be a string such as '2'."
    if mem is None or not isinstance(mem["size"], str) or not _MEM_SIZE.fullmatch(mem["size"]):
        return "nodes.mem.size must be a string such as '31Gi'."
    if gpu is None or type(gpu["num_gpu"]) is not int or gpu["num_gpu"] < 1:
        return "nodes.gpu.num_gpu must be an integer of at least 1."
    return None


def _exactly(value: object, *keys: str) -> dict[str, Any] | None:
    """Return an object that has exactly these keys."""
    return value if isinstance(value, dict) and set(value) == set(keys) else None
