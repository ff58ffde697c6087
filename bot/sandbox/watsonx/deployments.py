"""The deployments of the stand-in cluster, which use specifications."""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING, Any

from bot.sandbox.loopback import Call, Reply
from bot.sandbox.watsonx.api import problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.sandbox.watsonx.faults import Faults

PATH = "/ml/v4/deployments"


class DeploymentsApi:
    """Deployments as far as the bot needs them: listed, one page at a time.

    Source: https://cloud.ibm.com/apidocs/machine-learning#deployments-list.
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._lock = threading.Lock()
        self._deployments: dict[str, tuple[str, dict[str, Any]]] = {}

    def deploy(self, name: str, space_id: str, spec_id: str | None = None) -> str:
        """Deploy in a space, on a specification or, like an adapter, on another deployment; return its id."""
        deployment_id = str(uuid.uuid4())
        spec = (
            {"hardware_spec": {"id": spec_id, "num_nodes": 1}} if spec_id else {"base_deployment_id": "base"}
        )
        metadata = {"id": deployment_id, "name": name, "space_id": space_id}
        entity = {"name": name, "online": {}, "status": {"state": "ready"}, **spec}
        with self._lock:
            self._deployments[deployment_id] = space_id, {"metadata": metadata, "entity": entity}
        return deployment_id

    def deploy_all(self, spec_ids: Iterable[str], space_id: str) -> None:
        """Deploy one base model on each specification."""
        for number, spec_id in enumerate(spec_ids, 1):
            self.deploy(f"base-model-{number}", space_id, spec_id)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._deployments)

    def clear(self) -> None:
        """Delete all deployments."""
        with self._lock:
            self._deployments.clear()

    def undeploy(self, deployment_id: str) -> None:
        """Delete a deployment."""
        with self._lock:
            del self._deployments[deployment_id]

    def answer(self, call: Call) -> Reply | None:
        """Answer a call whose token was accepted; None for any other path."""
        if (call.method, call.path) != ("GET", PATH):
            return None
        if self._faults.take("deployments_refused"):
            return problem(403, "forbidden", "You need the role Viewer in this space.")
        if self._faults.take("deployments_broken"):
            return Reply(503, "<html><head><title>Service Unavailable</title></head></html>")
        space_id = call.query.get("space_id")
        if space_id is None or "version" not in call.query:
            return problem(400, "missing_parameter", "space_id and version are required.")
        with self._lock:
            deployments = [
                deployment for space, deployment in self._deployments.values() if space == space_id
            ]
        return Reply(200, self._page(deployments, int(call.query.get("start", "0")), space_id))

    def _page(self, deployments: list[dict[str, Any]], start: int, space_id: str) -> dict[str, Any]:
        """Return a page; the next one's address is on a host that the caller must not follow."""
        end = start + self._faults.deployments_page
        page: dict[str, Any] = {"resources": deployments[start:end], "total_count": len(deployments)}
        if end < len(deployments):
            query = f"space_id={space_id}&version=2024-03-14&start={end}"
            page["next"] = {"href": f"https://elsewhere.example.com{PATH}?{query}"}
        return page
