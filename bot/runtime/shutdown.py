"""How a process receives the signal to stop, and how its HTTP server ends."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def listen() -> Callable[[], object]:
    """Handle SIGINT and SIGTERM; return a function that waits for the first of them.

    A handler can interrupt anything, even another handler, so it must take no lock; and it runs only when the main
    thread gets to run. So the interpreter writes a byte when the signal arrives, and the handlers do nothing.
    """
    heard, hear = os.pipe()
    os.set_blocking(hear, False)
    signal.set_wakeup_fd(hear, warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    return lambda: os.read(heard, 1)


def end(server: Any, within_s: float) -> None:
    """Accept no more connections, let requests in progress finish, then make ``server.run`` return.

    A thread that has answered writes to the pipe that wakes the loop, and the loop closes that pipe when it ends. So
    the threads end first, and the loop waits for our own byte: by then, the descriptor may belong to another file.

    Args:
        server: Of waitress, running in another thread.
        within_s: How long requests in progress may take, in seconds.
    """
    written = threading.Event()

    def refuse() -> None:
        server.accepting = False
        server.del_channel()
        server.socket.close()

    def close() -> None:
        written.wait()
        for channel in list(server._map.values()):  # noqa: SLF001 - waitress has no public way to end its loop
            channel.close()

    def unsent() -> bool:
        return any(getattr(channel, "total_outbufs_len", 0) for channel in list(server._map.values()))  # noqa: SLF001 - as above

    deadline, tasks = time.monotonic() + within_s, server.task_dispatcher
    server.trigger.pull_trigger(refuse)
    while (tasks.queue or tasks.active_count) and time.monotonic() < deadline:
        time.sleep(0.01)
    tasks.shutdown(cancel_pending=False, timeout=max(deadline - time.monotonic(), 0))
    while unsent() and time.monotonic() < deadline:
        time.sleep(0.01)
    server.trigger.pull_trigger(close)
    written.set()


@contextmanager
def running(server: Any, within_s: float) -> Iterator[None]:
    """Run a server in a thread until the end of the block."""
    thread = threading.Thread(target=server.run, name="server", daemon=True)
    thread.start()
    try:
        yield
    finally:
        end(server, within_s)
        thread.join(within_s)
