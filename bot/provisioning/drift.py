"""Differences between the live specs and our records: reported, never repaired."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bot.provisioning.comparison import differences, in_words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.store import Store
    from bot.workflow.ports import Specs

PREFIX = "peft-"


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference.

    Args:
        kind: A ``stranger`` has our name pattern, but we did not create it.
        request_id: Our request, if it is ours.
        differs: Where it differs from what was approved, if it has changed.
    """

    kind: Literal["vanished", "changed", "stranger"]
    name: str
    spec_id: str
    request_id: str | None = None
    differs: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Return the difference in words, with what to do."""
        match self.kind:
            case "vanished":
                return (
                    f"{self.name} ({self.spec_id}) was created by {self.request_id} and is gone: deployments that "
                    "name it will fail; ask for it again if it is needed."
                )
            case "changed":
                return (
                    f"{self.name} ({self.spec_id}), created by {self.request_id}, is not what was approved any "
                    f"more: it differs in {in_words(self.differs)}. Find out who changed it, "
                    "or delete it and ask again."
                )
            case "stranger":
                return (
                    f"{self.name} ({self.spec_id}) has our name pattern but was not made by this bot: "
                    "find out who made it."
                )


def compare(store: Store, specs: Specs, space_id: str, more_spaces: Iterable[str] = ()) -> list[Drift]:
    """Compare the live specs of the spaces with our records; return every difference, by space and name.

    Raises:
        SpecsError: The service did not answer.
    """
    with store.read() as tx:
        records = tx.requests.live_specs()
    drifts: list[Drift] = []
    for space in dict.fromkeys((space_id, *more_spaces)):
        live = {spec.id: spec for spec in specs.list(space) if not spec.is_global}
        ours = {record.spec_id: record for record in records if record.space_id == space}
        for spec_id, record in ours.items():
            spec = live.get(spec_id)
            if spec is None:
                drifts.append(Drift("vanished", record.name, spec_id, record.request_id))
            elif differs := differences(json.loads(record.payload), space, spec):
                drifts.append(Drift("changed", record.name, spec_id, record.request_id, differs))
        drifts += [
            Drift("stranger", spec.name, spec.id)
            for spec in live.values()
            if spec.name.startswith(PREFIX) and spec.id not in ours
        ]
    return sorted(drifts, key=lambda drift: (drift.kind, drift.name, drift.spec_id))
