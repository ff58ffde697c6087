"""What stays out of memory: sizing without Slack, serving without what only migrations and people need."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.slack.inbound.app import web_client

ROOT = Path(__file__).parents[1]


def said(script: str, *arguments: str, environment: dict[str, str] | None = None) -> Any:
    """Run a script in a fresh interpreter and return what it printed last, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


TELL = "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"


def test_sizing_on_the_command_line_stays_light() -> None:
    """``peftsize size`` loads neither Slack nor a database nor a network client."""
    script = f"""
import atexit, json, sys
sys.argv = ["peftsize", "size", "--json", "10b", "2x128MB", "qlora4"]
atexit.register(lambda: {TELL})
from bot.cli import main
main()
"""
    found = set(said(script))
    assert "pydantic" in found
    heavy = {
        "slack_sdk",
        "slack_bolt",
        "sqlalchemy",
        "httpx",
        "alembic",
        "rich",
        "waitress",
        "prometheus_client",
    }
    assert found & heavy == set()


def test_a_module_does_nothing_when_it_is_imported() -> None:
    """Importing Slack's listeners or the wiring opens no connection and needs no setting."""
    script = f"""
import json, socket, sys
def forbidden(*_): raise AssertionError("a connection at import")
socket.socket.connect = forbidden
import bot.runtime.wiring, bot.runtime.serve, bot.slack.inbound.app, bot.slack.outbound.delivery
import bot.watsonx.client, bot.store, bot.cli
{TELL}
"""
    assert "slack_bolt" in said(script, environment={"SLACK_BOT_TOKEN": "", "SLACK_SIGNING_SECRET": ""})


def test_slacks_clients_share_one_tls_context() -> None:
    """The system's authorities are read once for all clients, and not at all where there is no TLS."""
    first, second, plain = (
        web_client("made-up", url, 1)
        for url in ("https://slack.com/api/", "https://slack.com/api/", "http://127.0.0.1:9/api/")
    )
    assert first.ssl is second.ssl is not None
    assert plain.ssl is None


SERVING = """
import gc, json, os, signal, sys, threading, time, urllib.request
sys.modules["click"] = None  # only development tools bring it along; httpx would load its own command line
sys.argv = ["peftsize", "serve", "--mode", "http", "--host", "127.0.0.1", "--port", sys.argv[1]]
url = f"http://127.0.0.1:{sys.argv[-1]}/livez"
def look():
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(300):
        try:
            opener.open(url, timeout=2).read()
            break
        except OSError:
            time.sleep(0.1)
    print(json.dumps({"loaded": sorted(sys.modules), "collects": gc.isenabled()}), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=look, daemon=True).start()
from bot.cli import main
main()
"""


@pytest.mark.heavy
def test_serving_a_migrated_database_stays_light(tmp_path: Path) -> None:
    """``peftsize serve`` loads neither Alembic nor Typer nor Rich where nothing is to be migrated.

    Nor does it load PostgreSQL's part of SQLAlchemy on SQLite; and it collects garbage once it has loaded.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment = {
        "PEFTSIZE_DATABASE_URL": f"sqlite:///{tmp_path / 'peftsize.db'}",
        "SLACK_BOT_TOKEN": "xoxb-made-up",
        "SLACK_SIGNING_SECRET": "made-up",
        "SLACK_API_URL": "http://127.0.0.1:9/api/",  # nobody is there: Slack being away is no reason not to start
        "PEFTSIZE_APPROVERS": "anyone",
        "WATSONX_URL": "http://127.0.0.1:9",
        "WATSONX_SPACE_ID": "space",
        "WATSONX_TOKEN": "made-up",
    }
    peftsize = Path(sys.executable).with_name("peftsize")
    subprocess.run(
        [peftsize, "database", "upgrade"],
        cwd=tmp_path,
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
    )
    serving = said(SERVING, port, environment=environment)
    found = set(serving["loaded"])
    assert "slack_bolt" in found
    assert found & {"alembic", "typer", "rich", "sqlalchemy.dialects.postgresql"} == set()
    assert serving["collects"]
