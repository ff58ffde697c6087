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
    """Files, how many percent of their mutants must be killed, and the tests that must do it.

    A file belongs to the first room that fits.
    """

    name: str
    needed: int
    files: tuple[str, ...]
    tests: tuple[str, ...]


SIZING = ("tests/sizing",)
DECISIONS = ("tests/approvals", "tests/workflow")
RULES = (*DECISIONS, "tests/cli/test_policy.py")
WHOLE = ("tests/scenarios", "tests/threats")

ROOMS = (
    Room("formula", 100, ("sizing/formula.py",), SIZING),
    Room("payload", 100, ("sizing/payload.py",), SIZING),
    Room("parsing", 95, ("sizing/parsing/*.py",), SIZING),
    Room(
        "estimate",
        95,
        ("sizing/allocator.py", "sizing/estimate.py", "sizing/serving.py", "sizing/vllm.py"),
        SIZING,
    ),
    Room("sizing", 95, ("sizing/*.py",), SIZING),
    Room("policy", 95, ("bot/approvals/policy*.py",), RULES),
    Room("approvals", 95, ("bot/approvals/*.py",), RULES),
    Room(
        "audit", 100, ("bot/audit/*.py",), ("tests/audit", "tests/store/test_store_audit.py", "tests/threats")
    ),
    Room(
        "workflow",
        95,
        ("bot/workflow/*.py",),
        (*DECISIONS, *WHOLE, "tests/slack"),
    ),
    Room("provisioning", 95, ("bot/provisioning/*.py",), ("tests/provisioning", *WHOLE)),
)


def mutants_by_room() -> dict[Room, list[Mutant]]:
    """Return all mutants of all rooms."""
    found: dict[Room, list[Mutant]] = {}
    taken: set[Path] = set()
    for room in ROOMS:
        files = sorted({file for files in room.files for file in ROOT.glob(files)} - taken)
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
