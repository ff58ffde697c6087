"""One kill, freeze or stop at one exact instant of one request, with a real process on SQLite."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.chaos.scene import Scene, until
from tests.chaos.strike import INSTANTS, Instant
from tests.chaos.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.heavy
RECOVERED_WITHIN_S = 5.0
DURING_POST = next(instant for instant in INSTANTS if instant.words == "during the POST")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path, f"sqlite:///{tmp_path / 'peftsize.db'}") as world:
        world.start()
        yield world


def ends_well(scene: Scene) -> None:
    """The request ends as created, with one spec and one POST, and everybody is told so."""
    if scene.state == "attention":  # nothing had left; a person looks and retries
        scene.press("retry", "ada")
        scene.becomes("created", within_s=10)
    assert (scene.specs, scene.posts) == (1, 1)
    assert scene.world.specs(scene.name)[0]["metadata"]["asset_id"] == scene.row["spec_id"]
    scene.shows("*Created*")
    checked = scene.world.replicas[0].run("audit", "verify")
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("instant", INSTANTS, ids=lambda instant: instant.words)
def test_killed_at(world: World, instant: Instant) -> None:
    """Within 5 s of its start the next process has taken up what the dead one left; one spec, one POST, a true card."""
    scene = Scene(world, "killed")
    scene.ask()
    until(lambda: scene.row["message_ts"] is not None, 10)
    until(lambda: not world.rows.outbox_messages(), 10)  # approvers' copies, too, before the strike is armed
    world.striker.arm(instant, "kill")
    scene.press("approve", "ada", "ben")
    victim = world.striker.wait(10)
    assert victim is not None, "the instant did not come"
    dead = victim.pid
    victim.start()
    victim.wait_ready()
    until(lambda: not world.rows.left_by([dead], world.striker.at_ms), RECOVERED_WITHIN_S)
    scene.becomes("created", "attention", within_s=20)
    ends_well(scene)


def test_frozen_during_the_post(world: World) -> None:
    """It wakes up after the deadline, with the answer waiting: looked up, found, never sent again."""
    scene = Scene(world, "frozen")
    scene.ask()
    world.striker.arm(DURING_POST, "freeze")
    scene.press("approve", "ada")
    victim = world.striker.wait(10)
    assert victim is not None
    time.sleep(4)
    victim.thaw()
    scene.becomes("created", within_s=15)
    ends_well(scene)


def test_stopped_during_the_post(world: World) -> None:
    """SIGTERM: the answer under way is waited for and recorded, and the process ends within 10 s."""
    scene = Scene(world, "stopped")
    scene.ask()
    world.cluster.faults.late_answers, world.cluster.faults.answer_delay_s = 1, 0.6
    scene.press("approve", "ada")
    until(lambda: scene.posts == 1, 10)
    assert world.replicas[0].stop() < 10
    assert scene.state == "created"
    world.start()
    ends_well(scene)
