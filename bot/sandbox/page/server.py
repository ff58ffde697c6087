"""The sandbox page's server: static files and a small JSON API, on loopback only.

Every request must name this host; every post must carry the page's own token, which other pages
cannot read. The policy sent with the page lets it load and call nothing but this server.
"""

from __future__ import annotations

import json
import logging
import secrets
import sys
import threading
import time
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

from bot.sandbox.page.actions import Acts
from bot.sandbox.page.state import PageState
from bot.sandbox.world import HOST, STOP_WITHIN_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.sandbox.world import World

log = logging.getLogger(__name__)

LARGEST_POST = 262_144
WAIT_S, LOOK_S = 20.0, 0.1
"""How long a look for news is held, and how often it looks."""
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


class Page(ThreadingHTTPServer):
    """Serves the page of a world; listens from its making, answers from ``start``.

    Args:
        world: What is shown.
        port: On loopback; 0 takes a free one.

    Raises:
        OSError: The port is taken.
    """

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, world: World, port: int = 0) -> None:
        super().__init__((HOST, port), _Handler)
        self.token = secrets.token_urlsafe(24)
        self.state = PageState(world)
        self.acts = Acts(world, self.state)
        self._stopping = False
        self._at_work = 0
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="page", daemon=True)

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{HOST}:{self.server_port}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self.shutdown()
        self._thread.join()
        self.server_close()
        with self._changed:
            self._changed.wait_for(lambda: self._at_work == 0, STOP_WITHIN_S)

    @contextmanager
    def working(self) -> Iterator[bool]:
        """Hold the page open for one request; says whether it still is."""
        with self._changed:
            is_open = not self._stopping
            self._at_work += is_open
        try:
            yield is_open
        finally:
            with self._changed:
                self._at_work -= is_open
                self._changed.notify_all()

    def news(self, who: str, after: str) -> dict[str, Any]:
        """Return what a person sees as soon as it is no longer what they have, or after a while anyway.

        Raises:
            KeyError: Nobody is called that.
        """
        person = self.state.person(who)
        until = time.monotonic() + WAIT_S
        while self.state.stamp() == after and time.monotonic() < until and not self._stopping:
            time.sleep(LOOK_S)
        return self.state.now(person)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - socketserver's signature
        """Keep quiet about browsers that went away; anything else is a bug and is told."""
        if not isinstance(sys.exception(), OSError):
            log.error("the sandbox page failed", exc_info=sys.exception())


class _Handler(BaseHTTPRequestHandler):
    """One request of the page."""

    protocol_version = "HTTP/1.1"
    server: Page
    timeout = 30

    def log_message(self, *_: object) -> None:
        """Say nothing: the page shows the traffic that matters."""

    def do_GET(self) -> None:
        """Answer with a static file or with JSON."""
        self._while_open(self._get)

    def do_POST(self) -> None:
        """Do what the page asks for."""
        self._while_open(self._post)

    def _while_open(self, answer: Callable[[], None]) -> None:
        """Answer, or end the connection of a page that is being closed."""
        with self.server.working() as is_open:
            if is_open:
                answer()
            else:
                self.close_connection = True

    def _get(self) -> None:
        target = urlsplit(self.path)
        if not self._is_at_home():
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST, "This page is only served on 127.0.0.1.")
        elif target.path == "/api/first":
            self._say(HTTPStatus.OK, self.server.state.first())
        elif target.path in {"/api/state", "/api/traffic"}:
            query = {name: values[0] for name, values in parse_qs(target.query).items()}
            try:
                if target.path == "/api/traffic":
                    told = self.server.state.exchange(query.get("id", ""))
                else:
                    told = self.server.news(query.get("person", ""), query.get("after", ""))
                self._say(HTTPStatus.OK, told)
            except KeyError:
                self._refuse(HTTPStatus.NOT_FOUND, "There is no such thing here.")
        else:
            self._file("index.html" if target.path == "/" else target.path.removeprefix("/static/"))

    def _post(self) -> None:
        asked, problem = self._asked()
        name = urlsplit(self.path).path.removeprefix("/api/")
        if asked is None:
            self.close_connection = True
            self._refuse(*problem)
            return
        try:
            self._say(HTTPStatus.OK, self.server.acts.do(name, asked))
        except LookupError as error:
            self._refuse(HTTPStatus.NOT_FOUND, f"There is no such thing (any more): {error}.")
        except ValueError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, f"This cannot be done: {error}.")

    def _asked(self) -> tuple[dict[str, Any] | None, tuple[HTTPStatus, str]]:
        """Return the post's JSON object, or none and why it is not taken."""
        if not self._is_at_home():
            return None, (HTTPStatus.MISDIRECTED_REQUEST, "This page is only served on 127.0.0.1.")
        token = self.headers.get("X-Sandbox-Token", "")
        if not secrets.compare_digest(token.encode(), self.server.token.encode()):
            return None, (HTTPStatus.FORBIDDEN, "The page's token is missing; load the page again.")
        if self.headers.get_content_type() != "application/json":
            return None, (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send JSON.")
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()):
            return None, (HTTPStatus.LENGTH_REQUIRED, "Say how long it is.")
        if int(length) > LARGEST_POST:
            return None, (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Too long.")
        try:
            asked = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            asked = None
        if not isinstance(asked, dict):
            return None, (HTTPStatus.BAD_REQUEST, "Send a JSON object.")
        return asked, (HTTPStatus.OK, "")

    def _is_at_home(self) -> bool:
        """Return whether the request names this server: another name means a page that was rebound to us."""
        homes = {f"{name}:{self.server.server_port}" for name in (HOST, "localhost")}
        origin = self.headers.get("Origin")
        return self.headers.get("Host") in homes and (
            origin is None or origin in {f"http://{home}" for home in homes}
        )

    def _file(self, name: str) -> None:
        """Answer with one of the static files, which are known by name."""
        known = {path.name: path for path in _STATIC.iterdir() if path.suffix in _KINDS}
        if name not in known:
            self._refuse(HTTPStatus.NOT_FOUND, "There is no such page.")
            return
        body = known[name].read_bytes()
        if name == "index.html":
            body = body.replace(_TOKEN, self.server.token.encode())
        self._send(HTTPStatus.OK, body, _KINDS[known[name].suffix])

    def _say(self, status: HTTPStatus, told: dict[str, Any]) -> None:
        self._send(status, json.dumps(told).encode(), "application/json")

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self._say(status, {"ok": False, "error": why})

    def _send(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
