"""``peftsize serve``: what it refuses to start with, and one whole life of the real process."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.request
from typing import TYPE_CHECKING

import pytest

from bot.sandbox.slack.fake_slack import FakeSlack
from tests.support.command_line import PEFTSIZE, run
from tests.support.served import SERVE, least

if TYPE_CHECKING:
    from pathlib import Path

NEEDED = (
    "SLACK_BOT_TOKEN",
    "WATSONX_URL",
    "WATSONX_SPACE_ID",
    "Credentials are missing",
    "Nobody can approve",
)


@pytest.mark.parametrize(
    ("words", "missing", "not_missing"),
    [
        (("--mode", "http"), (*NEEDED, "SLACK_SIGNING_SECRET"), ("SLACK_APP_TOKEN",)),
        (("--mode=socket",), (*NEEDED, "SLACK_APP_TOKEN is missing"), ("SLACK_SIGNING_SECRET",)),
        (("--dry-run",), (NEEDED[0], NEEDED[4], "SLACK_APP_TOKEN is missing"), ("WATSONX",)),
    ],
)
def test_everything_that_is_missing_is_named_at_once(
    tmp_path: Path, words: tuple[str, ...], missing: tuple[str, ...], not_missing: tuple[str, ...]
) -> None:
    """By mode, and without watsonx in a dry run; exit code 2, and no database is left behind."""
    ran = run("serve", "--port", "0", *words, folder=tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert [name for name in missing if name not in ran.err] == []
    assert [name for name in not_missing if name in ran.err] == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.heavy
def test_a_whole_life(tmp_path: Path) -> None:
    """It creates its database, says where it serves, answers, and ends with 0 at SIGTERM."""
    with FakeSlack() as slack:
        settings = least(slack) | {"PATH": "/usr/bin"}
        words = (*SERVE, "--mode", "http")
        with subprocess.Popen(
            [PEFTSIZE, *words], cwd=tmp_path, env=settings, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            lines = (json.loads(line) for line in process.stderr)
            serving = next(line for line in lines if line["message"] == "serving")
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(f"http://127.0.0.1:{serving['port']}/readyz", timeout=10) as answer:
                assert answer.status == 200
            process.send_signal(signal.SIGTERM)
            rest = [line["message"] for line in lines]
    assert (process.returncode, serving["mode"], rest[-1]) == (0, "http", "stopped")
    assert run("audit", "verify", folder=tmp_path).out.startswith("The audit is intact: 0 rows")
