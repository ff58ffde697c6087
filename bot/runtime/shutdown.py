"""How a process hears that it should stop, and how its HTTP server ends."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def listen() -> Callable[[], object]:
    """Take over SIGINT and SIGTERM.

    A handler can interrupt anything, another handler too, so it must take no lock; and it runs only once the main
    thread comes round. So the interpreter writes a byte where the signal arrives, and the handlers do nothing.

    Returns:
        A function that waits for the first signal.
    """
    heard, hear = os.pipe()
    os.set_blocking(hear, False)
    signal.set_wakeup_fd(hear, warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    return lambda: os.read(heard, 1)


def end(server: Any, within_s: float) -> None:
    """Accept no more connections, let requests under way finish, then make ``server.run`` return.

    Args:
        server: Of waitress, running in another thread.
        within_s: How long requests under way may take, in seconds.
    """

    def refuse() -> None:
        server.accepting = False
        server.del_channel()
        server.socket.close()

    def close() -> None:
        for channel in list(server._map.values()):  # noqa: SLF001 - waitress has no public way to end its loop
            channel.close()

    server.trigger.pull_trigger(refuse)
    deadline = time.monotonic() + within_s
    tasks = server.task_dispatcher
    while (tasks.queue or tasks.active_count) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.05)  # the loop sends what the threads have just written
    server.trigger.pull_trigger(close)
