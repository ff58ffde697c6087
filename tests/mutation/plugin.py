"""A pytest plugin: it notes which test runs which line, or runs chosen tests alone, in the order chosen.

``coverage`` records the lines. Its context is switched at each test, so that what fixtures and threads run counts
for the test that needed them.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from coverage import Coverage

from tests.mutation.rooms import ROOMS

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORD = "MUTATION_RECORD"
"""Environment variable: the folder for what is noted."""
CHOSEN = "MUTATION_CHOSEN"
"""Environment variable: the file with the node ids of the tests to run, a JSON array."""


def pytest_configure(config: pytest.Config) -> None:
    """Do what the environment asks for."""
    if (folder := os.environ.get(RECORD)) and (worker := os.environ.get("PYTEST_XDIST_WORKER")):
        config.pluginmanager.register(_Recorder(Path(folder, f"{worker}.json"), config.rootpath))
    if file := os.environ.get(CHOSEN):
        config.pluginmanager.register(_Chosen(json.loads(Path(file).read_text(encoding="utf-8"))))


class _Recorder:
    """Notes the lines that each test runs and the seconds that it takes; failed tests are left out."""

    def __init__(self, file: Path, root: Path) -> None:
        self._file, self._root = file, root
        self._seconds: dict[str, float] = {}
        self._failed: set[str] = set()
        measured = [f"{root}/{files}" for room in ROOMS for files in room.files]
        self._coverage = Coverage(data_file=None, config_file=False, include=measured)
        self._coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._coverage.switch_context(item.nodeid)
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] = self._seconds.get(report.nodeid, 0) + report.duration
        if not report.passed:
            self._failed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        self._coverage.stop()
        data = self._coverage.get_data()
        place = {test: place for place, test in enumerate(self._seconds)}
        lines = {
            Path(file).relative_to(self._root).as_posix(): {
                line: [place[test] for test in tests if test in place and test not in self._failed]
                for line, tests in data.contexts_by_lineno(file).items()
            }
            for file in data.measured_files()
        }
        noted = {"seconds": self._seconds, "failed": sorted(self._failed), "lines": lines}
        self._file.write_text(json.dumps(noted), encoding="utf-8")


class _Chosen:
    def __init__(self, tests: list[str]) -> None:
        self._place = {test: place for place, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        left = [item for item in items if item.nodeid not in self._place]
        config.hook.pytest_deselected(items=left)
        items[:] = sorted(
            (item for item in items if item.nodeid in self._place), key=lambda i: self._place[i.nodeid]
        )
