"""``serve`` as a process of its own: started with the least it needs, stopped as soon as it serves."""

from __future__ import annotations

import json
import signal
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.sandbox.slack.fake_slack import FakeSlack

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SERVE = ("serve", "--host", "127.0.0.1", "--port", "0", "--dry-run")


def least(slack: FakeSlack) -> dict[str, str]:
    """Return the least that a dry run in HTTP mode needs of settings."""
    return {
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_SIGNING_SECRET": slack.signing_secret,
        "SLACK_API_URL": slack.url,
        "PEFTSIZE_APPROVERS": "anyone",
    }


@dataclass(frozen=True)
class Served:
    """One whole life.

    Args:
        code: The exit code.
        log: The lines of the log.
    """

    code: int
    log: list[dict[str, Any]]

    def messages(self, level: str) -> list[str]:
        """Return what was said on a level."""
        return [line["message"] for line in self.log if line["level"] == level]


def life(command: Sequence[str], folder: Path, environment: Mapping[str, str], **user: Any) -> Served:
    """Run a command that serves, beside Slack's stand-in, until it serves.

    Args:
        command: The program and its words.
        folder: Where it runs.
        environment: All of it, but for Slack and the approvers.
        **user: Who runs it, as for ``Popen``.
    """
    with FakeSlack() as slack:
        whole = {**environment, **least(slack)}
        with subprocess.Popen(
            command, cwd=folder, env=whole, stderr=subprocess.PIPE, text=True, **user
        ) as process:
            assert process.stderr is not None
            log = []
            for line in process.stderr:
                log.append(json.loads(line))
                if log[-1]["message"] == "serving":
                    process.send_signal(signal.SIGTERM)
    return Served(process.returncode, log)
