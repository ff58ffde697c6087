"""Slack's own client talks to the stand-in and is answered and refused as by Slack."""

from __future__ import annotations

import json

from slack_sdk.webhook import WebhookClient

from bot.sandbox.slack.fake_slack import FakeSlack
from bot.sandbox.slack.web import SCOPES
from tests.sandbox.tinyapp import (
    actions,
    button,
    client_of,
    error,
    reason_modal,
    refused,
    section,
    trigger,
)


def test_who_am_i(slack, client):
    """auth.test and bots.info name app, team and bot; the scopes stand in the header."""
    told = client.auth_test()
    assert (told["team_id"], told["user_id"], told["bot_id"]) == (
        slack.team_id,
        slack.bot_user_id,
        slack.bot_id,
    )
    assert told.headers["X-OAuth-Scopes"].split(",") == sorted(SCOPES)
    assert client.bots_info(bot=slack.bot_id)["bot"]["app_id"] == slack.app_id


def test_tokens_are_checked(slack, client):
    """No token, a wrong one, the wrong kind, a revoked one: each has Slack's name."""
    assert error(client_of(slack, "").auth_test) == "not_authed"
    assert error(client_of(slack, "xoxb-wrong").auth_test) == "invalid_auth"
    assert error(client_of(slack, slack.app_token).auth_test) == "not_allowed_token_type"
    assert error(client.apps_connections_open, app_token=slack.bot_token) == "not_allowed_token_type"
    assert error(client.api_call, "no.such") == "unknown_method"
    slack.faults.revoked = "token_revoked"
    assert error(client.auth_test) == "token_revoked"


def test_scopes_are_kept():
    """A method outside the token's scopes names what it needs and what there is."""
    with FakeSlack(scopes=frozenset({"chat:write"})) as slack:
        told = refused(client_of(slack).users_info, user="U0ADA0001")
        assert (told["error"], told["needed"], told["provided"]) == (
            "missing_scope",
            "users:read",
            "chat:write",
        )


def test_where_the_bot_may_write(slack, client):
    """A public channel without the bot says so; a private one does not exist for it."""
    assert error(client.chat_postMessage, channel="C0NOBOT01", text="x") == "not_in_channel"
    assert error(client.chat_postMessage, channel="C0PRIVATE", text="x") == "channel_not_found"
    assert error(client.chat_postMessage, channel="C0NOWHERE", text="x") == "channel_not_found"
    assert error(client.conversations_info, channel="C0PRIVATE") == "channel_not_found"
    assert client.conversations_info(channel="C0NOBOT01")["channel"]["is_member"] is False
    slack.directory.change_channel("ml-serving", is_archived=True)
    assert error(client.chat_postMessage, channel="#ml-serving", text="x") == "is_archived"


def test_a_message_and_its_life(slack, client):
    """Posting, updating and deleting, with the errors round them."""
    sent = client.chat_postMessage(channel="C0MLSERVE", text="hi", blocks=[section()], unfurl_links=False)
    assert sent["message"]["blocks"][0]["block_id"] == "b1"
    (message,) = slack.messages("ml-serving")
    assert (message.ts, message.unfurl_links) == (sent["ts"], False)
    kept = client.chat_update(channel="C0MLSERVE", ts=sent["ts"], text="ho")
    assert kept["message"]["blocks"], "blocks that are not given stay"
    client.chat_update(channel="C0MLSERVE", ts=sent["ts"], text="ho", blocks=[])
    assert slack.message("ml-serving", sent["ts"]).blocks == []
    said = slack.say("rosa", "ml-serving", "mine")
    assert error(client.chat_update, channel="C0MLSERVE", ts=said.ts, text="x") == "cant_update_message"
    assert error(client.chat_delete, channel="C0MLSERVE", ts=said.ts) == "cant_delete_message"
    client.chat_delete(channel="C0MLSERVE", ts=sent["ts"])
    assert error(client.chat_update, channel="C0MLSERVE", ts=sent["ts"], text="x") == "message_not_found"
    assert error(client.api_call, "chat.postMessage", json={"channel": "C0MLSERVE"}) == "no_text"


def test_ephemerals_cannot_be_updated(slack, client):
    """A private message is seen by one person and out of reach of chat.update."""
    told = client.chat_postEphemeral(channel="C0MLSERVE", user="U0ROSA001", text="psst")
    assert [m.text for m in slack.ephemerals("rosa")] == ["psst"]
    assert (
        error(client.chat_update, channel="C0MLSERVE", ts=told["message_ts"], text="x") == "message_not_found"
    )
    assert (
        error(client.chat_postEphemeral, channel="C0APPROVE", user="U0GUS0001", text="x")
        == "user_not_in_channel"
    )


def test_bad_blocks_come_back_with_reasons(slack, client):
    """invalid_blocks carries one sentence for each problem, and nothing is posted."""
    told = refused(client.chat_postMessage, channel="C0MLSERVE", text="x", blocks=[section("")])
    assert told["error"] == "invalid_blocks"
    assert "json-pointer:/blocks/0/text" in told["response_metadata"]["messages"][0]
    assert (
        error(client.chat_postMessage, channel="C0MLSERVE", text="x", blocks="not json")
        == "invalid_blocks_format"
    )
    long = [section("x" * 2500, f"b{n}") for n in range(4)]
    assert error(client.chat_postMessage, channel="C0MLSERVE", text="x", blocks=long) == "msg_blocks_too_long"
    assert error(client.chat_postMessage, channel="C0MLSERVE", text="x" * 4001) == "msg_too_long"
    assert slack.messages("ml-serving") == []


def test_blocks_without_fallback_are_noted(slack, client):
    """A message without text is posted, and warned about."""
    told = client.api_call("chat.postMessage", json={"channel": "C0MLSERVE", "blocks": [section()]})
    assert told["response_metadata"]["warnings"] == ["missing_text_in_message"]
    assert len(slack.warnings) == 1


def test_direct_messages(slack, client):
    """The same conversation opens every time; bots and deactivated people have none."""
    first = client.conversations_open(users="U0ROSA001")["channel"]["id"]
    assert client.conversations_open(users=["U0ROSA001"])["channel"]["id"] == first
    client.chat_postMessage(channel=first, text="created")
    client.chat_postMessage(channel="U0ROSA001", text="by person")
    assert [m.text for m in slack.dms("rosa")] == ["created", "by person"]
    assert error(client.conversations_open, users="U0NOBODY1") == "user_not_found"
    assert error(client.conversations_open, users=slack.bot_user_id) == "cannot_dm_bot"
    slack.directory.change_person("ben", deleted=True)
    assert error(client.conversations_open, users="U0BEN0001") == "user_disabled"


def test_people_and_groups(slack, client):
    """users.info tells guests, strangers and deactivated people apart; groups list their people."""
    gus, fay = (client.users_info(user=name)["user"] for name in ("U0GUS0001", "U0FAY0001"))
    assert (gus["is_restricted"], gus["team_id"]) == (True, slack.team_id)
    assert (fay["is_stranger"], fay["team_id"]) == (True, "T0AWAY001")
    assert client.users_info(user="U0BEN0001")["user"]["tz_offset"] == 9 * 3600
    slack.directory.change_person("ada", deleted=True)
    assert client.users_info(user="U0ADA0001")["user"]["deleted"] is True
    assert error(client.users_info, user="U0NOBODY1") == "user_not_found"
    assert client.usergroups_users_list(usergroup="S0APPROVE")["users"] == ["U0ADA0001", "U0BEN0001"]
    assert client.usergroups_list(include_users=True)["usergroups"][0]["handle"] == "approvers"
    assert error(client.usergroups_users_list, usergroup="S0NOBODY1") == "no_such_subteam"
    slack.faults.missing_group = slack.faults.users_info_fails = True
    assert error(client.usergroups_users_list, usergroup="S0APPROVE") == "no_such_subteam"
    assert error(client.users_info, user="U0ADA0001") == "internal_error"


def test_a_trigger_works_once_and_for_three_seconds(slack, client, clock):
    """Used, late and invented triggers have their own errors; a bad view does not use one up."""
    first = trigger(slack)
    told = refused(
        client.views_open, trigger_id=first, view=reason_modal(title={"type": "plain_text", "text": "x" * 25})
    )
    assert told["error"] == "invalid_arguments"
    assert "/view/title/text" in told["response_metadata"]["messages"][0]
    client.views_open(trigger_id=first, view=reason_modal())
    assert error(client.views_open, trigger_id=first, view=reason_modal()) == "exchanged_trigger_id"
    late = trigger(slack)
    clock.now += 3.1
    assert error(client.views_open, trigger_id=late, view=reason_modal()) == "expired_trigger_id"
    assert error(client.views_open, trigger_id="1.2.3", view=reason_modal()) == "invalid_trigger_id"


def test_views_change_under_their_hash(slack, client):
    """An update with an old hash conflicts; a closed modal is not found."""
    opened = client.views_open(trigger_id=trigger(slack), view=reason_modal())["view"]
    changed = client.views_update(view_id=opened["id"], hash=opened["hash"], view=reason_modal())["view"]
    assert changed["hash"] != opened["hash"]
    assert (
        error(client.views_update, view_id=opened["id"], hash=opened["hash"], view=reason_modal())
        == "hash_conflict"
    )
    slack.close("rosa", slack.modals("rosa")[0])
    assert error(client.views_update, view_id=opened["id"], view=reason_modal()) == "not_found"
    home = client.views_publish(user_id="U0ROSA001", view={"type": "home", "blocks": [section()]})["view"]
    assert slack.home("rosa").id == home["id"]
    again = {"user_id": "U0ROSA001", "view": {"type": "home", "blocks": []}}
    assert error(client.views_publish, **again, hash="old") == "hash_conflict"


def test_a_response_url_works_five_times(slack, client, clock):
    """Five posts within thirty minutes; replace and delete reach even an ephemeral message."""
    url = slack.command("rosa", "#random", "x").payload["response_url"]
    hook = WebhookClient(url)
    for number in range(5):
        assert hook.send(text=f"{number}").status_code == 200
    assert hook.send(text="six").status_code == 404
    assert [m.text for m in slack.ephemerals("rosa", "#random")][-5:] == ["0", "1", "2", "3", "4"]
    late = WebhookClient(slack.command("rosa", "#random", "x").payload["response_url"])
    clock.now += 30 * 60 + 1
    assert late.send(text="x").status_code == 404
    client.chat_postEphemeral(channel="C0MLSERVE", user="U0ROSA001", text="ask", blocks=[actions(button())])
    asked = slack.ephemerals("rosa", "ml-serving")[-1]
    hook = WebhookClient(slack.click("rosa", asked, "approve").payload["response_url"])
    assert json.loads(hook.send(text="x", blocks=[{"type": "section"}]).body)["error"] == "invalid_blocks"
    hook.send(text="done", replace_original=True)
    assert [m.text for m in slack.ephemerals("rosa", "ml-serving")] == ["done"]
    hook.send(text="for all", response_type="in_channel")
    assert slack.messages("ml-serving")[-1].text == "for all"
