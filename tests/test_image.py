"""The image: what it is made of, who it runs as, and that its own commands make a bot that runs."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import yaml

from bot.runtime.health import HealthServer
from tests.support.served import SERVE, life

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    """One exact base, which a digest can pin; no root; a random user id of group 0 may write its data."""
    images = [rest.split()[0] for word, rest in dockerfile() if word == "FROM"]
    assert len(images) == 2
    assert len(set(images)) == 1
    base = re.fullmatch(r"(python:3\.1[1-3]\.\d+-slim-[a-z]+)\$\{BASE_DIGEST\}", images[0])
    assert base is not None
    assert arguments()["BASE_DIGEST"] == "", "no digest is invented"
    assert labels()["base.name"] == base[1]
    user, _, group = instruction("USER").partition(":")
    assert int(user) >= 1000
    assert group == "0"
    assert "mkdir --mode=2770 /data && chgrp 0 /data && chmod g+s /data" in instruction("RUN")
    assert instruction("WORKDIR") == instruction("VOLUME") == "/data"
    assert yaml.safe_load(instruction("ENTRYPOINT")) == ["peftsize"]
    assert yaml.safe_load(instruction("CMD")) == ["serve"]


def arguments() -> dict[str, str]:
    """Return the build arguments with their defaults."""
    pairs = [rest.partition("=") for word, rest in dockerfile() if word == "ARG"]
    return {name: value.strip('"') for name, _, value in pairs}


def labels() -> dict[str, str]:
    """Return the OCI labels, without what they all begin with."""
    return {
        name.removeprefix("org.opencontainers.image."): value
        for name, _, value in (word.partition("=") for word in shlex.split(instruction("LABEL")))
    }


def test_the_image_says_what_it_is() -> None:
    """Its labels are the package's own words; version and revision are arguments that the build fills in."""
    project = tomllib.loads(text("pyproject.toml"))["project"]
    said = labels()
    assert said["title"] == project["name"]
    assert said["description"] == project["description"]
    assert said["licenses"] == project["license"]
    for name in ("version", "revision"):
        assert said[name] == f"${{{name.upper()}}}"
        assert arguments()[name.upper()] in {"unreleased", "unknown"}


def test_the_image_is_built_with_version_and_revision(tmp_path: Path) -> None:
    """``make image`` tags and labels with the package's version; further words reach the builder."""
    builder = tmp_path / "builder"
    builder.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n', encoding="utf-8")
    builder.chmod(0o755)
    done = subprocess.run(
        ["sh", ROOT / "scripts/image", "--build-arg", "BASE_DIGEST=@sha256:0"],
        env={**os.environ, "BUILDER": str(builder)},
        capture_output=True,
        text=True,
        check=True,
    )
    version = tomllib.loads(text("pyproject.toml"))["project"]["version"]
    told = done.stdout.split()
    assert told[:3] == ["build", "--tag", f"peftsize:{version}"]
    assert {f"VERSION={version}", "BASE_DIGEST=@sha256:0"} <= set(told)
    (revision,) = [word for word in told if word.startswith("REVISION=")]
    assert re.fullmatch("REVISION=([0-9a-f]{40}|unknown)", revision)
    assert told[-1] == "."


def test_nothing_installs_packages_at_run_time() -> None:
    """The second stage takes pip out of the base, and the copy of it that ensurepip keeps."""
    last = instruction("RUN")
    assert "pip uninstall --yes pip" in last
    assert "rm -r /usr/local/lib/python3.13/ensurepip" in last
    assert "venv --without-pip /opt/peftsize" in " ".join(rest for _, rest in dockerfile())


def copied() -> set[str]:
    return {
        part
        for word, rest in dockerfile()
        if word == "COPY" and "--from" not in rest
        for part in rest.split()[:-1]
    }


def test_the_image_is_made_of_what_is_let_in() -> None:
    """Everything that the Dockerfile copies is let through by .dockerignore, and exists; nothing else is."""
    let_in = {line[1:] for line in text(".dockerignore").splitlines() if line.startswith("!")}
    assert copied() == let_in
    assert all((ROOT / name).exists() for name in copied())


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


def reachable(python: Path) -> bool:
    """Say whether any user may run it."""
    return python.exists() and all(
        folder.stat().st_mode & stat.S_IXOTH for folder in python.resolve().parents
    )


def base_python() -> Path:
    """Return a Python that any user may run, since the image's is one; else the one that runs the tests."""
    usable = "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"
    for python in (Path(sys.executable), Path("/usr/local/bin/python3"), Path("/usr/bin/python3")):
        if (
            reachable(python)
            and subprocess.run([python, "-c", usable], capture_output=True, check=False).returncode == 0
        ):
            return python
    return Path(sys.executable)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that any user may enter; pytest's own is closed to others."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def image(folder: Path) -> Path:
    """Run the commands of the first stage, on what it copies and nothing else; return what the second takes."""
    source, base, made = folder / "src", folder / "base", folder / "peftsize"
    for name in copied():
        to = source / name
        to.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, to, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, to)
    subprocess.run([base_python(), "-m", "venv", base], check=True)
    outside = {
        **os.environ,
        "PATH": f"{base}/bin:{os.environ['PATH']}",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    for word, rest in dockerfile():
        if word != "RUN" or "/opt/peftsize" not in rest:
            continue
        command = rest.replace("/opt/peftsize", str(made)).replace("/src", str(source))
        done = subprocess.run(
            ["sh", "-euc", command],
            cwd=source,
            env=outside,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
    return made


@pytest.fixture
def data(folder: Path) -> Iterator[Path]:
    """A folder as the image's ``/data``."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        os.chown(name, -1, os.getgid())
        Path(name).chmod(0o2770)
        yield Path(name)


def environment(image: Path, data: Path) -> dict[str, str]:
    """Return the environment that the second stage sets, and nothing else."""
    pairs = [word.partition("=") for word in shlex.split(instruction("ENV"))]
    paths = {"/opt/peftsize": str(image), "/data": str(data), "$PATH": "/usr/bin:/bin"}
    return {
        name: re.sub("|".join(map(re.escape, paths)), lambda found: paths[found[0]], value)
        for name, _, value in pairs
    }


def peftsize(image: Path, data: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [image / "bin/peftsize", *words],
        cwd=data,
        env=environment(image, data),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.heavy
def test_the_image_holds_what_runs_and_nothing_else(image: Path, data: Path) -> None:
    """It sizes, refuses, helps and sets up a database; both extras are in, and nothing that only builds or plays."""
    assert '"gpu_memory_gb": 8' in peftsize(image, data, "size", "--json", "10b", "2x128MB", "qlora4").stdout
    refused = peftsize(image, data, "size", "10b", "2x128QB")
    assert refused.returncode == 2
    assert "^" in refused.stderr
    assert "Usage: peftsize" in peftsize(image, data, "--help").stdout
    assert peftsize(image, data, "requests", "lst").returncode == 2
    assert peftsize(image, data, "manifest").stdout == text("manifest.yml").rstrip("\n") + "\n"
    assert peftsize(image, data, "database", "upgrade").stdout.startswith("The database is at schema")
    assert (data / "peftsize.db").exists()

    packages = {path.name for path in (image / "lib").glob("python*/site-packages/*")}
    assert {"bot", "sizing", "psycopg", "procrastinate", "opentelemetry"} <= packages
    assert packages & {"pip", "hatchling", "rich", "pygments", "websockets", "pytest", "tests"} == set()
    assert not list((image / "bin").glob("pip*"))
    left_out = peftsize(image, data, "sandbox", "--play")
    assert left_out.returncode == 2
    assert left_out.stderr == "The image leaves the sandbox out. Install peftsize with pip to run it.\n"


@pytest.mark.heavy
@pytest.mark.skipif(
    os.geteuid() != 0 or not reachable(base_python()),
    reason="needs root, to choose a user id, and a Python that this user may run",
)
def test_the_image_serves_under_a_random_user_id(image: Path, data: Path) -> None:
    """As OpenShift starts it: no such user, group 0, no home; with a collector that the platform names."""
    settings = environment(image, data) | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    user = {"user": 1_000_710_000, "group": 0, "extra_groups": []}
    served = life(["peftsize", *SERVE], data, settings, **user)
    assert served.code == 0
    assert {"sending traces", "serving", "stopped"} <= set(served.messages("info"))
    assert served.messages("error") == []
    assert (data / "peftsize.db").stat().st_uid == 1_000_710_000
