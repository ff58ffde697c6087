"""The sandbox page's server: static files and a small JSON API, on loopback only.

Every request must name this host; every post must carry the page's token, which other pages cannot read. The page's
content security policy lets it load from and call only this server.
"""

from __future__ import annotations

import secrets
import time
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from bot.sandbox.loopback import HOST, Call, Loopback, Reply
from bot.sandbox.page.actions import Acts
from bot.sandbox.page.state import PageState
from bot.sandbox.world import STOP_WITHIN_S

if TYPE_CHECKING:
    from bot.sandbox.world import World

LARGEST_POST = 262_144
WAIT_S, LOOK_S = 20.0, 0.1
"""How long a request for news is held, and how often it checks."""
_STATIC = Path(__file__).with_name("static")
_KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_TOKEN = b"{{token}}"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class _Refused(Exception):
    """A refused request: the status, and why in a sentence."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class Page:
    """Serves the page of a world, on loopback; port 0 takes a free one."""

    def __init__(self, world: World, port: int = 0) -> None:
        self.token = secrets.token_urlsafe(24)
        self.state = PageState(world)
        self.acts = Acts(world, self.state)
        self.http = Loopback(self._answer, port=port, largest=LARGEST_POST)

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{HOST}:{self.http.port}/"

    def __enter__(self) -> Self:
        self.http.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.stop(finish_s=STOP_WITHIN_S)

    def _answer(self, call: Call) -> Reply:
        """Answer with a file or JSON, or say why not."""
        try:
            self._must_be_at_home(call)
            if call.method == "POST":
                return _json(HTTPStatus.OK, self._act(call))
            if call.path.startswith("/api/"):
                return _json(HTTPStatus.OK, self._look(call))
            return self._file("index.html" if call.path == "/" else call.path.removeprefix("/static/"))
        except _Refused as refused:
            return _json(refused.status, {"ok": False, "error": str(refused)})

    def _must_be_at_home(self, call: Call) -> None:
        """Refuse a request for another host name, which means DNS rebinding."""
        homes = {f"{name}:{self.http.port}" for name in (HOST, "localhost")}
        origin = call.headers.get("origin")
        if call.headers.get("host") not in homes or (
            origin is not None and origin.removeprefix("http://") not in homes
        ):
            raise _Refused(HTTPStatus.MISDIRECTED_REQUEST, "This page is only served on 127.0.0.1.")

    def _look(self, call: Call) -> dict[str, Any]:
        """Return the answer to a GET."""
        try:
            match call.path:
                case "/api/first":
                    return self.state.first()
                case "/api/traffic":
                    return self.state.exchange(call.query.get("id", ""))
                case "/api/state":
                    return self._news(call.query.get("person", ""), call.query.get("after", ""))
        except KeyError:
            pass
        raise _Refused(HTTPStatus.NOT_FOUND, "There is no such thing here.")

    def _news(self, who: str, after: str) -> dict[str, Any]:
        """Return what a person sees once it differs from what they have, or after a while anyway.

        Raises:
            KeyError: There is no such person.
        """
        person = self.state.person(who)
        until = time.monotonic() + WAIT_S
        while self.state.stamp() == after and time.monotonic() < until:
            if self.http.stopping.wait(LOOK_S):
                break
        return self.state.now(person)

    def _act(self, call: Call) -> dict[str, Any]:
        """Carry out a post."""
        token = call.headers.get("x-sandbox-token", "")
        if not secrets.compare_digest(token.encode(), self.token.encode()):
            raise _Refused(HTTPStatus.FORBIDDEN, "The page's token is missing; load the page again.")
        if call.media_type != "application/json":
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send JSON.")
        asked = call.json()
        if not isinstance(asked, dict):
            raise _Refused(HTTPStatus.BAD_REQUEST, "Send a JSON object.")
        try:
            return self.acts.do(call.path.removeprefix("/api/"), asked)
        except LookupError as error:
            raise _Refused(HTTPStatus.NOT_FOUND, f"There is no such thing (any more): {error}.") from None
        except ValueError as error:
            raise _Refused(HTTPStatus.BAD_REQUEST, f"This cannot be done: {error}.") from None

    def _file(self, name: str) -> Reply:
        """Answer with one of the static files, by name."""
        known = {path.name: path for path in _STATIC.iterdir() if path.suffix in _KINDS}
        if name not in known:
            raise _Refused(HTTPStatus.NOT_FOUND, "There is no such page.")
        body = known[name].read_bytes()
        if name == "index.html":
            body = body.replace(_TOKEN, self.token.encode())
        kind = {"Content-Type": f"{_KINDS[known[name].suffix]}; charset=utf-8"}
        return Reply(HTTPStatus.OK, body, _HEADERS | kind)


def _json(status: HTTPStatus, body: dict[str, Any]) -> Reply:
    return Reply(status, body, _HEADERS)
