"""The manifest against the code: scopes, events, buttons and callbacks are what is used, no more, no less."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from slack_bolt.listener import CustomListener

import bot.slack
from bot.sandbox.slack.web import SCOPES as SANDBOX_SCOPES
from bot.slack import manifest
from bot.slack.blocks import buttons, form, modals
from bot.slack.inbound.listeners import DECISIONS

HERE = Path(bot.slack.__file__).parent
CONTRACT = {
    "approve", "reject", "edit", "cancel", "retry", "give_up", "delete", "show_json", "explain", "use_gpus",
    "use_existing", "run_text",
}  # fmt: skip
FURTHER = {"withdraw", "post_again", "open_form", "page", "more", "details", "field", "find"}
_CALLS = re.compile(
    r"""(?:(?:self\._calls|self\._try|self|_asked)\(\s*|\n_[A-Z]+ = )"""
    r""""((?:auth|bots|chat|conversations|functions|usergroups|users|views)\.[\w.]+)\""""
)


def sources() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in HERE.rglob("*.py"))


def told(url: str | None = None) -> dict:
    return yaml.safe_load(manifest.manifest(url))


def called() -> set[str]:
    """Return the Web API methods that the code calls."""
    text = sources()
    modal = {f"views.{name}" for name in re.findall(r"modals\.views_(\w+)\(", text)}
    return modal | set(_CALLS.findall(text)) | set(re.findall(r'"(functions\.complete\w+)"', text))


def test_the_scope_table_names_exactly_the_methods_that_are_called():
    """A call without a line in the table, or a line without a call, is a mistake."""
    assert called() == manifest.SCOPES.keys()


def test_the_manifest_asks_for_exactly_the_scopes_that_are_needed():
    """Least privilege: every scope has a method, an event or a feature that needs it."""
    needed = {*manifest.SCOPES.values(), *manifest.EVENTS.values(), *manifest.FURTHER} - {""}
    scopes = told()["oauth_config"]["scopes"]["bot"]
    assert (set(scopes), len(scopes)) == (needed, len(needed))


def test_every_scope_has_a_sentence_why():
    """An admin who reads the file learns what each scope is for."""
    lines = manifest.manifest().split("oauth_config:")[1].split("settings:")[0].splitlines()
    for line in lines:
        if line.strip().startswith("- "):
            assert len(line.partition(" # ")[2]) > 20, line


def test_the_stand_in_grants_what_the_manifest_asks_for():
    """Tests run with the scopes that an installation has."""
    assert set(told()["oauth_config"]["scopes"]["bot"]) == SANDBOX_SCOPES


def test_events_are_those_that_are_listened_to():
    """Slack sends no event that nobody hears, and none is heard that Slack does not send."""
    heard = set(re.findall(r'app\.event\("(\w+)"\)', sources())) | {"function_executed"}
    assert set(told()["settings"]["event_subscriptions"]["bot_events"]) == heard == manifest.EVENTS.keys()


def test_the_app_may_run_steps():
    """Slack's schema lets these be missing; a step does not work without them."""
    settings = told()["settings"]
    assert settings["function_runtime"] == "remote"
    assert settings["org_deploy_enabled"] is True
    assert settings["interactivity"]["is_enabled"] is True
    function = told()["functions"]["size_and_request"]
    assert set(function["input_parameters"]["required"]) == {"request_text", "requester"}
    assert set(function["output_parameters"]["properties"]) == {"spec_id", "state", "reason"}


def test_buttons_callbacks_and_command_are_what_the_listeners_register(office):
    """Every button that can be drawn has a listener, and the manifest's names are the code's."""
    registered = set(re.findall(r'app\.action\("peftsize\.(\w+)"\)', sources())) | set(DECISIONS)
    drawn = set(re.findall(r'button\(\s*[^,]+,\s*"(\w+)"', sources()))
    assert registered == CONTRACT | FURTHER
    assert drawn <= registered
    assert buttons.__name__ == "bot.slack.blocks.buttons"
    features = told()["features"]
    assert [command["command"] for command in features["slash_commands"]] == ["/peftsize"]
    assert [one["callback_id"] for one in features["shortcuts"]] == ["peftsize.from_message"]
    assert (form.FORM, modals.REJECT_REASON) == ("peftsize.form", "peftsize.reject_reason")
    assert all(isinstance(one, CustomListener) for one in office.app._listeners)


def test_for_http_every_address_is_the_given_one():
    """HTTP mode: no Socket Mode, and command, events, buttons and menus all go to one address."""
    for url in (
        "https://bot.example.com",
        "https://bot.example.com/",
        "https://bot.example.com/slack/events",
    ):
        made = told(url)
        address = "https://bot.example.com/slack/events"
        assert made["settings"]["socket_mode_enabled"] is False
        assert made["settings"]["event_subscriptions"]["request_url"] == address
        assert made["settings"]["interactivity"]["request_url"] == address
        assert made["settings"]["interactivity"]["message_menu_options_url"] == address
        assert {command["url"] for command in made["features"]["slash_commands"]} == {address}
    assert told()["settings"]["socket_mode_enabled"] is True
    assert "request_url" not in manifest.manifest()


@pytest.mark.parametrize(
    "url", ["http://bot.example.com", "bot.example.com", "https://u:p@x.example", "https://"]
)
def test_an_address_that_slack_would_not_take_is_refused(url):
    """Slack posts to https only."""
    with pytest.raises(ValueError, match="https"):
        manifest.manifest(url)
