"""A working stand-in for Slack: one workspace with people, on loopback, that keeps Slack's rules.

What people do are methods of ``FakeSlack`` (``command``, ``click``, ``submit``, ``mention`` and so on); each delivers
the same signed payload to the app as Slack would and returns the outcome. The app's calls arrive over HTTP at ``url``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from bot.sandbox.cardtext import render
from bot.sandbox.loopback import HOST, Loopback, Moment, nobody
from bot.sandbox.slack.delivery import FORM, Deliverer, Delivery
from bot.sandbox.slack.events import Events
from bot.sandbox.slack.interactions import Interactions
from bot.sandbox.slack.lookups import open_im
from bot.sandbox.slack.people import default_directory
from bot.sandbox.slack.server import label, serve
from bot.sandbox.slack.socket import Sockets
from bot.sandbox.slack.web import SCOPES, Api, Call, InstalledApp
from bot.sandbox.slack.workspace import Message, View, Workspace, now_s

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from bot.sandbox.slack.people import Channel, Directory, Person


class FakeSlack(Interactions, Events):
    """One workspace with one app installed.

    Args:
        scopes: Those of the bot's token.
    """

    def __init__(
        self,
        directory: Directory | None = None,
        scopes: frozenset[str] = SCOPES,
        clock: Callable[[], float] = now_s,
        port: int = 0,
    ) -> None:
        self.app = InstalledApp(scopes=scopes)
        self.workspace = Workspace(directory or default_directory(), clock)
        self.sockets = Sockets(self.app.app_id, self.workspace.changed)
        self.courier = Deliverer(self.workspace, self.sockets, self.app.signing_secret)
        self.api = Api(self.workspace, self.app, "", open_socket=self._open_socket)
        self.directory, self.faults, self.rates = self.workspace.directory, self.api.faults, self.api.rates
        self.team_id, self.app_id = self.app.team_id, self.app.app_id
        self.bot_id, self.bot_user_id = self.app.bot_id, self.app.bot_user_id
        self.bot_token, self.app_token = self.app.bot_token, self.app.app_token
        self.signing_secret = self.app.signing_secret
        self.witness: Callable[[Moment, str, int], None] = nobody
        """Called at each moment of each call, with its method (or ``response_url``) and the client's port."""
        self._http = Loopback(
            lambda call: serve(self.api, call),
            witness=lambda moment, call, port: self.witness(moment, label(call), port),
            port=port,
            clock=self.workspace.clock,
        )

    def start(self) -> Self:
        """Serve; after a stop, at the same address."""
        self._http.start()
        self.api.origin = f"http://{HOST}:{self._http.port}"
        return self

    def stop(self) -> None:
        """Stop serving; the workspace stays as it is."""
        self.sockets.stop()
        self._http.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def attach(self, url: str, options_url: str | None = None) -> None:
        """Set where deliveries are posted to; once an app opens a Socket Mode connection, they go there instead.

        Args:
            url: Such as ``http://127.0.0.1:3000/slack/events``.
            options_url: The options load URL for external selects; None for the same one, empty for none.
        """
        self.courier.url = url
        self.courier.options_url = url if options_url is None else options_url
        self.courier.socket_mode = False

    def _open_socket(self) -> str:
        """Return the address of a new Socket Mode connection and switch deliveries over."""
        address = self.sockets.address()
        if address:
            self.courier.socket_mode = True
        return address

    @property
    def url(self) -> str:
        """Base of the Web API, such as ``http://127.0.0.1:50123/api/``."""
        return f"{self.api.origin}/api/"

    @property
    def calls(self) -> list[Call]:
        """The app's calls to Slack, oldest first, without secrets."""
        return list(self.api.calls)

    @property
    def warnings(self) -> list[str]:
        """What Slack would warn about without refusing it, such as blocks without a fallback text."""
        return list(self.api.warnings)

    @property
    def version(self) -> int:
        """Increases with every change."""
        return self.workspace.version

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Call a listener after every change; it must be quick, since the lock may be held."""
        self.workspace.listeners.append(listener)

    @property
    def recorded(self) -> list[Delivery]:
        """Every delivery to the app, oldest first."""
        return list(self.courier.recorded)

    def record_to(self, folder: Path) -> None:
        """Also write every delivery, without secrets, into a JSON file of this folder."""
        self.courier.record_to(folder)

    def deliver(
        self, body: bytes, content_type: str = FORM, headers: Mapping[str, str] | None = None
    ) -> Delivery:
        """Post raw bytes to the app, signed; ``headers`` replace the signed ones, an empty value drops one."""
        return self.courier.keep(self.courier.post(body, content_type, headers))

    def replay(self, delivery: Delivery) -> Delivery:
        """Post a delivery again unchanged: same body, same timestamp, same signature."""
        return self.deliver(delivery.body, headers=delivery.headers)

    def person(self, who: str | Person) -> Person:
        """Find a person by id or handle."""
        return self.directory.person(who)

    def channel(self, which: str | Channel) -> Channel:
        """Find a conversation by id, name or ``#name``."""
        return self.directory.channel(which)

    def dm(self, user: str | Person) -> Channel:
        """Return the direct message channel of the bot with this person, opening it if needed."""
        return open_im(self.api, self.person(user).id)

    def messages(self, channel: str | Channel) -> list[Message]:
        """Return a conversation's public messages, oldest first."""
        with self.workspace.lock:
            return list(self.workspace.messages.get(self.channel(channel).id, []))

    def ephemerals(self, user: str | Person, channel: str | Channel | None = None) -> list[Message]:
        """Return the messages that only this person sees, oldest first, in one conversation or in all."""
        name = self.person(user).id
        where = None if channel is None else self.channel(channel).id
        with self.workspace.lock:
            mine = [m for m in self.workspace.ephemerals if m.ephemeral_to == name]
            return [m for m in mine if where in (None, m.channel)]

    def dms(self, user: str | Person) -> list[Message]:
        """Return the direct messages between the bot and this person, oldest first."""
        with self.workspace.lock:
            return list(self.workspace.messages.get(f"D{self.person(user).id[1:]}", []))

    def modals(self, user: str | Person) -> list[View]:
        """Return this person's open modals, the visible one last."""
        with self.workspace.lock:
            return [self.workspace.views[v] for v in self.workspace.stacks.get(self.person(user).id, [])]

    def home(self, user: str | Person) -> View | None:
        """Return this person's Home tab, if the app published one."""
        return self.workspace.homes.get(self.person(user).id)

    def message(self, channel: str | Channel, ts: str) -> Message | None:
        """Return the current message with this ``ts``."""
        return self.workspace.find(self.channel(channel).id, ts)

    def render_text(self, shown: Message | View, width: int = 78) -> str:
        """Draw a message or a view as text with box-drawing characters."""
        return render(shown, self.directory, width)
