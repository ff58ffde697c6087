"""Which tests a mutant is given, and the run that kills it or lets it live. The working tree stays untouched."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import importlib.util
import itertools
import json
import multiprocessing
import os
import shutil
import signal
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.mutation.mutants import mutated
from tests.mutation.plugin import CHOSEN, RECORD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.mutation.mutants import Mutant

WORKERS = 2
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info")
MARKS = "not heavy and not browser and not postgres"
"""What runs in this process alone: of others, nobody knows which lines they run."""
LONGEST_S = 60.0
"""Seconds of tests that a mutant is given at most, the fastest first."""
FIRST = 50
"""Tests that are tried before all others are collected."""
PYTEST = (
    *("-q", "-p", "tests.mutation.plugin", "-p", "no:cacheprovider", "--hypothesis-profile=ci"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # of plugins that were imported before
)
FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload(
    [
        *("alembic", "httpx", "psycopg", "pydantic_settings", "slack_bolt", "sqlalchemy", "typer"),
        *("pytest", "_pytest.doctest", "_pytest.junitxml", "_pytest.unittest", "anyio.pytest_plugin"),
        *("hypothesis", "pytest_timeout", "xdist.looponfail", "xdist.plugin"),
    ]
)
"""What is the same for all mutants is imported once; each is a fork."""


class Outcome(NamedTuple):
    """What became of a mutant: ``killed``, ``timed out`` or ``survived``, and how many tests it was given."""

    mutant: Mutant
    what: str
    tests: int


class Noted(NamedTuple):
    """What the tests' own run showed.

    Args:
        seconds: How long each test takes.
        failed: Tests that fail without any mutant.
        lines: Tests by file and line.
    """

    seconds: dict[str, float]
    failed: list[str]
    lines: dict[str, dict[int, list[str]]]

    def tests_for(self, mutant: Mutant) -> list[str]:
        """Return the tests that run the changed line, the fastest first.

        What runs on import may show anywhere: first in tests of the room, then where the file or its folder runs.
        """
        by_line = self.lines.get(mutant.file, {})
        for lines in () if mutant.on_import else mutant.lines:
            if tests := {test for line in lines for test in by_line.get(line, ())}:
                return self._fastest(tests)
        folder = mutant.file.rpartition("/")[0]
        room = f"tests/{folder.removeprefix('bot/').partition('/')[0]}/"
        own = {test for test in self.seconds if test.startswith(room) and test not in self.failed}
        near = {test for tests in by_line.values() for test in tests}
        far = {
            test
            for file, by_line in self.lines.items()
            if file.startswith(f"{folder}/")
            for tests in by_line.values()
            for test in tests
        }
        return self._fastest(own) + self._fastest(near - own) + self._fastest(far - near - own)

    def _fastest(self, tests: set[str]) -> list[str]:
        return sorted(tests, key=lambda test: (self.seconds[test], test))


def note(root: Path, tree: Path, tests: Sequence[str], *, reuse: bool) -> Noted:
    """Run tests in a copy and note what each runs, or take what was noted of the same tests and files before."""
    cache = root / ".mutation"
    which = hashlib.sha256(" ".join(tests).encode()).hexdigest()[:8]
    known = sorted(cache.glob(f"{which}-*.json"), key=lambda file: file.stat().st_mtime)
    file = known[-1] if reuse and known else cache / f"{which}-{_fingerprint(tree)}.json"
    if not file.exists():
        notes = tree.parent / f"notes-{which}"
        notes.mkdir()
        _pytest(
            tree,
            ["-n", str(WORKERS), "--dist", "worksteal", "-m", MARKS, *tests],
            {RECORD: str(notes)},
            None,
        )
        cache.mkdir(exist_ok=True)
        file.write_text(json.dumps(_merged(notes)), encoding="utf-8")
    noted = json.loads(file.read_text(encoding="utf-8"))
    tests = list(noted["seconds"])
    here = {test for test in tests if (tree / test.partition("::")[0]).exists()}
    by_line = {
        name: {
            int(line): [tests[each] for each in places if tests[each] in here]
            for line, places in lines.items()
        }
        for name, lines in noted["lines"].items()
    }
    return Noted(noted["seconds"], noted["failed"], by_line)


def run(
    trees: list[Path], noted: Noted, mutants: list[Mutant], tell: Callable[[Outcome], None]
) -> list[Outcome]:
    """Run each mutant against its tests, one in each copy of the tree at a time."""
    free: SimpleQueue[Path] = SimpleQueue()
    for tree in trees:
        free.put(tree)

    def one(mutant: Mutant) -> Outcome:
        tests = _no_longer_than(LONGEST_S, noted.tests_for(mutant), noted)
        tree = free.get()
        try:
            with _changed(tree, mutant):
                what = "survived"
                for some in _first_and_rest(tests):
                    what = _verdict(tree, some, noted) if what == "survived" else what
                outcome = Outcome(mutant, what, len(tests))
        finally:
            free.put(tree)
        tell(outcome)
        return outcome

    with ThreadPoolExecutor(len(trees)) as workers:
        return list(workers.map(one, mutants))


def control(tree: Path, noted: Noted, mutants: list[Mutant]) -> str:
    """Return what pytest says if the tests of these mutants fail where nothing is changed: no kill would count."""
    tests = {test for mutant in mutants for test in noted.tests_for(mutant)}
    fastest = sorted(tests, key=lambda test: (noted.seconds[test], test))
    passes = _verdict(tree, _no_longer_than(LONGEST_S, fastest, noted), noted) == "survived"
    return "" if passes else tree.with_suffix(".log").read_text(encoding="utf-8")


def copies(root: Path, place: Path) -> list[Path]:
    """Return a copy of the tree for each worker."""
    trees = [place / f"tree-{number}" for number in range(WORKERS)]
    for tree in trees:
        shutil.copytree(root, tree, ignore=LEFT_OUT)
    return trees


def _first_and_rest(tests: list[str]) -> tuple[list[str], list[str]]:
    """Part the tests: most mutants die in the file that has most of them, and collecting one file is quick."""
    files = Counter(test.partition("::")[0] for test in tests)
    busiest = max(files, key=lambda file: files[file], default="")
    first = [test for test in tests if test.startswith(f"{busiest}::")][:FIRST]
    return first, [test for test in tests if test not in set(first)]


def _verdict(tree: Path, tests: list[str], noted: Noted) -> str:
    if not tests:
        return "survived"
    chosen = tree.with_suffix(".json")
    chosen.write_text(json.dumps(tests), encoding="utf-8")
    files = sorted({test.partition("::")[0] for test in tests})
    patience_s = 60 + 5 * sum(noted.seconds[test] for test in tests)
    status = _pytest(tree, ["-x", *files], {CHOSEN: str(chosen)}, patience_s)
    if status == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise RuntimeError(f"none of the tests was found: {tests[:3]}")
    if status is None:
        return "timed out"
    return "survived" if status == pytest.ExitCode.OK else "killed"


def _no_longer_than(seconds: float, tests: list[str], noted: Noted) -> list[str]:
    sums = itertools.accumulate(noted.seconds[test] for test in tests)
    return [test for test, until in zip(tests, sums, strict=True) if until <= seconds]


def _pytest(
    tree: Path, arguments: list[str], environment: dict[str, str], patience_s: float | None
) -> int | None:
    """Return the exit status, or None after the patience; nothing that was started is left running."""
    arguments = [*PYTEST, f"--basetemp={tree.with_suffix('.tmp')}", *arguments]
    process = FORKING.Process(target=_in_child, args=(tree, arguments, environment))
    process.start()
    process.join(patience_s)
    status = process.exitcode
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid or 0, signal.SIGKILL)
    process.join()
    return status


def _in_child(tree: Path, arguments: list[str], environment: dict[str, str]) -> None:
    """Run pytest on a copy of the tree; what was imported from the tree itself is forgotten."""
    os.setsid()
    with tree.with_suffix(".log").open("wb") as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
    for name in [name for name in sys.modules if name.partition(".")[0] in {"bot", "sizing", "tests"}]:
        del sys.modules[name]
    sys.path.insert(0, str(tree))
    os.chdir(tree)
    os.environ.update(environment, PYTHONPATH=str(tree))
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False  # compiling everything anew would take longer than most tests
    gc.freeze()  # pytest collects garbage several times: not what was imported before
    status = pytest.main(arguments)
    sys.stdout.flush()
    os._exit(status)  # taking down the interpreter would take as long as most tests


@contextlib.contextmanager
def _changed(tree: Path, mutant: Mutant) -> Iterator[None]:
    """The change in a copy, for a while. Bytecode goes: the size and second of a file may be those of another text."""
    file = tree / mutant.file
    compiled, original = Path(importlib.util.cache_from_source(str(file))), file.read_bytes()
    file.write_text(mutated(tree, mutant), encoding="utf-8")
    compiled.unlink(missing_ok=True)
    try:
        yield
    finally:
        file.write_bytes(original)
        compiled.unlink(missing_ok=True)


def _fingerprint(tree: Path) -> str:
    files = sorted(file for folder in ("bot", "sizing", "tests") for file in (tree / folder).rglob("*.py"))
    text = b"".join(str(file.relative_to(tree)).encode() + file.read_bytes() for file in files)
    return hashlib.sha256(text).hexdigest()[:16]


def _merged(notes: Path) -> dict[str, Any]:
    """Return what all workers noted as one."""
    seconds: dict[str, float] = {}
    failed: list[str] = []
    lines: dict[str, dict[str, list[int]]] = {}
    for file in sorted(notes.iterdir()):
        noted = json.loads(file.read_text(encoding="utf-8"))
        before = len(seconds)
        seconds |= noted["seconds"]
        failed += noted["failed"]
        for name, by_line in noted["lines"].items():
            for line, places in by_line.items():
                lines.setdefault(name, {}).setdefault(line, []).extend(before + place for place in places)
    return {"seconds": seconds, "failed": failed, "lines": lines}
