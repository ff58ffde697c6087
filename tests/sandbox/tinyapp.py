"""A tiny real Bolt app over HTTP, for the stand-in of Slack to talk to."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from slack_bolt import App
from slack_bolt.adapter.wsgi import SlackRequestHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.sandbox.slack.fake_slack import FakeSlack


def section(words: str = "hello", block_id: str = "b1") -> dict:
    return {"type": "section", "block_id": block_id, "text": {"type": "mrkdwn", "text": words}}


def button(words: str = "Approve", action_id: str = "approve", value: str = "42", **more: object) -> dict:
    return {
        "type": "button",
        "action_id": action_id,
        "value": value,
        "text": {"type": "plain_text", "text": words},
    } | more


def actions(*elements: dict, block_id: str = "acts") -> dict:
    return {"type": "actions", "block_id": block_id, "elements": list(elements or (button(),))}


def reason_modal(**more: object) -> dict:
    words = {"type": "plain_text", "text": "Reason"}
    field = {"type": "plain_text_input", "action_id": "why", "min_length": 3, "max_length": 50}
    return {
        "type": "modal",
        "callback_id": "reason",
        "title": words,
        "submit": words,
        "blocks": [{"type": "input", "block_id": "reason", "label": words, "element": field}],
    } | more


def plain(words: str) -> dict:
    return {"type": "plain_text", "text": words}


def option(value: str, words: str = "") -> dict:
    return {"text": plain(words or value), "value": value}


def form_modal(numbers: str = "no numbers yet") -> dict:
    """Returns a modal whose model is searched for and whose numbers follow its fields."""
    model = {"type": "external_select", "action_id": "model", "min_query_length": 1}
    method = {"type": "static_select", "action_id": "method", "options": [option("lora"), option("qlora")]}
    ranks = {"type": "plain_text_input", "action_id": "ranks"}
    fields = {"model": model, "method": method, "ranks": ranks}
    return {
        "type": "modal",
        "callback_id": "form",
        "title": plain("Form"),
        "submit": plain("Ask"),
        "blocks": [
            *(
                {"type": "input", "block_id": name, "label": plain(name), "element": field}
                | ({"dispatch_action": True} if name != "ranks" else {})
                for name, field in fields.items()
            ),
            section(numbers, "numbers"),
        ],
    }


def client_of(slack: FakeSlack, token: str | None = None) -> WebClient:
    return WebClient(
        token=slack.bot_token if token is None else token, base_url=slack.url, timeout=5, retry_handlers=[]
    )


def trigger(slack: FakeSlack, user: str = "rosa") -> str:
    """Returns a fresh trigger of a command."""
    return slack.command(user, "#ml-serving", "x").payload["trigger_id"]


class Clock:
    """UTC epoch seconds that move only when told."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def refused(call, *args, **more):
    with pytest.raises(SlackApiError) as caught:
        call(*args, **more)
    return caught.value.response


def error(call, *args, **more):
    return refused(call, *args, **more)["error"]


def bolt_app(slack: FakeSlack) -> App:
    """Returns an app that posts a card on command, answers clicks, opens and judges a modal."""
    app = App(client=client_of(slack), signing_secret=slack.signing_secret, process_before_response=True)

    @app.command("/peftsize")
    def command(ack, body, client):
        text = body["text"]
        if text == "help":
            ack("help is here")
        elif text == "bad blocks":
            ack(blocks=[{"type": "section"}], text="x")
        else:
            ack()
            client.chat_postMessage(
                channel=body["channel_id"],
                text=text,
                blocks=[section(text), actions(button(), button("Reject", "reject"))],
            )

    _events(app)
    _menus(app)

    @app.action("approve")
    def approve(ack, body, client):
        ack()
        client.chat_update(
            channel=body["channel"]["id"],
            ts=body["message"]["ts"],
            text=f"approved by {body['user']['id']}",
            blocks=[section(f"approved by <@{body['user']['id']}>")],
        )

    @app.action("reject")
    def reject(ack, body, client):
        ack()
        client.views_open(trigger_id=body["trigger_id"], view=reason_modal())

    @app.view("reason")
    def reason(ack, view):
        words = view["state"]["values"]["reason"]["why"]["value"]
        if words == "because":
            ack(response_action="errors", errors={"reason": "Say more."})
        elif words == "more":
            ack(response_action="update", view=reason_modal(private_metadata="second"))
        else:
            ack()

    return app


def _menus(app: App) -> None:
    @app.action("more")
    def more(ack, body, client):
        ack()
        if body["actions"][0]["selected_option"]["value"] == "form 42":
            client.views_open(trigger_id=body["trigger_id"], view=form_modal())

    @app.options("model")
    def models(ack, body):
        known = ["llama-8b", "llama-70b", "granite-8b"]
        if body["value"] == "too many":
            ack(options=[option(f"{number}") for number in range(101)])
        else:
            ack(options=[option(name) for name in known if body["value"] in name])

    @app.view("form")
    def form(ack):
        ack()

    @app.action("model")
    @app.action("method")
    def numbers(ack, body, client):
        ack()
        view = body["view"]
        chosen = view["state"]["values"]
        model, method = (
            (chosen[name][name]["selected_option"] or {}).get("value") for name in ("model", "method")
        )
        client.views_update(view_id=view["id"], hash=view["hash"], view=form_modal(f"{model} {method}"))


def _events(app: App) -> None:
    @app.event("app_mention")
    def mention(say, event):
        say(text="you called", thread_ts=event["ts"])

    @app.event("app_home_opened")
    def home(client, event):
        client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [section("home")]})

    @app.shortcut("peftsize.from_message")
    def from_message(ack, respond, shortcut):
        ack()
        respond(text=f"about {shortcut['message']['text']}", response_type="ephemeral")

    @app.function("size_and_request")
    def function(complete, inputs):
        complete({"echo": inputs["text"]})


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Silent(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def served(app: App) -> Iterator[str]:
    """Serves a Bolt app and yields the address for deliveries."""
    handler = SlackRequestHandler(app, path="/slack/events")
    with make_server("127.0.0.1", 0, handler, _Server, _Silent) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/slack/events"
        finally:
            server.shutdown()
            thread.join()
