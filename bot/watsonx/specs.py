"""Parses specs from the API's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.watsonx.responses import Answer, clean_text
from bot.workflow.ports import RemoteSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_WARNINGS = 10


def spec_in(resource: object) -> RemoteSpec | None:
    """Parse one wrapped object; None if its id or name cannot be read.

    Args:
        resource: ``{"metadata": {...}, "entity": {"hardware_specification": {"nodes": {...}}}}``.
    """
    metadata = _part(resource, "metadata")
    spec_id, name = spec_id_in(resource), metadata.get("name")
    if spec_id is None or not isinstance(name, str):
        return None
    space_id = _text(metadata, "space_id") or None
    hardware = _part(resource, "entity", "hardware_specification")
    return RemoteSpec(
        id=spec_id,
        name=name,
        description=_text(metadata, "description"),
        nodes=dict(_part(hardware, "nodes")),
        space_id=space_id,
        created_at=_text(metadata, "created_at"),
        is_global=space_id is None and not _text(metadata, "project_id"),
        more={key: value for key, value in hardware.items() if key != "nodes"},
    )


def spec_id_in(resource: object) -> str | None:
    """Parse the id of one wrapped object; None if it cannot be used in a path."""
    spec_id = _part(resource, "metadata").get("asset_id")
    return spec_id if isinstance(spec_id, str) and is_spec_id(spec_id) else None


def is_spec_id(text: str) -> bool:
    """Return whether a text can be an id: 1 to 200 ASCII letters, digits, ``-``, ``_`` and ``.``, not only dots."""
    plain = text.replace("-", "").replace("_", "").replace(".", "")
    return len(text) <= 200 and plain.isascii() and plain.isalnum()  # noqa: PLR2004 - as promised


def specs_in(answer: Answer) -> list[RemoteSpec] | None:
    """Parse a list from a 2xx answer.

    Returns:
        The specs in the service's order, without entries whose id or name is unreadable; None if the answer is no list.
    """
    body = answer.json()
    resources = body.get("resources") if isinstance(body, dict) else None
    if not isinstance(resources, list):
        return None
    return [spec for resource in resources if (spec := spec_in(resource)) is not None]


def warnings_in(body: object) -> tuple[str, ...]:
    """Return the sentences of ``system.warnings``, at most ``MAX_WARNINGS``."""
    entries = _part(body, "system").get("warnings")
    if not isinstance(entries, list):
        return ()
    texts = (entry.get("message") if isinstance(entry, dict) else entry for entry in entries)
    clean = (clean_text(text) for text in texts if isinstance(text, str))
    return tuple(text for text in clean if text)[:MAX_WARNINGS]


def _part(value: object, *path: str) -> Mapping[str, Any]:
    """Follow a path of objects; a missing one reads as empty."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _text(fields: Mapping[str, Any], key: str) -> str:
    """Return an optional text field, empty if missing."""
    value = fields.get(key)
    return value if isinstance(value, str) else ""
