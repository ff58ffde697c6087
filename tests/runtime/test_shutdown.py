"""Signals: whoever sends them, however many at once, the process ends cleanly and soon."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.chaos.replica import free_port

pytestmark = pytest.mark.heavy

ROOT = Path(__file__).parents[2]
AGAIN = 10
WITHIN_S = 30
SERVING = {
    "SLACK_BOT_TOKEN": "xoxb-made-up",
    "SLACK_SIGNING_SECRET": "made-up",
    "SLACK_API_URL": "http://127.0.0.1:9/api/",  # nobody is there: Slack being away is no reason not to start
    "PEFTSIZE_APPROVERS": "anyone",
    "WATSONX_URL": "http://127.0.0.1:9",
    "WATSONX_SPACE_ID": "space",
    "WATSONX_TOKEN": "made-up",
}


def start(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", "from bot.cli import main; main()", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ends_at_both_signals(process: subprocess.Popen[str]) -> str:
    """Send both signals at once; return what the process has said."""
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    try:
        out, err = process.communicate(timeout=WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        pytest.fail("both signals at once, and it did not end")
    assert process.returncode == 0, err
    return out + err


def test_the_sandbox_ends_at_both_signals(tmp_path: Path) -> None:
    """SIGINT and SIGTERM together, ten times."""
    for _ in range(AGAIN):
        process = start(tmp_path, "sandbox", "--port", "0")
        assert process.stdout is not None
        assert re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())
        assert "Stopped." in ends_at_both_signals(process)


def test_the_bot_ends_at_both_signals(tmp_path: Path) -> None:
    """SIGINT and SIGTERM together, ten times."""
    for _ in range(AGAIN):
        port = free_port()
        process = start(
            tmp_path, "serve", "--mode", "http", "--host", "127.0.0.1", "--port", str(port), **SERVING
        )
        answers(port)
        assert "stopped" in ends_at_both_signals(process)


def answers(port: int) -> None:
    """Wait until the bot serves its probe."""
    until = time.monotonic() + WITHIN_S
    while True:
        connection = HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/livez")
            assert connection.getresponse().status == 200
        except OSError:
            assert time.monotonic() < until, "it did not start"
            time.sleep(0.05)
        else:
            return
        finally:
            connection.close()
