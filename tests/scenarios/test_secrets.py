"""One whole story; then every file, every log line and the audit are searched for every secret it used."""

from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING

import pytest

from bot.runtime import logs
from tests.support.team import CHANNEL, NAME, POLICY, Team

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Ear(logging.Handler):
    """Keeps what is logged, before anything was masked."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        facts = getattr(record, "facts", {})
        trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
        self.lines.append(f"{record.name} {record.getMessage()} {facts} {trace}")


@pytest.fixture
def log() -> Iterator[tuple[io.StringIO, Ear]]:
    """The log as ``serve`` writes it, at DEBUG; and what our own loggers said, unmasked."""
    root, ours = logging.getLogger(), logging.getLogger("bot")
    kept = (root.level, root.handlers[:], ours.level)
    ear, stream = Ear(), io.StringIO()
    yield stream, ear
    root.setLevel(kept[0])
    root.handlers[:] = kept[1]
    ours.setLevel(kept[2])
    ours.removeHandler(ear)


def listen(team: Team, stream: io.StringIO, ear: Ear) -> None:
    logs.set_up("json", team.product.settings.secrets(), stream)
    logging.getLogger().setLevel(logging.DEBUG)
    logging.getLogger("bot").addHandler(ear)


def secrets_of(team: Team) -> dict[str, str]:
    """Everything that must not be kept, by what it is."""
    app, cluster = team.slack.app, team.cluster
    found = {
        "bot token": app.bot_token,
        "signing secret": app.signing_secret,
        "app token": app.app_token,
        "verification token": app.verification_token,
        "workflow token": app.workflow_token,
        "api key": cluster.api_key,
        "password": cluster.password,
    }
    found |= {f"response url {number}": url for number, url in enumerate(team.slack.workspace.response_urls)}
    return found | {f"trigger {number}": name for number, name in enumerate(team.slack.workspace.triggers)}


def whole_story(team: Team) -> None:
    """Use everything that carries a secret: commands, clicks, modals, events, failures of all kinds."""
    request = team.ask()
    team.approve("rosa", request)
    team.click("gus", "approve", request)
    team.click("ada", "details", request)
    team.forge("ada", "approve", team.card(request), {"team": {"id": "T0AWAY001", "domain": "away"}})
    team.slack.deliver(b"payload=%7Bnot", headers={"X-Slack-Signature": "v0=" + "0" * 64})
    team.slack.faults.http_500, team.slack.faults.rate_limited = 2, 1
    team.cluster.faults.drop_after_commit = 1
    team.approve("ada", request)
    team.later(60)
    team.slack.command("rosa", "#random", "7b none qlora4")
    team.slack.command("ben", CHANNEL, "10b qlora5 <!channel>")
    team.slack.command("ben", CHANNEL, "")
    team.slack.submit("ben", team.slack.modals("ben")[-1], {"request": "8b none qlora4"})
    team.quiet()
    team.reject("ada", team.rows()[0], "Use what exists.")
    team.slack.run_function("rosa", {"request_text": "9b none qlora4", "requester": "U0ROSA001"})
    team.slack.open_home("ada")
    team.slack.mention("rosa", CHANNEL, "11b none qlora4")
    team.cluster.faults.token_trouble, team.cluster.faults.expired = 1, 1
    team.quiet()
    team.approve("ada", team.rows()[0])
    team.later(60)
    team.slack.tokens_revoked()
    team.slack.faults.clear()
    team.quiet()


def test_no_secret_is_kept_or_logged(new_team: Callable[..., Team], log: tuple[io.StringIO, Ear]) -> None:
    """No token, key, trigger or response URL in the log (even before masking), the audit or the files."""
    team = new_team(policy=POLICY + 'workflow = "allow"\n')
    listen(team, *log)
    whole_story(team)
    assert len(team.cluster.specs(NAME)) == 1
    secrets = secrets_of(team)
    assert len(secrets) > 20
    exported = json.dumps(team.audit()) + team.cli("audit", "export").output
    team.later(2 * 3600)
    tables = [row[0] for row in team.sql("SELECT name FROM sqlite_master WHERE type = 'table'")]
    rows = json.dumps([team.sql(f"SELECT * FROM {table}") for table in tables], default=str)  # noqa: S608 - our own tables
    team.stop()
    files = b"".join(path.read_bytes() for path in sorted(team.folder.iterdir()))
    stream, ear = log
    written, said = stream.getvalue(), "\n".join(ear.lines)
    assert "Slack delivery failed" in written
    for what, secret in secrets.items():
        assert secret not in exported, what
        assert secret not in said, what
        assert secret not in written, what
        assert secret not in rows, what
        assert secret.encode() not in files, what
    for word in ("response_url", "trigger_id", "user_name", "payload=%7B", "Bearer"):
        assert word not in written, word
        assert word not in said, word
    team.start()


def test_a_response_url_is_kept_for_thirty_minutes_at_most(team: Team) -> None:
    """It waits with the ask, and with what cannot be told, nowhere else, and is gone half an hour later."""
    team.slack.faults.down = "503"
    delivery = team.slack.command("rosa", CHANNEL, "7b none qlora4")
    url = delivery.payload["response_url"]

    def kept() -> list[str]:
        tables = [row[0] for row in team.sql("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return sorted(table for table in tables if url in str(team.sql(f"SELECT * FROM {table}")))  # noqa: S608 - our own tables

    assert kept() == ["inbox"]
    team.later(29 * 60)
    assert kept() == ["inbox", "outbox"]
    team.later(2 * 60)
    team.until(lambda: kept() == [], "the address is gone")
    team.slack.faults.clear()
    team.later(120)
    assert team.card(team.rows()[0])


def test_a_secret_in_a_request_is_not_stored(team: Team) -> None:
    """Whatever is pasted where a request belongs is refused by the grammar, and neither kept nor logged."""
    token = "xoxb-1234567890-abcdefghijkl"
    team.command(f"10b 2x128MB qlora4 {token}")
    team.slack.mention("rosa", CHANNEL, f"10b {token}")
    team.quiet()
    assert team.rows() == []
    team.stop()
    for path in team.folder.iterdir():
        assert token.encode() not in path.read_bytes(), path.name
    team.start()
