"""The next step once a specification exists: the requests that deploy the base model and its adapters.

The deployment of the base model refers to the specification. The deployment of an adapter refers to the base
deployment and names no hardware. LoRA is enabled in ``online.parameters.foundation_model``.

Sources: IBM watsonx documentation, "Deploying PEFT models"; the tests of IBM's Node.js SDK
(https://github.com/IBM/watsonx-ai-node-sdk).
"""

from dataclasses import dataclass
from typing import Any

from sizing.request import SizingRequest
from sizing.serving import RANKS

PATH = "/ml/v4/deployments"
VERSION = "2024-03-14"
"""The API version that IBM's samples send."""
ASSUMED_RANK = 64
"""If only file sizes were given, so that the rank is unknown."""
BASE_MODEL, ADAPTER, BASE_DEPLOYMENT = "<base model asset id>", "<adapter asset id>", "<base deployment id>"


@dataclass(frozen=True, slots=True)
class Deployment:
    """One request to create a deployment.

    Args:
        path: Path and query, relative to the cluster's address.
        assumed: Sentences that name what was assumed and what must be filled in.
    """

    path: str
    body: dict[str, Any]
    assumed: tuple[str, ...]


def base_deployment(request: SizingRequest, spec_id: str, space_id: str) -> Deployment:
    """Return the request that deploys the base model on a specification."""
    assumed = [f"Replace {BASE_MODEL}: the asset of the base model in the space."]
    body: dict[str, Any] = {
        "name": request.spec_name,
        "space_id": space_id,
        "asset": {"id": BASE_MODEL},
        "online": {"parameters": {"serving_name": _serving_name(request)}},
        "hardware_spec": {"id": spec_id, "num_nodes": 1},
    }
    count = sum(group.count for group in request.adapters)
    if count:
        known = [group.rank for group in request.adapters if group.rank]
        rank = next(bucket for bucket in RANKS if bucket >= max(known, default=ASSUMED_RANK))
        if len(known) < len(request.adapters):
            assumed.append(
                f"max_lora_rank {rank} is assumed, since sizes do not tell the rank: take the largest of yours."
            )
        body["online"]["parameters"]["foundation_model"] = {
            "enable_lora": True,
            "max_gpu_loras": count,
            "max_cpu_loras": count,
            "max_lora_rank": rank,
        }
    assumed.append("The body follows IBM's SDK tests and documentation; it was not tried on a cluster.")
    return Deployment(_path(), body, tuple(assumed))


def adapter_deployment(
    request: SizingRequest, space_id: str, asset_id: str | None = None, base_deployment_id: str | None = None
) -> Deployment:
    """Return the request that deploys one adapter on the base deployment.

    Args:
        asset_id: The adapter's asset. None leaves a placeholder.
        base_deployment_id: The deployment of the base model. None leaves a placeholder.
    """
    assumed = []
    if asset_id is None:
        assumed.append(f"Replace {ADAPTER}: the asset of the adapter in the space.")
    if base_deployment_id is None:
        assumed.append(f"Replace {BASE_DEPLOYMENT}: the id that creating the base deployment answered with.")
    assumed.append("The body follows IBM's SDK tests and documentation; it was not tried on a cluster.")
    body = {
        "name": f"{request.spec_name}-adapter",
        "space_id": space_id,
        "asset": {"id": asset_id or ADAPTER},
        "online": {"parameters": {"serving_name": f"{_serving_name(request)}_adapter"}},
        "base_deployment_id": base_deployment_id or BASE_DEPLOYMENT,
    }
    return Deployment(_path(), body, tuple(assumed))


def _path() -> str:
    return f"{PATH}?version={VERSION}"


def _serving_name(request: SizingRequest) -> str:
    """Return a name for the inference URL: at most 36 lowercase letters, digits and underscores.

    Source: IBM watsonx documentation, "Creating online deployments" (``serving_name``).
    """
    name = "".join(char if char.isascii() and char.isalnum() else "_" for char in request.spec_name.lower())
    return name[:27].strip("_")
