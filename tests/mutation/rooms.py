"""Which files are mutated, how many mutants must be killed, and which cannot be."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.mutation.mutants import mutants

if TYPE_CHECKING:
    from tests.mutation.mutants import Mutant

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


class Room(NamedTuple):
    """Files, and how many percent of their mutants the tests must kill. A file belongs to the first room that fits."""

    name: str
    files: str
    needed: int


ROOMS = (
    Room("formula", "sizing/formula.py", 100),
    Room("payload", "sizing/payload.py", 100),
    Room("parsing", "sizing/parsing/*.py", 95),
    Room("sizing", "sizing/*.py", 95),
    Room("policy", "bot/approvals/policy*.py", 95),
    Room("approvals", "bot/approvals/*.py", 95),
    Room("audit", "bot/audit/*.py", 100),
    Room("workflow", "bot/workflow/*.py", 95),
    Room("provisioning", "bot/provisioning/*.py", 95),
)


def mutants_by_room() -> dict[Room, list[Mutant]]:
    """Return all mutants of all rooms."""
    found: dict[Room, list[Mutant]] = {}
    taken: set[Path] = set()
    for room in ROOMS:
        files = [file for file in sorted(ROOT.glob(room.files)) if file not in taken]
        taken.update(files)
        found[room] = [each for file in files for each in mutants(ROOT, file.relative_to(ROOT).as_posix())]
    return found


def equivalents() -> dict[tuple[str, str, str], str]:
    """Return the reasons of ``equivalents.toml`` by file, function and diff."""
    entries = tomllib.loads((HERE / "equivalents.toml").read_text(encoding="utf-8")).get("equivalent", [])
    return {(entry["file"], entry["function"], entry["diff"].strip()): entry["reason"] for entry in entries}


def key(mutant: Mutant) -> tuple[str, str, str]:
    """Return what a mutant is known by."""
    return mutant.file, mutant.function, mutant.diff
