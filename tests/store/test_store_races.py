"""Races: who is second begins anew, waits in turn, or is refused."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from bot.approvals.request import State
from bot.approvals.state_machine import Action
from bot.errors import SettingsError, StoreError, VersionConflict
from bot.store import Database, Store
from bot.store.database import FairLock
from bot.store.process_lock import hold
from bot.workflow.service import RequestService
from tests.support.rows import KEY, T0, Clock, stored, transition

if TYPE_CHECKING:
    from pathlib import Path

    from bot.store import Tx


def flow_on(store: Store) -> RequestService:
    """A service of which only the transactions are used."""
    return RequestService(
        key=KEY, store=store, people=None, site=None, rules=None, clock=store.clock, new_id=str
    )  # type: ignore[arg-type] # not reached


@pytest.mark.postgres
def test_of_two_edits_to_the_same_name_the_later_begins_anew(postgresql_url: str, clock: Clock) -> None:
    """A name taken between look and write is a race, seen and decided by the second look."""
    store = Store(Database(postgresql_url), clock)
    rows = [stored(store, number) for number in (1, 2)]
    looked, outcomes = threading.Barrier(2), []

    def edit(index: int) -> None:
        tries = 0

        def once(tx: Tx) -> str:
            nonlocal tries
            tries += 1
            holder = tx.requests.holder("space-1", rows[index].kind, "wanted")
            if tries == 1:
                looked.wait(10)
            if holder is not None:
                return f"taken after {tries}"
            moved = tx.requests.move(rows[index], transition(Action.EDIT, State.PENDING), T0, name="wanted")
            assert moved is not None
            return f"mine after {tries}"

        outcomes.append(store.retry_on_conflict(once))

    threads = [threading.Thread(target=edit, args=(index,)) for index in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["mine after 1", "taken after 2"]
    store.close()


def test_a_race_that_never_ends_is_given_up_as_busy(store: Store) -> None:
    """Beginning anew has an end; other trouble is not tried again at all."""
    tries = []

    def loses(_: Tx) -> None:
        tries.append(1)
        raise VersionConflict if len(tries) % 2 else StoreError("conflict")

    def full(_: Tx) -> None:
        tries.append(1)
        raise StoreError("full")

    with pytest.raises(StoreError, match="busy"):
        store.retry_on_conflict(loses)
    assert len(tries) > 5
    tries.clear()
    with pytest.raises(StoreError, match="full"):
        store.retry_on_conflict(full)
    assert len(tries) == 1


def test_the_write_lock_is_handed_over_in_the_order_of_asking() -> None:
    """Twenty waiters get it in the order in which they came, even if its holder asks again."""
    lock, order, waiting = FairLock(), [], []

    def ask(number: int) -> None:
        with lock:
            order.append(number)

    with lock:
        for number in range(20):
            thread = threading.Thread(target=ask, args=(number,))
            thread.start()
            waiting.append(thread)
            while len(lock._waiting) <= number:
                time.sleep(0.0005)
    with lock:
        order.append(99)
    for thread in waiting:
        thread.join()
    assert order == [*range(20), 99]


def test_a_second_server_on_the_same_file_is_refused(tmp_path: Path) -> None:
    """Also through a link; when the first has ended, however it ended, there is room."""
    path, link = tmp_path / "peftsize.db", tmp_path / "link.db"
    link.symlink_to(path)
    script = (
        "import sys, time; from pathlib import Path; from bot.store.process_lock import hold\n"
        "with hold(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True)
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        for name in (path, link):
            with pytest.raises(SettingsError, match="another peftsize serves this SQLite file"), hold(name):
                pass
        with hold(tmp_path / "other.db"):
            pass
        holder.kill()
    with hold(link), pytest.raises(SettingsError), hold(path):
        pass


def test_a_folder_without_room_for_a_lock_is_refused(tmp_path: Path) -> None:
    """The sentence says why and what to do."""
    with (
        pytest.raises(SettingsError, match=r"cannot be made \(No such file or directory\); put the file"),
        hold(tmp_path / "none" / "peftsize.db"),
    ):
        pass
