"""The command line as a whole: unknown words and options, help, pipes, colours, and nothing that is not for people."""

from __future__ import annotations

import re
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from bot.sandbox.slack.fake_slack import FakeSlack
from tests.support.command_line import NOBODY_THERE, PEFTSIZE, on_terminal, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ESCAPE = "\x1b["
NO_PORT = "Invalid value for '--port': 99999 is not a port, from 0 to 65535."


@pytest.mark.parametrize(
    ("words", "says", "command"),
    [
        (("size", "--unknown-option"), "There is no option --unknown-option.", "peftsize size"),
        (("size", "10b", "--explian"), "There is no option --explian. Did you mean --explain?", "peftsize size"),
        (("specs", "list", "--jsn"), "There is no option --jsn. Did you mean --json?", "peftsize specs list"),
        (("serve", "--prot", "3"), "There is no option --prot. Did you mean --host or --port?", "peftsize serve"),
        (("serve", "--mode", "pigeon"), "Invalid value for '--mode': invalid choice: 'pigeon'", "peftsize serve"),
        (("serve", "--port", "99999"), NO_PORT, "peftsize serve"),
        (("sandbox", "--port", "99999"), NO_PORT, "peftsize sandbox"),
        (("sandbox", "--port", "-1"), NO_PORT.replace("99999", "-1"), "peftsize sandbox"),
        (("requets",), "No such command 'requets'. Did you mean 'requests'?", "peftsize"),
        (("size",), "Missing argument", "peftsize size"),
        (("requests", "approve", "R1"), "Missing option '--as'.", "peftsize requests approve"),
        (("requests", "list", "--limit", "0"), "Invalid value for '--limit'", "peftsize requests list"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(
    tmp_path: Path, words: tuple[str, ...], says: str, command: str
) -> None:
    """What is wrong, and whose help tells more: two lines on standard error, exit code 2, nothing done."""
    ran = run(*words, folder=tmp_path)
    assert (ran.code, ran.out) == (2, "")
    first, second = ran.err.splitlines()
    assert first.startswith(says)
    assert second == f"Try: {command} --help"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [(), ("requests",), ("audit",)])
def test_a_group_without_a_command_shows_its_help(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Nothing was asked for: the commands are listed, and a script notices."""
    ran = run(*words, folder=tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"Usage: {' '.join(('peftsize', *words))} [OPTIONS] COMMAND")


@pytest.mark.parametrize("words", [(), ("size",), ("requests", "list"), ("serve",), ("sandbox",)])
def test_every_command_has_a_short_option_for_help(tmp_path: Path, words: tuple[str, ...]) -> None:
    """``-h`` says what ``--help`` says."""
    short, long = run(*words, "-h", folder=tmp_path), run(*words, "--help", folder=tmp_path)
    assert (short.code, short.out) == (0, long.out)
    assert re.search(r"^  -h, --help +Show this message and exit\.$", short.out, re.MULTILINE)


def test_the_help_of_serve_looks_like_the_others(tmp_path: Path) -> None:
    """``serve`` has a parser of its own, and nobody can tell."""

    def shape(text: str) -> list[str]:
        lines = [re.sub(r"^  (-\S+( [<\[]\S+|, --\S+)?) .*", r"  OPTION", line) for line in text.splitlines()]
        lines = [line for line in lines if not line.startswith("    ")]
        return [re.sub("sandbox|serve", "NAME", line) for line in lines]

    serve = shape(run("serve", "--help", folder=tmp_path).out)
    sandbox = shape(run("sandbox", "--help", folder=tmp_path).out)
    assert serve[0] == sandbox[0] == "Usage: peftsize NAME [OPTIONS]"
    assert [*dict.fromkeys(serve[3:])] == [*dict.fromkeys(sandbox[3:])] == ["", "Options:", "  OPTION"]


def test_the_version_is_told(tmp_path: Path) -> None:
    """By name, for a bug report."""
    assert re.fullmatch(r"peftsize \d+\.\d+\.\d+\n", run("--version", folder=tmp_path).out)


@pytest.fixture
def sizing(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A command that has answered one line of standard input and waits for the next."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [PEFTSIZE, "size", "--json", "-"], cwd=tmp_path, stdin=pipe, stdout=pipe, stderr=pipe
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"10b 2x128MB qlora4\n")
        process.stdin.flush()
        assert process.stdout.readline()
        yield process


def ending(process: subprocess.Popen[bytes]) -> tuple[int, bytes]:
    """Return the exit code and what is on standard error, once nothing more comes on standard input."""
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.close()
    said = process.stderr.read()
    return process.wait(), said


def test_a_reader_that_has_enough_ends_the_command_quietly(sizing: subprocess.Popen[bytes]) -> None:
    """As with ``head -1``: exit code 0 and no word on standard error."""
    assert sizing.stdin is not None
    assert sizing.stdout is not None
    sizing.stdout.close()
    sizing.stdin.write(b"10b 2x128MB qlora4\n")
    assert ending(sizing) == (0, b"")


def test_an_interrupted_command_says_nothing(sizing: subprocess.Popen[bytes]) -> None:
    """Ctrl-C: exit code 130, as shells expect, and no traceback."""
    sizing.send_signal(signal.SIGINT)
    assert ending(sizing) == (130, b"")


def in_a_process(folder: Path, *words: str, **settings: str) -> tuple[int, str]:
    """Run a command in a process of its own and return its exit code and its standard error."""
    environment = NOBODY_THERE | {"PATH": "/usr/bin"} | settings
    done = subprocess.run(
        [PEFTSIZE, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stderr


def test_libraries_log_nothing_on_the_terminal(tmp_path: Path) -> None:
    """slack_sdk logs a refused connection; the command line prints one sentence instead, exit code 3."""
    assert run("database", "upgrade", folder=tmp_path).code == 0
    said = "Slack could not identify a user (auth.test: not answered). Try again in a minute.\n"
    assert in_a_process(tmp_path, "requests", "approve", "R1", "--as", "U0ADA0001") == (3, said)
    assert in_a_process(tmp_path, "doctor") == (1, "")


def test_a_slack_that_refuses_is_one_sentence(tmp_path: Path) -> None:
    """A revoked token: no log line of slack_sdk's or ours beside the sentence."""
    assert run("database", "upgrade", folder=tmp_path).code == 0
    with FakeSlack() as slack:
        slack.faults.revoked = "token_revoked"
        settings = {"SLACK_BOT_TOKEN": slack.bot_token, "SLACK_API_URL": slack.url}
        words = ("requests", "approve", "R1", "--as", "U0ADA0001")
        code, said = in_a_process(tmp_path, *words, **settings)
    assert (code, len(said.splitlines())) == (3, 1)


def test_colours_are_for_terminals_that_want_them(tmp_path: Path) -> None:
    """On a terminal an error is coloured; not with ``NO_COLOR``, not on a dumb one, not in a pipe."""
    plain = run("size", "10x", folder=tmp_path).err
    coloured = on_terminal("size", "10x", folder=tmp_path)
    assert ESCAPE not in plain
    assert coloured.startswith(f"{ESCAPE}31m")
    assert re.sub(r"\x1b\[\d+m", "", coloured) == plain
    assert on_terminal("size", "10x", folder=tmp_path, environment={"NO_COLOR": "1"}) == plain
    assert on_terminal("size", "10x", folder=tmp_path, environment={"TERM": "dumb"}) == plain
    assert on_terminal("size", "10x", folder=tmp_path, environment={"NO_COLOR": ""}) == coloured


def test_a_shell_can_complete_commands(tmp_path: Path) -> None:
    """What ``--install-completion`` sets up asks so, and gets the commands that begin with what was typed."""
    asked = {"_PEFTSIZE_COMPLETE": "complete_bash", "COMP_WORDS": "peftsize re", "COMP_CWORD": "1"}
    done = subprocess.run(
        [PEFTSIZE], cwd=tmp_path, env=asked | {"PATH": "/usr/bin"}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["requests"]
