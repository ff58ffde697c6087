"""The two commands on a bare machine: Python and a shell, and nothing else on the PATH."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SH = shutil.which("sh") or "/bin/sh"


def program(folder: Path, name: str, script: str) -> None:
    """Put a program on the PATH that is this folder."""
    folder.mkdir(exist_ok=True)
    if not (folder / "sh").exists():
        (folder / "sh").symlink_to(SH)
    file = folder / name
    file.write_text(f"#!{SH}\n{script}\n", encoding="utf-8")
    file.chmod(0o755)


def sh(script: Path, *words: str, path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SH, script, *words],
        env={"PATH": str(path), "HOME": str(path), **environment},
        cwd=path,
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )


def test_a_python_without_ensurepip_is_told_its_package(tmp_path: Path) -> None:
    """Debian's Python alone cannot make a virtual environment: one sentence says what to install."""
    folder = tmp_path / "clone"
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    program(
        tmp_path / "bin",
        "python3",
        f'case "$*" in *ensurepip*) exit 1 ;; *) exec "{sys.executable}" "$@" ;; esac',
    )
    done = sh(folder / "scripts/demo", path=tmp_path / "bin")
    assert done.returncode == 1
    assert version in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (folder / ".venv").exists()


def test_without_a_python_it_says_which_is_needed(tmp_path: Path) -> None:
    """One sentence, and exit code 1."""
    program(tmp_path / "bin", "python3", "exit 1")
    done = sh(ROOT / "scripts/demo", path=tmp_path / "bin")
    assert (done.returncode, done.stderr) == (1, "peftsize needs Python 3.11 or newer on the PATH.\n")


@pytest.mark.parametrize(
    ("user", "apt", "out", "err"),
    [
        (None, None, "", "package manager of this system"),
        ("1000", "exit 1", "", "sudo apt-get install chromium"),
        ("0", "exit 1", "Installing Debian's Chromium", "apt-get could not install it"),
        ("0", "exit 0", "Installing Debian's Chromium", ""),
    ],
)
def test_chromium_is_installed_or_named(
    tmp_path: Path, user: str | None, apt: str | None, out: str, err: str
) -> None:
    """Root on Debian has it installed and is told so; anybody else is told the line to type. Never an error."""
    path = tmp_path / "bin"
    path.mkdir()
    if apt is not None:
        program(path, "apt-get", apt)
        program(path, "id", f"echo {user}")
    done = sh(ROOT / "scripts/chromium", path=path)
    assert done.returncode == 0
    assert out in done.stdout
    assert bool(out) == bool(done.stdout)
    assert err in done.stderr
    assert bool(err) == bool(done.stderr)


@pytest.mark.heavy
@pytest.mark.timeout(1200)  # it installs packages
def test_the_demo_plays_on_a_bare_machine(tmp_path: Path) -> None:
    """From a folder with a space and an umlaut, with Python and a shell alone; then again without an index."""
    folder = tmp_path / "Größe und mehr"
    folder.mkdir()
    for name in ("bot", "sizing", "scripts", "requirements"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "manifest.yml"):
        shutil.copy(ROOT / name, folder)
    path = tmp_path / "bin"
    program(path, "python3", f'exec "{sys.executable}" "$@"')
    first = sh(folder / "scripts/demo", path=path)
    assert first.returncode == 0, first.stderr[-2000:]
    assert first.stdout.startswith("Installing the pinned packages (run)")
    again = sh(folder / "scripts/demo", path=path, PIP_NO_INDEX="1")
    assert again.returncode == 0, again.stderr[-2000:]
    assert "Installing" not in again.stdout
    assert "1. Rosa Requester types" in again.stdout
    assert "Try it in a browser: peftsize sandbox" in again.stdout
