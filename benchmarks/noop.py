"""The base that commands are measured against: a bare Bolt app that acknowledges, on the same server."""

from __future__ import annotations

import sys

from slack_bolt import App
from slack_bolt.adapter.wsgi import SlackRequestHandler
from slack_bolt.authorization import AuthorizeResult
from waitress import serve


def main() -> None:
    """Serve on the port given, with the signing secret given, until killed."""
    port, secret = int(sys.argv[1]), sys.argv[2]
    app = App(
        signing_secret=secret,
        authorize=lambda: AuthorizeResult(
            enterprise_id=None, team_id="T0HOME001", bot_id="B1", bot_user_id="U1"
        ),
        token_verification_enabled=False,
        process_before_response=True,
    )

    @app.command("/peftsize")
    def _noop(ack: object) -> None:
        ack()  # type: ignore[operator]  # Bolt injects by name

    serve(SlackRequestHandler(app), host="127.0.0.1", port=port, threads=16, ident=None)


if __name__ == "__main__":
    main()
