"""The audit as a log that others can check: checkpoints, proofs and exports, and what is done to them."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import shutil
from typing import TYPE_CHECKING, Any

import metamorphic_log as independent
import pytest

from bot.audit import anchor, proof
from bot.audit.checkpoint import VerifierKey, read_key
from bot.audit.verification import FRESH_MS, verify
from bot.runtime.wiring import MINUTE_MS
from tests.support.command_line import Ran, on_terminal, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.team import Team

SEED = 20261124
MUTATIONS = 1_000


def cli(team: Team, *words: str) -> Ran:
    """Run the command line with the settings of the team's bot."""
    return run(*words, folder=team.folder, environment=team.environment)


def offline(team: Team, *words: str) -> Ran:
    """Verify in a folder of its own, without settings or database, with the public key."""
    folder = team.folder / "auditor"
    folder.mkdir(exist_ok=True)
    (folder / "key").write_text(cli(team, "audit", "key").out)
    return run("audit", "verify", "--key", "key", *words, folder=folder)


def checkpoint_of(team: Team) -> str:
    """Return the last checkpoint of the anchor file."""
    last = anchor.read(team.folder / "team.db.anchor").last
    assert last is not None
    return last.text


def accepted(entry: str, text: str, key: str) -> bool:
    """Return whether another implementation takes a proof; its file format is read by the letter here.

    Source: https://c2sp.org/tlog-proof
    """
    head, _, note = text.partition("\n\n")
    first, second, *hashes = head.split("\n")
    place = second.removeprefix("index ")
    if first != "c2sp.org/tlog-proof@v1" or not second.startswith("index ") or str(int(place)) != place:
        return False
    path = [base64.b64decode(line, validate=True) for line in hashes]
    if [base64.b64encode(one).decode() for one in path] != hashes:
        return False
    leaf = hashlib.sha256(b"\x00" + entry.encode()).digest()
    independent.checkpoint_verify_inclusion(note, [key], int(place), leaf, path)
    return True


def is_accepted(entry: str, text: str, key: str) -> bool:
    """Return the same, where anything that cannot be read is refused."""
    try:
        return accepted(entry, text, key)
    except (ValueError, OverflowError, independent.VerifyError, independent.InternalError):
        return False


def mutated(text: str, chance: random.Random) -> str:
    """Return a text with one character changed, removed, doubled or moved."""
    place = chance.randrange(len(text))
    letter = text[place]
    match chance.randrange(4):
        case 0:
            put = chance.choice([c for c in '0123456789abcdefXYZ+/=—{}":,\n ' if c != letter])
        case 1:
            put = ""
        case 2:
            put = letter * 2
        case _:
            put = chr(ord(letter) ^ 1 << chance.randrange(7))
    return text[:place] + put + text[place + 1 :]


@pytest.fixture
def busy(team: Team) -> Team:
    """A team that has sized, approved, edited and been refused, stopped: its last checkpoint covers all."""
    first = team.ask()
    team.approve("ada", first)
    for number in range(2, 8):
        request = team.ask(f"{number}b none qlora4")
        team.click("rosa", "approve", request)
    team.reject("ada", request, "too small")
    team.stop()
    return team


def bundle_of(team: Team) -> dict[str, Any]:
    """Return the bundle of the request that was created."""
    request_id = next(row["request_id"] for row in exported(team) if row["event"] == "created")
    found: dict[str, Any] = cli(team, "audit", "proof", request_id).json
    return found


def exported(team: Team) -> list[dict[str, Any]]:
    return [json.loads(line) for line in cli(team, "audit", "export").out.splitlines()]


def test_another_implementation_accepts_every_proof_and_rejects_every_mutation(busy: Team) -> None:
    """Every row of every request is proven; of 1,000 changes none passes, there or here."""
    rows = exported(busy)
    proven = 0
    for request_id in {row["request_id"] for row in rows}:
        bundle = cli(busy, "audit", "proof", request_id).json
        assert proof.faults(bundle, [read_key(bundle["key"])]) == []
        for one in bundle["proofs"]:
            assert accepted(one["entry"], one["proof"], bundle["key"])
            proven += 1
    assert proven == len(rows) > 15
    bundle, passed = bundle_of(busy), []
    chance = random.Random(SEED)  # noqa: S311 - repeatable mutations
    keys = [read_key(bundle["key"])]
    for _ in range(MUTATIONS):
        one = dict(chance.choice(bundle["proofs"]))
        part = chance.choice(["entry", "proof", "proof"])
        one[part] = mutated(one[part], chance)
        there = is_accepted(one["entry"], one["proof"], bundle["key"])
        here = not proof.faults({"request_id": bundle["request_id"], "proofs": [one]}, keys)
        if there or here:
            passed.append((there, here, one))
    assert passed == []


def test_a_bundle_proves_its_rows_to_whoever_has_the_key(busy: Team) -> None:
    """Exit code 0 with the key of the log; 1 with another key, another row or another request; 2 without."""
    bundle = bundle_of(busy)
    file = busy.folder / "bundle.json"
    file.write_text(json.dumps(bundle))
    ran = offline(busy, "--proof", str(file))
    assert (ran.code, ran.out) == (0, f"Proven: 4 rows of {bundle['request_id']} are in the signed log.\n")
    assert run("audit", "verify", "--proof", str(file), folder=busy.folder).code == 2
    file.write_text(json.dumps(bundle | {"request_id": "R0000000"}))
    ran = offline(busy, "--proof", str(file))
    assert (ran.code, "about another request" in ran.err) == (1, True)
    for nothing in (
        "",
        "[]",
        "{}",
        json.dumps(bundle | {"proofs": []}),
        json.dumps(bundle | {"proofs": [1]}),
    ):
        file.write_text(nothing)
        assert offline(busy, "--proof", str(file)).code == 1
    other = VerifierKey(bytes(32))
    assert proof.faults(bundle, [other])[0].endswith("the checkpoint is signed by another key")


def test_a_bundle_is_written_to_a_file(busy: Team) -> None:
    """``--output``; a folder that is not there, and a request that is not, are told."""
    request_id = bundle_of(busy)["request_id"]
    assert cli(busy, "audit", "proof", request_id.lower(), "--output", "one.json").code == 0
    assert json.loads((busy.folder / "one.json").read_text()) == bundle_of(busy)
    assert cli(busy, "audit", "proof", request_id, "--output", "none/one.json").code == 2
    assert cli(busy, "audit", "proof", "R0000000").code == 1


def test_an_export_is_verified_without_a_database(busy: Team) -> None:
    """Export, public key and checkpoint are enough, on a machine without settings."""
    auditor = busy.folder / "auditor"
    auditor.mkdir()
    (auditor / "audit.jsonl").write_text(cli(busy, "audit", "export").out)
    (auditor / "checkpoint").write_text(checkpoint_of(busy))
    words = ("--export", "audit.jsonl", "--checkpoint", "checkpoint")
    ran = offline(busy, *words)
    rows = len(exported(busy))
    assert (ran.code, f"signed up to row {rows} by peftsize/" in ran.out) == (0, True)
    assert offline(busy, *words, "--json").json["signed"] == rows
    assert run("audit", "verify", *words, folder=auditor).code == 2, "a checkpoint needs a key"
    assert offline(busy, "--export", "audit.jsonl").code == 1, "nothing vouches for it"
    assert offline(busy, "--export", "audit.jsonl", "--checkpoint", "key").code == 2, "no checkpoint"
    assert offline(busy, "--export", "none.jsonl", "--checkpoint", "checkpoint").code == 2


def test_no_change_of_an_export_passes(busy: Team) -> None:
    """Lines changed, removed, doubled, swapped or cut, and a checkpoint changed: exit code 1."""
    auditor, chance = busy.folder / "auditor", random.Random(SEED)  # noqa: S311 - repeatable mutations
    auditor.mkdir()
    lines = cli(busy, "audit", "export").out.splitlines()
    (auditor / "checkpoint").write_text(checkpoint_of(busy))
    words = ("--export", "audit.jsonl", "--checkpoint", "checkpoint")

    def verified(changed: list[str]) -> int:
        (auditor / "audit.jsonl").write_text("\n".join(changed) + "\n")
        return offline(busy, *words).code

    assert verified(lines) == 0
    for _ in range(40):
        place = chance.randrange(len(lines))
        row = json.loads(lines[place])
        name = chance.choice(sorted(row))
        row[name] = {"str": "other", "int": 9_999, "NoneType": "x", "dict": {}}[type(row[name]).__name__]
        assert verified([*lines[:place], json.dumps(row), *lines[place + 1 :]]) == 1, name
    assert verified(lines[:-1]) == verified(lines[1:]) == verified([*lines[:3], *lines[2:]]) == 1
    assert verified(["{", *lines[1:]]) == verified(["7", *lines[1:]]) == verified([]) == 1
    (auditor / "checkpoint").write_text(
        checkpoint_of(busy).replace(f"\n{len(lines)}\n", f"\n{len(lines) - 1}\n")
    )
    assert verified(lines) == 1


def test_a_checkpoint_is_signed_every_minute_while_rows_come(team: Team) -> None:
    """The first at once, then one a minute at most, none where nothing happened, the last at stop."""
    path = team.folder / "team.db.anchor"

    def sizes() -> list[int]:
        lines = path.read_text().splitlines() if path.exists() else []
        return [int(lines[at - 2]) for at, line in enumerate(lines) if line == ""]

    team.until(lambda: sizes() == [0], "the first checkpoint")
    team.ask()
    team.product.dispatcher.periodic.run_due()
    assert sizes() == [0]
    team.clock.advance(MINUTE_MS)
    team.until(lambda: sizes() == [0, 1], "a checkpoint a minute later")
    team.clock.advance(3 * MINUTE_MS)
    team.product.dispatcher.periodic.run_due()
    assert sizes() == [0, 1]
    team.ask("7b none qlora4")
    team.stop()
    assert sizes() == [0, 1, 2]
    team.start()
    team.stop()
    assert sizes() == [0, 1, 2]
    assert cli(team, "audit", "verify", "--json").json["signed"] == 2


def test_rows_younger_than_the_last_checkpoint_are_named(team: Team) -> None:
    """They are anchored by their heads; a proof of them has to wait."""
    team.until(lambda: team.product.checkpoints.latest is not None, "the first checkpoint")
    request = team.ask()
    team.product.checkpoints.sign()
    team.approve("ada", request)
    ran = cli(team, "audit", "verify")
    assert (ran.code, "signed up to row 1" in ran.out) == (0, True)
    assert "rows 2 to 4 are newer than the last checkpoint" in ran.out
    ran = cli(team, "audit", "proof", request.id)
    assert (ran.code, "is newer than the last checkpoint" in ran.err) == (1, True)


def test_a_restored_backup_begins_a_new_origin(team: Team) -> None:
    """With the old anchor in place verify fails and says so; with it put away the new origin stands in the audit."""
    team.ask()
    team.stop()
    backup = team.folder / "backup.db"
    shutil.copy(team.folder / "team.db", backup)
    team.start()
    team.ask("7b none qlora4")
    team.stop()
    (before,) = anchor.read(team.folder / "team.db.anchor").origins
    restore(team, backup)
    team.start()
    team.until(lambda: team.product.checkpoints.latest is not None, "a checkpoint of the new origin")
    event = team.last("origin_begun")
    assert f"before it {before} over 2 rows" in event["reason"]
    ran = cli(team, "audit", "verify")
    assert (ran.code, f"follows {before}: after a restored backup" in ran.out) == (1, True)
    team.restart()
    assert len(anchor.read(team.folder / "team.db.anchor").origins) == 2, "begun once, not at each start"
    team.stop()
    (team.folder / "team.db.anchor").rename(team.folder / "before.anchor")
    team.start()
    team.until(lambda: team.product.checkpoints.latest is not None, "a checkpoint in the new anchor")
    ran = cli(team, "audit", "verify")
    assert (ran.code, "begun a new origin, as after a restored backup" in ran.out) == (0, True)
    assert "its anchor is gone" in team.last("origin_begun")["reason"]


def restore(team: Team, backup: Path) -> None:
    for rest in ("-wal", "-shm"):
        (team.folder / f"team.db{rest}").unlink(missing_ok=True)
    shutil.copy(backup, team.folder / "team.db")


def test_a_history_that_changes_under_the_bot_is_not_signed(team: Team) -> None:
    """Rows that do not continue what it has seen: ``/readyz`` says so, and nothing is signed."""
    request = team.ask()
    team.product.checkpoints.sign()
    signed = team.product.checkpoints.latest
    with team.product.store.database.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_no_delete")
        connection.exec_driver_sql("DELETE FROM audit")
    team.product.checkpoints.sign()
    assert "the audit cannot be signed: the audit was changed" in team.get("/readyz")[1]
    team.approve("ada", request)
    team.product.checkpoints.sign()
    assert team.product.checkpoints.latest == signed


def test_heads_alone_do_not_stand_for_a_signature(busy: Team) -> None:
    """A rewritten audit with heads to match proves nothing a minute later: the key signed no checkpoint of it."""
    path = busy.folder / "team.db.anchor"
    heads = [line for line in path.read_text().splitlines() if " " in line and line[:1].isdigit()]
    path.write_text("\n".join(heads) + "\n")
    rows = exported(busy)
    verdict = verify(rows, anchor.read(path, own_keys(busy)))
    assert (verdict.ok, verdict.anchored, verdict.signed) == (True, len(rows), None)
    assert verdict.unsigned(rows[0]["at"] + FRESH_MS) == "no checkpoint is signed with the key"
    assert verdict.unsigned(rows[0]["at"] + FRESH_MS - 1) is None


def test_a_forged_checkpoint_is_named(busy: Team) -> None:
    """One that bears the key's name, and not its signature."""
    path = busy.folder / "team.db.anchor"
    rows = len(exported(busy))
    path.write_text(path.read_text().replace(f"\n{rows}\n", f"\n{rows - 1}\n"))
    ran = cli(busy, "audit", "verify")
    assert (ran.code, f"a checkpoint over {rows - 1} rows bears a false signature" in ran.out) == (1, True)


def test_a_key_that_was_replaced_is_named_beside_the_new_one(busy: Team) -> None:
    """The new one signs on under the same origin; what the old one sealed is checked with the old one."""
    (busy.folder / "old").write_text(cli(busy, "audit", "key").out)
    (busy.folder / "team.db.key").unlink()
    busy.start()
    busy.ask("9b none qlora4")
    busy.stop()
    (busy.folder / "new").write_text(cli(busy, "audit", "key").out)
    ran = cli(busy, "audit", "verify")
    assert (ran.code, "its seal is of another key: name that with --key" in ran.out) == (1, True)
    found = cli(busy, "audit", "verify", "--json", "--key", "old", "--key", "new").json
    assert (found["ok"], found["signed"]) == (True, found["rows"])
    assert len(anchor.read(busy.folder / "team.db.anchor").origins) == 1


@pytest.mark.parametrize(
    ("words", "what"),
    [(("audit", "verify"), "Verifying"), (("audit", "export", "--output", "out.jsonl"), "Exporting")],
)
def test_long_runs_show_progress_on_a_terminal(busy: Team, words: tuple[str, ...], what: str) -> None:
    """A bar on standard error; piped, there is none."""
    shown = on_terminal(*words, folder=busy.folder, environment=busy.environment)
    assert (what in shown, "100%" in shown) == (True, True)
    assert cli(busy, *words).err == ""
    assert "Exporting" not in on_terminal("audit", "export", folder=busy.folder, environment=busy.environment)


def own_keys(team: Team) -> list[VerifierKey]:
    return [read_key(cli(team, "audit", "key").out)]
