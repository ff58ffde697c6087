"""A replica on PostgreSQL that freezes at the worst instants, and wakes up when others have gone on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.chaos.frozen import first_byte
from tests.chaos.scene import Scene
from tests.chaos.stall import Stall
from tests.chaos.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.heavy, pytest.mark.postgres]


@pytest.fixture
def stall(postgresql_url: str) -> Iterator[Stall]:
    stall = Stall(postgresql_url)
    yield stall
    stall.close()


@pytest.fixture
def world(tmp_path: Path, postgresql_url: str, stall: Stall) -> Iterator[World]:
    """Two replicas, not started; the first one's way to the database can be held up."""
    with World(tmp_path, postgresql_url) as world:
        world.replicas[0].env["PEFTSIZE_DATABASE_URL"] = stall.url
        yield world


def test_frozen_just_before_its_first_byte(tmp_path: Path, postgresql_url: str) -> None:
    """It wakes up after another replica took over and a person retried: its POST is never sent."""
    assert first_byte(tmp_path, postgresql_url) == (1, 1)


def test_frozen_in_the_middle_of_a_transaction(world: World, stall: Stall) -> None:
    """Its locks do not hold the others up: they store and decide again within ten seconds."""
    world.start()
    first, _ = world.replicas
    scene = Scene(world, "first")
    scene.ask()
    stall.order(b"INSERT INTO audit", "request")
    asked = 0
    while not stall.held.is_set():
        asked += 1
        world.slack.command("rosa", "#ml-serving", f"{asked}b none lora name=held-{asked}")
    first.freeze()
    began = time.monotonic()
    other = Scene(world, "other")
    other.ask()
    assert time.monotonic() - began < 10
    stall.release()
    first.thaw()
    scene.press("approve", "ada")
    scene.becomes("created", within_s=10)
    assert world.replicas[1].run("audit", "verify").returncode == 0
