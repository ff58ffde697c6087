"""What the threat model claims: for each stolen or hostile thing what it can and cannot do, each with its test.

Each ``test_*.py`` of this folder has one module-level ``THREAT``. ``python -m tests.threats --table`` prints them
all, ``--write`` puts them into docs/threat-model.md, and ``test_table.py`` holds the page to them.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "threat-model.md"
BEGIN = "<!-- threats: written by python -m tests.threats --write, do not edit -->"
END = "<!-- /threats -->"


@dataclass(frozen=True, slots=True)
class Threat:
    """One stolen or hostile thing.

    Args:
        what: The thing, as a headline.
        can: What it allows, each with the test that shows it.
        cannot: What it does not allow, likewise.
        do: What the operator does about it.

    A test is named by its function where it is in the same file, else as ``<path>::<function>``.
    """

    what: str
    can: dict[str, str]
    cannot: dict[str, str]
    do: str


def threats() -> dict[Path, Threat]:
    """Return every threat by the file that states it, in the order of the files."""
    found = {}
    for path in sorted(HERE.glob("test_*.py")):
        module = importlib.import_module(f"tests.threats.{path.stem}")
        if (threat := getattr(module, "THREAT", None)) is not None:
            found[path] = threat
    return found


def place(path: Path, test: str) -> tuple[Path, str]:
    """Return the file and the function of a test that a threat in ``path`` names."""
    file, _, name = test.rpartition("::")
    return (ROOT / file if file else path), name


def table() -> str:
    """Return all threats as Markdown."""
    return "\n\n".join(_section(path, threat) for path, threat in threats().items())


def replaced(page: str) -> str:
    """Return a page with its tables written anew."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.partition(END)[2]}"


def _section(path: Path, threat: Threat) -> str:
    rows = [
        f"| {verb} | {words} | {_link(path, test)} |"
        for verb, claims in (("can", threat.can), ("**cannot**", threat.cannot))
        for words, test in claims.items()
    ]
    head = [f"### {threat.what}", "", "| | | test |", "| --- | --- | --- |"]
    return "\n".join([*head, *rows, "", f"What to do: {threat.do}"])


def _link(path: Path, test: str) -> str:
    file, name = place(path, test)
    return f"[`{name}`](../{file.relative_to(ROOT)})"
