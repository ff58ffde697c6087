"""procrastinate's part of the dispatcher: an event loop in a thread that fetches jobs.

Imported only for PostgreSQL.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from typing import TYPE_CHECKING

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Status
from psycopg import Error as PsycopgError
from psycopg_pool import PoolTimeout

from bot.store.queues import TASK

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from bot.store import Database

log = logging.getLogger(__name__)

LANES = ("inbox", "requests")
"""The lanes with jobs. Messages to Slack go by rank and by Slack's limits, which a job does not know."""
CONCURRENCY = 3
"""Concurrent rows of one lane; each lane has its own workers, so none starves another."""
LOOK_S = 0.25
"""How soon a job is found whose notification arrived while the worker was polling."""
GRACE_S = 6
HEARTBEAT_S, STALLED_S = 5.0, 15.0
AFTER_TROUBLE_S = 1.0


class Loop:
    """Fetches jobs until it is stopped, through every failure of the database.

    Args:
        run: Does the work of a row, by lane and key; it blocks, and runs in threads.
    """

    def __init__(self, database: Database, run: Callable[[str, str], None]) -> None:
        _, kwargs = database.engine.dialect.create_connect_args(database.engine.url)
        self._app = App(
            connector=PsycopgConnector(
                kwargs={**kwargs, "connect_timeout": 5}, min_size=1, max_size=6, timeout=5
            )
        )
        self._app.task(name=TASK)(self._job)
        self._run = run
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._work: asyncio.Task[None] | None = None
        self._stopping = threading.Event()

    @property
    def running(self) -> bool:
        """Whether the thread is alive."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        logging.getLogger("procrastinate").setLevel(logging.WARNING)  # it logs each job twice
        logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # we log a lost database ourselves
        self._stopping.clear()
        self._thread = threading.Thread(target=self._main, name="jobs", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Fetch no more jobs, and wait for those in progress."""
        self._stopping.set()
        if self._loop is not None and self._work is not None:
            with contextlib.suppress(RuntimeError):  # the loop has already ended
                self._loop.call_soon_threadsafe(self._work.cancel)
        if self._thread is not None:
            self._thread.join(timeout_s)
        self._thread = None

    def _main(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._again_and_again())

    async def _again_and_again(self) -> None:
        self._loop, self._work = asyncio.get_running_loop(), asyncio.current_task()
        self._loop.set_exception_handler(_nobody_waits_for)
        while not self._stopping.is_set():
            try:
                async with self._app.open_async():
                    await self._fetch()
            except (ConnectorException, PsycopgError, PoolTimeout) as error:
                what = type(error.__cause__ or error).__name__
                log.warning("fetching jobs failed", extra={"facts": {"what": what}})
            await asyncio.sleep(AFTER_TROUBLE_S)

    async def _fetch(self) -> None:
        """Run a worker for each lane until one of them ends, and raise that one's error."""
        workers = [
            asyncio.create_task(
                self._app.run_worker_async(
                    queues=[lane],
                    name=lane,
                    concurrency=CONCURRENCY,
                    fetch_job_polling_interval=LOOK_S,
                    shutdown_graceful_timeout=GRACE_S,
                    delete_jobs="always",
                    install_signal_handlers=False,
                    update_heartbeat_interval=HEARTBEAT_S,
                    stalled_worker_timeout=STALLED_S,
                )
            )
            for lane in LANES
        ]
        workers.append(asyncio.create_task(self._retry_stalled()))
        try:
            done, _ = await asyncio.wait(workers, return_when=asyncio.FIRST_COMPLETED)
            for worker in done:
                worker.result()
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _retry_stalled(self) -> None:
        """Requeue the jobs that dead replicas had fetched."""
        jobs = self._app.job_manager
        while True:
            await asyncio.sleep(STALLED_S)
            for job in await jobs.get_stalled_jobs(seconds_since_heartbeat=STALLED_S):
                try:
                    await jobs.retry_job(job)
                except UniqueViolation:  # the sweep has deferred its row again
                    await jobs.finish_job(job, Status.FAILED, delete_job=True)

    async def _job(self, lane: str, key: str) -> None:
        """Do the work in a daemon thread, so that slow work does not delay the process's exit."""
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def work() -> None:
            try:
                self._run(lane, key)
            finally:
                with contextlib.suppress(RuntimeError):  # the loop was stopped in the meantime
                    loop.call_soon_threadsafe(done.set)

        threading.Thread(target=work, name=f"{lane} {key}", daemon=True).start()
        await done.wait()


def _nobody_waits_for(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an error of a task that nothing awaits.

    A replica that was frozen cannot end its jobs: the others took them for stalled and ended them.
    """
    if isinstance(context.get("exception"), ConnectorException):
        log.warning("a job could not be marked as done; its row stays the truth")
    else:
        loop.default_exception_handler(context)
