"""The mutants themselves: what is changed, what is left alone, and what a mutant is known by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.mutation.mutants import Mutant, mutants, mutated
from tests.mutation.rooms import ROOMS, equivalents, key, mutants_by_room

if TYPE_CHECKING:
    from pathlib import Path


def made_of(folder: Path, text: str) -> list[Mutant]:
    (folder / "file.py").write_text(text, encoding="utf-8")
    return mutants(folder, "file.py")


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("a < b", ["a <= b", "a >= b"]),
        ("a == b", ["a != b"]),
        ("a is not b", ["a is b"]),
        ("a + b", ["a - b"]),
        ("a // b", ["a * b"]),
        ("a and b", ["a or b"]),
        ("not a", ["a"]),
        ("True", ["False"]),
        ("7", ["8", "6"]),
        ("'word'", ["'mutated'"]),
        ("f(a, key=b)", ["f(a)"]),
        ("a if b else c", ["a if not b else c"]),
        ("a if b > c else d", ["a if b >= c else d", "a if b <= c else d"]),
        ("[a for a in b if c]", ["[a for a in b if not c]"]),
    ],
)
def test_expressions(tmp_path: Path, text: str, changed: list[str]) -> None:
    """Each expression becomes each of its neighbours, and no two mutants are the same."""
    found = made_of(tmp_path, f"x = {text}")
    assert [mutated(tmp_path, mutant) for mutant in found] == [f"x = {each}" for each in changed]


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("f()", ["pass"]),
        ("a.b = c", ["pass"]),
        ("a += b", ["a -= b", "pass"]),
        ("raise a", ["pass"]),
        ("def f():\n    return a", ["def f():\n    return None"]),
        ("if a:\n    b", ["if not a:\n    b"]),
        ("while a:\n    break", ["while not a:\n    break", "while a:\n    pass"]),
    ],
)
def test_statements(tmp_path: Path, text: str, changed: list[str]) -> None:
    """Statements are dropped, their conditions turned round, their results taken away."""
    assert [mutated(tmp_path, mutant) for mutant in made_of(tmp_path, text)] == changed


@pytest.mark.parametrize(
    "text",
    [
        '"""What it is."""',
        "import a",
        "if TYPE_CHECKING:\n    a = 1",
        "__all__ = ['a']",
        "def f(a: int | None) -> None: ...",
        "@dataclass(frozen=True)\nclass A: ...",
        "def f():\n    return None",
        "x = cast('A', b)",
    ],
)
def test_left_alone(tmp_path: Path, text: str) -> None:
    """What has no effect at run time has no mutants; nor has how a value class is made."""
    assert made_of(tmp_path, text) == []


def test_a_mutant_is_known_by_its_change_alone(tmp_path: Path) -> None:
    """Moved and reformatted lines leave its key as it is; another function does not."""
    (before,) = made_of(tmp_path, "def f():\n    return g(\n        a,\n        key=b)\n")[1:]
    (after,) = made_of(tmp_path, "import a\n\n# moved\ndef f():\n    return g(a, key=b)\n")[1:]
    (other,) = made_of(tmp_path, "def other():\n    return g(a, key=b)\n")[1:]
    assert before.diff == "- return g(a, key=b)\n+ return g(a)"
    assert key(before) == key(after) != key(other)


def test_defaults_run_on_import(tmp_path: Path) -> None:
    """A function's defaults and a class's body run when the file is loaded, a function's body when it is called."""
    found = made_of(tmp_path, "class A:\n    b = True\n    def f(self, c=True):\n        return [True]\n")
    assert [(mutant.function, mutant.on_import) for mutant in found] == [
        ("A", True),
        ("A.f", True),
        ("A.f", False),
        ("A.f", False),
    ]


def test_equivalents_have_reasons() -> None:
    """Each accepted mutant says why nobody could notice it."""
    assert all(len(reason) > 20 for reason in equivalents().values())


def test_no_room_is_empty() -> None:
    """A moved folder would otherwise be at 100 % unseen."""
    found = mutants_by_room()
    assert [room.name for room in ROOMS if not found[room]] == []
