"""The command line, run in this process as a shell would run it."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import pty
import struct
import subprocess
import sys
import termios
from contextlib import chdir, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer.testing import CliRunner

from bot.cli import main

if TYPE_CHECKING:
    from collections.abc import Mapping

PEFTSIZE = Path(sys.executable).with_name("peftsize")

NOBODY_THERE = {
    "SLACK_BOT_TOKEN": "xoxb-made-up",
    "SLACK_API_URL": "http://127.0.0.1:9/api/",
    "PEFTSIZE_APPROVERS": "anyone",
    "WATSONX_URL": "http://127.0.0.1:9",
    "WATSONX_SPACE_ID": "space",
    "WATSONX_TOKEN": "made-up",
}
"""Settings that are complete, and addresses where nobody listens."""


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
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    clean: dict[str, str | None] = {name: None for name in os.environ if name.startswith(ours)}
    with chdir(folder), CliRunner().isolation(input=stdin, env=clean | dict(environment or {})) as streams:
        code = 0
        try:
            main(words)
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:  # `serve` sets up logs for the life of its process
            root.handlers[:] = handlers
            root.setLevel(level)
        sys.stdout.flush()
        sys.stderr.flush()
        out, err = streams[0].getvalue(), streams[1].getvalue()
    return Ran(code, out.decode(), err.decode())


def on_terminal(
    *words: str, folder: Path, columns: int = 80, environment: Mapping[str, str] | None = None
) -> str:
    """Run ``peftsize`` in a process of its own on a terminal, and return what the terminal was sent."""
    ours = ("SLACK_", "WATSONX_", "PEFTSIZE_", "NO_COLOR", "COLUMNS", "TERM")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    screen, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    with subprocess.Popen(
        [PEFTSIZE, *words],
        cwd=folder,
        env=clean | {"TERM": "xterm"} | dict(environment or {}),
        stdin=end,
        stdout=end,
        stderr=end,
    ):
        os.close(end)
        sent = b""
        with suppress(OSError):  # the last writer has closed the terminal
            while read := os.read(screen, 65_536):
                sent += read
        os.close(screen)
    return sent.decode().replace("\r\n", "\n")
