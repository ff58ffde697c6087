"""What the service needs from outside, and the values it exchanges. Adapters implement the ports."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bot.approvals.policy import Person
    from bot.approvals.request import GroupEdit, Request


@dataclass(frozen=True, slots=True)
class Ask:
    """Somebody's request, as an entrance hands it in.

    Args:
        key: Names the delivery, so that the same one is never stored twice.
        person: Who asks, as the delivery says; whether they may is found out before anybody sees the request.
        response_url: For a private answer if the bot may not post; kept for 30 minutes at most.
        thread_ts: The thread in which it was asked for, and where its card is posted.
        purpose: From its own field, if it has one; otherwise the text may contain it.
        asked_in: The channel in which somebody asks, which the policy may go by; empty where that is none.
    """

    key: str
    text: str
    person: Person
    channel_id: str
    origin: str
    trigger_hash: str | None = None
    response_url: str | None = None
    use_gpus: int | None = None
    execution_id: str | None = None
    thread_ts: str | None = None
    purpose: str = ""
    asked_in: str = ""


class Source(StrEnum):
    """Where a click was made."""

    CARD = "card"
    MODAL = "modal"
    HOME = "home"
    CLI = "cli"


@dataclass(frozen=True, slots=True)
class Click:
    """A person's action on a request.

    Args:
        key: Names the delivery.
        action: An action of the state machine, or ``delete``, ``use_gpus``, ``use_existing``, ``post_again``.
        revision: The revision that the person saw; None if they saw the row itself.
        at: When it was pressed, in UTC epoch milliseconds.
        channel_id: Where it was pressed, and where a private answer goes.
        message_ts: The message it was pressed on, or from which the modal was opened.
        os_uid: On the command line, the operating-system user's number, since the user can set any name.
        purpose: For an edit; empty for none, None to keep it.
        source: Where it was made, which says what the click is checked against.
        view_id: The Home tab it was pressed on, or from which the modal was opened.
        view_hash: The version of that Home tab.
    """

    key: str
    action: str
    request_id: str
    revision: int | None
    team_id: str
    user_id: str
    name: str
    at: int
    origin: str
    enterprise_id: str | None = None
    channel_id: str | None = None
    message_ts: str | None = None
    trigger_hash: str | None = None
    reason: str | None = None
    text: str | None = None
    os_uid: int | None = None
    purpose: str | None = None
    source: Source = Source.CARD
    view_id: str | None = None
    view_hash: str | None = None

    @classmethod
    def from_stored(cls, content: Mapping[str, Any]) -> Click:
        """Read a stored click; unknown fields of a newer release are ignored, and a missing ``source`` means a card."""
        known = {name: content[name] for name in cls.__slots__ if name in content}
        return cls(**known | {"source": Source(content.get("source", Source.CARD))})


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an ask or a click.

    Args:
        code: ``submitted``, ``existing``, ``name_taken``, ``denied``, ``duplicate``; for a click ``done`` or the code
            of a refusal.
        request: The row, if there is one.
        detail: A fact for the sentence, if any.
    """

    code: str
    request: Request | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RemoteSpec:
    """A hardware specification as the service describes it.

    Args:
        name: Not unique.
        nodes: ``{"cpu": {...}, "mem": {...}, "gpu": {...}}``.
        space_id: None for a global one.
        created_at: As the service writes it; may be empty.
        is_global: Whether it is visible everywhere (predefined).
        more: What the service says about the hardware besides its nodes.
    """

    id: str
    name: str
    description: str
    nodes: dict[str, Any]
    space_id: str | None
    created_at: str
    is_global: bool
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def created_ms(self) -> int | None:
        """When it was created, in UTC epoch milliseconds; None if that cannot be read."""
        try:
            at = datetime.fromisoformat(self.created_at)
        except ValueError:
            return None
        return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class Created:
    """A create that succeeded.

    Args:
        status: HTTP status.
        trace: The service's trace id, if any.
        warnings: The service's warnings, to be shown.
    """

    spec_id: str
    status: int
    trace: str | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Deleted:
    """A delete after which the spec is gone.

    Args:
        status: HTTP status; 404 if it was gone before.
        trace: The service's trace id, if any.
    """

    status: int
    trace: str | None


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment that names a hardware specification."""

    id: str
    name: str
    spec_id: str


SpecList = list[RemoteSpec]
"""A separate name, since ``Specs.list`` hides the builtin from its neighbours."""


class Specs(Protocol):
    """The hardware-specification API; raises only ``bot.errors.SpecsError``."""

    def find(self, name: str, space_id: str) -> SpecList:
        """Return the specs with exactly this name."""

    def list(self, space_id: str) -> SpecList:
        """Return every spec visible in a space."""

    def get(self, spec_id: str, space_id: str) -> RemoteSpec | None:
        """Return one spec, or None if it does not exist."""

    def deployments(self, space_id: str) -> tuple[Deployment, ...]:
        """Return every deployment in a space that names a hardware specification."""

    def create(
        self, body: dict[str, Any], space_id: str, *, attempt_id: str, not_after_ms: int | None = None
    ) -> Created:
        """Create a spec; sends nothing after ``not_after_ms``."""

    def delete(self, spec_id: str, space_id: str, *, attempt_id: str) -> Deleted:
        """Delete a spec; one that is already gone counts as deleted."""


class People(Protocol):
    """Who somebody is; members of a group may be a few seconds old unless looked up ``live``."""

    def look_up(self, team_id: str, user_id: str, groups: Collection[str], *, live: bool = False) -> Person:
        """Describe a person and which of the groups they are in; ``live`` bypasses all caches.

        Raises:
            PeopleError: Slack could not say.
        """

    def asker(self, team_id: str, user_id: str) -> Person:
        """Describe somebody who asks or reads, without their groups; the answer may be a few seconds old.

        Raises:
            PeopleError: Slack could not say.
        """

    def known(self, team_id: str, user_id: str) -> Person | None:
        """Return what ``asker`` would, if Slack need not be asked for it."""

    def edits(self, groups: Collection[str], since: int) -> tuple[GroupEdit, ...]:
        """Return which of the user groups were edited at or after ``since``, in UTC epoch milliseconds.

        Raises:
            PeopleError: Slack could not say.
        """

    def members(self, group_id: str, *, live: bool = False) -> frozenset[str] | None:
        """Return the members of a user group, or None if it does not exist; ``live`` as for ``look_up``.

        Raises:
            PeopleError: Slack could not say.
        """
