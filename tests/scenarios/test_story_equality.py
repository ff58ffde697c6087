"""One story, told over HTTP, over Socket Mode and on the command line, leaves one and the same audit."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import pytest

from bot.approvals.request import State
from tests.support.team import ADA, BEN, INES, NAME, POLICY, ROSA, TWO, Team

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.approvals.request import Request

ON_THE_LINE = 'cli_decisions = "allow"\n'
OTHER = {"cpu": {"units": "1"}, "mem": {"size": "1Gi"}, "gpu": {"num_gpu": 1}}
_IDS = re.compile(r"\b(?:[0-9a-f]{8}-[0-9a-f-]{27}|R[0-9A-HJKMNP-TV-Z]{8}|[0-9a-f]{64})\b")


def in_slack(team: Team) -> Callable[[str, str, Request, str], None]:
    """Decide by the buttons."""

    def decide(action: str, who: str, request: Request, reason: str = "") -> None:
        if reason:
            team.reject(who, request, reason)
        else:
            team.press_old(who, action, request)

    return decide


def on_the_command_line(team: Team) -> Callable[[str, str, Request, str], None]:
    """Decide by ``peftsize requests … --as``."""

    def decide(action: str, who: str, request: Request, reason: str = "") -> None:
        words = ["requests", action.replace("_", "-"), request.id, "--as", who]
        said = team.cli(*words, *(["--reason", reason] if reason else []))
        assert said.exit_code in {0, 1}, said.output

    return decide


def tell(team: Team, decide: Callable[..., None]) -> list[dict[str, Any]]:
    """Tell the story: refusals, a vote taken back, a quorum, every end that people can choose."""
    made = team.ask()
    for who in (ROSA, "U0GUS0001", INES, ADA, ADA):
        decide("approve", who, made)
    decide("withdraw", BEN, made)
    decide("withdraw", ADA, made)
    decide("approve", ADA, made)
    decide("approve", BEN, made)
    assert team.row(made).state is State.CREATED
    decide("cancel", ROSA, made)
    rejected, cancelled = team.ask("7b none qlora4"), team.ask("8b none qlora4")
    decide("reject", ADA, rejected, "JIRA-1: rotate: keys")
    decide("cancel", ADA, cancelled)
    decide("cancel", ROSA, cancelled)
    foreign = team.cluster.api.add("peft-9b-qlora4-none", OTHER, team.cluster.space_id)
    failed = team.ask("9b none qlora4")
    decide("approve", ADA, failed)
    decide("approve", BEN, failed)
    assert team.row(failed).state is State.FAILED
    decide("retry", "U0GUS0001", failed)
    decide("retry", INES, failed)
    decide("give_up", INES, failed)
    decide("give_up", ADA, failed)
    team.cluster.api.remove(str(foreign["metadata"]["asset_id"]))
    assert len(team.cluster.specs(NAME)) == len(team.cluster.specs()) == 1
    return team.audit()


def without_chance(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out origin and time; name ids and digests by the order in which they first occur."""
    seen: dict[str, str] = {}

    def named(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: named(inner) for key, inner in value.items()}
        if not isinstance(value, str):
            return value
        return _IDS.sub(lambda found: seen.setdefault(found[0], f"id{len(seen)}"), value)

    kept = []
    for row in rows:
        left_out = {"at", "origin", "hash", "prev_hash"}
        row = {key: value for key, value in row.items() if key not in left_out}  # noqa: PLW2901 - a copy
        row["slack"] = {"channel_id": row["slack"]["channel_id"], "on_card": bool(row["slack"]["message_ts"])}
        row["rest"] = {key: row["rest"][key] for key in ("status", "spec_id")} | {
            "attempt": bool(row["rest"]["attempt"])
        }
        if row.get("seal"):
            row["seal"] = row["seal"].get("entries")  # a signature is another each time
        row["actor"] = {key: value for key, value in row["actor"].items() if key != "os_uid"}
        kept.append(named(row))
    return kept


@pytest.mark.heavy
def test_one_story_one_audit(new_team: Callable[..., Team]) -> None:
    """But for origin, times, ids and triggers the rows are equal; the operator's number is added on the line."""
    http, socket = new_team(policy=TWO), new_team(policy=TWO, socket=True)
    line = new_team(policy=TWO + ON_THE_LINE)
    over_http = tell(http, in_slack(http))
    over_socket = tell(socket, in_slack(socket))
    on_the_line = tell(line, on_the_command_line(line))
    assert without_chance(over_http) == without_chance(over_socket)
    assert without_chance(over_http) == without_chance(on_the_line)
    assert {row["origin"] for row in over_http} == {"slack-http", "system"}
    assert {row["origin"] for row in over_socket} == {"slack-socket", "system"}
    assert {row["origin"] for row in on_the_line} == {"slack-http", "cli", "system"}
    assert all(row["actor"]["os_uid"] == os.getuid() for row in on_the_line if row["origin"] == "cli")
    line.product.checkpoints.sign()
    assert line.cli("audit", "verify").exit_code == 0


def test_the_card_is_redrawn_from_the_command_line(new_team: Callable[..., Team]) -> None:
    """A decision there shows in Slack at once, and a refusal ends with exit code 1 and the words."""
    team = new_team(policy=POLICY + ON_THE_LINE)
    request = team.ask()
    refused = team.cli("requests", "approve", request.id, "--as", ROSA)
    assert refused.exit_code == 1
    assert "somebody else must approve it" in refused.output
    for reason in ("", "x" * 501, "password=hunter2hunter2"):
        assert team.cli("requests", "reject", request.id, "--as", ADA, "--reason", reason).exit_code != 0
    assert team.row(request).state is State.PENDING
    assert "hunter2" not in str(team.audit())
    assert team.cli("requests", "reject", request.id, "--as", ADA, "--reason", "No.").exit_code == 0
    assert "Rejected" in team.shows(request)


def test_a_deletion_from_the_command_line(new_team: Callable[..., Team]) -> None:
    """``specs delete`` asks for it: a card to be approved like the one of the button."""
    team = new_team()
    made = team.ask()
    team.approve("ada", made)
    said = team.cli("specs", "delete", str(team.row(made).spec_id), "--as", ROSA)
    assert said.exit_code == 0, said.output
    deletion = team.rows()[0]
    assert "asks to delete spec" in team.shows(deletion)
    team.approve("rosa", deletion)
    assert team.last("approve.refused")["reason"] == "self_approval"
    assert team.approve("ada", deletion).state is State.DELETED
