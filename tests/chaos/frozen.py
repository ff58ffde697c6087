"""The sharpest instant: a replica frozen between its commit of ``creating`` and the first byte of its POST."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.chaos.scene import Scene, until
from tests.chaos.stall import Stall
from tests.chaos.world import World

if TYPE_CHECKING:
    from pathlib import Path

AWAKE_S = 1.5
"""How long a replica that has woken up is watched."""


def first_byte(folder: Path, url: str) -> tuple[int, int]:
    """Freeze one replica there, let the other take over and a person retry, then wake it up.

    Args:
        folder: For the logs.
        url: An own PostgreSQL database.

    Returns:
        Specs and POSTs for the one request; both must be 1.
    """
    stall = Stall(url)
    try:
        with World(folder, url) as world:
            first, second = world.replicas
            first.env["PEFTSIZE_DATABASE_URL"] = stall.url
            first.start()
            first.wait_ready()
            scene = Scene(world, "frozen")
            scene.ask()
            stall.order(b"INSERT INTO attempts", "answer")
            scene.press("approve", "ada", "ben")
            assert stall.held.wait(10), "no attempt was written"
            first.freeze()
            assert (scene.state, scene.posts) == ("creating", 0), "it was not frozen in time"
            second.start()
            second.wait_ready()
            scene.becomes("attention", within_s=30)
            scene.press("retry", "ada", "ben")
            scene.becomes("created", within_s=15)
            stall.release()
            first.thaw()
            until(first.is_ready, 10)
            time.sleep(AWAKE_S)
            scene.shows("*Created*")
            return scene.specs, scene.posts
    finally:
        stall.close()
