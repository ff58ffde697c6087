"""The audit: one chain under concurrency, append-only in the database, and every damage is found."""

from __future__ import annotations

import json
import stat
import threading
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import DBAPIError

from bot.audit import anchor
from bot.audit.anchor import AnchorFile, Anchors
from bot.audit.chain import GENESIS, Who
from bot.audit.verification import verify
from bot.store import Database, Store, triggers
from tests.audit.golden import EVENTS, HASHES, TEXTS
from tests.support.rows import T0, Clock, event

if TYPE_CHECKING:
    from pathlib import Path


def append(store: Store, count: int) -> None:
    for number in range(count):
        with store.write() as tx:
            tx.audit_log.append(event(number))


def verdict(store: Store, anchors: Anchors | None = None) -> tuple[bool, int | None]:
    with store.read() as tx:
        found = verify(tx.audit_log.rows(), anchors or Anchors())
    return found.ok, found.bad_seq


def tamper(database: Database, *statements: str) -> None:
    """Do what somebody with the database password could."""
    with database.write() as connection:
        triggers.drop(connection)
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_the_chain_holds_and_is_exported_as_written(store: Store) -> None:
    """Numbers from 1 without gaps; the export is the events' own objects."""
    append(store, 3)
    with store.read() as tx:
        rows = list(tx.audit_log.rows())
        assert tx.audit_log.head().seq == 3
        assert list(tx.audit_log.rows(since_ms=T0 + 2)) == rows[2:]
        assert tx.audit_log.story("R0000001") == rows
    assert [row["seq"] for row in rows] == [1, 2, 3]
    assert rows[0]["prev_hash"] == GENESIS
    assert rows[1]["prev_hash"] == rows[0]["hash"]
    assert rows[0]["actor"] == {"enterprise_id": None, "team_id": "T1", "user_id": "U1", "name": "Åsa"}
    assert json.loads(json.dumps(rows)) == rows
    assert verdict(store) == (True, None)


def test_the_table_holds_the_golden_chain(store: Store) -> None:
    """Rows written through either database hash to the values worked out by hand, and come back as hashed."""
    for golden_event in EVENTS:
        with store.write() as tx:
            tx.audit_log.append(golden_event)
    with store.read() as tx:
        rows = list(tx.audit_log.rows())
    assert [row.pop("hash") for row in rows] == list(HASHES)
    assert rows == [json.loads(text) for text in TEXTS]


def test_names_are_left_out_on_wish(database: Database, clock: Clock) -> None:
    """With names switched off only ids are kept, and the chain still holds."""
    store = Store(database, clock, names=False)
    with store.write() as tx:
        tx.audit_log.append(event(actor=Who(None, "T1", "U1", "Åsa")))
    with store.read() as tx:
        assert [row["actor"]["name"] for row in tx.audit_log.rows()] == [None]
    assert verdict(store) == (True, None)


def test_odd_text_survives_the_chain(store: Store) -> None:
    """What people type is stored, exported and hashed alike: quotes, newlines, astral letters."""
    with store.write() as tx:
        tx.audit_log.append(event(reason="\"'\\ \n\t 🦙 \u2028 é e\u0301"))
    assert verdict(store) == (True, None)


def test_many_threads_make_one_chain(store: Store) -> None:
    """Eight threads append at once: no gap, no fork, no row lost."""
    threads = [threading.Thread(target=append, args=(store, 15)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as tx:
        found = verify(tx.audit_log.rows(), Anchors())
    assert (found.ok, found.rows) == (True, 120)


def test_a_rolled_back_transaction_leaves_no_gap(store: Store) -> None:
    """The number of an event that was not committed is used by the next one."""

    def breaks() -> None:
        with store.write() as tx:
            tx.audit_log.append(event(1))
            tx.audit_log.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        breaks()
    append(store, 1)
    assert verdict(store) == (True, None)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET reason = 'x'",
        "UPDATE audit SET reason = 'x' WHERE seq = 1",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE seq = 2",
        "TRUNCATE audit",
        "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE seq = 1",
        "REPLACE INTO audit SELECT * FROM audit WHERE seq = 1",
        "INSERT INTO audit SELECT * FROM audit WHERE seq = 1 ON CONFLICT (seq) DO UPDATE SET reason = 'x'",
    ],
)
def test_the_database_itself_refuses_changes(store: Store, database: Database, statement: str) -> None:
    """No way to write over a row passes: nothing is changed by any of them."""
    sqlite_only, postgresql_only = ("REPLACE" in statement), statement.startswith("TRUNCATE")
    if database.is_sqlite and statement.startswith("INSERT INTO"):
        statement = statement.replace("WHERE seq = 1 ON", "WHERE seq = 1 AND true ON")
    append(store, 2)
    with store.read() as tx:
        before = list(tx.audit_log.rows())
    refused = pytest.raises(DBAPIError, match=r"append-only|syntax error")
    with refused as caught, database.write() as connection:
        connection.exec_driver_sql(statement)
    foreign = sqlite_only if not database.is_sqlite else postgresql_only
    assert ("syntax" in str(caught.value)) == foreign
    with store.read() as tx:
        assert list(tx.audit_log.rows()) == before


@pytest.mark.parametrize(
    ("damage", "bad"),
    [
        (["UPDATE audit SET reason = 'another' WHERE seq = 3"], 3),
        (["UPDATE audit SET actor = 'no json' WHERE seq = 2"], 2),
        (["UPDATE audit SET at = at + 1 WHERE seq = 1"], 1),
        (["DELETE FROM audit WHERE seq = 3"], 3),
        (["DELETE FROM audit WHERE seq = 1"], 1),
        (["UPDATE audit SET seq = 99 WHERE seq = 2", "UPDATE audit SET seq = 2 WHERE seq = 3"], 2),
        (["UPDATE audit SET prev_hash = hash WHERE seq = 4"], 4),
        (["DELETE FROM audit WHERE seq > 3"], 4),
        (["DELETE FROM audit"], 1),
    ],
    ids=["changed", "garbled", "redated", "removed", "beheaded", "reordered", "relinked", "cut", "emptied"],
)
def test_damage_is_found_with_its_first_bad_row(
    database: Database, clock: Clock, tmp_path: Path, damage: list[str], bad: int
) -> None:
    """Changed, removed, reordered and cut-off rows are found; the end by the anchor."""
    store = Store(database, clock, anchor=AnchorFile(tmp_path / "anchor"))
    append(store, 5)
    anchors = anchor.read(tmp_path / "anchor")
    assert len(anchors.heads) == 5
    assert verdict(store, anchors) == (True, None)
    tamper(database, *damage)
    assert verdict(store, anchors) == (False, bad)


def test_a_forked_history_is_found(database: Database, clock: Clock, tmp_path: Path) -> None:
    """A chain that is whole but is another one than the anchor noted."""
    store = Store(database, clock, anchor=AnchorFile(tmp_path / "anchor"))
    append(store, 4)
    tamper(database, "DELETE FROM audit WHERE seq > 2")
    forked = Store(database, clock)
    with forked.write() as tx:
        tx.audit_log.append(event(reason="what did not happen"))
        tx.audit_log.append(event(9))
    assert verdict(store) == (True, None)
    assert verdict(store, anchor.read(tmp_path / "anchor")) == (False, 3)


def test_a_fork_that_is_anchored_too_is_still_found(database: Database, clock: Clock, tmp_path: Path) -> None:
    """A number noted with two hashes keeps the first."""
    store = Store(database, clock, anchor=AnchorFile(tmp_path / "anchor"))
    append(store, 3)
    tamper(database, "DELETE FROM audit WHERE seq = 3")
    with store.write() as tx:
        tx.audit_log.append(event(reason="what did not happen"))
    assert verdict(store, anchor.read(tmp_path / "anchor")) == (False, 3)


def test_the_anchor_is_private_and_a_full_disk_there_stops_nothing(
    database: Database, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The file is its owner's; where it cannot be written, the commit stands and the log says so."""
    append(Store(database, clock, anchor=AnchorFile(tmp_path / "anchor")), 1)
    assert stat.S_IMODE((tmp_path / "anchor").stat().st_mode) == 0o600
    store = Store(database, clock, anchor=AnchorFile(tmp_path / "no folder" / "anchor"))
    append(store, 1)
    assert verdict(store) == (True, None)
    assert "writing the audit anchor failed" in caplog.text


def test_a_torn_line_of_the_anchor_is_passed_over(tmp_path: Path) -> None:
    """Half a line, as a crash may leave it, is no head; a missing file is empty."""
    path = tmp_path / "anchor"
    assert anchor.read(path).heads == {}
    path.write_text(f"1 {'a' * 64}\n2 {'b' * 64}\n3 \n\nxx yy\n")
    assert anchor.read(path).heads == {1: "a" * 64, 2: "b" * 64}


def test_a_long_anchor_is_shortened_to_its_end(tmp_path: Path) -> None:
    """Only a file grown long is rewritten; its last lines are kept."""
    path = tmp_path / "anchor"
    lines = [f"{number} {'a' * 64}\n" for number in range(1, 20_001)]
    path.write_text("".join(lines))
    anchor.compact(path)
    kept = anchor.read(path).heads
    assert len(kept) == 1000
    assert max(kept) == 20_000
    before = path.read_text()
    anchor.compact(path)
    assert path.read_text() == before


def test_pages_of_a_long_history_are_all_read(store: Store) -> None:
    """More rows than one page are exported whole."""
    with store.write() as tx:
        for number in range(2100):
            tx.audit_log.append(event(number))
    with store.read() as tx:
        found = verify(tx.audit_log.rows(), Anchors())
    assert (found.ok, found.rows) == (True, 2100)


def test_missing_triggers_are_put_back_once_and_audited(database: Database, clock: Clock) -> None:
    """All of them, in one transaction with the event; where none is missing nothing is written."""
    store = Store(database, clock)
    assert store.restore_triggers() == []
    with database.write() as connection:
        triggers.drop(connection)
    missing = store.restore_triggers()
    assert len(missing) == (3 if database.is_sqlite else 2)
    assert store.restore_triggers() == []
    with store.read() as tx:
        (row,) = tx.audit_log.rows()
    assert (row["event"], row["reason"]) == ("triggers_restored", ", ".join(missing))
    with pytest.raises(DBAPIError, match="append-only"), database.write() as connection:
        connection.exec_driver_sql("DELETE FROM audit")


@pytest.mark.postgres
@pytest.mark.parametrize(
    "how",
    [
        "ALTER TABLE audit DISABLE TRIGGER audit_no_change",
        "CREATE OR REPLACE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "DROP TRIGGER audit_no_truncate ON audit",
    ],
)
def test_a_trigger_of_postgresql_that_refuses_nothing_is_missing(postgresql_url: str, how: str) -> None:
    """Switched off, emptied or dropped: each is found and put back."""
    database = Database(postgresql_url)
    store = Store(database, Clock())
    with database.write() as connection:
        connection.exec_driver_sql(how)
    assert store.restore_triggers() != []
    with store.read() as tx:
        assert tx.audit_log.missing_triggers() == []
    database.close()
