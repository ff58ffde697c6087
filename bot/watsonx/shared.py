"""The list of live specs, cached and shared between callers; every other call goes straight through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.errors import Unavailable
from bot.workflow.single_flight import SingleFlight, TooSoon

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.workflow.ports import Created, Deleted, Deployment, RemoteSpec, SpecList, Specs

FRESH_MS, GAP_MS = 5_000, 1_000
"""How long a list is cached, and how soon it may be looked up again after we changed the space."""


class SharedSpecs:
    """The port ``Specs`` with a cached list: a burst of requests costs one look-up.

    A name is always looked up live, since a POST depends on it.
    """

    def __init__(self, specs: Specs, clock: Callable[[], int]) -> None:
        self._specs = specs
        self._lists: SingleFlight[SpecList] = SingleFlight(
            specs.list,
            clock,
            fresh_ms=FRESH_MS,
            gap_ms=GAP_MS,
            retry_after_s=lambda error: error.retry_after_s if isinstance(error, Unavailable) else None,
        )

    def find(self, name: str, space_id: str) -> SpecList:
        """Return the specs with exactly this name, live."""
        return self._specs.find(name, space_id)

    def list(self, space_id: str) -> SpecList:
        """Return every spec that the space sees, at most ``FRESH_MS`` old.

        Raises:
            Unavailable: ``retry_after_s`` says when to ask again, if known.
        """
        try:
            return self._lists.get(space_id)
        except TooSoon as early:
            raise Unavailable("the list was looked up just now", retry_after_s=early.wait_s) from None

    def get(self, spec_id: str, space_id: str) -> RemoteSpec | None:
        """Return one spec, live, or None if it does not exist."""
        return self._specs.get(spec_id, space_id)

    def deployments(self, space_id: str) -> tuple[Deployment, ...]:
        """Return every deployment of a space that names a hardware specification, live."""
        return self._specs.deployments(space_id)

    def create(
        self, body: dict[str, Any], space_id: str, *, attempt_id: str, not_after_ms: int | None = None
    ) -> Created:
        """Create a spec, and drop the cached list whatever the outcome."""
        try:
            return self._specs.create(body, space_id, attempt_id=attempt_id, not_after_ms=not_after_ms)
        finally:
            self._lists.forget(space_id)

    def delete(self, spec_id: str, space_id: str, *, attempt_id: str) -> Deleted:
        """Delete a spec, and drop the cached list whatever the outcome."""
        try:
            return self._specs.delete(spec_id, space_id, attempt_id=attempt_id)
        finally:
            self._lists.forget(space_id)
