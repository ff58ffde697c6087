"""Closing a database while threads are in the middle of its transactions."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.errors import StoreError
from tests.support.rows import event, stored

if TYPE_CHECKING:
    from bot.store import Store

PROGRAM = Path(__file__).with_name("close_under_load.py")
ROOT = Path(__file__).parents[2]


@pytest.mark.heavy
def test_closing_under_load_ends_no_process(migrated: Path, tmp_path: Path) -> None:
    """Fifty times with readers and writers at work: no fault, no lost commit, no connection left open."""
    path = tmp_path / "peftsize.db"
    path.write_bytes(migrated.read_bytes())
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "faulthandler", str(PROGRAM), str(path)],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_transaction_under_way_is_finished(store: Store) -> None:
    """A reader reads on and a writer commits although the store was closed meanwhile."""
    first = stored(store, 1)
    inside, closed = threading.Barrier(3), threading.Event()
    read: list[object] = []

    def reading() -> None:
        with store.read() as tx:
            inside.wait(20)
            closed.wait(20)
            read.append(tx.requests.get(first.id))

    def writing() -> None:
        with store.write() as tx:
            tx.audit_log.append(event(7))
            inside.wait(20)
            closed.wait(20)
            tx.note("told", 1)
        read.append("committed")

    threads = [threading.Thread(target=reading), threading.Thread(target=writing)]
    for thread in threads:
        thread.start()
    inside.wait(20)
    store.close()
    closed.set()
    for thread in threads:
        thread.join(20)
    assert sorted(read, key=str) == sorted([first, "committed"], key=str)


def test_a_closed_store_refuses_new_transactions(store: Store) -> None:
    """After the close nothing is read or written any more, and closing again changes nothing."""
    store.close()
    store.close()
    with pytest.raises(StoreError, match="away"):
        stored(store, 1)
    with pytest.raises(StoreError, match="away"), store.read():
        pass
