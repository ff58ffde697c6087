"""A team at work: what its people do in Slack, and what there is to see afterwards."""

from __future__ import annotations

from html import unescape
from typing import TYPE_CHECKING, Any

from bot.sandbox.slack import payloads
from bot.sandbox.slack.inputs import find_element, pressed
from bot.sandbox.watsonx.faults import ALWAYS
from tests.support.menu import press
from tests.support.product import RunningProduct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.approvals.request import Request, State
    from bot.sandbox.slack.delivery import Delivery
    from bot.sandbox.slack.workspace import Message, View

ROSA, ADA, BEN, INES = "U0ROSA001", "U0ADA0001", "U0BEN0001", "U0INES001"
CHANNEL = "#ml-serving"
TEXT, NAME = "10b 2x128MB qlora4", "peft-10b-qlora4-2x128mb"
POLICY = f"""
[defaults]
approvers = ["S0APPROVE", "{ROSA}"]
admins = ["{INES}"]
"""
"""Rosa is an approver herself, so that her own requests are refused for the right reason."""
_FRAME = str.maketrans(dict.fromkeys("─│┌┐└┘├┤", " "))
TWO = POLICY + "quorum = 2\n"


def field_of(view: View, block_id: str) -> dict[str, Any]:
    """Return the element of a modal's field."""
    return next(block["element"] for block in view.body["blocks"] if block.get("block_id") == block_id)


class Team(RunningProduct):
    """The people around the product."""

    # --- what people do

    def ask(self, text: str = TEXT, who: str = "rosa", channel: str = CHANNEL) -> Request:
        """Ask by slash command, and wait for the card."""
        before = {row.id for row in self.rows()}
        delivery = self.slack.command(who, channel, text)
        assert delivery.ok, delivery
        self.quiet()
        fresh = [row for row in self.rows() if row.id not in before]
        assert len(fresh) == 1, delivery.said
        return fresh[0]

    def command(self, text: str, who: str = "rosa", channel: str = CHANNEL) -> str:
        """Type a command and return the words of the private answer, at once or after a look-up."""
        before = len(self.slack.ephemerals(who))
        delivery = self.slack.command(who, channel, text)
        assert delivery.ok, delivery
        self.quiet()
        return "\n".join(self.words(message) for message in self.slack.ephemerals(who)[before:])

    def click(self, who: str, action: str, request: Request, shown: Message | View | None = None) -> Delivery:
        """Press a button of a request's card, and wait until it is decided and shown."""
        delivery = press(self.slack, who, shown or self.card(request), action)
        self.quiet()
        return delivery

    def approve(self, who: str, request: Request) -> Request:
        """Approve, and return the row."""
        assert self.click(who, "approve", request).ok
        return self.row(request)

    def reject(self, who: str, request: Request, reason: str) -> Delivery:
        """Press Reject, fill the modal in and submit it."""
        return self.fill(who, "reject", request, reason)

    def edit(self, who: str, request: Request, text: str) -> Delivery:
        """Press Edit, type another text and submit it."""
        return self.fill(who, "edit", request, text, "request")

    def fill(self, who: str, action: str, request: Request, words: str, block: str = "reason") -> Delivery:
        """Open a modal from the card, fill in a field and submit it."""
        assert self.click(who, action, request).ok
        delivery = self.slack.submit(who, self.slack.modals(who)[-1], {block: words})
        self.quiet()
        return delivery

    def forge(
        self,
        who: str,
        action: str,
        shown: Message,
        change: Mapping[str, Any] | None = None,
        **pressed_as: str,
    ) -> Delivery:
        """Press a button as nobody's client would, but validly signed.

        Args:
            who: Who presses.
            action: As in ``click``.
            shown: The message with the button.
            change: Replaces parts of the payload.
            **pressed_as: Replaces parts of the action, such as ``value``.
        """
        block, element = find_element(shown.blocks, f"peftsize.{action}")
        done = pressed(block, element, None, self.slack.workspace.new_ts()) | pressed_as
        payload = payloads.click(self.slack.api, self.slack.person(who), shown, done) | dict(change or {})
        delivery = self.slack.courier.keep(self.slack.courier.bring("interactive", payload))
        self.quiet()
        return delivery

    def press_old(self, who: str, action: str, request: Request, value: str = "") -> Delivery:
        """Press a button as it stands on cards that were posted before there was a menu."""
        button = {"action_id": f"peftsize.{action}", "type": "button", "value": value or request.id}
        return self.forge(who, "more", self.card(request), **button)

    # --- what there is

    def rows(self) -> list[Request]:
        """Return every request, newest first."""
        with self.product.store.read() as tx:
            return tx.requests.listed(limit=None)

    def row(self, request: Request | str) -> Request:
        """Return a request as it is now."""
        with self.product.store.read() as tx:
            found = tx.requests.get(request if isinstance(request, str) else request.id)
        assert found is not None
        return found

    def wait_for(self, request: Request, state: State) -> Request:
        """Wait, in real time, until a request is in a state."""
        self.until(lambda: self.row(request).state is state, f"{state}, not {self.row(request).state}")
        return self.row(request)

    def audit(self, request: Request | None = None) -> list[dict[str, Any]]:
        """Return the audit rows, of one request or all."""
        with self.product.store.read() as tx:
            found = list(tx.audit_log.rows())
        return [row for row in found if request is None or row["request_id"] == request.id]

    def story(self, request: Request) -> list[str]:
        """Return the names of a request's audit events."""
        return [row["event"] for row in self.audit(request)]

    def last(self, event: str) -> dict[str, Any]:
        """Return the last audit row of a kind."""
        found = [row for row in self.audit() if row["event"] == event]
        assert found, [row["event"] for row in self.audit()]
        return found[-1]

    def card(self, request: Request) -> Message:
        """Return the card in its channel as it stands."""
        row = self.row(request)
        assert row.message_ts is not None
        found = self.slack.message(row.channel_id, row.message_ts)
        assert found is not None
        return found

    def shows(self, request: Request) -> str:
        """Return the words of the card, as one line."""
        return self.words(self.card(request))

    def words(self, shown: Message | View) -> str:
        """Return what a message or view says, as one line."""
        drawn = self.slack.render_text(shown, 100_000)
        return " ".join(unescape(drawn).translate(_FRAME).split())

    def heard(self, who: str) -> list[str]:
        """Return what only this person was told, oldest first, without what answered a command."""
        told = [message for message in self.slack.ephemerals(who) if message.user != "USLACKBOT"]
        return [self.words(message) for message in told]

    def posts(self) -> int:
        """Return how many creates reached the cluster, whatever became of them."""
        return sum(one.method == "POST" and "hardware" in one.path for one in self.cluster.requests())

    def break_cluster(self) -> None:
        """Have the cluster refuse connections: provably nothing is sent."""
        self.cluster.go_down()

    def fail_creates(self) -> None:
        """Answer every create with 500 before anything is done: nobody can say what happened."""
        self.cluster.faults.creates_only = True
        self.cluster.faults.broken = ALWAYS
