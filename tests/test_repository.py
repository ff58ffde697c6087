"""The repository speaks of the product alone, and holds no secret and no litter."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BINARY = {".png", ".ico", ".woff2"}
FORBIDDEN = {
    # Brackets, so that this file does not find itself.
    "a path of somebody's machine": r"(?<![\w.])/(?:[w]ork|[r]oot|[h]ome/\w+|[U]sers)/",
    "a neighbour of the repository": r"\.\./[s]hared",
    "an issue's number": r"\b[Ii]ssues? #?[0-9]+\b",
    "the address of a package index": r"[i]ndex-url\s*[= ]\s*h|\b[p]ypi\.(?:org|python)|\b[a]rtifactory\b",
    "a registry's host": r"\b(?:[d]ocker\.io|[q]uay\.io|[g]hcr\.io|[g]cr\.io)\b",
    "how the text came to be": r"(?i)\b(?:[c]laude|[a]nthropic|[c]hatgpt|[c]opilot)\b|\bas an [A]I\b",
    "work that is not done": r"\b(?:[T]ODO|[F]IXME|[X]XX)\b",
}


def tracked() -> list[Path]:
    """Return what belongs to the repository: what git knows, or all files where there is no git."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout.decode()
        found = [ROOT / name for name in listed.split("\0") if name]
    else:
        made = {".git", ".venv", "__pycache__", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
        found = [path for path in ROOT.rglob("*") if made.isdisjoint(path.relative_to(ROOT).parts)]
    return [path for path in found if path.is_file()]


def readable() -> list[Path]:
    return [path for path in tracked() if path.suffix not in BINARY]


@pytest.mark.parametrize("what", sorted(FORBIDDEN))
def test_it_speaks_of_the_product_alone(what: str) -> None:
    """No file names what only some machine, some person or some moment knew."""
    pattern = re.compile(FORBIDDEN[what])
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in readable()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == [], what


def test_what_is_kept_is_small() -> None:
    """No file is larger than half a megabyte: pictures are kept small, data is cut to what is used."""
    assert [str(path.relative_to(ROOT)) for path in tracked() if path.stat().st_size > 500_000] == []


def test_no_rest_of_running_it_is_kept() -> None:
    """Databases, anchors, logs and settings of somebody's machine are no part of the project."""
    litter = {".db", ".anchor", ".log", ".sqlite", ".pyc", ".pem", ".key"}
    assert [path.name for path in tracked() if path.suffix in litter or path.name == ".env"] == []


def test_lock_files_name_no_index_and_hash_everything() -> None:
    """Every package is pinned and hashed, and the files work with whatever index a machine uses."""
    for lock in sorted((ROOT / "requirements").glob("*.lock")):
        text = lock.read_text(encoding="utf-8")
        pinned = re.findall(r"^([A-Za-z0-9._-]+(?:\[[\w,-]+\])?)==\S+", text, re.MULTILINE)
        hashed = re.findall(
            r"^[A-Za-z0-9._\[\],-]+==[^\n]*\\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE
        )
        assert len(pinned) == len(hashed) > 4, lock.name
        assert "://" not in text, lock.name
