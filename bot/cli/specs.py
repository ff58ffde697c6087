"""``peftsize specs``: what is live in the space."""

from __future__ import annotations

import os
import secrets
import sys
from typing import TYPE_CHECKING, Any

from bot.approvals.request import State
from bot.cli.operator import operator
from bot.cli.output import say, say_json, table, visible
from bot.cli.requests import say_outcome
from bot.errors import UnknownRequest
from bot.provisioning.drift import compare
from bot.runtime import settings as configuration
from bot.runtime.settings import Need, check_settings
from bot.runtime.wiring import connect_specs, need_database, open_store
from bot.workflow.ports import Click, Source

if TYPE_CHECKING:
    from bot.workflow.ports import RemoteSpec


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
    with connect_specs(settings) as specs:
        found = specs.list(settings.watsonx_space_id or "")
    if as_json:
        say_json([_object(spec) for spec in found])
    elif not found:
        say("No hardware specifications are visible in this space.")
    else:
        table(("id", "name", "GPUs", "CPUs", "memory", "from"), [_row(spec) for spec in found])


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
    """Ask for a deletion."""
    with operator(configuration.load()) as desk:
        with desk.service.store.read() as tx:
            made = tx.requests.listed(states=(State.CREATED,), spec_id=spec_id, limit=1)
        if not made:
            raise UnknownRequest("not_ours", detail=spec_id)
        click = Click(
            key=f"cli:{secrets.token_hex(16)}",
            action="delete",
            request_id=made[0].id,
            revision=None,
            team_id=desk.home_team,
            user_id=user_id,
            name=user_id,
            at=desk.service.clock(),
            origin="cli",
            os_uid=os.getuid(),
            source=Source.CLI,
        )
        outcome = desk.decide(click)
    say_outcome(outcome)


def drift(*, as_json: bool) -> None:
    """Compare live specs and records; exit 1 if they differ."""
    settings = configuration.load()
    need_database(settings)
    check_settings(settings, Need(watsonx=True))
    with open_store(settings) as store, connect_specs(settings) as specs:
        found = compare(store, specs, settings.watsonx_space_id or "", settings.peftsize_spaces.values())
    if as_json:
        say_json(
            [
                {"kind": item.kind, "name": item.name, "spec_id": item.spec_id, "request_id": item.request_id}
                for item in found
            ]
        )
    elif not found:
        say("No drift: every spec of ours is there as created.")
    else:
        for item in found:
            say(visible(item.sentence()))
    if found:
        sys.exit(1)
