"""Threads that start together and stop together."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class ThreadGroup:
    """The threads of a dispatcher; each one ends soon after ``stopping`` is set."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, targets: Iterable[tuple[str, Callable[[], None]]]) -> None:
        """Start one thread for each name and function."""
        self.stopping.clear()
        self._threads = [threading.Thread(target=target, name=name, daemon=True) for name, target in targets]
        for thread in self._threads:
            thread.start()

    @property
    def alive(self) -> bool:
        """Whether every started thread is running."""
        return all(thread.is_alive() for thread in self._threads)

    @property
    def started(self) -> bool:
        """Whether the threads were started and not yet stopped."""
        return bool(self._threads)

    def stop(self, timeout_s: float) -> None:
        """Stop the threads, waiting at most ``timeout_s`` seconds for all of them together."""
        self.stopping.set()
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._threads = []
