"""Whether a live spec is what was approved: one comparison, for adoption and drift. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.workflow.ports import RemoteSpec

NODES_OF_ONE = {"num_nodes": "1"}
"""Values that a service adds and that ask for nothing; like empty ones they equal absent ones."""
MOST_NAMED, LONGEST_PATH = 3, 60


def differences(body: Mapping[str, Any], space_id: str, spec: RemoteSpec) -> tuple[str, ...]:
    """Return where a spec differs from a body in a space, as paths such as ``nodes.num_nodes``; empty if nowhere.

    Every key counts, also those that only the service knows. A missing description is no difference, since services
    may omit it; another description is one.
    """
    theirs = {"name": spec.name, "space_id": spec.space_id, "description": spec.description}
    ours = {
        "name": body["name"],
        "space_id": space_id,
        "description": body.get("description") if spec.description else None,
    }
    return (*_paths(ours, theirs), *hardware_differences(body["nodes"], spec))


def hardware_differences(nodes: Mapping[str, Any], spec: RemoteSpec) -> tuple[str, ...]:
    """Return where a spec's hardware differs from a body's ``nodes``, whatever its name."""
    return _paths({"nodes": nodes}, {**spec.more, "nodes": spec.nodes})


def in_words(paths: tuple[str, ...]) -> str:
    """Return differences as part of a sentence: a few of them by name."""
    named = ", ".join(path[:LONGEST_PATH] for path in paths[:MOST_NAMED])
    more = len(paths) - MOST_NAMED
    return f"{named} and {more} more" if more > 0 else named


def _paths(ours: Any, theirs: Any, path: str = "") -> tuple[str, ...]:
    """Compare by value; services return numbers as text or as numbers."""
    one, other = ({} if part is None else part for part in (ours, theirs))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        keys = sorted({*one, *other})
        return tuple(
            found
            for key in keys
            for found in _paths(_stated(key, one), _stated(key, other), f"{path}.{key}" if path else key)
        )
    return () if _text(ours) == _text(theirs) else (path,)


def _stated(key: str, part: Mapping[str, Any]) -> Any:
    value = part.get(key)
    return None if NODES_OF_ONE.get(key) == _text(value) else value


def _text(value: Any) -> str:
    return "" if value in (None, [], {}) else str(value)
