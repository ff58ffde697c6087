"""Words from outside are hostile: a cluster, a gateway, a database and an environment that say what they like."""

from __future__ import annotations

import io
import json
import logging
import sqlite3
import stat
from typing import TYPE_CHECKING

import httpx
import pytest
from slack_sdk.errors import SlackApiError

from bot.cli import output
from bot.errors import SettingsError
from bot.runtime import logs
from bot.runtime import settings as configuration
from bot.runtime.metrics import MOST_WORDS, Metrics
from bot.runtime.settings import Need, check_settings
from bot.slack.outbound.web_api import word_of
from bot.watsonx.responses import Answer, ask
from bot.watsonx.specs import spec_in, warnings_in
from bot.watsonx.transport import WatsonxHttp
from tests.support.command_line import run
from tests.threats.claims import Threat

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.team import Team

THREAT = Threat(
    what="Words from a hostile cluster, gateway, database or environment",
    can={"be shown, as plain characters": "test_a_reason_with_escapes_is_shown_not_obeyed"},
    cannot={
        "command the operator's terminal": "test_no_cell_carries_an_escape",
        "have a bearer token stored that the cluster repeats": "test_a_repeated_bearer_is_never_the_trace",
        "have that token stored in a warning or a description": "test_a_repeated_bearer_is_masked_everywhere",
        "fill the log, or command a terminal that shows it": "test_long_and_odd_words_in_the_log",
        "become a log line or a metric's label": "test_only_a_word_of_slack_s_kind_names_a_failure",
        "fill the memory with metrics": "test_changing_words_make_no_new_series",
        "switch a limit off by a misspelt setting": "test_a_misspelt_setting_is_refused",
        "let another user of the machine read the database": "test_the_database_is_its_owner_s_alone",
    },
    do="nothing; a gateway that answers with pages is a problem of its own.",
)
ESCAPE = "\x1b]0;owned\x07\x1b[2Jpeft-x\x9b31m\u202e\r"
WHOLE = {"WATSONX_SPACE_ID": "space", "PEFTSIZE_SPACES": "prod=5f0c", "PEFTSIZE_APPROVERS": "U0AAAA"}


def test_no_cell_carries_an_escape(capsys: pytest.CaptureFixture[str]) -> None:
    """Rows, pairs and headlines show what a terminal would have obeyed; our own colours stay."""
    output.table(("id", "name"), [("1", ESCAPE)])
    output.columns([("1", ESCAPE)])
    output.pairs(("name", ESCAPE))
    output.say(f"{ESCAPE} \x1b[31mred\x1b[0m")
    shown = capsys.readouterr().out
    assert shown.count("peft-x") == 4
    assert not {"\x07", "\x9b", "\r"} & set(shown)
    assert shown.replace("\x1b[31mred\x1b[0m", "").count("\x1b") == 0


def test_a_reason_with_escapes_is_shown_not_obeyed(team: Team) -> None:
    """``requests show`` prints a reason that somebody wrote into the database as plain characters."""
    request = team.ask()
    team.reject("ada", request, "Too large.")
    with team.product.store.database.write() as connection:
        connection.exec_driver_sql("UPDATE requests SET requester_name = :name", {"name": ESCAPE})
    for words in (("requests", "show", request.id), ("requests", "list")):
        ran = run(*words, folder=team.folder, environment=team.environment)
        assert (ran.code, "peft-x" in ran.out, "\x1b" in ran.out) == (0, True, False)


def test_a_repeated_bearer_is_never_the_trace() -> None:
    """An echoed token is masked before anything can store it, in the trace as in the code."""
    secret = "made-up-bearer/41"
    echo = {"trace": f"t-{secret}", "errors": [{"code": secret, "message": "no"}]}

    class Cluster(WatsonxHttp):
        """A cluster that answers at once with what it was sent."""

        def send(self, request: httpx.Request, **_: object) -> httpx.Response:
            """Answer."""
            return httpx.Response(400, content=json.dumps(echo).encode(), request=request)

    with Cluster() as http:
        request = http.build_request(
            "GET", "https://cpd.example", headers={"Authorization": f"Bearer {secret}"}
        )
        answer = ask(http, request, "get")
    assert (answer.trace, answer.code) == ("t-***", "***")


@pytest.mark.parametrize("said", ["<html>503 4f2a</html>", "Service Unavailable", "a" * 61, "x\ny"])
def test_only_a_word_of_slack_s_kind_names_a_failure(said: str) -> None:
    """A gateway's page becomes neither a log line nor a metric's label."""
    assert word_of(SlackApiError("failed", {"ok": False, "error": said})) == "not_json"
    assert (
        word_of(SlackApiError("failed", {"ok": False, "error": "channel_not_found"})) == "channel_not_found"
    )


def test_changing_words_make_no_new_series(team: Team) -> None:
    """After the first distinct words of a status the rest are counted together."""
    metrics = Metrics(team.product.store)
    for number in range(10 * MOST_WORDS):
        metrics.called("slack", "chat.postMessage", f"word{number}", 0.1)
    series = {
        line.split("status=")[1]
        for line in metrics.text().decode().splitlines()
        if "_count{" in line and "status=" in line
    }
    assert len(series) == MOST_WORDS + 1
    assert any("other" in one for one in series)


def test_the_database_is_its_owner_s_alone(team: Team) -> None:
    """Database, log and index are 0600, and an older file is made so."""
    team.ask()
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in team.folder.glob("team.db*")}
    assert {"team.db", "team.db-wal", "team.db-shm"} <= set(found)
    assert {found[name] for name in ("team.db", "team.db-wal", "team.db-shm")} == {0o600}


def test_a_readable_database_is_closed_to_others(tmp_path: Path) -> None:
    """A file that an earlier release left readable is 0600 after the first use."""
    path = tmp_path / "peftsize.db"
    sqlite3.connect(path).close()
    path.touch()
    path.chmod(0o644)
    assert run("database", "upgrade", folder=tmp_path).code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def problems(environment: dict[str, str]) -> tuple[str, ...]:
    """Return what is wrong with settings for deciding."""
    try:
        check_settings(configuration.load(environment, "no such file"), Need(approvers=True))
    except SettingsError as error:
        return tuple(error.problems)
    return ()


def test_a_misspelt_setting_is_refused() -> None:
    """A setting that nobody reads does not limit; what Kubernetes adds for a Service is none of ours."""
    (problem,) = problems(WHOLE | {"PEFTSIZE_APROVERS": "U1"})
    assert problem == "PEFTSIZE_APROVERS is not a setting; did you mean PEFTSIZE_APPROVERS?"
    pod = {
        "PEFTSIZE_SERVICE_HOST": "1",
        "PEFTSIZE_PORT_8080_TCP_ADDR": "1",
        "PEFTSIZE_SERVICE_PORT_HTTP": "1",
    }
    assert problems(WHOLE | pod | {"PEFTSIZE_PORT": "tcp://1"}) == ()


@pytest.mark.parametrize(("space", "meant"), [("Prod", "'prod'"), ("elsewhere", None)])
def test_a_space_of_the_policy_must_exist(tmp_path: Path, space: str, meant: str | None) -> None:
    """A rule for a space that is none would never apply."""
    policy = tmp_path / "policy.toml"
    policy.write_text(f'[[rule]]\nwhen = {{ spaces = ["{space}"] }}\nquorum = 2\n')
    (problem,) = problems(WHOLE | {"PEFTSIZE_POLICY_FILE": str(policy)})
    assert problem.startswith(f"PEFTSIZE_POLICY_FILE: there is no space '{space}'")
    assert (f"did you mean {meant}?" in problem) is (meant is not None)
    policy.write_text('[[rule]]\nwhen = { spaces = ["prod", "5f0c", "space"] }\nquorum = 2\n')
    assert problems(WHOLE | {"PEFTSIZE_POLICY_FILE": str(policy)}) == ()


def test_a_repeated_bearer_is_masked_everywhere() -> None:
    """In warnings, names, descriptions and keys, also where JSON escapes hide it from a search in the bytes."""
    secret = "made-up/bearer+41"
    answer = Answer(
        201,
        httpx.Headers(),
        json.dumps(
            {
                "metadata": {"asset_id": "id-1", "name": f"peft-{secret}", "description": secret},
                "entity": {"hardware_specification": {"nodes": {"cpu": {secret: secret}}}},
                "system": {"warnings": [{"message": f"Authorization: Bearer {secret}"}, secret]},
            }
        )
        .replace("/", "\\/")
        .encode(),
        secret,
    )
    spec = spec_in(answer.json())
    assert spec is not None
    assert (spec.name, spec.description, spec.nodes) == ("peft-***", "***", {"cpu": {"***": "***"}})
    assert warnings_in(answer.json()) == ("Authorization: Bearer ***", "***")


@pytest.mark.parametrize("shape", ["json", "text"])
def test_long_and_odd_words_in_the_log(shape: str) -> None:
    """A gateway's page is cut, a terminal is shown no escape, and a secret at the cut is masked, not halved."""
    out, secret = io.StringIO(), "made-up-secret-value"
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        logs.set_up(shape, [secret], out)
        page = ESCAPE + "x" * (logs.LONGEST - len(ESCAPE) - 5) + secret + "y" * 100_000
        root.warning(page, extra={"facts": {"what": page}})
    finally:
        root.handlers[:], root.level = before
    line = out.getvalue()
    assert len(line) < 3 * logs.LONGEST
    assert secret[:4] not in line
    assert not {"\x1b", "\x07", "\x9b", "\r"} & set(line)
