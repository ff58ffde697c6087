"""The house as DESIGN.md draws it: who imports whom, what stays light, how long a file may be."""

from __future__ import annotations

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
OURS = ("bot", "sizing")
LONGEST = 500
IMPURE = {
    "asyncio", "getpass", "http", "logging", "multiprocessing", "os", "random", "secrets", "select",
    "selectors", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "tempfile", "threading",
    "time", "urllib", "uuid",
}  # fmt: skip
"""Modules of the standard library that know the clock, the environment, a log or the network."""


class Room(NamedTuple):
    """One line of DESIGN.md's table: a folder or a file, and what it may import."""

    name: str
    place: str
    rooms: frozenset[str]
    packages: frozenset[str]


class Import(NamedTuple):
    """One import: the file, its line, and the module it needs."""

    path: Path
    line: int
    module: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line} imports {self.module}"


def rooms() -> list[Room]:
    text = (ROOT / "DESIGN.md").read_text(encoding="utf-8")
    table = text.partition("<!-- rooms -->")[2].partition("<!-- /rooms -->")[0]
    found = []
    for line in table.strip().splitlines()[2:]:
        place, may, packages = (cell.strip().strip("`") for cell in line.strip("|").split("|"))
        name = place.removeprefix("bot/").removesuffix("/").removesuffix(".py").replace("/", ".")
        found.append(Room(name, place, frozenset(may.split()), frozenset(packages.split())))
    return found


def room_of(path: Path, all_rooms: list[Room]) -> Room | None:
    """Return the innermost room that a file stands in."""
    place = path.relative_to(ROOT).as_posix()
    fitting = [room for room in all_rooms if place == room.place or place.startswith(room.place)]
    return max(fitting, key=lambda room: len(room.place), default=None)


def sources() -> list[Path]:
    return sorted(path for name in OURS for path in (ROOT / name).rglob("*.py"))


def file_of(module: str) -> Path | None:
    """Return the file of one of our modules, or None where the name is no module."""
    path = ROOT / module.replace(".", "/")
    return path.with_suffix(".py") if path.with_suffix(".py").exists() else (
        path / "__init__.py" if (path / "__init__.py").exists() else None
    )  # fmt: skip


def imports(path: Path) -> Iterator[Import]:
    """Yield everything a file imports; a name for the type checker alone is a dependency too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (Import(path, node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports by a relative name"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield Import(path, node.lineno, inner if file_of(inner) else str(node.module))


def test_every_file_has_a_room_and_every_room_has_files() -> None:
    """A new file must say in DESIGN.md where it belongs; a room that is gone must leave the table."""
    table = rooms()
    assert len(table) > 10
    homeless = [
        str(path.relative_to(ROOT))
        for path in sources()
        if room_of(path, table) is None and path != ROOT / "bot/__init__.py"
    ]
    assert homeless == []
    gone = [room.place for room in table if not (ROOT / room.place).exists()]
    assert gone == []


def test_imports_point_one_way() -> None:
    """A room imports only itself and the rooms that DESIGN.md allows it."""
    table, wrong = rooms(), []
    for path in sources():
        room = room_of(path, table)
        for found in imports(path):
            if room is None or found.module.split(".")[0] not in OURS:
                continue
            target = file_of(found.module)
            assert target is not None, f"{found}, which does not exist"
            other = room_of(target, table)
            if other is not None and other.name != room.name and other.name not in room.rooms:
                wrong.append(f"{found}: {room.name} may not import {other.name}")
    assert wrong == []


def test_the_table_has_no_circle() -> None:
    """Every room may import only rooms above it in the table: so there is no circle."""
    seen: set[str] = set()
    for room in rooms():
        assert room.rooms <= seen, f"{room.name} may import what stands below it"
        seen.add(room.name)


def test_no_two_files_import_each_other() -> None:
    """Files form no circle either: each can be read before those that import it."""
    order = TopologicalSorter(
        {
            path: {
                target
                for found in imports(path)
                if found.module.split(".")[0] in OURS
                and (target := file_of(found.module)) not in {None, path}
            }
            for path in sources()
        }
    )
    order.prepare()  # raises CycleError, which names the files


def test_few_modules_stand_loose() -> None:
    """A module belongs in a folder that says what it is for; what everybody uses may stand at the top."""
    loose = {path.name for path in (ROOT / "bot").glob("*.py")} - {"__init__.py"}
    assert len(loose) <= 4, loose


def test_the_table_allows_nothing_that_is_not_used() -> None:
    """A permission that nobody needs is taken out of the table again."""
    table = rooms()
    used: dict[str, set[str]] = {room.name: set() for room in table}
    for path in sources():
        room = room_of(path, table)
        for found in imports(path):
            target = file_of(found.module) if found.module.split(".")[0] in OURS else None
            other = room_of(target, table) if target else None
            if room is not None and other is not None:
                used[room.name].add(other.name)
    assert {
        room.name: sorted(room.rooms - used[room.name]) for room in table if room.rooms - used[room.name]
    } == {}


def test_foreign_packages_stay_in_their_rooms() -> None:
    """Slack's, the database's and the network's packages are known in the rooms that name them, nowhere else."""
    table, wrong = rooms(), []
    for path in sources():
        room = room_of(path, table)
        for found in imports(path):
            package = found.module.split(".")[0]
            if package in OURS or package in sys.stdlib_module_names or room is None:
                continue
            if package not in room.packages:
                wrong.append(f"{found}: {room.name} may not use {package}")
    assert wrong == []


@pytest.mark.parametrize("name", ["sizing", "approvals"])
def test_decisions_are_pure(name: str) -> None:
    """Sizing and approvals know no clock, environment, log or network: the same input has the same answer."""
    table = rooms()
    wrong = [
        str(found)
        for path in sources()
        if (room := room_of(path, table)) is not None and room.name == name
        for found in imports(path)
        if found.module.split(".")[0] in IMPURE
    ]
    assert wrong == []


def test_no_file_is_too_long() -> None:
    """A file holds one concept, in at most 500 lines."""
    folders = ("bot", "sizing", "tests", "scripts", "benchmarks")
    found = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
    }
    assert {name: lines for name, lines in found.items() if lines > LONGEST} == {}


def test_no_junk_drawers() -> None:
    """A module is named after its purpose."""
    names = {part for path in sources() for part in (path.stem, path.parent.name)}
    assert names.isdisjoint(
        {"utils", "util", "helpers", "helper", "common", "core", "manager", "misc", "lib"}
    )
