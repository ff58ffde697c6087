"""The command line, run in this process as a shell would run it."""

from __future__ import annotations

import json
import os
import sys
from contextlib import chdir
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from typer.testing import CliRunner

from bot.cli import main

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Ran:
    """What came of a command.

    Args:
        code: The exit code.
        out: Standard output.
        err: Standard error.
    """

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, read as one JSON value."""
        return json.loads(self.out)


def run(*words: str, folder: Path, environment: Mapping[str, str] | None = None, stdin: bytes = b"") -> Ran:
    """Run ``peftsize`` with these words, in a folder, with no setting but those given."""
    ours = ("SLACK_", "WATSONX_", "PEFTSIZE_")
    clean: dict[str, str | None] = {name: None for name in os.environ if name.startswith(ours)}
    with chdir(folder), CliRunner().isolation(input=stdin, env=clean | dict(environment or {})) as streams:
        code = 0
        try:
            main(words)
        except SystemExit as ended:
            code = int(ended.code or 0)
        sys.stdout.flush()
        sys.stderr.flush()
        out, err = streams[0].getvalue(), streams[1].getvalue()
    return Ran(code, out.decode(), err.decode())
