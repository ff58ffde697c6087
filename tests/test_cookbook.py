"""What the documents show by example is what the program does: policies, sizes, the back-up command."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bot.approvals import policy_file
from bot.audit import anchor
from bot.audit.chain import Event
from bot.audit.verification import verify
from bot.runtime import settings as configuration
from bot.runtime.wiring import open_store
from bot.sandbox.people_file import load_directory
from bot.store import Database, schema
from sizing import parse, size
from sizing.methods import METHODS
from tests.support.command_line import run

ROOT = Path(__file__).parents[1]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def recipes() -> dict[str, str]:
    """Return every policy file of the cookbook by its headline."""
    parts = text("docs/policy.md").split("\n## ")[1:]
    blocks = {part.partition("\n")[0]: re.search(r"```toml\n(.*?)```", part, re.DOTALL) for part in parts}
    return {name: block[1] for name, block in blocks.items() if block}


@pytest.mark.parametrize("name", recipes())
def test_the_policy_cookbook_is_true(name: str, tmp_path: Path) -> None:
    """Each recipe has cases, and ``peftsize policy test`` finds that they hold."""
    (tmp_path / "policy.toml").write_text(recipes()[name], encoding="utf-8")
    ran = run("policy", "test", "policy.toml", folder=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert re.fullmatch(r"([2-9]) of \1 cases hold\.\n", ran.out)


@pytest.mark.parametrize("name", recipes())
def test_the_sandbox_plays_the_policy_cookbook(name: str, tmp_path: Path) -> None:
    """The whole story, from the command to the audit, under each recipe: its groups are there."""
    (tmp_path / "policy.toml").write_text(recipes()[name], encoding="utf-8")
    ran = run("sandbox", "--play", "--policy", "policy.toml", folder=tmp_path)
    assert (ran.code, ran.err) == (0, "")


def test_the_cookbook_names_every_key() -> None:
    """Every key that a policy file may have is explained, with its default, and no other."""
    defaults, rule, limits, case = text("docs/policy.md").partition("## All keys")[2].split("| key of ")[1:]
    assert set(re.findall(r"^\| `(\w+)`", defaults, re.MULTILINE)) == set(policy_file.Defaults.model_fields)
    assert set(re.findall(r"^\| `(\w+)`", rule, re.MULTILINE)) == set(policy_file.Rule.model_fields)
    assert set(re.findall(r"^\| `(\w+)`", limits, re.MULTILINE)) == set(policy_file.Limits.model_fields)
    assert set(re.findall(r"^\| `(\w+)`", case, re.MULTILINE)) == set(policy_file.Case.model_fields)
    when = next(line for line in rule.splitlines() if line.startswith("| `when`"))
    assert set(re.findall(r"`(\w+)`", when)) - {"when"} == set(policy_file.When.model_fields)


def test_the_sizing_examples_are_true() -> None:
    """The three worked examples stand in the document as the program computes them."""
    rows = re.findall(
        r"^\| `([^`]+)` \| (.+?) \| ([\d.]+) \| (\d+) GB \| (\d+) \| (\d+) \|$",
        text("docs/sizing.md"),
        re.MULTILINE,
    )
    assert len(rows) == 3
    for request, formula, exact, gb, gpus, cpus in rows:
        found = size(parse(request))
        assert found.formula == f"{formula} = {exact}"
        assert (found.gpu_memory_gb, found.num_gpus, found.num_cpus) == (int(gb), int(gpus), int(cpus))


def test_methods() -> None:
    """Every method is in the sizing document with its factor, and has golden rows."""
    told = re.findall(r"^\| `(\w+)` \| (\d+)-bit \| ([\d.]+) \|$", text("docs/sizing.md"), re.MULTILINE)
    assert told == [(row.name, str(row.bits), row.factor) for row in METHODS.values()]
    with (ROOT / "tests/data/golden_sizing.csv").open(encoding="utf-8", newline="") as file:
        golden = {parse(row["input"]).method for row in csv.DictReader(file)}
    assert golden == set(METHODS)


def test_the_restore_of_the_runbook(tmp_path: Path) -> None:
    """Back up in use, write on, restore: the anchor tells of the gap; once it is put away a new one begins."""
    (command,) = re.findall(r"python3 -c '([^']+)' peftsize\.db backup\.db", text("docs/runbook.md"))
    database, copy = tmp_path / "peftsize.db", tmp_path / "backup.db"
    settings = configuration.load({"PEFTSIZE_DATABASE_URL": f"sqlite:///{database}"}, env_file="none")
    assert settings.anchor_file is not None

    made = Database(settings.database_url)
    schema.migrate(made)
    made.close()

    def happen(event: str) -> None:
        with open_store(settings) as store, store.write() as tx:
            tx.audit_log.append(Event(1, event))

    def reason() -> str | None:
        with open_store(settings) as store, store.read() as tx:
            return verify(tx.audit_log.rows(), anchor.read(settings.anchor_file)).reason

    happen("requested")
    with open_store(settings) as store, store.read():  # somebody has it open
        subprocess.run([sys.executable, "-c", command, database, copy], check=True)
    happen("approved")
    assert reason() is None
    for rest in ("-wal", "-shm"):
        database.with_name(database.name + rest).unlink(missing_ok=True)
    copy.replace(database)
    assert "the end was cut off" in str(reason())
    happen("rejected")
    assert "forked" in str(reason())
    settings.anchor_file.rename(tmp_path / "before.anchor")
    happen("expired")
    assert reason() is None


def test_the_people_file_of_the_sandbox_s_page_can_be_read(tmp_path: Path) -> None:
    """The example of a people file works as it stands."""
    (block,) = re.findall(r"```toml\n(.*?)```", text("docs/sandbox.md"), re.DOTALL)
    file = tmp_path / "people.toml"
    file.write_text(block, encoding="utf-8")
    found = load_directory(file)
    assert found.person("bob").id in found.groups["S0GPU"].members
