"""Working stand-ins for what a worker drives, and a replica that runs as a process of its own."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.dispatch.periodic import Periodic
from bot.dispatch.worker import Worker
from bot.store import Database, Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.errors import SlackTrouble
    from bot.store.queues import OutboxMessage


def clock() -> int:
    return time.time_ns() // 1_000_000


class FakeAnnouncer:
    """Has its effects in a list, after troubles that were ordered."""

    def __init__(self) -> None:
        self.had: list[tuple[str, int]] = []
        self.at: dict[str, float] = {}
        self.troubles: list[SlackTrouble] = []
        self.slowly_s = 0.0

    def closed(self) -> frozenset[str]:
        return frozenset()

    def deliver(self, message: OutboxMessage) -> None:
        if self.troubles:
            raise self.troubles.pop(0)
        time.sleep(self.slowly_s)
        self.at[message.key] = time.perf_counter()
        self.had.append((message.key, message.generation))


class FakeFlow:
    """Decides every click by forgetting it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.decided: list[str] = []
        self.slowly_s = 0.0

    def handle(self, key: str) -> None:
        time.sleep(self.slowly_s)
        with self.store.write() as tx:
            tx.queues.decided(key)
        self.decided.append(key)


class FakeFulfil:
    """Carries a request out by noting that nothing more is due."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.worked: list[str] = []

    def work(self, request_id: str) -> None:
        with self.store.write() as tx:
            tx.requests.note(request_id, due_at=None, claimed_by=None)
        self.worked.append(request_id)


class Replica:
    """A store, a worker and a dispatcher, wired as in the product.

    Args:
        url: Of the database.
        owner: Its name.
        tasks: For ``Periodic``.
    """

    def __init__(self, url: str, owner: str = "replica-1", tasks: dict[str, Any] | None = None) -> None:
        self.database = Database(url)
        self.store = Store(self.database, clock)
        self.announcer = FakeAnnouncer()
        self.service, self.executor = FakeFlow(self.store), FakeFulfil(self.store)
        self.worker = Worker(self.store, self.service, self.executor, self.announcer, owner)  # type: ignore[arg-type] # stand-ins
        periodic = Periodic(self.store, tasks or {})
        self.dispatcher: Any
        if self.database.is_sqlite:
            from bot.dispatch.local import LocalDispatcher

            self.dispatcher = LocalDispatcher(self.worker, periodic)
        else:
            from bot.dispatch.postgres import ProcrastinateDispatcher

            self.dispatcher = ProcrastinateDispatcher(self.database, self.worker, periodic)
        self.store.waker = self.dispatcher

    def close(self) -> None:
        self.dispatcher.stop()
        self.database.close()


def wait_until(condition: Callable[[], object], timeout_s: float = 10) -> float:
    """Wait until something is so, and return how long it took in seconds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < timeout_s, "it did not come to pass"
        time.sleep(0.005)
    return time.monotonic() - began


def main() -> None:
    """Run a replica whose effects go to a file; it stays in the middle of each one for a while.

    Arguments: the database's URL, its name, the file, and the seconds an effect takes.
    """
    url, owner, path, takes_s = sys.argv[1:]
    replica = Replica(url, owner)

    def deliver(message: OutboxMessage) -> None:
        _tell(path, f"begun {owner} {message.key}")
        time.sleep(float(takes_s))
        _tell(path, f"had {owner} {message.key}")

    replica.announcer.deliver = deliver  # type: ignore[method-assign] # this process's own kind of effect
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    replica.dispatcher.start()
    _tell(path, f"started {owner}")
    stopping.wait()
    replica.close()
    _tell(path, f"stopped {owner}")


def _tell(path: str, line: str) -> None:
    fd = os.open(Path(path), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(fd, f"{line}\n".encode())
    os.close(fd)


if __name__ == "__main__":
    main()
