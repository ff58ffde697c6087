"""``peftsize specs``: the live specs of the space."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from bot.approvals.request import State
from bot.cli.operator import open_operator
from bot.cli.output import say, say_json, table, visible
from bot.cli.requests import say_outcome
from bot.errors import NoDatabase, UnknownRequest
from bot.provisioning.drift import compare
from bot.runtime import settings as configuration
from bot.runtime.settings import Need, check_settings
from bot.runtime.wiring import connect_specs, need_database, open_store
from bot.workflow.use import users_by_spec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.approvals.request import Maker
    from bot.runtime.settings import Settings
    from bot.workflow.ports import RemoteSpec


def _listed(spec: RemoteSpec, made: Maker | None, users: Sequence[str] | None) -> dict[str, Any]:
    """Return a spec with its owner, purpose, age in seconds, and users (None if unknown)."""
    at = spec.created_ms
    return _object(spec) | {
        "owner": made.owner_id if made else None,
        "purpose": made.purpose if made else None,
        "age": None if at is None else max(0, int(time.time()) - at // 1000),
        "in_use_by": None if users is None else list(users),
    }


def _object(spec: RemoteSpec) -> dict[str, Any]:
    return {
        "id": spec.id,
        "name": spec.name,
        "description": spec.description,
        "nodes": spec.nodes,
        "space_id": spec.space_id,
        "created_at": spec.created_at,
        "global": spec.is_global,
    }


def _row(spec: RemoteSpec) -> tuple[str, ...]:
    nodes = spec.nodes
    return (
        spec.id,
        spec.name,
        str(nodes.get("gpu", {}).get("num_gpu", "-")),
        str(nodes.get("cpu", {}).get("units", "-")),
        str(nodes.get("mem", {}).get("size", "-")),
        "predefined" if spec.is_global else "space",
    )


def listing(*, as_json: bool) -> None:
    """List every spec visible in the space."""
    settings = configuration.load()
    check_settings(settings, Need(watsonx=True))
    space_id = settings.watsonx_space_id or ""
    with connect_specs(settings) as specs:
        found, users = specs.list(space_id), users_by_spec(specs, space_id)
    made = _makers(settings, [spec.id for spec in found])
    used = {spec.id: None if users is None else users.get(spec.id, ()) for spec in found}
    if as_json:
        say_json([_listed(spec, made.get(spec.id), used[spec.id]) for spec in found])
    elif not found:
        say("No hardware specifications are visible in this space.")
    else:
        head = ("id", "name", "GPUs", "CPUs", "memory", "from", "owner", "purpose", "age", "in use by")
        table(head, [(*_row(spec), *_whose(spec, made.get(spec.id), used[spec.id])) for spec in found])


def _makers(settings: Settings, spec_ids: Sequence[str]) -> Mapping[str, Maker]:
    """Return the requests behind specs, if there is a database that knows them."""
    try:
        with open_store(settings) as store, store.read() as tx:
            return tx.requests.makers(spec_ids)
    except NoDatabase:
        return {}


def _whose(spec: RemoteSpec, made: Maker | None, users: Sequence[str] | None) -> tuple[str, ...]:
    at = spec.created_ms
    return (
        made.owner_name if made else "-",
        (made.purpose if made else None) or "-",
        "-" if at is None else f"{max(0, int(time.time()) - at // 1000) // 86_400} d",
        "not known" if users is None else ", ".join(users) or "-",
    )


def show(spec_id: str, *, as_json: bool) -> None:
    """Show one spec."""
    settings = configuration.load()
    check_settings(settings, Need(watsonx=True))
    with connect_specs(settings) as specs:
        spec = specs.get(spec_id, settings.watsonx_space_id or "")
    if spec is None:
        raise UnknownRequest("unknown_spec", detail=spec_id)
    if as_json:
        say_json(_object(spec))
    else:
        table(("id", "name", "GPUs", "CPUs", "memory", "from"), [_row(spec)])


def delete(spec_id: str, user_id: str) -> None:
    """Request a deletion."""
    with open_operator(configuration.load()) as operator:
        with operator.service.store.read() as tx:
            made = tx.requests.listed(states=(State.CREATED,), spec_id=spec_id, limit=1)
        if not made:
            raise UnknownRequest("not_ours", detail=spec_id)
        outcome = operator.decide("delete", made[0].id, user_id)
    say_outcome(outcome)


def drift(*, as_json: bool) -> None:
    """Compare live specs and records; exit 1 if they differ."""
    settings = configuration.load()
    need_database(settings)
    check_settings(settings, Need(watsonx=True))
    with open_store(settings) as store, connect_specs(settings) as specs:
        differences = compare(
            store, specs, settings.watsonx_space_id or "", settings.peftsize_spaces.values()
        )
    if as_json:
        say_json(
            [
                {"kind": item.kind, "name": item.name, "spec_id": item.spec_id, "request_id": item.request_id}
                for item in differences
            ]
        )
    elif not differences:
        say("No drift: all our specs exist as created.")
    else:
        for item in differences:
            say(visible(item.sentence()))
    if differences:
        sys.exit(1)
