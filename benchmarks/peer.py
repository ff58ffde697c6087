"""A bare Bolt app with one habit of its peers: ``python peer.py PORT SECRET HABIT SLACK_URL TOKEN FOLDER``.

``default``: acknowledges as Bolt does by default, without ``process_before_response``. ``client``: makes an
HTTP client for each command. ``template``: looks the installation up in SQLite, as Bolt's OAuth examples do.
``socket``: takes commands over Socket Mode, with the app token in place of the secret.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import httpx
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.adapter.wsgi import SlackRequestHandler
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.oauth.oauth_settings import OAuthSettings
from slack_sdk import WebClient
from slack_sdk.oauth.installation_store import Installation
from slack_sdk.oauth.installation_store.sqlite3 import SQLite3InstallationStore
from slack_sdk.oauth.state_store.sqlite3 import SQLite3OAuthStateStore
from waitress import serve

HABITS = ("default", "client", "template")


def main() -> None:
    """Serve with a habit until killed."""
    port, secret, habit, slack_url, token, folder = sys.argv[1:]
    how: dict[str, Any] = {"signing_secret": secret, "token_verification_enabled": False}
    if habit == "template":
        how |= _template(slack_url, token, folder)
    else:
        authorized = AuthorizeResult(enterprise_id=None, team_id="T0HOME001", bot_id="B1", bot_user_id="U1")
        how["authorize"] = lambda: authorized
    if habit == "socket":
        how["client"] = WebClient(token, base_url=slack_url)
    app = App(**how, process_before_response=habit not in {"default", "socket"})

    @app.command("/peftsize")
    def _answer(ack: Any) -> None:
        if habit == "client":
            with httpx.Client() as client:
                client.get(f"{slack_url}api.test")
        ack()

    if habit == "socket":
        SocketModeHandler(app, secret, web_client=app.client).connect()
    serve(SlackRequestHandler(app), host="127.0.0.1", port=int(port), threads=16, ident=None)


def _template(slack_url: str, token: str, folder: str) -> dict[str, Any]:
    """Return what Bolt's examples with OAuth and SQLite hand to the app, with the app installed."""
    database = str(Path(folder) / "installations.db")
    store = SQLite3InstallationStore(database=database, client_id="1.2")
    store.init()
    store.save(
        Installation(
            app_id="A0PEFT001",
            team_id="T0HOME001",
            bot_token=token,
            bot_id="B1",
            bot_user_id="U1",
            user_id="U0ROSA001",
        )
    )
    states = SQLite3OAuthStateStore(database=database, expiration_seconds=600)
    settings = OAuthSettings(client_id="1.2", client_secret="-", installation_store=store, state_store=states)  # noqa: S106 - none
    return {"client": WebClient(base_url=slack_url), "oauth_settings": settings}


if __name__ == "__main__":
    main()
