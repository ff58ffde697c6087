"""The log's name: a history that contradicts what was signed begins a new one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.audit.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class Origin:
    """The log's name.

    Args:
        name: As in its checkpoints.
        fresh: Whether no checkpoint has this name yet.
        why: Why a log with rows gets a new name; None if it continues, or was never signed.
    """

    name: str
    fresh: bool = False
    why: str | None = None


def choose(
    noted: str | None, last: Checkpoint | None, contradiction: str | None, fresh: str, *, shared: bool
) -> Origin:
    """Decide under which origin the rows are signed.

    Args:
        noted: The origin in the database.
        last: The last checkpoint in the anchor file.
        contradiction: How the rows contradict that file; None if they agree.
        fresh: A name that no log has.
        shared: Whether other replicas sign the same rows: then the database says under which origin.
    """
    if last is None:
        if noted is None:
            return Origin(fresh, fresh=True)
        if shared:
            return Origin(noted)
        return Origin(fresh, fresh=True, why=f"its anchor is gone; before it {noted}")
    if contradiction is None:
        return Origin(noted if shared and noted is not None else last.origin)
    if shared and noted not in {None, last.origin}:
        return Origin(str(noted))  # another replica has found the same
    return Origin(fresh, fresh=True, why=f"{contradiction}; before it {last.origin} over {last.size} rows")
