"""Two replicas on one row at the same instant: what one decides, the other does not overwrite."""

from __future__ import annotations

import gc
import threading
import time
from typing import TYPE_CHECKING

import pytest

from bot.approvals.request import State
from bot.errors import VersionConflict
from bot.provisioning.transitions import lock_unchanged
from bot.store import Database, Store, schema
from tests.support.rows import APPROVE, Clock, stored
from tests.support.workers import Replica, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FAR_MS = 86_400_000


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    """Two stores on one database."""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_url")
    else:
        url = f"sqlite:///{tmp_path / 'peftsize.db'}"
    databases = Database(url), Database(url)
    schema.migrate(databases[0])
    yield Store(databases[0], Clock()), Store(databases[1], Clock())
    for database in databases:
        database.close()


def test_waiting_does_not_overwrite_a_decision(stores: tuple[Store, Store]) -> None:
    """A pending row is put off until it expires, and approved meanwhile: it is due as the approval says."""
    ours, theirs = stores
    row = stored(ours, 1)

    def approve() -> None:
        with theirs.write() as tx:
            tx.requests.move(row, APPROVE, tx.now, due_at=tx.now)

    with ours.write() as tx:
        lock_unchanged(tx, row)
        other = threading.Thread(target=approve)
        other.start()
        time.sleep(0.3)
        tx.requests.note(row.id, due_at=tx.now + FAR_MS)
    other.join()
    with ours.read() as tx:
        found = tx.requests.get(row.id)
        due_at = tx.connection.exec_driver_sql("SELECT due_at FROM requests").scalar_one()
    assert found is not None
    assert found.state is State.APPROVED
    with ours.write() as tx:
        assert due_at <= tx.now, "the approved row would have waited for a day"


def test_a_row_that_has_moved_on_is_left_alone(stores: tuple[Store, Store]) -> None:
    """What was read before a decision is not worked on after it."""
    ours, theirs = stores
    row = stored(ours, 1)
    with theirs.write() as tx:
        tx.requests.move(row, APPROVE, tx.now)
    with pytest.raises(VersionConflict), ours.write() as tx:
        lock_unchanged(tx, row)


@pytest.mark.postgres
def test_a_job_that_was_taken_over(postgresql_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """A replica that was frozen finds its jobs ended by others: no error, and it goes on."""
    replica = Replica(postgresql_url)
    try:
        replica.service.slowly_s = 1.0
        replica.dispatcher.start()
        with replica.store.write() as tx:
            tx.queues.receive("click-1", {})
        wait_until(lambda: _doing(replica) == 1)
        with replica.store.write() as tx:
            tx.connection.exec_driver_sql("DELETE FROM procrastinate_jobs")

        def told() -> bool:
            gc.collect()  # an error that nobody waited for is told when its task goes
            return "a job could not be marked as done" in caplog.text

        wait_until(told)
        assert not [record for record in caplog.records if record.levelname == "ERROR"]
        replica.service.slowly_s = 0.0
        with replica.store.write() as tx:
            tx.queues.receive("click-2", {})
        wait_until(lambda: len(replica.service.decided) == 2)
    finally:
        replica.close()


def _doing(replica: Replica) -> int:
    with replica.store.read() as tx:
        query = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'"
        found: int = tx.connection.exec_driver_sql(query).scalar_one()
        return found
