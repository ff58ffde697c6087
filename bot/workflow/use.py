"""Whether a deployment uses a hardware specification: looked up in the cluster, never guessed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.errors import SpecsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.workflow.ports import Specs

_MOST_NAMES = 5


@dataclass(frozen=True, slots=True)
class Use:
    """Who uses a specification.

    Args:
        names: Deployments that use it.
        error: Why that is unknown, or None.
    """

    names: tuple[str, ...] = ()
    error: SpecsError | None = None

    @property
    def words(self) -> str:
        """The names, cut to one line; or that they are unknown."""
        if self.error is not None:
            return f"whether a deployment uses it is not known: {self.error.message}"
        left = len(self.names) - _MOST_NAMES
        return ", ".join(self.names[:_MOST_NAMES]) + (f" and {left} more" if left > 0 else "")


def look_up_use(specs: Specs, spec_id: str, space_id: str) -> Use:
    """Look up which deployments use a specification, now."""
    try:
        deployments = specs.deployments(space_id)
    except SpecsError as error:
        return Use(error=error)
    return Use(tuple(sorted(one.name for one in deployments if one.spec_id == spec_id)))


def users_by_spec(specs: Specs, space_id: str) -> Mapping[str, tuple[str, ...]] | None:
    """Return the names of the deployments that use each spec of a space; None if unknown."""
    try:
        deployments = specs.deployments(space_id)
    except SpecsError:
        return None
    users: dict[str, tuple[str, ...]] = {}
    for one in sorted(deployments, key=lambda one: one.name):
        users[one.spec_id] = (*users.get(one.spec_id, ()), one.name)
    return users
