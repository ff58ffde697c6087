"""Checks of files against schemas that somebody else publishes, as check-jsonschema brings them along."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = Path(sys.executable).with_name("check-jsonschema")


def problems(schema: str, *files: str) -> str:
    """Return what is wrong with files of the repository; empty where nothing is.

    Args:
        schema: One of the program's own, such as ``compose-spec``.
        *files: By their paths from the top.
    """
    done = subprocess.run(
        [PROGRAM, "--builtin-schema", f"vendor.{schema}", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr
