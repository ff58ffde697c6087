"""The specifications and spaces of the stand-in cluster, and its calls on them."""

from __future__ import annotations

import copy
import threading
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bot.sandbox.loopback import Call, Reply
from bot.sandbox.watsonx.rules import complaint

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.sandbox.watsonx.faults import Faults

PATH = "/v2/hardware_specifications"
PREDEFINED: dict[str, dict[str, Any]] = {
    # Invented: the service documents names but no sizes, so nothing may rely on these numbers.
    "S": {"cpu": {"units": "2"}, "mem": {"size": "8Gi"}, "gpu": {"num_gpu": 0}},
    "M": {"cpu": {"units": "4"}, "mem": {"size": "16Gi"}, "gpu": {"num_gpu": 0}},
    "L": {"cpu": {"units": "8"}, "mem": {"size": "32Gi"}, "gpu": {"num_gpu": 0}},
    "GPUx1": {"cpu": {"units": "2"}, "mem": {"size": "96Gi"}, "gpu": {"num_gpu": 1}},
    "GPUx2": {"cpu": {"units": "3"}, "mem": {"size": "192Gi"}, "gpu": {"num_gpu": 2}},
    "WX-S": {"cpu": {"units": "2"}, "mem": {"size": "60Gi"}, "gpu": {"num_gpu": 1}},
}
FOREIGN_NODES = {"cpu": {"units": "1"}, "mem": {"size": "1Gi"}, "gpu": {"num_gpu": 1}}


class SpecsApi:
    """Spaces, and operations on specifications.

    Args:
        pause: Waits a number of seconds; returns whether the cluster was stopped in the meantime.
    """

    def __init__(self, faults: Faults, now: Callable[[], int], pause: Callable[[float], bool]) -> None:
        self._faults = faults
        self._now = now
        self._pause = pause
        self._lock = threading.Lock()
        self._spaces: dict[str, tuple[str, bool]] = {}
        self._specs: dict[str, dict[str, Any]] = {}
        for name, nodes in PREDEFINED.items():
            self.add(name, nodes, None, description="Predefined")

    def add_space(self, space_id: str, name: str, *, editor: bool = True) -> None:
        """Add a deployment space, in which the bot's user is an editor or may only look."""
        with self._lock:
            self._spaces[space_id] = (name, editor)

    def add(
        self,
        name: str,
        nodes: dict[str, Any],
        space_id: str | None,
        *,
        description: str = "",
        more: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Commit a specification, whoever made it; without a space it is global. Names are not unique."""
        spec_id = str(uuid.uuid4())
        at = datetime.fromtimestamp(self._now() / 1000, UTC).isoformat().replace("+00:00", "Z")
        scope = {} if space_id is None else {"space_id": space_id}
        spec = {
            "metadata": {
                "name": name,
                "description": description,
                "asset_type": "hardware_specification",
                "asset_id": spec_id,
                "created_at": at,
                "updated_at": at,
                "href": f"{PATH}/{spec_id}" + "".join(f"?space_id={value}" for value in scope.values()),
                **scope,
            },
            "entity": {"hardware_specification": {**(more or {}), "nodes": copy.deepcopy(nodes)}},
        }
        with self._lock:
            self._specs[spec_id] = spec
        return copy.deepcopy(spec)

    def remove(self, spec_id: str) -> None:
        """Remove a specification without the bot's knowledge."""
        with self._lock:
            del self._specs[spec_id]

    def change(self, spec_id: str, name: str, nodes: dict[str, Any]) -> None:
        """Change a specification's name or nodes without the bot's knowledge."""
        with self._lock:
            spec = self._specs[spec_id]
            spec["metadata"]["name"] = name
            spec["entity"]["hardware_specification"]["nodes"] = copy.deepcopy(nodes)

    def seen_from(self, space_id: str | None, name: str | None = None) -> list[dict[str, Any]]:
        """List the global specifications and those of a space, in the order of their commit."""
        with self._lock:
            return [
                copy.deepcopy(spec)
                for spec in self._specs.values()
                if spec["metadata"].get("space_id") in (None, space_id)
                and name in (None, spec["metadata"]["name"])
            ]

    def answer(self, call: Call) -> Reply | None:
        """Answer a call whose token was accepted; None for a path that does not exist."""
        if call.method == "GET" and call.path.startswith("/v2/spaces/"):
            return self._space(call.path.removeprefix("/v2/spaces/"))
        if call.path != PATH and not call.path.startswith(PATH + "/"):
            return None
        space_id = call.query.get("space_id")
        if space_id is not None and space_id not in self._spaces:
            return problem(
                self._faults.unknown_space_status,
                "space_not_found",
                f"The space {space_id[:80]} does not exist.",
            )
        if call.path == PATH:
            return self._collection(call, space_id)
        return self._one(call, call.path.removeprefix(PATH + "/"), space_id)

    def _space(self, space_id: str) -> Reply:
        """Answer for a space."""
        if space_id not in self._spaces:
            return problem(self._faults.unknown_space_status, "space_not_found", "The space does not exist.")
        name, _ = self._spaces[space_id]
        entity = {"name": name, "status": {"state": "active"}}
        return Reply(200, {"metadata": {"id": space_id}, "entity": entity})

    def _collection(self, call: Call, space_id: str | None) -> Reply | None:
        """List or create."""
        if call.method == "GET":
            specs = self.seen_from(space_id, call.query.get("name"))
            return Reply(200, {"total_results": len(specs), "resources": specs})
        return self._create(call, space_id) if call.method == "POST" else None

    def _one(self, call: Call, spec_id: str, space_id: str | None) -> Reply | None:
        """Read or delete."""
        spec = next((s for s in self.seen_from(space_id) if s["metadata"]["asset_id"] == spec_id), None)
        if call.method not in ("GET", "DELETE"):
            return None
        if spec is None:
            return problem(404, "not_found", "The hardware specification does not exist.")
        if call.method == "GET":
            return Reply(200, spec)
        if "space_id" not in spec["metadata"]:
            return problem(403, "forbidden", "A predefined hardware specification cannot be deleted.")
        if not self._may_edit(space_id):
            return problem(403, "forbidden", "You need the role Editor in this space.")
        self.remove(spec_id)
        return Reply(204)

    def _may_edit(self, space_id: str | None) -> bool:
        """Return whether the bot's user is an editor; anybody may make global specifications."""
        return space_id is None or self._spaces[space_id][1]

    def _create(self, call: Call, space_id: str | None) -> Reply:
        """Check a create and commit it."""
        if not self._may_edit(space_id):
            return problem(403, "forbidden", "You need the role Editor in this space.")
        body = call.json()
        wrong = complaint(body)
        if wrong is not None:
            return problem(400, "invalid_request", wrong)
        if self._faults.take("foreign"):
            self.add(body["name"], FOREIGN_NODES, space_id, description="Made by somebody else")
        if self._faults.take("drop_then_commit"):
            self._commit_later(self._faults.commit_delay_s, body, space_id)
            return Reply(0, drop=True)
        if self._faults.take("slow_commit") and self._pause(self._faults.commit_delay_s):
            return Reply(0, drop=True)
        return self._spoiled(self._commit(body, space_id))

    def _spoiled(self, reply: Reply) -> Reply:
        """Lose the answer to a committed create, if a fault says so."""
        faults = self._faults
        if reply.status != 201:  # noqa: PLR2004 - Created
            return reply
        if faults.take("drop_after_commit"):
            return Reply(0, drop=True)
        if faults.take("cut_after_commit"):
            return Reply(reply.status, reply.body, cut=True)
        if faults.take("error_after_commit"):
            return Reply(faults.gateway_status, "<html><head><title>Bad Gateway</title></head></html>")
        late_s = faults.answer_delay_s if faults.take("late_answers") else 0.0
        return Reply(reply.status, reply.body, hold_s=late_s)

    def _commit_later(self, delay_s: float, body: dict[str, Any], space_id: str | None) -> None:
        """Commit after the caller has gone."""

        def commit() -> None:
            if not self._pause(delay_s):
                self._commit(body, space_id)

        threading.Thread(target=commit, daemon=True, name="late-commit").start()

    def _commit(self, body: dict[str, Any], space_id: str | None) -> Reply:
        """Create the specification, or treat its name as taken."""
        taken = any(s["metadata"].get("space_id") == space_id for s in self.seen_from(space_id, body["name"]))
        if taken and self._faults.duplicate != 201:  # noqa: PLR2004 - the switch's own values
            return problem(self._faults.duplicate, "already_exists", f"The name {body['name']} is taken.")
        spec = self.add(body["name"], body["nodes"], space_id, description=body.get("description", ""))
        if self._faults.take("warn"):
            spec["system"] = {"warnings": [{"message": words} for words in self._faults.warnings]}
        return Reply(201, spec)


def problem(status: int, code: str, message: str) -> Reply:
    """Return an error in the service's usual envelope."""
    return Reply(status, {"trace": uuid.uuid4().hex, "errors": [{"code": code, "message": message}]})
