"""``peftsize doctor``: each check seen passing and failing, and each failure with the fix for it."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from bot.sandbox.slack.web import SCOPES
from bot.sandbox.watsonx.faults import ALWAYS
from bot.slack import manifest
from bot.store import schema
from tests.support.command_line import run
from tests.support.installation import Site, failed

if TYPE_CHECKING:
    from collections.abc import Callable

BOT = "U0PEFT001"


def test_a_right_installation_passes_every_check(site: Site) -> None:
    """Nothing is wrong, the exit code is 0, and nothing was changed: no database, no message.

    Who may edit user groups Slack does not say, so that is a reminder.
    """
    ran = site.doctor()
    checks = {check["check"]: check["status"] for check in ran.json}
    assert checks.pop("user groups") == "warning"
    assert (ran.code, set(checks.values())) == (0, {"ok"}), ran.out
    assert list(checks) == [
        "settings", "signing key", "database", "Slack token", "Slack scopes", "clock", "Socket Mode", "manifest",
        "channel", "policy", "watsonx space the default space", "watsonx specs",
        "watsonx deployments",
    ]  # fmt: skip
    assert list(site.folder.iterdir()) == []
    assert not [call for call in site.slack.calls if call.method.startswith("chat.")]
    assert {request.method for request in site.cluster.requests() if "spec" in request.path} == {"GET"}


def test_the_text_form_gives_each_failure_with_its_fix(site: Site) -> None:
    """On a terminal the fix stands under what was found; no secret is shown."""
    given = site.environment | {"PEFTSIZE_APPROVERS": "U0NOBODY", "PEFTSIZE_APPROVAL_CHANNEL": "C0NOBOT01"}
    ran = run("doctor", folder=site.folder, environment=given)
    assert (ran.code, ran.err) == (1, "")
    lines = ran.out.splitlines()
    at = next(number for number, line in enumerate(lines) if "the bot is not in C0NOBOT01" in line)
    assert "type there: /invite @peftsize" in lines[at + 1]
    assert "approver U0NOBODY: Slack does not know this id" in ran.out
    secrets = (site.slack.bot_token, site.slack.app_token, site.slack.app.config_token, site.cluster.api_key)
    assert not [secret for secret in secrets if secret in ran.out]


# --- settings


def test_settings_that_cannot_be_read_are_all_named(site: Site) -> None:
    """Each malformed setting is a failure of its own; nothing else can be checked then."""
    ran = site.doctor(PEFTSIZE_SETTLE_S="soon", WATSONX_URL="ftp://x", PEFTSIZE_DATABASE_URL="mysql://x")
    assert ran.code == 1
    assert {check["check"] for check in ran.json} == {"settings"}
    assert all(check["fix"] == "correct it in the environment or in .env" for check in ran.json)


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"SLACK_APP_TOKEN": None}, "SLACK_APP_TOKEN is missing"),
        ({"SLACK_BOT_TOKEN": None}, "SLACK_BOT_TOKEN is missing"),
        ({"WATSONX_SPACE_ID": None}, "WATSONX_SPACE_ID is missing"),
        ({"WATSONX_APIKEY": None}, "WATSONX_APIKEY or WATSONX_PASSWORD is missing"),
        ({"PEFTSIZE_APPROVERS": None}, "Nobody can approve"),
        ({"PEFTSIZE_POLICY_FILE": "nowhere.toml"}, "PEFTSIZE_POLICY_FILE cannot be read"),
    ],
)
def test_a_setting_that_serve_would_miss_is_named(
    site: Site, settings: dict[str, str | None], found: str
) -> None:
    """What ``serve`` would refuse to start with is a failure here, with the way to the table."""
    failed(site.check("settings", **settings), found, "docs/settings.md")


def test_http_mode_needs_no_app_token(site: Site) -> None:
    """With a signing secret the settings are complete for HTTP mode, and Socket Mode is not checked."""
    ran = site.doctor(SLACK_APP_TOKEN=None, SLACK_SIGNING_SECRET=site.slack.signing_secret)
    checks = {check["check"]: check for check in ran.json}
    assert checks["settings"]["found"] == "complete for HTTP mode"
    assert "Socket Mode" not in checks


@pytest.mark.parametrize("words", [("doctor",), ("specs", "list")])
def test_a_bundle_without_certificates_is_a_wrong_setting(site: Site, words: tuple[str, ...]) -> None:
    """A file that is no PEM is named like any other setting that cannot work, by every command."""
    (site.folder / "ca.pem").write_text("no certificate\n", encoding="utf-8")
    given = site.environment | {"WATSONX_CA_BUNDLE": "ca.pem"}
    ran = run(*words, folder=site.folder, environment=given)
    assert ran.code == (1 if words == ("doctor",) else 2)
    assert "WATSONX_CA_BUNDLE holds no certificate in PEM form." in ran.out + ran.err


# --- the database


def test_a_database_that_serve_will_create_is_fine(site: Site) -> None:
    """A file that does not exist yet passes where its folder can be written to."""
    assert site.check("database")["found"] == "does not exist yet; serve creates it"


def test_a_folder_that_does_not_exist_is_named(site: Site) -> None:
    """SQLite would not create the folder."""
    check = site.check("database", PEFTSIZE_DATABASE_URL="sqlite:///nowhere/peftsize.db")
    failed(check, "the folder nowhere is not writable", "create the folder")


def test_a_migrated_database_takes_writes(site: Site) -> None:
    """A file at this program's schema passes, with its schema."""
    assert run("database", "upgrade", folder=site.folder).code == 0
    assert site.check("database")["found"] == f"accepts writes, schema {schema.HEAD}"


def test_an_empty_file_is_noted(site: Site) -> None:
    """A database without a schema works after a migration: a note with the command, no failure."""
    (site.folder / "peftsize.db").touch()
    check = site.check("database")
    assert (check["status"], check["found"]) == ("warning", f"schema empty, this program's is {schema.HEAD}")
    assert "peftsize database upgrade" in check["fix"]


def test_a_newer_database_is_refused(site: Site) -> None:
    """A schema that this program does not know is a failure."""
    assert run("database", "upgrade", folder=site.folder).code == 0
    with sqlite3.connect(site.folder / "peftsize.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    failed(site.check("database"), "newer than this program's", "PEFTSIZE_DATABASE_URL")


def test_a_file_that_is_no_database_is_refused(site: Site) -> None:
    """Whatever lies there instead of a database is a failure, not a traceback."""
    (site.folder / "peftsize.db").write_bytes(b"no database at all\n" * 400)
    failed(site.check("database"), "cannot be reached", "correct PEFTSIZE_DATABASE_URL")


def test_a_postgresql_that_is_away_is_named(site: Site) -> None:
    """Nobody listens at the address: a failure, without the password."""
    ran = site.doctor(PEFTSIZE_DATABASE_URL="postgresql://peftsize:made-up@127.0.0.1:9/peftsize")
    check = next(check for check in ran.json if check["check"] == "database")
    failed(check, "", "start or repair the database")
    assert "made-up" not in ran.out


# --- Slack: token, scopes, clock


def test_a_wrong_token_is_refused(site: Site) -> None:
    """Slack knows no such token: install again. Nothing more is asked of Slack."""
    failed(site.check("Slack token", SLACK_BOT_TOKEN="xoxb-other"), "invalid_auth", "install the app again")
    assert {call.method for call in site.slack.calls} == {"auth.test"}


def test_a_revoked_token_is_refused(site: Site) -> None:
    """As after an uninstallation."""
    site.slack.faults.revoked = "token_revoked"
    failed(site.check("Slack token"), "token_revoked", "install the app again")


@pytest.mark.parametrize(("fault", "fix"), [("reset", "check the network"), ("503", "Slack's status")])
def test_slack_being_away_is_no_matter_of_the_token(site: Site, fault: Any, fix: str) -> None:
    """Where Slack does not answer, the fix is not a new token."""
    site.slack.faults.down = fault
    failed(site.check("Slack token"), "auth.test: ", fix)


def test_slack_not_saying_who_we_are_is_named(site: Site) -> None:
    """The bot's app is asked of ``bots.info``; without an answer nobody can be looked up."""
    site.slack.faults.http_500, site.slack.faults.only = 1, frozenset({"bots.info"})
    failed(site.check("Slack token"), "Slack did not answer bots.info", "Slack's status")


def test_a_missing_scope_is_named_with_what_needs_it(open_site: Callable[..., Site]) -> None:
    """A bot sees which scopes it has: those it lacks are named with their events and methods."""
    site = open_site(scopes=SCOPES - {"app_mentions:read", "im:write"})
    check = site.check("Slack scopes")
    failed(check, "app_mentions:read (event app_mention); im:write (conversations.open)", "reinstall the app")


def test_a_clock_that_is_off_is_named(open_site: Callable[..., Site]) -> None:
    """Two minutes off Slack's clock is too much."""
    site = open_site(clock=lambda: time.time() + 120)
    failed(site.check("clock"), "differs from Slack's", "NTP")


def test_an_answer_without_scopes_and_date_is_noted(site: Site) -> None:
    """A proxy may drop headers: a note each, no failure."""
    answer = {"ok": True, "team_id": "T0HOME001", "user_id": BOT, "user": "peftsize", "team": "Home"}

    class FakeProxy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.dumps(answer).encode()
            self.send_response_only(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeProxy)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        ran = site.doctor(
            SLACK_API_URL=f"http://127.0.0.1:{server.server_port}/api/",
            PEFTSIZE_APPROVERS="anyone",
            PEFTSIZE_APPROVAL_CHANNEL=None,
            SLACK_CONFIG_TOKEN=None,
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    statuses = {check["check"]: check["status"] for check in ran.json}
    assert (statuses["Slack scopes"], statuses["clock"], ran.code) == ("warning", "warning", 0)


def test_an_app_token_that_opens_nothing_is_named(site: Site) -> None:
    """Socket Mode with a wrong token, or with a bot's."""
    fix = "connections:write"
    failed(site.check("Socket Mode", SLACK_APP_TOKEN="xapp-other"), "invalid_auth", fix)
    failed(site.check("Socket Mode", SLACK_APP_TOKEN=site.slack.bot_token), "not_allowed_token_type", fix)


# --- the app as it is in Slack


def test_what_a_bot_cannot_see_is_said(site: Site) -> None:
    """Without a configuration token nothing is claimed of event subscriptions: a note that says how."""
    check = site.check("manifest", SLACK_CONFIG_TOKEN=None)
    assert check["status"] == "warning"
    assert "event subscriptions" in check["found"]
    assert "SLACK_CONFIG_TOKEN" in check["fix"]


def test_what_the_app_lacks_is_named_one_by_one(site: Site) -> None:
    """Events, features and switches that the manifest has and the app lacks; names may differ."""
    app = site.slack.api.manifest
    app["settings"]["event_subscriptions"]["bot_events"].remove("app_mention")
    app["settings"]["interactivity"]["is_enabled"] = False
    app["features"]["shortcuts"] = []
    app["functions"] = {}
    app["display_information"]["name"] = "sizer"
    app["features"]["slash_commands"][0]["description"] = "Ask for GPUs."
    check = site.check("manifest")
    failed(check, "lacks ", "peftsize manifest")
    assert check["found"].removeprefix("the app in Slack lacks ").split("; ") == [
        "features.shortcuts: peftsize.from_message",
        "settings.event_subscriptions.bot_events: app_mention",
        "settings.interactivity.is_enabled: true",
        "functions: size_and_request",
    ]


def test_an_app_that_is_hardly_set_up_lacks_everything(site: Site) -> None:
    """A bare app: no events, no command, no Home tab; an empty manifest is no traceback."""
    site.slack.api.manifest = {}
    found = site.check("manifest")["found"]
    for name in ("app_home_opened", "/peftsize", "features.app_home.home_tab_enabled", "chat:write"):
        assert name in found


def test_over_http_every_address_must_be_the_same(site: Site) -> None:
    """The address for events is taken for right; buttons and the command must go there, too."""
    http = {"SLACK_APP_TOKEN": None, "SLACK_SIGNING_SECRET": site.slack.signing_secret}
    app = site.slack.api.manifest = yaml.safe_load(manifest.manifest("https://bot.example.com"))
    assert site.check("manifest", **http)["status"] == "ok"
    app["features"]["slash_commands"][0]["url"] = "https://old.example.com/slack/events"
    del app["settings"]["interactivity"]["request_url"]
    found = site.check("manifest", **http)["found"]
    address = "https://bot.example.com/slack/events"
    assert f"features.slash_commands /peftsize.url: {address}" in found
    assert f"settings.interactivity.request_url: {address}" in found
    del app["settings"]["event_subscriptions"]["request_url"]
    assert "settings.event_subscriptions.request_url: " in site.check("manifest", **http)["found"]


def test_a_socket_mode_app_cannot_take_http(site: Site) -> None:
    """The app delivers over sockets while the settings say HTTP mode."""
    http = {"SLACK_APP_TOKEN": None, "SLACK_SIGNING_SECRET": site.slack.signing_secret}
    assert "settings.socket_mode_enabled: false" in site.check("manifest", **http)["found"]


def test_a_configuration_token_that_has_run_out_is_named(site: Site) -> None:
    """They live for twelve hours."""
    failed(site.check("manifest", SLACK_CONFIG_TOKEN="xoxe.xoxp-old"), "invalid_auth", "12 hours")


# --- channels


@pytest.mark.parametrize("setting", ["PEFTSIZE_APPROVAL_CHANNEL", "PEFTSIZE_ANCHOR_CHANNEL"])
@pytest.mark.parametrize(
    ("channel", "found", "fix"),
    [
        ("C0NOBOT01", "the bot is not in C0NOBOT01", "/invite @peftsize"),
        ("C0PRIVATE", "no such channel, or a private one", "/invite @peftsize"),
        ("C0NOWHERE", "no such channel", "correct the id"),
    ],
)
def test_a_channel_without_the_bot_is_named(
    site: Site, setting: str, channel: str, found: str, fix: str
) -> None:
    """Both channels of the settings are looked at."""
    failed(site.check("channel", **{setting: channel}), found, fix)


def test_an_archived_channel_is_named(site: Site) -> None:
    """An invitation would not help there."""
    site.slack.directory.change_channel("C0APPROVE", is_archived=True)
    failed(site.check("channel"), "C0APPROVE is archived", "unarchive it")


def test_a_channel_that_may_not_be_looked_at_needs_the_scope(open_site: Callable[..., Site]) -> None:
    """Without ``channels:read`` the fix is the scope, not an invitation."""
    failed(open_site(scopes=SCOPES - {"channels:read"}).check("channel"), "missing_scope", "channels:read")


# --- watsonx


def test_a_cluster_that_does_not_know_the_user_is_named(site: Site) -> None:
    """A wrong key fails every check of the cluster, with the service's words and no key."""
    ran = site.doctor(WATSONX_APIKEY="made-up-key")
    checks = [check for check in ran.json if check["check"].startswith("watsonx")]
    assert [check["status"] for check in checks] == ["failed", "failed", "warning"]
    fixes = ("check the credentials", "assets", "deployments")
    assert all(any(fix in check["fix"] for fix in fixes) for check in checks)
    assert "made-up-key" not in ran.out


def test_deployments_that_cannot_be_listed_are_noted(site: Site) -> None:
    """Everything works without, but for knowing which specs are in use: a note with its fix, no failure."""
    site.cluster.faults.deployments_refused = 1
    check = site.check("watsonx deployments")
    assert (check["status"], "the role Viewer" in check["found"]) == ("warning", True)
    assert "access to the space's deployments" in check["fix"]
    assert site.check("watsonx deployments")["status"] == "ok"


def test_a_cluster_that_is_away_is_named(site: Site) -> None:
    """A refused connection is a failure."""
    site.cluster.go_down()
    ran = site.doctor()
    checks = [check for check in ran.json if check["check"].startswith("watsonx")]
    assert [check["status"] for check in checks] == ["failed", "failed", "warning"]
    assert "could not be reached" in checks[0]["found"]


def test_every_space_is_checked(site: Site) -> None:
    """The default space and those of ``PEFTSIZE_SPACES``, each by its name."""
    site.cluster.api.add_space("space-b", "team b")
    spaces = "b=space-b,gone=00000000-0000-4000-8000-000000000000"
    ran = site.doctor(PEFTSIZE_SPACES=spaces)
    checks = {check["check"]: check for check in ran.json}
    assert checks["watsonx space the default space"]["status"] == "ok"
    assert checks["watsonx space b"]["status"] == "ok"
    failed(checks["watsonx space gone"], "", "the space id")


def test_a_list_that_is_refused_is_named(site: Site) -> None:
    """The space can be seen and its specifications cannot."""
    site.cluster.faults.broken = ALWAYS
    failed(site.check("watsonx specs"), "500", "access to the space's assets")


def test_what_doctor_compares_is_what_the_manifest_prints() -> None:
    """An app made from our own manifest lacks nothing, over sockets and over HTTP."""
    made = yaml.safe_load(manifest.manifest())
    assert manifest.lacking(made, socket=True) == []
    url = "https://bot.example.com/slack/events"
    assert manifest.lacking(yaml.safe_load(manifest.manifest(url)), socket=False) == []
