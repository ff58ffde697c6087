"""The package as its user has it: what it says of itself, its types, and what it needs."""

from __future__ import annotations

import ast
import doctest
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import sizing
from hatch_build import plain
from tests.support.command_line import run
from tests.support.served import SERVE, life

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OURS = {"bot", "sizing"}
BEHIND_AN_EXTRA = {"opentelemetry": "otel"}
"""Packages that many distributions share; the rest are looked up among what is installed."""


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_description_needs_no_file_beside_it() -> None:
    """No picture, comment or relative link is in it; the words, code and addresses stay."""
    found = plain(text("README.md"))
    assert re.findall(r"!\[|<!--|\]\((?![a-z]+:)", found) == []
    assert "IBM's published formula" in found
    assert 'size("10b 2x128MB qlora4")' in found
    assert plain("a [b](c.md), [d](https://e.example)\n\n![f\ng](h.png)\n\ni\n") == (
        "a b, [d](https://e.example)\n\ni\n"
    )


def test_the_installed_package_says_what_it_is() -> None:
    """Name, licence, system, typing and the description of the hook stand in the metadata."""
    metadata = importlib.metadata.metadata("peftsize")
    assert metadata["License-Expression"] == "Apache-2.0"
    assert {"Operating System :: POSIX", "Typing :: Typed"} <= set(metadata.get_all("Classifier") or ())
    assert "qlora" in metadata["Keywords"]
    assert str(metadata.get_payload()).startswith("# peftsize")
    assert "](docs/" not in str(metadata.get_payload())


def test_what_is_imported_is_declared() -> None:
    """Every package that the code imports is a dependency by name, not one by luck of another's."""
    named = [
        *PROJECT["dependencies"],
        *(one for extra in PROJECT["optional-dependencies"].values() for one in extra),
    ]
    declared = {_normal(re.split(r"[\[<>=]", one)[0]) for one in named}
    distributions = importlib.metadata.packages_distributions()
    undeclared = {
        f"{path.relative_to(ROOT)}: {module}"
        for folder in OURS
        for path in (ROOT / folder).rglob("*.py")
        for module in _imports(path)
        if module not in sys.stdlib_module_names | OURS | set(BEHIND_AN_EXTRA)
        and declared.isdisjoint(map(_normal, distributions.get(module, ())))
    }
    assert undeclared == set()


def test_a_typed_program_sees_the_types_of_sizing(tmp_path: Path) -> None:
    """Under mypy strict, from outside the repository, results have their types, and misuse is an error."""
    program = tmp_path / "program.py"
    program.write_text(
        "from sizing import Breakdown, size\n"
        'needs: Breakdown = size("10b 2x128MB qlora4")\n'
        "reveal_type(needs.num_gpus)\n"
        "size(10)\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", "", program.name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 'Revealed type is "int"' in done.stdout.replace("builtins.", "")
    assert re.findall(r":(\d+): error", done.stdout) == ["4"], done.stdout
    assert [(ROOT / name / "py.typed").exists() for name in OURS] == [True, True]


@pytest.mark.parametrize("document", ["README.md"])
def test_the_example_of_the_library_is_true(document: str) -> None:
    """What the document shows of Python gives what it shows."""
    found = doctest.DocTestParser().get_doctest(
        text(document).replace("\n```", "\n\n```"), {}, document, document, 0
    )
    assert len(found.examples) == 3
    assert doctest.DocTestRunner().run(found).failed == 0


def test_the_public_names_are_documented() -> None:
    """The page lists every name of ``sizing``, and no other."""
    table = (
        text("docs/sizing.md").partition("## From Python")[2].partition("| --- | --- |\n")[2].split("\n\n")[0]
    )
    cells = [line.split("|")[1] for line in table.strip().splitlines()]
    assert sorted(re.findall(r"`(\w+)`", " ".join(cells))) == sorted(sizing.__all__)


@pytest.mark.parametrize("words", ["serve", "sandbox --play"])
def test_where_the_system_is_not_posix_a_sentence_says_so(tmp_path: Path, words: str) -> None:
    """Without ``fcntl`` the bot and the sandbox say what they need; no traceback. Sizing works."""
    program = "import sys; sys.modules['fcntl'] = None; from bot.cli import main; main({!r})"
    done = subprocess.run(
        [sys.executable, "-c", program.format(words.split())],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "need Linux, macOS or another POSIX system" in done.stderr
    assert "Traceback" not in done.stderr
    sized = subprocess.run(
        [sys.executable, "-c", program.format(["size", "10b"])],
        capture_output=True,
        cwd=tmp_path,
        check=False,
    )
    assert sized.returncode == 0


def test_a_collector_without_the_extra_is_a_warning(tmp_path: Path) -> None:
    """``serve`` starts, says once that there are no traces, and names what is missing."""
    program = f"import sys; sys.modules['opentelemetry'] = None; from bot.cli import main; main({SERVE})"
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "PATH": "/usr/bin:/bin"}
    served = life([sys.executable, "-c", program], tmp_path, environment)
    assert served.code == 0
    assert "serving" in served.messages("info")
    (warning,) = served.messages("warning")
    assert "peftsize[otel] is not installed" in warning


def test_serve_without_settings_names_socket_mode(tmp_path: Path) -> None:
    """As the install page does; with a signing secret alone it is HTTP mode."""
    nothing = run("serve", folder=tmp_path).err
    assert "SLACK_APP_TOKEN is missing" in nothing
    assert "SLACK_SIGNING_SECRET" not in nothing


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _imports(path: Path) -> set[str]:
    """Return the first parts of the modules that a file imports."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    plain_ones = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    from_ones = [
        node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level
    ]
    return {name.partition(".")[0] for name in (*plain_ones, *from_ones)}
