"""Installations between the stand-ins of Slack and of the cluster, and the bench of the provisioning tests."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from bot.sandbox.slack.fake_slack import FakeSlack
from bot.sandbox.watsonx.fake_watsonx import FakeCluster
from tests.support.fixtures import bench, new_bench, new_folder
from tests.support.installation import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["bench", "new_bench", "new_folder", "open_site", "site"]


@pytest.fixture
def open_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Opens an installation; arguments go to the stand-in of Slack."""
    with ExitStack() as stack:

        def make(**slack: Any) -> Site:
            workspace = stack.enter_context(FakeSlack(**slack))
            return Site(tmp_path, workspace, stack.enter_context(FakeCluster()))

        yield make


@pytest.fixture
def site(open_site: Callable[..., Site]) -> Site:
    """An installation where every check passes."""
    return open_site()
