"""The fault switches of the sandbox page, in people's words.

Faults of the cluster are armed for the next create only; Slack being away and the stopped worker last until they are
switched back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.sandbox.watsonx.faults import ALWAYS

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.sandbox.world import World

_LATER_S = 2.0
"""By how much a late answer misses the deadline."""
LEAPS: dict[str, int] = {"10 minutes": 10, "1 hour": 60, "4 hours": 240, "24 hours": 1440}
"""The longest time that may pass in one step, in minutes."""


@dataclass(frozen=True)
class Switch:
    """One switch.

    Args:
        name: For the page's requests.
        words: What it does, for people.
        hint: What to watch for.
        is_on: Returns its state.
        set: Switches it on or off.
    """

    name: str
    words: str
    hint: str
    is_on: Callable[[], bool]
    set: Callable[[bool], None]


def switches(world: World) -> list[Switch]:
    """Return the switches of a world, in the order of the page."""
    faults = world.cluster.faults

    def armed(name: str, count: str, words: str, hint: str, **settings: object) -> Switch:
        """Return a switch that arms one count of the cluster's faults for the next create."""

        def turn(on: bool) -> None:
            for setting, value in {"creates_only": True, **settings, count: int(on)}.items():
                setattr(faults, setting, value)

        return Switch(name, words, hint, lambda: getattr(faults, count) != 0, turn)

    late_s = world.product.settings.watsonx_timeout_s + _LATER_S
    return [
        armed(
            "late",
            "late_answers",
            "Answer too late",
            "It is created, but the answer misses the deadline.",
            answer_delay_s=late_s,
        ),
        armed(
            "drop",
            "drop_after_commit",
            "Commit, then drop",
            "It is created, but the connection breaks first.",
        ),
        armed("401", "expired", "401 Unauthorized", "The token has expired, and a new one is requested."),
        armed(
            "409",
            "foreign",
            "409 Conflict",
            "Somebody else creates a spec with this name first.",
            duplicate=409,
        ),
        armed("429", "too_many", "429 Too Many Requests", "Asked to wait two seconds.", retry_after_s=2),
        armed("500", "broken", "500 Server Error", "Whether it was created is unknown; it is looked up."),
        Switch(
            "deployed",
            "Specs are in use",
            "Every spec has a deployment: a deletion is refused when it is asked for, and again before it is sent.",
            lambda: world.cluster.deployments.count > 0,
            lambda on: _deployed(world, deployed=on),
        ),
        Switch(
            "unknown_use",
            "Deployments are not listed",
            "403: it is unknown whether a spec is in use, so a person decides.",
            lambda: faults.deployments_refused != 0,
            lambda on: setattr(faults, "deployments_refused", ALWAYS if on else 0),
        ),
        Switch(
            "slack",
            "Slack is down",
            "Every call to Slack fails. Messages wait and are delivered later.",
            lambda: world.slack.faults.down != "",
            lambda on: _slack(world, down=on),
        ),
        Switch(
            "worker",
            "Worker is stopped",
            "Clicks are stored; nothing is decided or sent until it starts again.",
            lambda: not world.product.dispatcher.running,
            lambda on: _worker(world, stopped=on),
        ),
    ]


def pass_time(world: World, minutes: int) -> None:
    """Let time pass for the product, Slack and the cluster.

    Raises:
        ValueError: Not one of the steps.
    """
    if minutes not in LEAPS.values():
        raise ValueError("no such step")
    world.clock.advance(minutes * 60_000)
    world.slack.workspace.changed()


def _deployed(world: World, *, deployed: bool) -> None:
    cluster = world.cluster
    cluster.deployments.clear()
    if deployed:
        cluster.deployments.deploy_all(
            [spec["metadata"]["asset_id"] for spec in cluster.specs()], cluster.space_id
        )


def _slack(world: World, *, down: bool) -> None:
    world.slack.faults.down = "503" if down else ""


def _worker(world: World, *, stopped: bool) -> None:
    running = world.product.dispatcher.running
    if stopped and running:
        world.product.dispatcher.stop(3.0)
    elif not stopped and not running:
        world.product.dispatcher.start()
