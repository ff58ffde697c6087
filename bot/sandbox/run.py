"""``peftsize sandbox``: opens the local workspace, or plays the story in it."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from pathlib import Path

from bot.errors import SettingsError
from bot.runtime import logs, shutdown
from bot.sandbox import story
from bot.sandbox.loopback import HOST
from bot.sandbox.page.server import Page
from bot.sandbox.world import World, refuse_real_settings


def run(
    port: int, *, play: bool, policy: str | None, people: str | None, db: str | None, record: str | None
) -> int:
    """Open the sandbox until interrupted, or play the story; port 0 takes a free one.

    Returns:
        The exit code: 0, or 1 if a step of the story did not happen.

    Raises:
        SettingsError: Real settings are present, a file cannot be used, or the port is taken.
    """
    refuse_real_settings()
    logs.set_up("text", ())
    logging.getLogger().setLevel(logging.ERROR if play else logging.WARNING)
    world = World(policy=_path(policy), people=_path(people), database=_path(db), record=_path(record))
    with world:
        logs.set_up("text", world.product.settings.secrets())
        logging.getLogger().setLevel(logging.ERROR if play else logging.WARNING)
        return story.play(world) if play else _stay(world, port)


def _stay(world: World, port: int) -> int:
    """Serve the page until SIGINT or SIGTERM."""
    signalled = shutdown.listen()
    with ExitStack() as stack:
        try:
            page = stack.enter_context(Page(world, port))
        except OSError:
            raise SettingsError(
                (f"Port {port} on {HOST} is in use; choose another: peftsize sandbox --port {port + 1}.",)
            ) from None
        _say(f"The sandbox is open: {page.url}\nNothing leaves this machine. Stop it with Ctrl-C.")
        signalled()
    _say("Stopped.")
    return 0


def _path(given: str | None) -> Path | None:
    return None if given is None else Path(given)


def _say(words: str) -> None:
    print(words, flush=True)  # noqa: T201 - the command line prints
