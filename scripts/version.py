"""The version has one place, pyproject.toml; this writes it into the files that cannot read it there."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACES = {
    "compose.yaml": r"(?<=image: peftsize:)\S+",
    "deploy/kubernetes/kustomization.yaml": r"(?<=newTag: )\S+",
}
"""The files, and how the version is found there."""


def written(name: str) -> str:
    """Return a file's text with the version of the package in it."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return re.sub(PLACES[name], version, (ROOT / name).read_text(encoding="utf-8"))


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: scripts/version.py --write, after a change of the version in pyproject.toml")
    for place in PLACES:
        (ROOT / place).write_text(written(place), encoding="utf-8")
