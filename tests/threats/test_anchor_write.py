"""Somebody can write to the anchor or take it away: silence is never taken for proof."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bot.audit.chain import Head
from bot.audit.verification import FRESH_MS, Verdict
from bot.store import triggers
from tests.support.command_line import Ran, run
from tests.threats.claims import Threat

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.team import Team

LOG = "tests/audit/test_log.py"
THREAT = Threat(
    what="Write access to the anchor",
    can={"make `audit verify` fail, though nothing was changed": "test_a_silent_anchor_proves_nothing"},
    cannot={
        "have an emptied, cut or missing anchor taken for proof": "test_a_silent_anchor_proves_nothing",
        "make two anchors vouch for two histories": "test_several_anchors_vouch_together_and_may_not_disagree",
        "forge a checkpoint": f"{LOG}::test_a_forged_checkpoint_is_named",
        "have forged heads taken for a signature": f"{LOG}::test_heads_alone_do_not_stand_for_a_signature",
        "keep a dead anchor from being noticed": "test_an_anchor_that_cannot_be_written_is_seen",
        "hide a cut end for longer than a minute": "test_only_rows_younger_than_a_minute_may_wait_for_their_anchor",
    },
    do="put the anchor on another system (`PEFTSIZE_ANCHOR_FILE`), or post it to a channel "
    "(`PEFTSIZE_ANCHOR_CHANNEL`).",
)

SILENCED: dict[str, Callable[[Path], object]] = {
    "removed": lambda anchor: anchor.unlink(),
    "emptied": lambda anchor: anchor.write_bytes(b""),
    "garbage": lambda anchor: anchor.write_bytes(b"\xff\x00 no line of ours\n" * 9),
}


def verify(team: Team, *words: str) -> Ran:
    """Run ``audit verify`` with the settings of the team's bot."""
    return run("audit", "verify", *words, folder=team.folder, environment=team.environment)


def doctor(team: Team) -> list[dict[str, Any]]:
    """Run ``doctor`` and return its checks."""
    found: list[dict[str, Any]] = run(
        "doctor", "--json", folder=team.folder, environment=team.environment
    ).json
    return found


@pytest.mark.parametrize("how", SILENCED)
def test_a_silent_anchor_proves_nothing(team: Team, how: str) -> None:
    """Exit code 1 with what to do; ``--allow-unanchored`` checks the chain alone."""
    team.approve("ada", team.ask())
    assert verify(team).code == 0
    team.stop()
    SILENCED[how](team.folder / "team.db.anchor")
    ran = verify(team)
    assert (ran.code, "NOT proven" in ran.out, "--allow-unanchored" in ran.out) == (1, True, True)
    assert verify(team, "--json").json["reason"] == "no anchor vouches for any row"
    assert verify(team, "--allow-unanchored").code == 0


def test_several_anchors_vouch_together_and_may_not_disagree(team: Team) -> None:
    """Each replica's file is read; a row that two of them know differently is a fork."""
    team.approve("ada", team.ask())
    team.stop()
    lines = (team.folder / "team.db.anchor").read_bytes().splitlines(keepends=True)
    one, two = team.folder / "one", team.folder / "two"
    one.write_bytes(b"".join(lines[:1]))
    two.write_bytes(b"".join(lines[1:]))
    both = ("--anchor", str(one), "--anchor", str(two))
    assert verify(team, *both).code == 0
    two.write_bytes(two.read_bytes() + lines[0].split()[0] + b" " + b"0" * 64 + b"\n")
    ran = verify(team, *both)
    assert (ran.code, "forked" in ran.out) == (1, True)


LATE = "no anchor vouches for the rows after 2"


@pytest.mark.parametrize(
    ("age", "unproven"), [(0, None), (FRESH_MS - 1, None), (FRESH_MS, LATE), (-FRESH_MS, LATE)]
)
def test_only_rows_younger_than_a_minute_may_wait_for_their_anchor(age: int, unproven: str | None) -> None:
    """A cut anchor is found by the age of what it lacks; a time in the future buys nothing."""
    verdict = Verdict(5, Head(5, "a" * 64), None, None, 2, tail_at=1_000_000)
    assert verdict.unproven(1_000_000 + age) == unproven


def drop_triggers(team: Team) -> None:
    """Do what the owner of the database could."""
    with team.product.store.database.write() as connection:
        triggers.drop(connection)


def unprotected(team: Team) -> set[str]:
    """Return what the metric names as broken."""
    lines = team.get("/metrics")[1].splitlines()
    found = {line.partition("{")[2] for line in lines if line.startswith("peftsize_audit_unprotected{")}
    assert {line.rpartition("}")[0] for line in found} == {
        f'what="{what}"' for what in ("anchor", "triggers", "checkpoint")
    }
    return {line.split('"')[1] for line in found if line.endswith(" 1.0")}


def test_an_anchor_that_cannot_be_written_is_seen(team: Team) -> None:
    """``/readyz``, ``doctor`` and the metric name it; once it can be written it gets the head that it missed."""
    anchor = team.folder / "team.db.anchor"
    team.ask()
    assert (team.get("/readyz")[0], unprotected(team)) == (200, set())
    anchor.unlink()
    anchor.mkdir()
    team.ask("7b none qlora4")
    status, words = team.get("/readyz")
    assert (status, f"the audit's anchor {anchor} cannot be written: Is a directory" in words) == (503, True)
    assert unprotected(team) == {"anchor"}
    (check,) = [one for one in doctor(team) if one["check"] == "audit anchor"]
    assert (check["status"], check["fix"] != "") == ("failed", True)
    ran = verify(team)
    assert (ran.code, "cannot be read: Is a directory" in ran.err, "NOT proven" in ran.out) == (1, True, True)
    anchor.rmdir()
    assert (team.get("/readyz")[0], unprotected(team)) == (200, set())
    assert verify(team).code == 0


def test_dropped_triggers_are_seen_and_put_back(team: Team) -> None:
    """``/readyz``, ``doctor`` and the metric name them; the next start puts them back and audits that."""
    drop_triggers(team)
    status, words = team.get("/readyz")
    assert (status, "triggers are missing (audit_no_update" in words) == (503, True)
    assert unprotected(team) == {"triggers"}
    ran = verify(team)
    assert (ran.code, "Triggers of the audit are missing" in ran.err) == (1, True)
    assert [one["status"] for one in doctor(team) if one["check"] == "audit triggers"] == ["failed"]
    team.restart()
    assert (team.get("/readyz")[0], unprotected(team)) == (200, set())
    assert team.last("triggers_restored")["reason"] == "audit_no_update, audit_no_delete, audit_no_replace"
    assert [one["status"] for one in doctor(team) if one["check"] == "audit triggers"] == ["ok"]


def test_a_trigger_that_does_nothing_is_none(team: Team) -> None:
    """One of the right name that refuses nothing counts as missing."""
    with team.product.store.database.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_no_delete")
        connection.exec_driver_sql(
            "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT 1; END"
        )
    assert "(audit_no_delete)" in team.get("/readyz")[1]


def test_triggers_are_put_back_without_serving(team: Team) -> None:
    """``database upgrade`` does it too: on PostgreSQL the bot's own role may lack the right."""
    drop_triggers(team)
    ran = run("database", "upgrade", folder=team.folder, environment=team.environment)
    assert (
        ran.code,
        "missing triggers of the audit: audit_no_update, audit_no_delete, audit_no_replace" in ran.out,
    ) == (0, True)
    assert team.get("/readyz")[0] == 200
