"""The threat model's page and the tests agree: every claim has its test, every file of tests its claims."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.threats.claims import HERE, PAGE, ROOT, Threat, place, replaced, table, threats

if TYPE_CHECKING:
    from pathlib import Path

FOUND = threats()


def test_the_page_has_what_the_tests_claim() -> None:
    """docs/threat-model.md is as ``python -m tests.threats --write`` leaves it."""
    page = PAGE.read_text(encoding="utf-8")
    assert table() in page, "run: .venv/bin/python -m tests.threats --write"
    assert replaced(page) == page


def test_the_table_is_printed() -> None:
    """The command prints every claim with its test."""
    command = [sys.executable, "-m", "tests.threats", "--table"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    claims = sum(len(threat.can) + len(threat.cannot) for threat in FOUND.values())
    assert len(re.findall(r"\| \[`test_\w+`\]", done.stdout)) == claims


@pytest.mark.parametrize(("path", "threat"), FOUND.items(), ids=lambda one: getattr(one, "stem", ""))
def test_every_claim_names_a_test_that_exists(path: Path, threat: Threat) -> None:
    """A claim without a test is none, and neither is a thing that cannot do or be kept from anything."""
    assert threat.cannot
    assert threat.do.endswith(".")
    for test in [*threat.can.values(), *threat.cannot.values()]:
        file, name = place(path, test)
        assert re.search(rf"^def {name}\(", file.read_text(encoding="utf-8"), re.MULTILINE), test


def test_every_file_states_its_threat() -> None:
    """One file for each stolen or hostile thing."""
    assert set(HERE.glob("test_*.py")) - set(FOUND) == {HERE / "test_table.py"}
