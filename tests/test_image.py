"""The image: what it is made of, who it runs as, and that its own commands make a bot that runs."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import threading
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import yaml

from bot.runtime.health import HealthServer

ROOT = Path(__file__).parents[1]
HADOLINT = (Path(sys.executable).with_name("hadolint"), "--no-color")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def dockerfile() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile, continued lines joined, comments left out."""
    whole = re.sub(r"^\s*#.*\n", "", text("Dockerfile"), flags=re.MULTILINE).replace("\\\n", " ")
    return [
        (word.upper(), rest.strip())
        for word, _, rest in (line.partition(" ") for line in whole.splitlines())
        if word
    ]


def instruction(word: str) -> str:
    """Return what the last stage says of one thing."""
    return [rest for name, rest in dockerfile() if name == word][-1]


def test_hadolint_has_nothing_to_say() -> None:
    """The Dockerfile passes hadolint with no rule switched off."""
    done = subprocess.run([*HADOLINT, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert "hadolint ignore" not in text("Dockerfile")


def test_the_image_is_small_and_harmless() -> None:
    """Slim Python of a fixed line, no root, a random user id of group 0 may write its data, a health check."""
    images = [rest.split()[0] for word, rest in dockerfile() if word == "FROM"]
    assert len(images) == 2
    assert all(re.fullmatch(r"python:3\.1[1-3]-slim", image) for image in images)
    user, _, group = instruction("USER").partition(":")
    assert int(user) >= 1000
    assert group == "0"
    assert "chgrp 0 /data" in instruction("RUN")
    assert instruction("WORKDIR") == instruction("VOLUME") == "/data"
    assert yaml.safe_load(instruction("ENTRYPOINT")) == ["peftsize"]
    assert yaml.safe_load(instruction("CMD")) == ["serve"]


def test_the_image_is_made_of_what_is_let_in() -> None:
    """Everything that the Dockerfile copies is let through by .dockerignore, and exists; nothing else is."""
    copied = {
        part
        for word, rest in dockerfile()
        if word == "COPY" and "--from" not in rest
        for part in rest.split()[:-1]
    }
    let_in = {line[1:] for line in text(".dockerignore").splitlines() if line.startswith("!")}
    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)


def health_check() -> list[str]:
    _, _, command = instruction("HEALTHCHECK").partition("CMD ")
    found: list[str] = yaml.safe_load(command)
    return found


@pytest.mark.parametrize(("path", "code"), [("/livez", 0), ("/elsewhere", 1)])
def test_the_health_check_asks_the_bot(path: str, code: int) -> None:
    """The image's health check is content with a live bot and with nothing else, whatever proxy is set."""

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    probes = HealthServer(None, list, None)  # type: ignore[arg-type] # metrics are not asked here
    with make_server("127.0.0.1", 0, probes, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        program = health_check()
        assert program[:2] == ["python", "-c"]
        assert "127.0.0.1:3000/livez" in program[2]
        script = program[2].replace("3000/livez", f"{server.server_port}{path}")
        proxied = {**os.environ, "http_proxy": "http://127.0.0.1:9"}
        done = subprocess.run([sys.executable, "-c", script], env=proxied, capture_output=True, check=False)
        thread.join(10)
    assert done.returncode == code


@pytest.mark.heavy
def test_the_image_s_commands_make_a_bot_that_runs(tmp_path: Path) -> None:
    """The image's own commands, run in a fresh virtual environment, give a program that does its first steps."""
    venv = tmp_path / "venv"
    ran = []
    for word, rest in dockerfile():
        if word != "RUN" or "/opt/peftsize" not in rest:
            continue
        command = rest.replace("/opt/peftsize", str(venv))
        arguments = shlex.split(command)
        program = sys.executable if arguments[0] == "python" else arguments[0]
        done = subprocess.run(
            [program, *arguments[1:]], cwd=ROOT, capture_output=True, text=True, timeout=280, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        ran.append(arguments[1])
    assert ran == ["-m", "install", "install"]
    data = tmp_path / "data"
    data.mkdir()
    environment = {"PATH": f"{venv}/bin:/usr/bin:/bin", "HOME": str(tmp_path)}

    def peftsize(*arguments: str) -> str:
        done = subprocess.run(
            [venv / "bin/peftsize", *arguments],
            cwd=data,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout

    assert '"gpu_memory_gb": 8' in peftsize("size", "--json", "10b", "2x128MB", "qlora4")
    assert peftsize("manifest") == text("manifest.yml").rstrip("\n") + "\n"
    assert peftsize("database", "upgrade").startswith("The database is at schema")
    assert (data / "peftsize.db").exists()
    packages = {path.name for path in (venv / "lib").glob("python*/site-packages/*")}
    assert {"bot", "sizing", "psycopg", "procrastinate"} <= packages
    assert packages & {"pytest", "hypothesis", "playwright", "tests"} == set()
