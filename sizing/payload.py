"""The exact body of the call that creates a hardware specification, its canonical text and its digest."""

import hashlib
import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints

from sizing.formula import Breakdown, cpus_for
from sizing.request import SizingRequest

DESCRIPTION = "Custom hardware specification for foundation models"
MOST_GPUS = 64  # of an override; a larger number is a typing mistake
_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True)


class Cpu(BaseModel):
    """``{"units": "2"}``: the number of CPUs, as a string."""

    model_config = _STRICT
    units: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*\z")]


class Mem(BaseModel):
    """``{"size": "8Gi"}``: CPU memory in whole gibibytes."""

    model_config = _STRICT
    size: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*Gi\z")]


class Gpu(BaseModel):
    """``{"num_gpu": 1}``: the number of GPUs, as an integer."""

    model_config = _STRICT
    num_gpu: int


class Nodes(BaseModel):
    """The three resources of a specification."""

    model_config = _STRICT
    cpu: Cpu
    mem: Mem
    gpu: Gpu


class HardwareSpec(BaseModel):
    """A hardware specification as the REST API expects it.

    Source: IBM watsonx documentation, "Creating customized hardware specifications", the curl sample.
    """

    model_config = _STRICT
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}\z")]
    description: Annotated[str, StringConstraints(pattern=r"^[^<>]*\z")]
    nodes: Nodes

    def body(self) -> dict[str, Any]:
        """Return the request body, with the keys, order and types of the sample."""
        nodes = self.nodes
        return {
            "name": self.name,
            "description": self.description,
            "nodes": {
                "cpu": {"units": nodes.cpu.units},
                "mem": {"size": nodes.mem.size},
                "gpu": {"num_gpu": nodes.gpu.num_gpu},
            },
        }


def spec_for(request: SizingRequest, breakdown: Breakdown, use_gpus: int | None = None) -> HardwareSpec:
    """Make the specification that serves a request.

    Args:
        use_gpus: Overrides the computed number of GPUs. At least that number, at most 64.

    Returns:
        The specification. An override shows in its name and in its description.

    Raises:
        ValueError: ``use_gpus`` is out of range.
    """
    gpus, description = breakdown.num_gpus, DESCRIPTION
    if use_gpus == gpus:
        use_gpus = None
    if use_gpus is not None:
        if use_gpus not in range(gpus, MOST_GPUS + 1):
            raise ValueError(f"use_gpus={use_gpus} is not {gpus} to {MOST_GPUS}")
        description += f"; {use_gpus} GPUs chosen instead of the computed {gpus}"
        gpus = use_gpus
    return HardwareSpec.model_validate(
        {
            "name": request.name_for(use_gpus),
            "description": description,
            "nodes": {
                "cpu": {"units": str(cpus_for(gpus))},
                "mem": {"size": f"{breakdown.cpu_memory_gb}Gi"},
                "gpu": {"num_gpu": gpus},
            },
        }
    )


def canonical_json(body: dict[str, Any]) -> str:
    """Serialize a body so that equal bodies give equal text: sorted keys, no spaces, ASCII."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(body: dict[str, Any], target_url: str, space_id: str) -> str:
    """Compute the fingerprint that an approval is bound to: of the exact body, the server and the space.

    Returns:
        SHA-256 as 64 hexadecimal digits.
    """
    bound = {"body": body, "space_id": space_id, "target": target_url}
    return hashlib.sha256(canonical_json(bound).encode()).hexdigest()
