"""Somebody has a shell as the bot's user: the command line, its settings, and the bot token in them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from bot.approvals.request import State
from tests.support.command_line import run
from tests.support.team import ADA, BEN, INES, POLICY, ROSA
from tests.threats.claims import Threat

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.command_line import Ran
    from tests.support.team import Team

THREAT = Threat(
    what="A shell as the bot's user",
    can={
        "reject, cancel, withdraw and give up in anybody's name": "test_what_ends_a_request_stays",
        "read what people asked for, and every secret in the settings": "test_reading_stays",
        'approve in an approver\'s name where the policy has `cli_decisions = "allow"`': "test_a_policy_may_allow_it",
    },
    cannot={
        "approve or retry with `peftsize`": "test_what_leads_to_a_specification_is_refused",
        "act under another operating-system user in the audit": "test_the_audit_has_the_number_and_no_name",
    },
    do="rotate every secret, restore the database, run `peftsize audit verify`, and look for the origin `cli` and "
    "for `actor.os_uid` in `peftsize audit export`.",
)
NOBODY_UID = 54_321
"""No machine has a user of this number."""
AS_NOBODY = f"import os, sys; os.setreuid({NOBODY_UID}, 0); from bot.cli import main; main(sys.argv[1:])"
"""The process belongs to nobody, and can still read the interpreter wherever it is installed."""


def peftsize(team: Team, *words: str, **environment: str) -> Ran:
    """Run a command with the settings of the team's bot."""
    ran = run(*words, folder=team.folder, environment=team.environment | environment)
    team.quiet()
    return ran


def test_what_leads_to_a_specification_is_refused(team: Team) -> None:
    """Approve and retry: exit code 1, what to do instead, and the attempt in the audit; nothing changes."""
    request = team.ask()
    ran = peftsize(team, "requests", "approve", request.id, "--as", ADA)
    assert (ran.code, 'cli_decisions = "allow"' in ran.err) == (1, True)
    assert (team.row(request).state, team.row(request).votes) == (State.PENDING, ())
    refused = team.last("approve.refused")
    assert (refused["reason"], refused["origin"]) == ("cli_decisions", "cli")
    assert refused["actor"]["os_uid"] == os.getuid()
    foreign = team.cluster.api.add(request.name, {"gpu": {"num_gpu": 9}}, request.space_id)
    assert team.approve("ada", request).state is State.FAILED
    team.cluster.api.remove(foreign["metadata"]["asset_id"])
    assert peftsize(team, "requests", "retry", request.id, "--as", INES).code == 1
    assert (team.row(request).state, team.posts()) == (State.FAILED, 0)
    assert team.last("retry.refused")["reason"] == "cli_decisions"


def test_what_ends_a_request_stays(new_team: Callable[..., Team]) -> None:
    """Reject, cancel, withdraw and a deletion's request work as before; none of them creates anything."""
    team = new_team(policy=POLICY + "quorum = 2\n")
    voted, rejected, cancelled = team.ask(), team.ask("7b none qlora4"), team.ask("8b none qlora4")
    team.approve("ada", voted)
    assert peftsize(team, "requests", "withdraw", voted.id, "--as", ADA).code == 0
    assert team.row(voted).votes == ()
    assert peftsize(team, "requests", "reject", rejected.id, "--as", ADA, "--reason", "No.").code == 0
    assert peftsize(team, "requests", "cancel", cancelled.id, "--as", ROSA).code == 0
    team.approve("ada", voted)
    assert team.approve("ben", voted).state is State.CREATED
    assert peftsize(team, "specs", "delete", str(team.row(voted).spec_id), "--as", ROSA).code == 0
    assert {team.row(one).state for one in (rejected, cancelled)} == {State.REJECTED, State.CANCELLED}
    assert team.posts() == 1


def test_reading_stays(team: Team) -> None:
    """Lists and the export need no right but that of reading the database."""
    request = team.ask()
    assert request.id in peftsize(team, "requests", "list").out
    assert request.id in peftsize(team, "audit", "export").out


def test_a_policy_may_allow_it(new_team: Callable[..., Team]) -> None:
    """With ``cli_decisions = "allow"`` the command line approves under the rules of Slack."""
    team = new_team(policy=POLICY + 'cli_decisions = "allow"\n')
    request = team.ask()
    assert peftsize(team, "requests", "approve", request.id, "--as", ROSA).code == 1
    assert team.last("approve.refused")["reason"] == "self_approval"
    assert peftsize(team, "requests", "approve", request.id, "--as", BEN).code == 0
    assert team.row(request).state is State.CREATED


def test_the_audit_has_the_number_and_no_name(team: Team) -> None:
    """``LOGNAME`` and its like are anybody's to set; the number comes from the kernel."""
    request = team.ask()
    names = dict.fromkeys(("LOGNAME", "USER", "LNAME", "USERNAME"), "mallory")
    assert peftsize(team, "requests", "cancel", request.id, "--as", ROSA, **names).code == 0
    actor = team.last("cancelled")["actor"]
    assert (actor["os_uid"], actor["user_id"], actor["name"]) == (os.getuid(), ROSA, "rosa")
    assert "mallory" not in str(team.audit())
    assert run("audit", "verify", folder=team.folder, environment=team.environment).code == 0


def test_a_user_without_a_name(team: Team) -> None:
    """A container's arbitrary user number has no entry in passwd: commands work, and the audit has the number."""
    if os.getuid() != 0:
        pytest.skip("NOT RUN: only root can become a user without a name")
    request = team.ask()
    ran = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, "requests", "cancel", request.id, "--as", ROSA],
        cwd=team.folder,
        env=team.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    team.quiet()
    assert team.last("cancelled")["actor"]["os_uid"] == NOBODY_UID
